"""Supplies, transfers and lots as API and console show them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, exists, func, select, text

from core.domain.ids import public_id
from core.domain.shelf import Key
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, joined, only, row_of, rows_by_id, rows_by_text
from core.store.read.text import ZERO, instant, quantity, ref
from core.store.unit import DEFAULT_TENANT

OPEN = ("expected", "in_transit")
_s = t.supply.c
_SUPPLIES = (
    select(t.supply, t.item.c.sku, t.node.c.code)
    .join(t.item, joined(t.supply, t.item, _s.item_id))
    .join(t.node, joined(t.supply, t.node, _s.node_id))
)
# What is promised beyond the units that are there waits for supply, the earliest first.
AWAITED = """
SELECT s.id, greatest(least(s.promisable, p.awaited - coalesce(sum(s.promisable) OVER (
           PARTITION BY s.item_id, s.node_id ORDER BY s.expected_at NULLS LAST, s.id
           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)), 0) AS promised
FROM supply s JOIN LATERAL (
    SELECT greatest(reserved + allocated - (on_hand - safety - uncertain), 0) AS awaited FROM stock_position
    WHERE tenant_id = s.tenant_id AND item_id = s.item_id AND node_id = s.node_id
) p ON true
WHERE s.tenant_id = :t AND s.state IN ('expected', 'in_transit') AND s.item_id = ANY(CAST(:items AS uuid[]))
"""

# Of which positions more is promised than is there, while supply that may be promised is still to come. What comes goes
# to those first who wait; to whose turn it is, only what went to others counts.
BEYOND = """
SELECT w.item_id, w.node_id, w.beyond, s.promisable, s.expected_at FROM (
    SELECT p.tenant_id, p.item_id, p.node_id,
           p.reserved + p.allocated - (p.on_hand - p.safety) - CASE WHEN %s THEN p.reserved + (
               SELECT coalesce(sum(r.quantity), 0) FROM reservation r
               JOIN fulfillment_order f ON f.tenant_id = r.tenant_id AND f.id = r.fulfillment_id
               WHERE r.tenant_id = p.tenant_id AND r.item_id = p.item_id AND r.node_id = p.node_id
                 AND r.state = 'allocated' AND f.state = 'planned' AND f.release_at IS NULL) ELSE 0 END AS beyond
    FROM stock_position p JOIN unnest(%b::uuid[], %b::uuid[]) AS k(item_id, node_id)
      ON p.item_id = k.item_id AND p.node_id = k.node_id
    WHERE p.tenant_id = %s AND p.reserved + p.allocated > p.on_hand - p.safety) w
JOIN supply s ON s.tenant_id = w.tenant_id AND s.item_id = w.item_id AND s.node_id = w.node_id
  AND s.state IN ('expected', 'in_transit') AND s.promisable > 0
WHERE w.beyond > 0 ORDER BY w.item_id, w.node_id, s.expected_at NULLS LAST, s.id
"""
# Who was promised first has the units first: what works that wait hold is dealt in the order of the works.
ARRIVED = """
WITH waiting AS (
    SELECT id, order_id FROM fulfillment_order WHERE tenant_id = :t AND state = 'planned' AND release_at IS NULL
), held AS (
    SELECT r.order_id, r.fulfillment_id, r.item_id, r.node_id, sum(r.quantity) AS units
    FROM waiting w JOIN reservation r ON r.tenant_id = :t AND r.order_id = w.order_id AND r.fulfillment_id = w.id
    WHERE r.state = 'allocated' GROUP BY r.order_id, r.fulfillment_id, r.item_id, r.node_id
), turn AS (
    SELECT h.order_id, h.item_id, h.node_id,
           p.on_hand - p.safety - p.allocated
             + sum(h.units) OVER (PARTITION BY h.item_id, h.node_id)
             - sum(h.units) OVER (PARTITION BY h.item_id, h.node_id ORDER BY h.fulfillment_id) AS left_over
    FROM held h JOIN stock_position p ON p.tenant_id = :t AND p.item_id = h.item_id AND p.node_id = h.node_id
)
SELECT w.order_id FROM waiting w JOIN orders o ON o.tenant_id = :t AND o.id = w.order_id
WHERE o.state IN ('accepted', 'in_progress') AND NOT EXISTS (
    SELECT 1 FROM turn
    JOIN supply s ON s.tenant_id = :t AND s.item_id = turn.item_id AND s.node_id = turn.node_id
      AND s.state IN ('expected', 'in_transit') AND s.promisable > 0
    WHERE turn.order_id = w.order_id AND turn.left_over < 0)
GROUP BY w.order_id ORDER BY min(CAST(w.id AS text)) LIMIT :most
"""


def awaited_supply(
    conn: Connection, keys: Collection[Key], *, in_turn: bool = False, tenant: int = DEFAULT_TENANT
) -> dict[Key, datetime | None]:
    """Return those of these (item, node) where units of a supply are promised that has not come, and its day.

    Args:
        conn: a session.
        keys: where units were just promised.
        in_turn: whether to those whose turn it is: what others wait for there is left out.
        tenant: whose.
    """
    if not keys:
        return {}
    columns = [item for item, _ in keys], [node for _, node in keys]
    found: dict[Key, datetime | None] = {}
    covered: dict[Key, Decimal] = {}
    for row in conn.exec_driver_sql(BEYOND, (in_turn, *columns, tenant)):
        key = row.item_id, row.node_id
        # The earliest goes first; the day is that of the supply with which all is there.
        if covered.get(key, ZERO) < row.beyond:
            found[key] = row.expected_at
            covered[key] = covered.get(key, ZERO) + row.promisable
    return found


def arrived_orders(conn: Connection, most: int, tenant: int = DEFAULT_TENANT) -> list[UUID]:
    """Return orders whose work waited for supply and has all its units there now, or nothing more to wait for."""
    return list(conn.execute(text(ARRIVED), {"t": tenant, "most": most}).scalars())


def list_supplies(
    conn: Connection,
    piece: Slice,
    *,
    sku: Sequence[str] = (),
    node: Sequence[str] = (),
    state: Sequence[str] = (),
    late: bool = False,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of incoming supply, newest first, with what is promised of it; `late` is what should be there."""
    query = only(
        _SUPPLIES, t.supply, tenant, sku=(t.item.c.sku, sku), node=(t.node.c.code, node), state=(_s.state, state)
    )
    if late:
        query = query.where(_s.state.in_(OPEN), _s.expected_at < func.clock_timestamp())
    rows, after = rows_by_id(conn, query, _s.id, piece)
    return Listed(_supplies(conn, rows, tenant), after)


def read_supply(conn: Connection, supply_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one supply.

    Raises:
        NotFound: there is no such supply.
    """
    rows = [row_of(conn, _SUPPLIES, _s.id, supply_id, "supply", tenant)]
    return _supplies(conn, rows, tenant)[0]


def _supplies(conn: Connection, rows: Sequence[Row[Any]], tenant: int) -> list[Json]:
    awaited = conn.execute(text(AWAITED), {"t": tenant, "items": list({row.item_id for row in rows})})
    promised = {row.id: row.promised for row in awaited}
    return [
        {
            "id": public_id("supply", row.id),
            "sku": row.sku,
            "node": row.code,
            "reference": row.reference,
            "transfer": ref("transfer", row.transfer_id),
            "quantity": quantity(row.quantity),
            "received": quantity(row.received),
            "promisable": quantity(row.promisable),
            "promised": quantity(promised.get(row.id)) or "0",
            "expected_at": instant(row.expected_at),
            "state": row.state,
            "created_at": instant(row.created_at),
            "finished_at": instant(row.finished_at),
        }
        for row in rows
    ]


_f = t.transfer.c
_source, _target = t.node.alias("source"), t.node.alias("target")
_TRANSFERS = (
    select(t.transfer, _source.c.code.label("from_code"), _target.c.code.label("to_code"))
    .join(_source, (_source.c.tenant_id == _f.tenant_id) & (_source.c.id == _f.from_node_id))
    .join(_target, (_target.c.tenant_id == _f.tenant_id) & (_target.c.id == _f.to_node_id))
)


def list_transfers(
    conn: Connection,
    piece: Slice,
    *,
    state: Sequence[str] = (),
    reference: str | None = None,
    late: bool = False,
    lost: bool = False,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of transfers, newest first; `late` are those that should be there, `lost` those that lost units."""
    query = only(_TRANSFERS, t.transfer, tenant, state=(_f.state, state), reference=(_f.reference, reference))
    if late:
        query = query.where(_f.state == "in_transit", _f.expected_at < func.clock_timestamp())
    if lost:
        m = t.transfer_line.c
        query = query.where(exists().where(m.tenant_id == tenant, m.transfer_id == _f.id, m.lost > 0))
    rows, after = rows_by_id(conn, query, _f.id, piece)
    return Listed(_transfers(conn, rows, tenant), after)


def read_transfer(conn: Connection, transfer_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one transfer.

    Raises:
        NotFound: there is no such transfer.
    """
    rows = [row_of(conn, _TRANSFERS, _f.id, transfer_id, "transfer", tenant)]
    return _transfers(conn, rows, tenant)[0]


def _transfers(conn: Connection, rows: Sequence[Row[Any]], tenant: int) -> list[Json]:
    m = t.transfer_line.c
    lines: dict[UUID, list[Json]] = {row.id: [] for row in rows}
    for each in conn.execute(
        select(t.transfer_line, t.item.c.sku)
        .join(t.item, joined(t.transfer_line, t.item, m.item_id))
        .where(m.tenant_id == tenant, m.transfer_id.in_(lines))
        .order_by(t.item.c.sku, m.lot)
    ):
        lines[each.transfer_id].append(
            {
                "sku": each.sku,
                "lot": each.lot or None,
                "quantity": quantity(each.quantity),
                "received": quantity(each.received),
                "lost": quantity(each.lost),
            }
        )
    return [
        {
            "id": public_id("transfer", row.id),
            "reference": row.reference,
            "from_node": row.from_code,
            "to_node": row.to_code,
            "state": row.state,
            "expected_at": instant(row.expected_at),
            "lines": lines[row.id],
            "actor": row.actor,
            "created_at": instant(row.created_at),
            "finished_at": instant(row.finished_at),
        }
        for row in rows
    ]


_l = t.stock_lot.c
_LOTS = (
    select(t.stock_lot, t.item.c.sku, t.node.c.code)
    .join(t.item, joined(t.stock_lot, t.item, _l.item_id))
    .join(t.node, joined(t.stock_lot, t.node, _l.node_id))
    .where(_l.on_hand > 0)
)


def list_lots(
    conn: Connection,
    piece: Slice,
    *,
    sku: Sequence[str] = (),
    node: Sequence[str] = (),
    status: Sequence[str] = (),
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of the units that lie in lots or in another status than sellable."""
    query = only(
        _LOTS, t.stock_lot, tenant, sku=(t.item.c.sku, sku), node=(t.node.c.code, node), status=(_l.status, status)
    )
    rows, after = rows_by_text(conn, query, [t.item.c.sku, t.node.c.code, _l.lot, _l.status], piece)
    return Listed(
        [
            {
                "sku": row.sku,
                "node": row.code,
                "lot": row.lot or None,
                "status": row.status,
                "on_hand": quantity(row.on_hand),
                "promised": quantity(row.promised),
                "shortfall": quantity(row.shortfall),
                "expires_on": None if row.expires_on is None else row.expires_on.isoformat(),
            }
            for row in rows
        ],
        after,
    )
