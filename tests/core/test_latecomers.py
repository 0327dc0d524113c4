"""Pictures of an order that come when it is done, and lines that share a name."""

from decimal import Decimal
from typing import Any

import pytest

from core.jobs.intake import drain_messages
from core.services.canceling import cancel_order
from core.store.unit import Store
from tests.core.world import World

KINDS = ("raised", "added", "lowered", "prices", "ship_to")


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def sent(world: World, document: dict[str, Any], version: int, **more: Any) -> Any:
    world.send("order", {**document, "source_version": version, **more})
    world.drain()
    return world.one("SELECT * FROM orders")


def done(world: World) -> dict[str, Any]:
    """Place an order of 2 x A, ship it whole and return its document."""
    document = world.order({"A": 2})
    sent(world, document, 1)
    [work] = world.work()
    world.send("shipment", {"external_id": "S1", "fulfillment": f"ful_{work.id.hex}"}, world.wms)
    world.drain()
    assert world.one("SELECT state FROM orders").state == "completed"
    return document


def line(units: int, **more: Any) -> dict[str, Any]:
    return {"external_id": "L1", "sku": "A", "quantity": str(units), "unit_price": "10.00", "title": "A", **more}


def cases(world: World) -> list[Any]:
    return [
        ({what: said for what, said in case.evidence.items() if what in KINDS}, case.state)
        for case in world.all("SELECT * FROM exception_case WHERE code = 'ORDER-LATE-001' ORDER BY first_seen, id")
    ]


def lines(world: World) -> list[tuple[Any, ...]]:
    return [
        (row.sku, int(row.quantity), int(row.canceled), int(row.shipped))
        for row in world.all("SELECT * FROM order_line ORDER BY position, id")
    ]


def test_what_a_late_picture_adds_is_seen_and_asks_a_person(world: World) -> None:
    document = done(world)
    new = {**line(1), "external_id": "L2", "sku": "B"}
    order = sent(world, document, 2, lines=[line(3), new], totals=None)
    assert (order.state, order.source_version) == ("completed", 2)
    assert lines(world) == [("A", 3, 1, 2), ("B", 1, 1, 0)]
    assert cases(world) == [({"raised": "1 x A", "added": "1 x B"}, "open")]
    [change] = world.all("SELECT * FROM change_set WHERE kind = 'edit'")
    assert (change.state, change.answer) == ("declined", "too late: the order is completed")
    # Told again with another tag it is no new difference.
    sent(world, document, 3, lines=[line(3), new], totals=None, tags=["vip"])
    assert len(cases(world)) == 1
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == 0
    world.check_books()


def test_notes_tags_and_payments_of_a_done_order_need_nobody(world: World) -> None:
    document = done(world)
    paid = [{"kind": "capture", "amount": "20.00"}]
    order = sent(world, document, 2, note="Thanks", tags=["vip"], payments=paid)
    assert order.body["note"] == "Thanks"
    assert cases(world) == []
    assert world.one("SELECT data FROM event WHERE type = 'order.changed'").data == {"after": "completed"}


def test_a_late_address_or_price_asks_a_person(world: World) -> None:
    document = done(world)
    sent(world, document, 2, ship_to={**document["ship_to"], "line1": "Elsewhere 9"})
    moved = {**document, "ship_to": {**document["ship_to"], "line1": "Elsewhere 9"}}
    sent(world, moved, 3, lines=[line(2, unit_price="9.00")], totals=None)
    assert [changes for changes, _ in cases(world)] == [{"ship_to": "new address"}, {"prices": "A"}]


def test_what_is_declined_changes_nothing_of_a_done_order(world: World) -> None:
    document = done(world)
    before = world.one("SELECT number, total, body FROM orders")
    kept = tuple(world.one("SELECT title, unit_price, discount, taxes FROM order_line"))
    other = {
        "number": "OTHER", "totals": None, "ship_to": {**document["ship_to"], "line1": "Elsewhere 9"},
        "lines": [line(2, unit_price="9.00", title="Another thing", discount="1.00")], "note": "Thanks",
    }  # fmt: skip
    sent(world, document, 2, **other)
    after = world.one("SELECT number, total, body FROM orders")
    assert tuple(world.one("SELECT title, unit_price, discount, taxes FROM order_line")) == kept
    assert (after.number, after.total) == (before.number, before.total)
    assert {**after.body, "note": None, "declined": None} == {**before.body, "note": None, "declined": None}
    assert after.body["note"] == "Thanks"
    told = world.one("SELECT data FROM event WHERE type = 'order.change_refused'").data
    assert told == {"after": "completed", "declined": {"prices": ["A"], "ship_to": ["new address"]}}
    # With another tag it asks nobody again, and gets no further.
    sent(world, document, 3, **other, tags=["vip"])
    assert len(cases(world)) == 1
    assert tuple(world.one("SELECT title, unit_price, discount, taxes FROM order_line")) == kept
    assert world.one("SELECT body FROM orders").body["tags"] == ["vip"]
    # A third price is another question.
    sent(world, document, 4, **{**other, "lines": [line(2, unit_price="8.00")]})
    assert [said for said, _ in cases(world)][1:] == [{"prices": "A"}]


def test_units_taken_off_after_shipment_are_settled_by_their_return(world: World) -> None:
    document = done(world)
    sent(world, document, 2, lines=[line(2, removed="1")])
    assert cases(world) == [({"lowered": "1 x A"}, "open")]
    refund = {
        "external_id": "R1", "order_external_id": document["external_id"],
        "lines": [{"external_id": "L1", "quantity": "1", "restock": "return"}],
    }  # fmt: skip
    world.send("refund", refund)
    world.drain()
    assert cases(world) == [({"lowered": "1 x A"}, "superseded")]
    sent(world, document, 3, lines=[line(2, removed="1")], note="x")
    assert len(cases(world)) == 1


def test_a_canceled_order_wants_units_again(world: World) -> None:
    document = world.order({"A": 2})
    order = sent(world, document, 1)
    with world.store.begin() as unit:
        cancel_order(unit, world.hub.facts.get(unit.conn, 1), order.id)
    # The source has not heard of the cancelation: its next picture asks for nothing new.
    sent(world, document, 2, tags=["vip"])
    assert cases(world) == []
    order = sent(world, document, 3, lines=[line(3)], totals=None)
    assert (order.state, lines(world)) == ("canceled", [("A", 3, 3, 0)])
    assert cases(world) == [({"raised": "1 x A"}, "open")]
    world.check_books()


def test_an_order_canceled_at_its_source_comes_back(world: World) -> None:
    document = world.order({"A": 2})
    sent(world, document, 1)
    assert sent(world, document, 2, canceled_at="2026-11-20T11:00:00Z").state == "canceled"
    sent(world, document, 3, canceled_at="2026-11-20T11:00:00Z", note="x")
    assert cases(world) == []
    sent(world, document, 4)
    assert cases(world) == [({"raised": "2 x A"}, "open")]


def test_lines_of_one_name_are_told_apart_by_their_order(world: World) -> None:
    document = {**world.order({}), "lines": [line(1), line(2)], "totals": None}
    sent(world, document, 1)
    assert lines(world) == [("A", 1, 0, 0), ("A", 2, 0, 0)]
    sent(world, document, 2, lines=[line(1), line(3)])
    assert lines(world) == [("A", 1, 0, 0), ("A", 3, 0, 0)]
    sent(world, document, 3, lines=[line(2)])
    assert lines(world) == [("A", 2, 0, 0), ("A", 3, 3, 0)]
    world.drain()
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == 2
    world.check_books()


def test_an_edited_order_is_not_backordered_before_stock_was_looked_for(world: World) -> None:
    document = world.order({"A": 1})
    sent(world, document, 1)
    world.send("order", {**document, "source_version": 2, "lines": [line(3)], "totals": None})
    drain_messages(world.hub)
    assert world.one("SELECT phase FROM orders").phase == "ready"
    world.drain()
    assert world.one("SELECT phase FROM orders").phase == "releasing"


def test_edits_to_and_fro_do_not_add_up(world: World) -> None:
    document = world.order({"A": 1})
    for version, units in enumerate((1, 4, 2, 3), 1):
        sent(world, document, version, lines=[line(units)], totals=None)
    assert lines(world) == [("A", 4, 1, 0)]
    assert world.one("SELECT sum(allocated) AS n FROM stock_position").n == Decimal(3)
    world.check_books()


def test_a_cancelation_is_spread_over_lines_of_one_name(world: World) -> None:
    document = {**world.order({}), "lines": [line(1), line(2)], "totals": None}
    sent(world, document, 1)
    cancel = {"external_id": document["external_id"], "lines": [{"external_id": "L1", "quantity": "2"}]}
    world.send("order_cancel", cancel)
    world.drain()
    assert lines(world) == [("A", 1, 1, 0), ("A", 2, 1, 0)]
    world.check_books()
