"""Giving allocated units back, or using them up, with the ledger rows that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.ids import uuid7
from core.domain.vocabulary import MovementKind
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import lock_positions, mark_listings
from core.store.moves import move_lots, move_stock
from core.store.unit import Unit

ZERO = Decimal(0)
ALLOCATED = """
SELECT r.id, r.order_id, r.line_id, r.fulfillment_id, r.connection_id, r.item_id, r.node_id, r.quantity, r.per_unit,
       r.follows, r.lot, r.created_at, l.expires_on
FROM reservation r
LEFT JOIN stock_lot l ON l.tenant_id = r.tenant_id AND l.item_id = r.item_id AND l.node_id = r.node_id
     AND l.lot = r.lot AND l.status = 'sellable'
WHERE r.tenant_id = :tenant AND r.order_id = :order AND r.state = 'allocated'
  AND (CAST(:work AS uuid) IS NULL OR r.fulfillment_id = :work)
ORDER BY r.id FOR NO KEY UPDATE OF r
"""


def hold_allocated(unit: Unit, order_id: UUID, *nodes: UUID) -> None:
    """Lock all that is allocated to a locked order at once, before several works of it end one after the other.

    Each of them alone keeps the order of locking; two in one transaction would lock a second work's positions after the
    first one's, and wait in a circle with a reservation of both. The same items at `nodes` are locked too: they are
    about to get the work.
    """
    rows = unit.conn.execute(text(ALLOCATED), {"tenant": unit.tenant, "order": order_id, "work": None}).all()
    lock_positions(unit, {(row.item_id, node) for row in rows for node in (row.node_id, *nodes)})
    mark_listings(unit, {row.item_id for row in rows})


def take_back(
    unit: Unit, order_id: UUID, lines: Mapping[UUID, Decimal], work: UUID | None = None
) -> dict[UUID, Decimal]:
    """Release allocated units of a locked order and return what was released, by line.

    Args:
        unit: the running transaction; it holds the order's lock.
        order_id: the order.
        lines: most units to release per line id.
        work: only of this fulfillment order.
    """
    return _end(unit, order_id, lines, work, MovementKind.RELEASE)


def use_up(unit: Unit, order_id: UUID, lines: Mapping[UUID, Decimal], work: UUID) -> dict[UUID, Decimal]:
    """Consume allocated units that have left the node, and the stock with them; return what was consumed, by line."""
    return _end(unit, order_id, lines, work, MovementKind.SHIP)


def _end(
    unit: Unit, order_id: UUID, lines: Mapping[UUID, Decimal], work: UUID | None, kind: MovementKind
) -> dict[UUID, Decimal]:
    left = dict(lines)
    ended: list[tuple[UUID, Decimal]] = []
    split: list[tuple[object, ...]] = []
    deltas: dict[tuple[UUID, UUID], Decimal] = {}
    lots: dict[tuple[UUID, UUID, str | None], Decimal] = {}
    done: dict[UUID, Decimal] = {}
    rows = unit.conn.execute(text(ALLOCATED), {"tenant": unit.tenant, "order": order_id, "work": work}).all()
    gone = kind is MovementKind.SHIP
    for line, own in _by_work(rows).items():
        # Of several lots the one that expires first leaves first and comes back last.
        own.sort(key=lambda row: (row.expires_on or date.max, row.id), reverse=not gone)
        promised = sum((row.quantity / row.per_unit for row in own if not row.follows), ZERO)
        units = min(left.get(line[0], ZERO), promised)
        if units <= 0:
            continue
        left[line[0]] -= units
        done[line[0]] = done.get(line[0], ZERO) + units
        wanted = {row.item_id: units * row.per_unit for row in own}
        for row in own:
            taken = min(wanted[row.item_id], row.quantity)
            if taken <= 0:
                continue
            wanted[row.item_id] -= taken
            key = row.item_id, row.node_id
            deltas[key] = deltas.get(key, ZERO) + taken
            lots[*key, row.lot] = lots.get((*key, row.lot), ZERO) + taken
            ended.append((row.id, taken))
            if taken < row.quantity:
                split.append((uuid7(), *row[1:7], row.quantity - taken, "allocated", *row[8:12]))
    _write(unit, order_id, ended, split, deltas, kind)
    _move_lots(unit, lots, gone=gone)
    return done


def _move_lots(unit: Unit, lots: Mapping[tuple[UUID, UUID, str | None], Decimal], *, gone: bool) -> None:
    """Take promised units off their lots, of those that have one."""
    move_lots(
        unit,
        {
            (item, node, lot): (-units if gone else ZERO, -units)
            for (item, node, lot), units in lots.items()
            if lot is not None
        },
    )


def _by_work(rows: Sequence[Row[Any]]) -> dict[tuple[UUID, UUID], list[Row[Any]]]:
    """Return rows by line and work: those of a kit's components and of several lots end together."""
    found: dict[tuple[UUID, UUID], list[Row[Any]]] = {}
    for row in rows:
        found.setdefault((row.line_id, row.fulfillment_id), []).append(row)
    return found


def _write(
    unit: Unit,
    order_id: UUID,
    ended: Sequence[tuple[UUID, Decimal]],
    split: Sequence[tuple[object, ...]],
    deltas: Mapping[tuple[UUID, UUID], Decimal],
    kind: MovementKind,
) -> None:
    if not ended:
        return
    state = "consumed" if kind is MovementKind.SHIP else "released"
    unit.conn.exec_driver_sql(
        "UPDATE reservation r SET state = %s, quantity = d.quantity, finished_at = clock_timestamp()"
        " FROM unnest(%s::uuid[], %s::numeric[]) AS d(id, quantity) WHERE r.tenant_id = %s AND r.id = d.id",
        (state, [each for each, _ in ended], [units for _, units in ended], unit.tenant),
    )
    copy_rows(
        unit,
        t.reservation,
        (
            "id", "order_id", "line_id", "fulfillment_id", "connection_id", "item_id", "node_id", "quantity", "state",
            "per_unit", "follows", "lot", "created_at",
        ),
        split,
    )  # fmt: skip
    lock_positions(unit, deltas.keys())
    gone = kind is MovementKind.SHIP
    move_stock(unit, {key: (-units if gone else ZERO, ZERO, -units) for key, units in deltas.items()})
    copy_rows(
        unit,
        t.stock_movement,
        ("item_id", "node_id", "kind", "on_hand", "allocated", "order_id", "cause", "actor"),
        [
            (item, node, str(kind), -units if gone else ZERO, -units, order_id, unit.cause, unit.actor)
            for (item, node), units in sorted(deltas.items())
        ],
    )
    mark_listings(unit, {item for item, _ in deltas})
