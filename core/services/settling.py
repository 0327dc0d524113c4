"""Positions left with free units beside a shortfall, by an older version or by hand: what is free pays it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from core.services.shortfalls import settle
from core.store.locks import lock_positions, mark_listings
from core.store.unit import DEFAULT_TENANT, Unit

# What a count did not find is promised, all of it: what is free has paid it. Of an item with lots that holds of each.
UNPAID = text(
    """
    SELECT p.item_id, p.node_id, i.sku, n.code FROM stock_position p
    JOIN item i ON i.tenant_id = p.tenant_id AND i.id = p.item_id
    JOIN node n ON n.tenant_id = p.tenant_id AND n.id = p.node_id
    LEFT JOIN LATERAL (
        SELECT sum(l.shortfall) AS units, bool_or(l.shortfall > 0 AND l.on_hand > l.promised) AS free
        FROM stock_lot l WHERE l.tenant_id = p.tenant_id AND l.item_id = p.item_id AND l.node_id = p.node_id) l ON true
    WHERE p.tenant_id = :t AND p.shortfall > 0
      AND CASE WHEN i.tracking = 'lot' THEN p.shortfall <> coalesce(l.units, 0) OR coalesce(l.free, false)
               ELSE p.on_hand + p.backorder_limit > p.reserved + p.allocated OR p.shortfall > p.on_hand END
    ORDER BY i.sku, n.code
    """
)


class Settled(NamedTuple):
    """A position whose free units have paid its shortfall: how many left the books, and what it still lacks."""

    sku: str
    node: str
    paid: Decimal
    shortfall: Decimal


def find_unpaid(conn: Connection, tenant: int = DEFAULT_TENANT) -> Sequence[Row[Any]]:
    """Return the positions (item_id, node_id, sku, code) that sell units their last count did not find."""
    return conn.execute(UNPAID, {"t": tenant}).all()


def settle_unpaid(unit: Unit) -> list[Settled]:
    """Have what is free at such positions pay their shortfall, with rows of the ledger that say so.

    Channels are told, and the exceptions of shortfalls that are paid are settled.
    """
    found = {(row.item_id, row.node_id): row for row in find_unpaid(unit.conn, unit.tenant)}
    before = lock_positions(unit, found.keys())
    mark_listings(unit, {item for item, _ in before})
    settle(unit, before.keys())
    after = lock_positions(unit, before.keys())
    return [
        Settled(row.sku, row.code, before[key].on_hand - after[key].on_hand, after[key].shortfall)
        for key, row in found.items()
    ]
