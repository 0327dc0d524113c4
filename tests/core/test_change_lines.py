"""Lines of a buyer's change: units by the packs of the item, and no line changed for another item than it has."""

from decimal import Decimal
from typing import Any

import pytest

from core.jobs.intake import drain_messages
from core.services.agreements import set_pack
from core.services.catalog import add_reference
from core.services.replaying import replay_message
from core.store.unit import Store
from tests.core.trade_world import TradeWorld, line


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store)


def change(world: TradeWorld, order: Any, *lines: dict[str, Any], number: str | None = "1", **more: Any) -> Any:
    said = {"external_id": order.external_id, "lines": list(lines), **more, **({"change": number} if number else {})}
    world.send("order_change", said, world.retailer)
    world.drain()
    return world.one("SELECT state, outcome FROM message WHERE topic = 'order_change' ORDER BY id DESC LIMIT 1")


def units(world: TradeWorld) -> dict[str, Decimal]:
    rows = world.all("SELECT sku, quantity - canceled AS n FROM order_line ORDER BY sku")
    return {row.sku: row.n for row in rows}


def item(world: TradeWorld, sku: str) -> Any:
    return world.one("SELECT id FROM item WHERE sku = :s", s=sku).id


def refused(world: TradeWorld) -> str:
    case = world.one("SELECT sentence FROM exception_case WHERE code = 'ORDER-CHANGE-409' AND state = 'open'")
    return str(case.sentence)


@pytest.mark.parametrize("unit", ["CT", "XCT"])
def test_another_unit_than_ordered_is_counted_by_the_packs_of_the_item(world: TradeWorld, unit: str) -> None:
    order = world.buy(line("A", 30, "1.00", unit="C62"))
    done = change(world, order, {"external_id": "A1", "op": "change", "quantity": "4", "unit": unit, "unit_price": "6"})
    assert (done.state, units(world)) == ("applied", {"A": 48})
    assert world.one("SELECT unit_price FROM order_line").unit_price == Decimal("0.5")


def test_pieces_of_what_was_ordered_in_packs_are_pieces(world: TradeWorld) -> None:
    order = world.buy(line("A", 4, "120.00", unit="CT"))
    change(world, order, {"external_id": "A1", "op": "change", "quantity": "30", "unit": "EA"})
    assert units(world) == {"A": 30}


@pytest.mark.parametrize("unit", ["CT", "XCT", "DZN", "KGM"])
def test_a_unit_nobody_knows_is_refused_and_not_taken_for_pieces(world: TradeWorld, unit: str) -> None:
    order = world.buy(line("B", 5, unit="EA"))
    done = change(world, order, {"external_id": "B1", "op": "change", "quantity": "9", "unit": unit})
    assert done.outcome.startswith(f"refused: Line 'B1' is in {unit}")
    assert units(world) == {"B": 5}
    assert f"nobody said how many EA one {unit} of B holds" in refused(world)


def test_a_change_that_waited_for_a_pack_is_done_when_its_message_is_replayed(world: TradeWorld) -> None:
    order = world.buy(line("B", 5, unit="EA"))
    change(world, order, {"external_id": "B1", "op": "change", "quantity": "2", "unit": "CT"})
    message = world.one("SELECT id FROM message WHERE topic = 'order_change'").id

    def replay() -> Any:
        with world.store.begin() as unit:
            replay_message(unit, message)
        world.drain()
        return world.one("SELECT state, outcome FROM message WHERE id = :m", m=message)

    # Too early, it is refused as before, and told once.
    assert replay().outcome.startswith("refused: Line 'B1' is in CT")
    assert world.one("SELECT count(*) AS n FROM change_set WHERE kind = 'partner'").n == 1
    with world.store.begin() as unit:
        set_pack(unit, "B", "CT", Decimal(6))
    assert (replay().state, units(world)) == ("applied", {"B": 12})
    assert world.all("SELECT id FROM exception_case WHERE code = 'ORDER-CHANGE-409' AND state = 'open'") == []
    assert [each.state for each in world.all("SELECT state FROM change_set WHERE kind = 'partner' ORDER BY id")] == [
        "declined", "confirmed",
    ]  # fmt: skip
    # And done once, however often it is read or sent.
    assert replay().state == "duplicate"
    again = change(world, order, {"external_id": "B1", "op": "change", "quantity": "2", "unit": "CT"})
    assert (again.state, units(world)) == ("duplicate", {"B": 12})


def test_the_case_stays_where_another_change_was_refused_as_well(world: TradeWorld) -> None:
    order = world.buy(line("B", 5, unit="EA"))
    change(world, order, {"external_id": "B1", "op": "change", "quantity": "2", "unit": "CT"})
    change(world, order, {"external_id": "B7", "op": "change", "quantity": "2"}, number="2")
    with world.store.begin() as unit:
        set_pack(unit, "B", "CT", Decimal(6))
    # The same, sent once more by the partner, is done as well.
    change(world, order, {"external_id": "B1", "op": "change", "quantity": "2", "unit": "CT"})
    assert units(world) == {"B": 12}
    assert refused(world)


def test_a_line_whose_own_pack_nobody_knows_is_changed_in_that_pack_alone(world: TradeWorld) -> None:
    order = world.buy(line("B", 2, unit="PK"))
    assert change(world, order, {"external_id": "B1", "op": "change", "quantity": "9", "unit": "EA"}).outcome
    assert units(world) == {"B": 2}
    change(world, order, {"external_id": "B1", "op": "change", "quantity": "3", "unit": "PK"}, number="2")
    assert units(world) == {"B": 3}


OTHERS = [
    {"sku": "C"},
    {"sku": "NOWHERE"},
    {"gtin": "4006381333931"},
    {"buyer_code": "P-C"},
    {"sku": "B", "gtin": "4012345000016"},
]


@pytest.mark.parametrize("named", OTHERS)
@pytest.mark.parametrize("op", ["change", "remove"])
def test_a_line_that_names_another_item_is_refused(world: TradeWorld, named: dict[str, str], op: str) -> None:
    with world.store.begin() as unit:
        add_reference(unit, item(world, "C"), "gtin", "4012345000016")
        add_reference(unit, item(world, "C"), "buyer", "P-C", connection_id=world.retailer)
    order = world.buy(line("B", 5))
    done = change(
        world, order, {"external_id": "B1", "op": op, **({"quantity": "2"} if op == "change" else {}), **named}
    )
    assert done.outcome.startswith("refused: Line 'B1' is for B, and the change names ")
    assert units(world) == {"B": 5}
    assert "is for B, and the change names" in refused(world)


@pytest.mark.parametrize(
    "named", [{"sku": "B"}, {"buyer_code": "P-B"}, {"sku": "B", "buyer_code": "NEW"}, {"gtin": "4006381333931"}]
)
def test_a_line_that_names_the_item_it_has_is_changed(world: TradeWorld, named: dict[str, str]) -> None:
    with world.store.begin() as unit:
        add_reference(unit, item(world, "B"), "gtin", "4006381333931")
        add_reference(unit, item(world, "B"), "buyer", "P-B", connection_id=world.retailer)
    order = world.buy(line("B", 5))
    change(world, order, {"external_id": "B1", "op": "change", "quantity": "2", **named})
    assert units(world) == {"B": 2}


def test_an_item_nobody_knew_is_named_as_it_was(world: TradeWorld) -> None:
    order = world.buy(line("NOWHERE", 5))
    change(world, order, {"external_id": "NOWHERE1", "op": "change", "quantity": "2", "sku": "NOWHERE"})
    assert units(world) == {"NOWHERE": 2}
    change(world, order, {"external_id": "NOWHERE1", "op": "change", "quantity": "3", "sku": "B"}, number="2")
    assert units(world) == {"NOWHERE": 2}


def test_a_change_that_was_refused_is_done_when_it_comes_corrected_under_its_number(world: TradeWorld) -> None:
    order = world.buy(line("B", 5))
    wrong = {"external_id": "NONE", "op": "change", "quantity": "2"}
    assert change(world, order, wrong).outcome.startswith("refused: ")
    assert change(world, order, wrong).state == "duplicate"
    done = change(world, order, {"external_id": "B1", "op": "change", "quantity": "2"})
    assert (done.state, done.outcome, units(world)) == ("applied", None, {"B": 2})


def test_other_content_under_the_number_of_a_change_that_was_done_has_a_case(world: TradeWorld) -> None:
    order = world.buy(line("B", 5))
    change(world, order, {"external_id": "B1", "op": "change", "quantity": "2"})
    again = change(world, order, {"external_id": "B1", "op": "change", "quantity": "3"})
    assert (again.outcome, units(world)) == (
        "refused: Change 1 was done before, and came again with other content.", {"B": 2},
    )  # fmt: skip
    assert "Change 1 was done before, and came again with other content" in refused(world)
    # An address is content as well.
    store = {"name": "Store 9", "line1": "Weg 9", "city": "Kiel", "country": "DE"}
    moved = change(world, order, {"external_id": "B1", "op": "change", "quantity": "2"}, ship_to=store)
    assert moved.outcome.startswith("refused: Change 1 was done before")
    # And without a number each is another one.
    change(world, order, {"external_id": "B1", "op": "change", "quantity": "3"}, number=None)
    assert units(world) == {"B": 3}


def test_the_answer_to_a_change_waits_until_sourcing_has_looked_again(store: Store) -> None:
    world = TradeWorld(store, on_shortage="reject")
    order = world.buy(line("B", 5))
    world.settle()
    changed = {"external_id": "B1", "op": "change", "quantity": "8"}
    world.send("order_change", {"external_id": order.external_id, "change": "1", "lines": [changed]}, world.retailer)
    while drain_messages(world.hub):
        pass
    assert world.settle() == 0
    assert (units(world), world.one("SELECT state FROM orders").state) == ({"B": 8}, "in_progress")
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE trade_due SET look_at = clock_timestamp()")
    world.drain()
    assert world.settle() == 1
    [answer] = world.papers("order_response")[-1].body["lines"]
    assert (answer["status"], answer["quantity"], answer["rejected"]) == ("accepted", "8", "0")


def test_what_sourcing_has_not_looked_for_is_not_rejected_when_the_answer_is_due(store: Store) -> None:
    world = TradeWorld(store, on_shortage="reject")
    order = world.buy(line("B", 5))
    world.settle()
    changed = {"external_id": "B1", "op": "change", "quantity": "8"}
    world.send("order_change", {"external_id": order.external_id, "change": "1", "lines": [changed]}, world.retailer)
    while drain_messages(world.hub):
        pass
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE trade_due SET due_at = clock_timestamp() + interval '1 hour'")
    assert world.settle() == 1
    [answer] = world.papers("order_response")[-1].body["lines"]
    assert (answer["rejected"], answer["reason"], units(world)) == ("0", "the order is being looked at", {"B": 8})


def test_the_answer_to_a_refused_change_says_that_it_was_refused_and_on_which_lines(world: TradeWorld) -> None:
    order = world.buy(line("A", 4), line("B", 5))
    world.settle()
    change(world, order, {"external_id": "B1", "op": "change", "quantity": "2", "sku": "C"}, number="C-7")
    assert refused(world).endswith("The next order response says so to retailer, where its profile has one.")
    world.settle()
    paper = world.papers("order_response")[-1].body
    assert (paper["answers"], paper["change"], paper["status"]) == ("change", "C-7", "changed")
    assert paper["refused"].startswith("Line 'B1' is for B")
    [other, about] = paper["lines"]
    assert (other["status"], other.get("reason")) == ("accepted", None)
    assert (about["status"], about["quantity"]) == ("changed", "5")
    assert about["reason"].startswith("change C-7 was refused: Line 'B1' is for B")
    # What is done after it is answered as such.
    change(world, order, {"external_id": "B1", "op": "change", "quantity": "2"}, number="C-8")
    world.settle()
    paper = world.papers("order_response")[-1].body
    assert (paper["change"], paper.get("refused"), paper["lines"][1].get("reason")) == ("C-8", None, "canceled")


def test_a_partner_without_terms_is_not_said_to_have_been_told(world: TradeWorld) -> None:
    order = world.buy(line("B", 5))
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("DELETE FROM trade_terms")
    change(world, order, {"external_id": "NONE", "op": "change", "quantity": "2"})
    assert refused(world).endswith("No order response is owed to retailer: nobody has told it.")


def test_of_lines_with_one_number_the_change_is_for_the_one_whose_item_it_names(world: TradeWorld) -> None:
    order = world.buy(line("A", 4, external_id="1"), line("B", 5, external_id="1"))
    world.settle()
    change(world, order, {"external_id": "1", "op": "remove"})
    assert "2 lines of the order have the number '1', and the change does not say by its item which" in refused(world)
    assert units(world) == {"A": 4, "B": 5}
    assert change(world, order, {"external_id": "1", "op": "change", "quantity": "2", "sku": "A"}, number="2").state
    assert units(world) == {"A": 2, "B": 5}


def test_a_line_is_not_added_twice(world: TradeWorld) -> None:
    order = world.buy(line("A", 4, external_id="1"))
    world.settle()
    numbered = {"external_id": "2", "op": "add", "sku": "B", "quantity": "5", "unit_price": "10.00"}
    change(world, order, numbered, number=None)
    change(world, order, numbered, number=None)
    assert "Line '2' is in the order already, for B, and the change adds it" in refused(world)
    unnumbered = {name: value for name, value in numbered.items() if name != "external_id"} | {"sku": "C"}
    change(world, order, unnumbered, number=None)
    change(world, order, unnumbered, number=None)
    assert units(world) == {"A": 4, "B": 5, "C": 5}
    # Whoever numbers his changes may want it once more, and a line that was taken off is there no more.
    change(world, order, unnumbered, number="7")
    change(world, order, {"external_id": "2", "op": "remove"}, number="8")
    change(world, order, numbered, number="9")
    rows = world.all("SELECT sku, quantity - canceled AS n FROM order_line WHERE quantity > canceled ORDER BY sku, n")
    assert [(row.sku, row.n) for row in rows] == [("A", 4), ("B", 5), ("C", 5), ("C", 5)]


@pytest.mark.parametrize("said", ["canceled", "cancel_declined"])
def test_the_answer_to_a_change_waits_for_what_the_warehouse_says(world: TradeWorld, said: str) -> None:
    order = world.buy(line("A", 5))
    world.deliver()
    world.settle()
    less = {"external_id": "A1", "op": "change", "quantity": "2"}
    change(world, order, less, number="C-1")
    assert change(world, order, less, number="C-1").state == "duplicate"
    world.settle()
    assert [each.body["answers"] for each in world.papers("order_response")] == ["order"]
    [work] = world.work()
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": said}, world.wms)
    world.drain()
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE trade_due SET look_at = clock_timestamp()")
    world.settle()
    body = world.papers("order_response")[-1].body
    [answer] = body["lines"]
    assert (body["answers"], body["change"]) == ("change", "C-1")
    if said == "canceled":
        assert (answer["quantity"], answer["canceled"], body.get("refused")) == ("2", "3", None)
    else:
        assert (answer["quantity"], answer["status"], answer.get("canceled")) == ("5", "changed", None)
        assert body["refused"] == "The warehouse had gone on with it."
        assert "asked to change PO1, and nothing of it was done" in refused(world)
