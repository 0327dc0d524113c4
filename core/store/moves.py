"""Writing what changes of stock positions, lots and nodes; the caller holds the locks of `core.store.locks`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from core.store.unit import Unit
from core.store.working import works

# Returned are positions with something to settle now: a shortfall, or safety stock that can come back.
MOVE_STOCK = """
WITH moved AS (
    UPDATE stock_position p
    SET on_hand = p.on_hand + d.on_hand, reserved = p.reserved + d.reserved, allocated = p.allocated + d.allocated,
        version = p.version + 1
    FROM unnest(%b::uuid[], %b::uuid[], %b::numeric[], %b::numeric[], %b::numeric[])
         AS d(item_id, node_id, on_hand, reserved, allocated)
    WHERE p.tenant_id = %s AND p.item_id = d.item_id AND p.node_id = d.node_id
    RETURNING p.item_id, p.node_id, p.shortfall, p.safety, p.safety_target,
              p.on_hand + p.backorder_limit - p.reserved - p.allocated AS room
)
SELECT item_id, node_id FROM moved WHERE shortfall > 0 OR (safety < safety_target AND room > safety)
"""

SETTLE = """
UPDATE stock_position p
SET on_hand = d.on_hand, safety = d.safety, uncertain = d.uncertain, shortfall = d.shortfall, version = p.version + 1
FROM unnest(%b::uuid[], %b::uuid[], %b::numeric[], %b::numeric[], %b::numeric[], %b::numeric[])
     AS d(item_id, node_id, on_hand, safety, uncertain, shortfall)
WHERE p.tenant_id = %s AND p.item_id = d.item_id AND p.node_id = d.node_id
"""

MOVE_LOTS = """
WITH moves AS MATERIALIZED (
    SELECT * FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::text[], %b::numeric[], %b::numeric[], %b::uuid[],
                         %b::text[]) WITH ORDINALITY
             AS m(item_id, node_id, lot, kind, on_hand, promised, order_id, cause, place)
), moved AS (
    UPDATE stock_lot l SET on_hand = l.on_hand + d.on_hand, promised = l.promised + d.promised
    FROM (SELECT item_id, node_id, lot, sum(on_hand) AS on_hand, sum(promised) AS promised
          FROM moves GROUP BY item_id, node_id, lot) d
    WHERE l.tenant_id = %s AND l.item_id = d.item_id AND l.node_id = d.node_id AND l.lot = d.lot
      AND l.status = 'sellable'
    RETURNING l.tenant_id, l.item_id, l.node_id, l.lot, l.status, l.expires_on
)
INSERT INTO lot_movement (tenant_id, item_id, node_id, lot, status, kind, on_hand, promised, expires_on, order_id,
                          cause)
SELECT l.tenant_id, l.item_id, l.node_id, l.lot, l.status, m.kind, m.on_hand, m.promised, l.expires_on, m.order_id,
       m.cause
FROM moves m JOIN moved l ON l.item_id = m.item_id AND l.node_id = m.node_id AND l.lot = m.lot ORDER BY m.place
"""

# What a limit leaves, the safety stock has as far as it wants it, and then what is uncertain.
MOVE_LIMIT = """
UPDATE stock_position p
SET backorder_limit = p.backorder_limit + %(delta)s, version = p.version + 1, safety = l.safety,
    uncertain = least(p.uncertain, l.room - l.safety)
FROM (
    SELECT item_id, node_id, room, least(safety_target, room) AS safety FROM (
        SELECT item_id, node_id, safety_target,
               greatest(on_hand + backorder_limit + %(delta)s - reserved - allocated, 0) AS room
        FROM stock_position WHERE tenant_id = %(tenant)s AND item_id = %(item)s AND node_id = %(node)s) r
) l
WHERE p.tenant_id = %(tenant)s AND p.item_id = l.item_id AND p.node_id = l.node_id RETURNING p.safety, p.uncertain
"""

# Of the rows whose time has come, the one written last holds. A node that is off until a moment gets a second row for
# that moment, which any later row overrules.
NOTE_SWITCH = f"""
WITH now AS (
    SELECT n.tenant_id, n.id, {works()} AS active,
           CASE WHEN n.active AND n.off_until > clock_timestamp() THEN n.off_until END AS back
    FROM node n WHERE n.tenant_id = %(tenant)s AND n.id = %(node)s
), last AS (
    SELECT s.active, s.at FROM node_switch s WHERE s.tenant_id = %(tenant)s AND s.node_id = %(node)s
    ORDER BY s.id DESC LIMIT 1
)
INSERT INTO node_switch (tenant_id, node_id, active, at)
SELECT now.tenant_id, now.id, w.active, w.at
FROM now CROSS JOIN LATERAL (VALUES (now.active, clock_timestamp()), (true, now.back)) AS w(active, at)
WHERE w.at IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM last WHERE CASE WHEN now.back IS NULL THEN last.active = now.active AND last.at <= clock_timestamp()
                                  ELSE last.active AND last.at = now.back END)
ORDER BY w.at
"""  # noqa: S608 - the interpolated text is a constant


class LotMove(NamedTuple):
    """A change of a sellable lot, as its ledger has it: kind, order and cause are those of the position's own row."""

    item_id: UUID
    node_id: UUID
    lot: str
    kind: str
    on_hand: Decimal
    promised: Decimal
    order_id: UUID | None
    cause: str | None


def move_stock(
    unit: Unit, deltas: Mapping[tuple[UUID, UUID], tuple[Decimal, Decimal, Decimal]]
) -> set[tuple[UUID, UUID]]:
    """Add (on hand, reserved, allocated) to locked positions in one statement; the CHECK is the last wall.

    Returns:
        Positions that `core.services.shortfalls.settle` is to look at once all of the move is written.
    """
    if not deltas:
        return set()
    keys = sorted(deltas)
    columns = [list(column) for column in zip(*((*key, *deltas[key]) for key in keys), strict=True)]
    return {(row.item_id, row.node_id) for row in unit.conn.exec_driver_sql(MOVE_STOCK, (*columns, unit.tenant))}


def write_settled(unit: Unit, rows: Sequence[tuple[UUID, UUID, Decimal, Decimal, Decimal, Decimal]]) -> None:
    """Write (item, node, on hand, safety, uncertain, shortfall) of locked positions."""
    if rows:
        unit.conn.exec_driver_sql(SETTLE, (*[list(column) for column in zip(*rows, strict=True)], unit.tenant))


def move_limit(unit: Unit, key: tuple[UUID, UUID], delta: Decimal) -> tuple[Decimal, Decimal]:
    """Change how far a locked position may be promised beyond what is there; return (safety, uncertain) it leaves."""
    row = unit.conn.exec_driver_sql(
        MOVE_LIMIT, {"delta": delta, "tenant": unit.tenant, "item": key[0], "node": key[1]}
    ).one()
    return row.safety, row.uncertain


def move_lots(unit: Unit, moves: Iterable[LotMove]) -> None:
    """Change sellable lots of locked positions, in their ledger too.

    A lot is only changed under its position's lock.
    """
    rows = sorted(moves, key=lambda each: each[:3])
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        unit.conn.exec_driver_sql(MOVE_LOTS, (*columns, unit.tenant))


def note_switch(unit: Unit, node_id: UUID) -> bool:
    """Write that a node has been switched on or off, if it has, and return whether: sums are explained by it."""
    return unit.conn.exec_driver_sql(NOTE_SWITCH, {"tenant": unit.tenant, "node": node_id}).rowcount > 0
