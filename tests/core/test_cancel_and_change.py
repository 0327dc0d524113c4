"""Cancel before release, after it with the node's answer, and too late; edits line by line; holds."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from core.domain.vocabulary import HoldKind
from core.errors import Conflict
from core.services import catalog
from core.services.canceling import cancel_order
from core.services.holds import place_hold, release_hold
from core.services.line_meanings import end_known_skus
from core.store.unit import Store
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def placed(world: World, lines: dict[str, int], *, deliver: bool = True, **more: Any) -> Any:
    world.send("order", world.order(lines, **more))
    world.drain()
    if deliver:
        world.deliver()
    return world.one("SELECT * FROM orders ORDER BY id DESC LIMIT 1")


def cancel(world: World, order: Any, lines: dict[UUID, Decimal] | None = None) -> dict[str, Any]:
    with world.store.begin(actor="test") as unit:
        return cancel_order(unit, world.hub.facts.get(unit.conn, 1), order.id, lines, "changed my mind")


def test_before_anything_is_sent_a_cancel_is_immediate(world: World) -> None:
    order = placed(world, {"A": 3}, deliver=False)
    assert cancel(world, order)["state"] == "canceled"
    after = world.one("SELECT * FROM orders")
    assert (after.state, after.phase) == ("canceled", "canceled")
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == 0
    world.deliver()
    assert [push.kind for push in world.partners.partners["wms"].order] == []
    assert [push.kind for push in world.partners.partners["erp"].order] == ["push_order", "cancel_order"]
    world.check_books()


@pytest.mark.parametrize(
    ("answer", "state"), [("canceled", "canceled"), ("rejected", "canceled"), ("cancel_declined", "in_progress")]
)
def test_after_release_the_node_answers(world: World, answer: str, state: str) -> None:
    order = placed(world, {"A": 3})
    assert cancel(world, order)["state"] == "canceling"
    world.deliver()
    [work] = world.work()
    assert work.state == "canceling"
    assert world.partners.partners["wms"].order[-1].kind == "cancel_fulfillment_order"
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": answer}, world.wms)
    world.drain()
    after = world.one("SELECT * FROM orders")
    assert after.state == state
    change = world.one("SELECT * FROM change_set")
    assert change.state == ("confirmed" if state == "canceled" else "declined")
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == (0 if state == "canceled" else 3)
    world.check_books()


def test_a_shipment_overtakes_the_cancel(world: World) -> None:
    order = placed(world, {"A": 3})
    cancel(world, order)
    [work] = world.work()
    world.send("shipment", {"external_id": "S1", "fulfillment": f"ful_{work.id.hex}"}, world.wms)
    world.drain()
    after = world.one("SELECT * FROM orders")
    assert (after.state, after.phase) == ("completed", "shipped")
    assert world.one("SELECT * FROM change_set").state == "declined"
    world.check_books()


def test_too_late_is_a_normal_answer(world: World) -> None:
    order = placed(world, {"A": 1})
    [work] = world.work()
    world.send("shipment", {"external_id": "S1", "fulfillment": f"ful_{work.id.hex}"}, world.wms)
    world.drain()
    answer = cancel(world, order)
    assert (answer["too_late"], answer["state"]) == (True, "completed")


def test_one_line_of_released_work_is_taken_off_and_the_rest_goes_out_again(world: World) -> None:
    order = placed(world, {"A": 2, "B": 1})
    line = world.one("SELECT id FROM order_line WHERE sku = 'B'")
    cancel(world, order, {line.id: Decimal(1)})
    [work] = world.work()
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": "canceled"}, world.wms)
    world.drain()
    world.drain()
    states = [(work.state, work.code) for work in world.work()]
    assert states == [("canceled", "HAM"), ("released", "HAM")]
    after = world.one("SELECT * FROM orders")
    assert (after.state, after.phase) == ("in_progress", "releasing")
    assert [(r.sku, r.canceled) for r in world.all("SELECT sku, canceled FROM order_line ORDER BY sku")] == [
        ("A", 0),
        ("B", 1),
    ]
    world.check_books()


def test_a_node_that_refuses_work_it_was_asked_to_cut_is_not_given_the_rest_again(world: World) -> None:
    order = placed(world, {"A": 2, "B": 1})
    line = world.one("SELECT id FROM order_line WHERE sku = 'B'")
    cancel(world, order, {line.id: Decimal(1)})
    [work] = world.work()
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": "rejected"}, world.wms)
    world.drain()
    world.drain()
    assert [(work.state, work.code) for work in world.work()] == [("rejected", "HAM"), ("released", "LYS")]
    assert world.one("SELECT state FROM change_set").state == "confirmed"
    assert [tuple(row) for row in world.all("SELECT sku, canceled FROM order_line ORDER BY sku")] == [
        ("A", 0),
        ("B", 1),
    ]
    world.check_books()


@pytest.mark.parametrize(
    ("pictures", "answer", "units"),
    [
        ((3, 2), "canceled", 2), ((3, 4), "canceled", 4), ((3, 5), "canceled", 5), ((3, 6), "canceled", 6),
        ((3, 0), "canceled", 0), ((2, 3, 1, 4), "canceled", 4), ((3, 3), "canceled", 3), ((3, 2), "cancel_declined", 5),
    ],
)  # fmt: skip
def test_edits_while_a_node_is_being_asked_leave_what_the_last_one_says(
    world: World, pictures: tuple[int, ...], answer: str, units: int
) -> None:
    body = world.order({"A": 5, "B": 1}, source_version=1)
    world.send("order", body)
    world.drain()
    world.deliver()
    for version, number in enumerate(pictures, start=2):
        first = {**body["lines"][0], "quantity": "5", "removed": str(max(5 - number, 0))}
        if number > 5:
            first = {**body["lines"][0], "quantity": str(number)}
        lines = [first, body["lines"][1]]
        world.send("order", {**body, "source_version": version, "note": f"{version}", "totals": None, "lines": lines})
        world.drain()
    [work] = [each for each in world.work() if each.state == "canceling"]
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": answer}, world.wms)
    world.drain()
    world.drain()
    rows = world.all("SELECT sku, quantity - canceled AS units FROM order_line ORDER BY sku")
    assert [(row.sku, row.units) for row in rows] == [("A", units), ("B", 1)]
    allocated = world.one("SELECT sum(allocated) AS n FROM stock_position").n
    assert allocated == units + 1
    world.check_books()


def test_a_source_that_repeats_its_number_does_not_take_back_what_a_person_canceled(world: World) -> None:
    body = world.order({"A": 5}, source_version=1)
    world.send("order", body)
    world.drain()
    world.deliver()
    order = world.one("SELECT * FROM orders")
    line = world.one("SELECT id FROM order_line")
    cancel(world, order, {line.id: Decimal(2)})
    world.send("order", {**body, "source_version": 2, "note": "ring twice", "totals": None})
    world.drain()
    [work] = world.work()
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": "canceled"}, world.wms)
    world.drain()
    world.drain()
    assert world.one("SELECT quantity - canceled AS units FROM order_line").units == 3
    world.check_books()


def test_an_edit_adds_raises_lowers_and_removes_lines(world: World) -> None:
    body = world.order({"A": 2, "B": 2}, source_version=1)
    world.send("order", body)
    world.drain()
    newer = {**body, "source_version": 2, "totals": None}
    newer["lines"] = [
        {**body["lines"][0], "quantity": "3"},
        {**body["lines"][1], "quantity": "2", "removed": "1"},
        {"external_id": "L9", "sku": "C", "quantity": "1", "unit_price": "10.00"},
    ]
    world.send("order", newer)
    world.drain()
    world.drain()
    rows = world.all("SELECT sku, quantity - canceled AS units FROM order_line ORDER BY sku")
    assert [(row.sku, row.units) for row in rows] == [("A", 3), ("B", 1), ("C", 1)]
    allocated = world.all(
        "SELECT i.sku, sum(allocated) AS n FROM stock_position p JOIN item i ON i.id = item_id GROUP BY 1 ORDER BY 1"
    )
    assert [(row.sku, row.n) for row in allocated] == [("A", 3), ("B", 1), ("C", 1)]
    older = {**body, "source_version": 1, "note": "late"}
    world.send("order", older)
    world.drain()
    assert world.one("SELECT state, outcome FROM message ORDER BY received_at DESC LIMIT 1").outcome == "stale"
    world.check_books()


def test_a_line_added_later_is_stored_like_one_that_came_with_the_order(world: World) -> None:
    lines = [
        {"external_id": "L1", "sku": "A", "quantity": "2", "unit_price": "10.00", "title": "Item A", "position": 7},
        {
            "external_id": "L2", "sku": "G", "item_ref": {"scheme": "variant", "code": "vB"}, "quantity": "3",
            "removed": "1", "unit": "KGM", "unit_price": "1.50", "discount": "0.10", "tax_included": True,
            "taxes": [{"title": "VAT", "rate": "0.19", "amount": "0.72"}],
        },
        {"external_id": "L3", "sku": "GIFT", "quantity": "4", "unit_price": "0.00", "requires_shipping": False},
    ]  # fmt: skip
    at_once = {**world.order({"A": 2}), "lines": lines, "totals": None}
    world.send("order", at_once)
    later = {**world.order({"A": 2}), "lines": lines[:1], "totals": None}
    world.send("order", {**later, "source_version": 1})
    world.drain()
    world.send("order", {**later, "lines": lines, "source_version": 2})
    world.drain()
    columns = (
        "external_id, position, sku, item_id, item_ref::text, title, quantity, canceled, shipped, delivered, unit,"
        " unit_price, discount, taxes::text, tax_included, ships"
    )
    first, second = (
        world.all(f"SELECT {columns} FROM order_line WHERE order_id = (SELECT id FROM orders WHERE external_id = :x)"
                  " ORDER BY external_id", x=x)
        for x in (at_once["external_id"], later["external_id"])
    )  # fmt: skip
    assert second == first
    assert [(r.position, r.canceled, r.shipped, r.unit, r.ships) for r in first] == [
        (7, 0, 0, "C62", True), (2, 1, 0, "KGM", True), (3, 0, 4, "C62", False)
    ]  # fmt: skip
    assert first[1].item_id == world.items["B"]


def test_the_same_order_twice_is_one_order(world: World) -> None:
    body = world.order({"A": 1})
    for _ in range(3):
        world.send("order", body)
    world.drain()
    world.send("order", body)
    world.drain()
    assert world.one("SELECT count(*) AS n FROM orders").n == 1
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == 1
    states = [row.state for row in world.all("SELECT state FROM message ORDER BY state")]
    assert states == ["applied", "duplicate", "duplicate", "duplicate"]


def test_a_canceled_picture_of_an_unknown_order_is_kept_as_canceled(world: World) -> None:
    world.send("order", world.order({"A": 1}, canceled_at="2026-11-20T11:00:00Z"))
    world.drain()
    order = world.one("SELECT * FROM orders")
    assert (order.state, order.phase) == ("canceled", "canceled")
    assert world.work() == []


def test_a_canceled_picture_cancels_the_order(world: World) -> None:
    body = world.order({"A": 1}, source_version=1)
    world.send("order", body)
    world.drain()
    world.send("order", {**body, "source_version": 2, "canceled_at": "2026-11-20T11:00:00Z"})
    world.drain()
    assert world.one("SELECT state FROM orders").state == "canceled"
    world.check_books()


def test_a_new_address_stops_work_and_sends_it_out_again(world: World) -> None:
    body = world.order({"A": 1}, source_version=1)
    world.send("order", body)
    world.drain()
    world.deliver()
    moved = {**body, "source_version": 2, "ship_to": {**body["ship_to"], "city": "Bonn"}}
    world.send("order", moved)
    world.drain()
    [work] = world.work()
    assert work.state == "canceling"
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": "canceled"}, world.wms)
    world.drain()
    world.drain()
    world.deliver()
    assert [work.state for work in world.work()] == ["canceled", "released"]
    assert world.partners.partners["wms"].order[-1].payload["fulfillment"]["ship_to"]["city"] == "Bonn"
    world.check_books()


def test_an_unknown_sku_holds_and_the_alias_lets_it_go(world: World) -> None:
    order = placed(world, {"A-2": 1})
    assert (order.state, order.phase) == ("held", "held")
    case = world.one("SELECT * FROM exception_case")
    assert (case.code, case.state, case.title) == ("MAP-SKU-404", "open", "Unknown SKU A-2")
    hold = world.one("SELECT * FROM hold")
    with world.store.begin() as unit, pytest.raises(Conflict):
        release_hold(unit, order.id, hold.id)
    with world.store.begin() as unit:
        from core.services.actions import apply_case

        catalog.add_reference(unit, world.items["A"], "seller", "A-2", world.shop)
        apply_case(unit, world.hub.facts.get(unit.conn, 1), world.hub.connectors, case.id, args={"sku": "A"})
    world.drain()
    after = world.one("SELECT * FROM orders")
    assert (after.state, after.phase) == ("in_progress", "releasing")
    assert world.one("SELECT state FROM exception_case").state in ("superseded", "resolved")
    world.check_books()


def test_hold_and_release_by_hand(world: World) -> None:
    order = placed(world, {"A": 20}, deliver=False, partial_shipment_allowed=False)
    with world.store.begin(actor="user:mira") as unit:
        hold_id = place_hold(unit, world.hub.facts.get(unit.conn, 1), order.id, HoldKind.MANUAL, "call the buyer")
    assert world.one("SELECT phase FROM orders").phase == "held"
    with world.store.begin(actor="user:jon") as unit:
        again = place_hold(unit, world.hub.facts.get(unit.conn, 1), order.id, HoldKind.MANUAL, "call the buyer")
    assert again == hold_id
    with world.store.begin(actor="user:mira") as unit:
        assert release_hold(unit, order.id, hold_id) in ("accepted", "in_progress")
    row = world.one("SELECT released_by, state FROM hold")
    assert (row.released_by, row.state) == ("user:mira", "released")
    with world.store.begin() as unit:
        assert (
            unit.conn.execute(
                text("SELECT count(*) FROM exception_case WHERE code = 'ORDER-HOLD-001' AND state = 'open'")
            ).scalar_one()
            == 0
        )


def test_a_code_that_gets_a_meaning_ends_its_holds_by_itself(world: World) -> None:
    placed(world, {"A-9": 1})
    with world.store.begin() as unit:
        assert end_known_skus(unit, world.hub.facts.get(unit.conn, 1)) == 0
        catalog.upsert_items(unit, [{"sku": "A-9", "title": "new"}])
    with world.store.begin() as unit:
        assert end_known_skus(unit, world.hub.facts.get(unit.conn, 1)) == 1
    world.drain()
    assert world.one("SELECT state, phase FROM orders").phase == "backordered"
    assert world.one("SELECT state FROM exception_case WHERE code = 'MAP-SKU-404'").state == "superseded"


def test_an_erp_hears_of_no_change_to_an_order_it_never_got(world: World) -> None:
    document = world.order({"A": 2, "unknown": 1}, totals=None)
    world.send("order", {**document, "source_version": 1})
    world.drain()
    world.send("order", {**document, "source_version": 2, "lines": [{**document["lines"][0], "quantity": "1"}]})
    world.drain()
    # The change has taken away what held it: it is accepted, and the ERP gets it once, as it is.
    kinds = "SELECT kind FROM delivery WHERE kind LIKE '%_order' AND kind NOT LIKE '%fulfillment%' ORDER BY id"
    assert [row.kind for row in world.all(kinds)] == ["push_order"]
    world.send("order", {**world.order({"unknown": 1}), "external_id": "Y"})
    world.drain()
    cancel(world, world.one("SELECT * FROM orders WHERE external_id = 'Y'"))
    assert [row.kind for row in world.all(kinds)] == ["push_order"]
