"""Adding up what the hub wrote, and holding it against the file: lines, units and value, place by place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import Connection, text

from benchmarks.uci_data import Business, Sums
from core.store.unit import Store

SOLD = "SELECT count(*), coalesce(sum(quantity), 0), coalesce(sum(quantity * unit_price), 0) FROM order_line"
HELD = """
SELECT count(*), coalesce(sum(l.quantity), 0), coalesce(sum(l.quantity * l.unit_price), 0)
FROM order_line l JOIN orders o ON o.id = l.order_id
WHERE EXISTS (SELECT 1 FROM hold h WHERE h.order_id = o.id)
"""
TOTALS = "SELECT coalesce(sum(total), 0) FROM orders"
UNITS = """
SELECT coalesce(sum(shipped), 0) AS shipped, coalesce(sum(returned), 0) AS returned,
       coalesce(sum(canceled), 0) AS canceled, coalesce(sum(quantity - shipped - canceled), 0) AS open,
       coalesce(sum(shipped) FILTER (WHERE ships), 0) AS goods_shipped FROM order_line
"""
REFUNDED = "SELECT coalesce(sum(amount), 0) FROM refund"
QUARANTINED = "SELECT topic, body FROM message WHERE state = 'quarantined'"
STATES = "SELECT phase, count(*) FROM orders GROUP BY 1 ORDER BY 1"
ADJUSTED = "SELECT coalesce(sum(on_hand), 0) FROM stock_movement WHERE kind = 'adjust'"
SHIPPED_STOCK = "SELECT coalesce(-sum(on_hand), 0) FROM stock_movement WHERE kind = 'ship'"
LEDGER = """
SELECT count(*) FROM stock_position p
FULL JOIN (SELECT item_id, node_id, sum(on_hand) AS on_hand, sum(reserved) AS reserved, sum(allocated) AS allocated
           FROM stock_movement GROUP BY 1, 2) m USING (item_id, node_id)
WHERE (coalesce(p.on_hand, 0), coalesce(p.reserved, 0), coalesce(p.allocated, 0))
      IS DISTINCT FROM (coalesce(m.on_hand, 0), coalesce(m.reserved, 0), coalesce(m.allocated, 0))
"""
OVERSOLD = "SELECT count(*) FROM stock_position WHERE reserved + allocated > on_hand - safety + backorder_limit"
SILENT = """
SELECT count(*) FROM orders o WHERE state NOT IN ('completed', 'canceled') AND NOT EXISTS (
    SELECT 1 FROM case_member m JOIN exception_case c ON c.id = m.case_id
    WHERE m.order_id = o.id AND m.resolved_at IS NULL AND c.state = 'open')
"""
OUTBOX = (
    "SELECT c.name || ' ' || d.kind, count(*) FROM delivery d JOIN connection c ON c.id = d.connection_id GROUP BY 1"
)
WORKS = "SELECT count(*), count(DISTINCT order_id) FROM fulfillment_order"


def reckon(store: Store, business: Business) -> dict[str, Any]:
    """Return every figure of the file beside the hub's, and `reconciled` when all are equal."""
    with store.read() as conn:
        checks = _checks(conn, business)
        works, orders = conn.execute(text(WORKS)).one()
        more = {
            "phases": _pairs(conn, STATES),
            "outbox": _pairs(conn, OUTBOX),
            "split_orders": works - orders,
        }
    reckoning = {
        name: {"file": _plain(file), "hub": _plain(hub), "equal": file == hub} for name, (file, hub) in checks.items()
    }
    return {"reconciled": all(each["equal"] for each in reckoning.values()), "reckoning": reckoning, **more}


def _checks(conn: Connection, business: Business) -> dict[str, tuple[Any, Any]]:
    """Return name -> (what the file says, what the hub has)."""
    places = Sums()
    for each in (
        business.sold, business.returned, business.canceled, business.unknown, business.written_off, business.left_out,
    ):  # fmt: skip
        places.lines, places.units, places.value = (
            places.lines + each.lines,
            places.units + each.units,
            places.value + each.value,
        )
    # Services on a stopped order are done by being sold; its goods stay open until a person settles the hold.
    stopped = sum(line.units for sale in business.sales if sale.held for line in sale.lines if line.goods)
    goods = sum(line.units for sale in business.sales for line in sale.lines if line.goods)
    units = conn.execute(text(UNITS)).one()
    unread = conn.execute(text(QUARANTINED)).all()
    orphans = [orjson.loads(row.body) for row in unread if row.topic == "refunds/create"]
    orphan_units = sum(line["quantity"] for each in orphans for line in each["refund_line_items"])
    orphan_value = sum((Decimal(each["transactions"][0]["amount"]) for each in orphans), Decimal(0))
    return {
        "every line is in one place": (_sums(business.read), _sums(places)),
        "sold": (_sums(business.sold), _row(conn, SOLD)),
        "totals of orders": (business.sold.value, _one(conn, TOTALS)),
        "held under an exception": (_sums(business.held), _row(conn, HELD)),
        "units shipped": (business.sold.units - stopped, units.shipped),
        "units of goods that left the stock": (goods - stopped, _one(conn, SHIPPED_STOCK)),
        "units returned": (-business.returned.units, units.returned),
        "units canceled": (-business.canceled.units, units.canceled),
        "units open": (stopped + business.canceled.units, units.open),
        "money refunded": (-(business.returned.value + business.canceled.value), _one(conn, REFUNDED)),
        "refunds of unknown orders, under an exception": (
            (-business.unknown.units, -business.unknown.value),
            (orphan_units, orphan_value),
        ),
        "units written off": (business.written_off.units, _one(conn, ADJUSTED)),
        "other messages that could not be read": (0, len(unread) - len(orphans)),
        "differences between ledger and positions": (0, _one(conn, LEDGER)),
        "positions oversold": (0, _one(conn, OVERSOLD)),
        "orders neither final nor under an exception": (0, _one(conn, SILENT)),
    }


def _sums(found: Sums) -> tuple[int, int, Decimal]:
    return found.lines, found.units, found.value


def _row(conn: Connection, sql: str) -> tuple[Any, ...]:
    return tuple(conn.execute(text(sql)).one())


def _one(conn: Connection, sql: str) -> Any:
    return conn.execute(text(sql)).scalar_one()


def _pairs(conn: Connection, sql: str) -> dict[str, int]:
    return {row[0]: row[1] for row in conn.execute(text(sql))}


def _plain(value: Any) -> Any:
    """Return a figure as JSON can hold it without losing a digit."""
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else format(value.normalize(), "f")
    return value
