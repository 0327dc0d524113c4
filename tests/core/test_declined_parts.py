"""A change of a partner of which the warehouse declines a part: the rest is done, and an exception names the part."""

from decimal import Decimal
from typing import Any

import pytest

from core.services.canceling import cancel_order
from core.store.unit import Store
from tests.core.trade_world import TradeWorld, line

LESS = {"external_id": "A1", "op": "change", "quantity": "2"}
MORE = {"external_id": "9", "op": "add", "sku": "B", "quantity": "1", "unit_price": "10.00"}
CASES = """
SELECT state, title, sentence, evidence FROM exception_case WHERE code = 'ORDER-CHANGE-409'
ORDER BY first_seen, state DESC
"""


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store)


def change(world: TradeWorld, order: Any, *lines: dict[str, Any], number: str = "C-1") -> str:
    said = {"external_id": order.external_id, "lines": list(lines), "change": number}
    world.send("order_change", said, world.retailer)
    world.drain()
    state: str = world.one("SELECT state FROM message WHERE topic = 'order_change' ORDER BY id DESC LIMIT 1").state
    return state


def answers(world: TradeWorld, said: str, work: Any = None) -> None:
    """The warehouse says whether it stops the work it was asked to stop."""
    work = work or next(each for each in world.work() if each.state == "canceling")
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": said}, world.wms)
    world.drain()


def told(world: TradeWorld) -> dict[str, Any]:
    """The order response made last."""
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE trade_due SET look_at = clock_timestamp()")
    world.settle()
    body: dict[str, Any] = world.papers("order_response")[-1].body
    return body


def declined(world: TradeWorld) -> Any:
    """An order of 5 A, with the warehouse, that is to have 2 and a unit of B; it has picked all 5."""
    order = world.buy(line("A", 5))
    world.deliver()
    world.settle()
    assert change(world, order, LESS, MORE) == "applied"
    assert world.all(CASES) == []
    answers(world, "cancel_declined")
    return order


def states(world: TradeWorld) -> list[str]:
    return [row.state for row in world.all(CASES)]


def test_the_part_of_a_mixed_change_that_the_warehouse_declines_has_a_case(world: TradeWorld) -> None:
    declined(world)
    [case] = world.all(CASES)
    assert (case.state, case.title) == ("open", "A part of a change of PO1 by retailer was not done")
    assert case.sentence == (
        "retailer asked to change PO1, and a part of it was not done: the warehouse had gone on with it, so line A1 (A)"
        " keeps 5, 2 were asked for. The rest is done. The next order response says so to retailer, where its profile"
        " has one."
    )
    assert case.evidence["lines"] == ["A1 (A): asked 2, kept 5"]
    assert world.one("SELECT data FROM event WHERE type = 'order.change_refused'").data["lines"] == [
        "A1 (A): asked 2, kept 5"
    ]
    body = told(world)
    assert (body["answers"], body["change"], body.get("refused")) == ("change", "C-1", None)
    assert [(each["sku"], each["quantity"], each.get("canceled")) for each in body["lines"]] == [
        ("A", "5", None), ("B", "1", None),
    ]  # fmt: skip
    assert len(world.all(CASES)) == 1


def test_a_warehouse_that_agrees_opens_no_case(world: TradeWorld) -> None:
    order = world.buy(line("A", 5))
    world.deliver()
    change(world, order, LESS, MORE)
    answers(world, "canceled")
    assert world.all(CASES) == []
    assert world.one("SELECT quantity - canceled AS n FROM order_line WHERE sku = 'A'").n == 2


def test_the_case_ends_when_the_units_are_off_after_all(world: TradeWorld) -> None:
    order = declined(world)
    row = world.one("SELECT id FROM order_line WHERE sku = 'A'")
    for units, state in ((2, "open"), (1, "superseded")):
        with world.store.begin(actor="test") as unit:
            facts = world.hub.facts.get(unit.conn, 1)
            cancel_order(unit, facts, order.id, {row.id: Decimal(units)}, "agreed on the telephone")
        work = next(each for each in world.work() if each.state == "canceling")
        answers(world, "canceled", work)
        world.deliver()
        assert states(world) == [state]


def test_the_case_ends_when_the_buyer_asks_for_another_number(world: TradeWorld) -> None:
    order = declined(world)
    change(world, order, {"external_id": "9", "op": "change", "quantity": "2"}, number="C-2")
    assert states(world) == ["open"]
    change(world, order, {"external_id": "A1", "op": "change", "quantity": "5"}, number="C-3")
    assert states(world) == ["superseded"]


def test_the_case_ends_with_the_order(world: TradeWorld) -> None:
    order = declined(world)
    world.deliver()
    for _ in range(len([each for each in world.work() if each.finished_at is None])):
        work = next(each for each in world.work() if each.finished_at is None)
        world.send("shipment", {"external_id": f"S{work.id.hex}", "fulfillment": f"ful_{work.id.hex}"}, world.wms)
        world.drain()
    assert world.one("SELECT state FROM orders WHERE id = :o", o=order.id).state == "completed"
    assert states(world) == ["superseded"]


def test_two_changes_of_a_line_that_are_declined_leave_the_case_of_the_last(world: TradeWorld) -> None:
    order = world.buy(line("A", 5))
    world.deliver()
    change(world, order, {**LESS, "quantity": "3"}, MORE, number="C-1")
    change(world, order, LESS, {**MORE, "external_id": "10"}, number="C-2")
    answers(world, "cancel_declined")
    assert [(row.state, row.evidence["lines"]) for row in world.all(CASES)] == [
        ("superseded", ["A1 (A): asked 3, kept 5"]), ("open", ["A1 (A): asked 2, kept 5"]),
    ]  # fmt: skip


def test_what_one_of_two_nodes_declines_of_a_cancellation_has_a_case(store: Store) -> None:
    world = TradeWorld(store, {("A", "HAM"): 5, ("A", "LYS"): 5})
    order = world.buy(line("A", 8))
    world.deliver()
    assert len(world.work()) == 2
    world.send("order_cancel", {"external_id": order.external_id, "change": "C-1"}, world.retailer)
    world.drain()
    one, other = world.work()
    answers(world, "canceled", one)
    assert world.all(CASES) == []
    answers(world, "cancel_declined", other)
    [case] = world.all(CASES)
    kept = world.one("SELECT quantity - canceled AS n FROM order_line").n
    assert 0 < kept < 8
    assert case.title == "A part of a cancellation of PO1 by retailer was not done"
    assert case.evidence["lines"] == [f"A1 (A): asked 0, kept {kept}"]


def test_what_was_declined_is_not_said_to_be_off_by_the_buyer_later(world: TradeWorld) -> None:
    order = declined(world)
    [row] = world.all("SELECT changes FROM change_set WHERE kind = 'partner'")
    a = world.one("SELECT id FROM order_line WHERE sku = 'A'").id
    assert a.hex not in row.changes["taken_off"]
    assert row.changes["not_done"] == {a.hex: "2"}
    # The same once more is a harmless repeat, whatever was noted beside it.
    assert change(world, order, LESS, MORE) == "duplicate"


def test_a_change_that_is_declined_whole_has_a_case_where_the_partner_has_no_terms(world: TradeWorld) -> None:
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("DELETE FROM trade_terms")
    order = world.buy(line("A", 5))
    world.deliver()
    change(world, order, LESS)
    answers(world, "cancel_declined")
    [case] = world.all(CASES)
    assert case.title == "A change of PO1 by retailer was not done"
    assert case.sentence.endswith("No order response is owed to retailer: nobody has told it.")
