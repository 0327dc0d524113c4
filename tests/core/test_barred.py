"""Units that are there and cannot leave are not said to be out of stock, and a country nobody has holds its order."""

from typing import Any

import pytest
from sqlalchemy import text

from core.errors import InputError
from core.services import policies
from core.services.actions import apply_case
from core.services.redeciding import pieces, verify_pieces
from core.store.read.decisions import read_decision
from core.store.unit import Store
from tests.core.carriers import change, ordered, rates, services
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    world = World(store, {("A", "HAM"): 5, ("A", "LYS"): 5, ("B", "HAM"): 1})
    services(world, {"carrier": "Nordpost", "service": "parcel", "nodes": ["HAM", "LYS"]})
    rates(world, {"carrier": "Nordpost", "service": "parcel", "to_country": "DE", "price": "4.20"})
    return world


def to(country: str) -> dict[str, Any]:
    return {"name": "Ada Test", "line1": "Teststr. 1", "city": "Kiel", "postal_code": "24103", "country": country}


def cases(world: World) -> list[Any]:
    found = world.all("SELECT code, title, sentence, state FROM exception_case WHERE state = 'open' ORDER BY code")
    return [(each.code, each.title) for each in found]


def test_stock_without_a_way_is_not_out_of_stock(world: World) -> None:
    work, _ = ordered(world, {"A": 1}, ship_to=to("US"))
    assert work == []
    [(code, title)] = cases(world)
    assert code == "STOCK-WAY-001"
    assert title.startswith("A is there and cannot leave: HAM ")
    assert "no rate for this way" in title
    assert world.one("SELECT phase FROM orders").phase == "backordered"
    # A rate to there ends it.
    rates(world, {"carrier": "Nordpost", "service": "parcel", "to_country": "US", "price": "24.20"})
    change(world, "UPDATE orders SET sourcing_at = now()")
    world.drain()
    assert [row.code for row in world.work()] == ["HAM"]
    assert cases(world) == []


def test_too_few_units_are_out_of_stock_wherever_they_go(world: World) -> None:
    ordered(world, {"A": 11}, ship_to=to("US"))
    assert cases(world) == [("STOCK-OUT-001", "No stock of A")]


def test_a_line_that_only_waits_for_another_is_told_so(world: World) -> None:
    ordered(world, {"A": 2, "B": 3}, partial_shipment_allowed=False)
    assert cases(world) == [
        ("STOCK-OUT-001", "No stock of B"),
        ("STOCK-WAY-001", "A is there and cannot leave: the order goes whole or not at all"),
    ]


def test_units_a_node_gave_back_are_told_with_its_reason_and_can_be_canceled(world: World) -> None:
    [work], _ = ordered(world, {"B": 1})
    (other, stays), _ = ordered(world, {"A": 10})
    for each in (work, other):
        update = {"fulfillment": each.number, "status": "rejected", "reason": "discontinued"}
        world.send("fulfillment_update", update, world.wms)
    world.drain()
    world.drain()
    title, rest = "HAM gave back B: discontinued", f"{other.code} gave back A: discontinued"
    assert sorted(cases(world)) == sorted([("NODE-REJECT-001", title), ("NODE-REJECT-001", rest)])
    case = world.one("SELECT id, alternatives FROM exception_case WHERE title = :title", title=title)
    assert [each["action"] for each in case.alternatives] == ["cancel_lacking"]
    with world.store.begin() as unit:
        with pytest.raises(InputError, match="Say reason"):
            apply_case(unit, world.facts, world.partners, case.id, {}, "cancel_lacking")
        told = apply_case(unit, world.facts, world.partners, case.id, {"reason": "discontinued"}, "cancel_lacking")
    assert told == {"action": "cancel_lacking", "done": 1}
    assert world.one("SELECT state FROM orders WHERE id = :o", o=work.order_id).state == "canceled"
    assert cases(world) == [("NODE-REJECT-001", rest)]
    case = world.one("SELECT id FROM exception_case WHERE title = :title", title=rest)
    with world.store.begin() as unit:
        apply_case(unit, world.facts, world.partners, case.id, {"reason": "discontinued"}, "cancel_lacking")
    line = world.one("SELECT canceled FROM order_line WHERE order_id = :o", o=other.order_id)
    assert (cases(world), line.canceled) == ([], 5)
    states = {each.id: each.state for each in world.work() if each.order_id == other.order_id}
    assert states == {other.id: "rejected", stays.id: "released"}
    world.check_books()


def test_parts_that_left_or_are_at_work_count_for_how_many_an_order_may_have(store: Store) -> None:
    world = World(store, {("A", "HAM"): 2, ("A", "LYS"): 2, ("B", "HAM"): 0, ("B", "LYS"): 0})
    with world.store.begin(actor="user:ada") as unit:
        policies.draft(unit, "cheapest", {"most_nodes": 2})
    change(world, "UPDATE policy SET state = 'active', active_from = clock_timestamp() WHERE number = 2")
    work, _ = ordered(world, {"A": 6})
    assert sorted(each.code for each in work) == ["HAM", "LYS"]
    assert cases(world) == [("STOCK-OUT-001", "No stock of A")]
    change(world, "UPDATE fulfillment_order SET state = 'shipped' WHERE id = :id", id=work[0].id)
    change(world, "UPDATE stock_position SET on_hand = on_hand + 2 WHERE item_id = :a", a=world.items["A"])
    change(world, "UPDATE orders SET sourcing_at = now()")
    world.drain()
    assert len(world.work()) == 2
    assert cases(world) == [
        ("STOCK-WAY-001", "A is there and cannot leave: it may have no more parcels (its policy allows 2 parts)")
    ]
    decision = world.one("SELECT id FROM decision ORDER BY id DESC LIMIT 1").id
    with world.store.read() as conn:
        assert read_decision(conn, decision)["inputs"]["parts"] == 2
        assert verify_pieces(conn, pieces(conn, None)).differ == []
    # A part that comes to nothing is none.
    change(world, "UPDATE fulfillment_order SET state = 'canceled' WHERE id = :id", id=work[1].id)
    change(world, "UPDATE orders SET sourcing_at = now()")
    world.drain()
    assert len(world.work()) == 3


def test_orders_of_different_reasons_stand_under_different_cases(world: World) -> None:
    ordered(world, {"A": 1}, ship_to=to("US"))
    ordered(world, {"A": 2}, ship_to=to("US"))
    ordered(world, {"A": 1, "B": 3}, partial_shipment_allowed=False)
    assert [code for code, _ in cases(world)] == ["STOCK-OUT-001", "STOCK-WAY-001", "STOCK-WAY-001"]
    with world.store.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM case_member WHERE resolved_at IS NULL")).scalar_one() == 4


def test_a_country_nobody_has_holds_the_order(world: World) -> None:
    work, _ = ordered(world, {"A": 1}, ship_to=to("XX"))
    assert work == []
    assert world.one("SELECT kind, detail FROM hold") == ("bad_address", "no country has the code XX")
    assert world.one("SELECT count(*) AS n FROM decision").n == 0
