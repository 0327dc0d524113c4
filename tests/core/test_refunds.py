"""Refunds a channel reports: a row each, once, with what they do to the order."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from core.domain.ids import uuid7
from core.store import migrate
from core.store.unit import Store
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def refund(world: World, **more: Any) -> None:
    body = {
        "external_id": "R1", "order_external_id": "X1", "occurred_at": "2026-11-21T08:00:00Z", "amount": "22.50",
        "currency": "EUR", "note": "broken", **more,
    }  # fmt: skip
    world.send("refund", body)
    world.drain()


def test_a_refund_is_a_row_with_lines_however_often_it_is_told(world: World) -> None:
    world.send("order", world.order({"A": 3, "B": 1}))
    world.drain()
    world.deliver()
    [work] = world.work()
    world.send("shipment", {"external_id": "S1", "fulfillment": f"ful_{work.id.hex}"}, world.wms)
    world.drain()
    lines = [
        {"external_id": "L1", "quantity": "2", "restock": "return", "amount": "20.00"},
        {"external_id": "SHIPPING", "quantity": "1", "restock": "none", "amount": "2.50"},
    ]
    refund(world, lines=lines)
    refund(world, lines=lines, note="told again")
    refund(world, external_id="R2", amount=None, currency=None, occurred_at=None, note=None)
    states = [row.state for row in world.all("SELECT state FROM message WHERE topic = 'refund' ORDER BY received_at")]
    assert states == ["applied", "duplicate", "applied"]
    rows = world.all("SELECT external_id, amount, currency, note, occurred_at FROM refund ORDER BY external_id")
    assert [tuple(row[:4]) for row in rows] == [("R1", Decimal("22.50"), "EUR", "broken"), ("R2", None, "EUR", None)]
    assert rows[0].occurred_at.isoformat() == "2026-11-21T08:00:00+00:00"
    stored = world.all(
        "SELECT l.external_id, o.sku, l.quantity, l.restock, l.amount FROM refund_line l"
        " LEFT JOIN order_line o ON o.id = l.line_id ORDER BY l.external_id"
    )
    assert [tuple(row) for row in stored] == [
        ("L1", "A", 2, "return", Decimal("20.00")),
        ("SHIPPING", None, 1, "none", Decimal("2.50")),
    ]
    assert [row.returned for row in world.all("SELECT returned FROM order_line ORDER BY sku")] == [2, 0]
    assert world.one("SELECT count(*) AS n FROM event WHERE type = 'refund.succeeded'").n == 2


def test_two_connections_may_call_their_refunds_the_same(world: World) -> None:
    for connection in (world.shop, world.erp):
        world.send("order", world.order({"A": 1}, external_id="X1"), connection)
        world.drain()
        world.send("refund", {"external_id": "R1", "order_external_id": "X1", "amount": "1"}, connection)
    world.drain()
    assert world.one("SELECT count(*) AS n, count(DISTINCT order_id) AS orders FROM refund") == (2, 2)


def test_a_refund_of_a_line_the_order_does_not_have_leaves_no_row(world: World) -> None:
    world.send("order", world.order({"A": 1}))
    world.drain()
    refund(world, lines=[{"external_id": "L9", "quantity": "1", "restock": "return"}])
    assert world.one("SELECT state FROM message WHERE topic = 'refund'").state == "quarantined"
    assert world.one("SELECT count(*) AS n FROM refund").n == 0


def test_refunds_told_before_there_were_rows_are_taken_over(world: World) -> None:
    world.send("order", world.order({"A": 1}))
    world.drain()
    migrate.downgrade(world.store.engine, "0001")
    with world.store.begin() as unit:
        order = unit.conn.execute(text("SELECT id FROM orders")).scalar_one()
        for data in ({"external_id": "R1", "amount": "9.90", "currency": "EUR", "note": "old"}, {"amount": "1.00"}):
            unit.event("refund.succeeded", "order", order, data, order_id=order)
        unit.event("refund.succeeded", "order", uuid7(), {"external_id": "R2"})
    migrate.upgrade(world.store.engine)
    [row] = world.all("SELECT external_id, connection_id, order_id, amount, note FROM refund")
    assert tuple(row) == ("R1", world.shop, order, Decimal("9.90"), "old")
    refund(world)
    assert world.one("SELECT state FROM message WHERE topic = 'refund'").state == "duplicate"
    assert world.one("SELECT count(*) AS n FROM refund").n == 1
