"""Giving allocated units back, or using them up, with the ledger rows that say so: of many orders in one step."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.cases import UNBOOKED
from core.domain.ids import uuid7
from core.domain.vocabulary import MovementKind
from core.services.shortfalls import settle
from core.services.unbooked import report_unbooked
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import Position, lock_positions, mark_listings
from core.store.moves import LotMove, move_lots, move_stock
from core.store.unit import Unit

ZERO = Decimal(0)
ALLOCATED = """
SELECT r.id, r.order_id, r.line_id, r.fulfillment_id, r.connection_id, r.item_id, r.node_id, r.quantity, r.per_unit,
       r.follows, r.lot, r.kit_id, r.created_at, l.expires_on
FROM reservation r
LEFT JOIN stock_lot l ON l.tenant_id = r.tenant_id AND l.item_id = r.item_id AND l.node_id = r.node_id
     AND l.lot = r.lot AND l.status = 'sellable'
WHERE r.tenant_id = %(tenant)s AND r.order_id = ANY(%(orders)s::uuid[]) AND r.state = 'allocated'
  AND (%(works)s::uuid[] IS NULL OR r.fulfillment_id = ANY(%(works)s::uuid[]))
ORDER BY r.id FOR NO KEY UPDATE OF r
"""
END = """
UPDATE reservation r SET state = d.state, quantity = d.quantity, finished_at = clock_timestamp()
FROM unnest(%b::uuid[], %b::text[], %b::numeric[]) AS d(id, state, quantity) WHERE r.tenant_id = %s AND r.id = d.id
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """Allocated units of one work that end.

    Attributes:
        order_id: its order, which is locked.
        work_id: the fulfillment order.
        lines: most units to end per order line.
        kind: SHIP when they have left the node, and the stock with them; RELEASE when they are given back.
    """

    order_id: UUID
    work_id: UUID
    lines: Mapping[UUID, Decimal]
    kind: MovementKind


def hold_allocated(unit: Unit, order_id: UUID, *nodes: UUID) -> None:
    """Lock all that is allocated to a locked order at once, before several works of it end one after the other.

    Each of them alone keeps the order of locking; two in one transaction would lock a second work's positions after the
    first one's, and wait in a circle with a reservation of both. The same items at `nodes` are locked too: they are
    about to get the work.
    """
    hold_all_allocated(unit, [order_id], nodes)


def hold_all_allocated(unit: Unit, orders: Collection[UUID], nodes: Collection[UUID] = ()) -> None:
    """Do what `hold_allocated` does for many locked orders at once."""
    rows = _allocated(unit, orders)
    lock_positions(unit, {(row.item_id, node) for row in rows for node in (row.node_id, *nodes)})
    mark_listings(unit, {row.item_id for row in rows})


def take_back(unit: Unit, order_id: UUID, lines: Mapping[UUID, Decimal], work: UUID) -> dict[UUID, Decimal]:
    """Release allocated units of a locked order and return what was released, by line.

    Args:
        unit: the running transaction; it holds the order's lock.
        order_id: the order.
        lines: most units to release per line id.
        work: only of this fulfillment order.
    """
    return end_allocations(unit, [Ending(order_id, work, lines, MovementKind.RELEASE)])[0]


def end_allocations(unit: Unit, endings: Sequence[Ending]) -> list[dict[UUID, Decimal]]:
    """Use up or release allocated units of many works, each work once, and return what ended of each, by order line.

    All reservations are locked in the order of their ids, then all positions, then all listings.
    """
    if not endings:
        return []
    held: dict[UUID, dict[UUID, list[Row[Any]]]] = {}
    for row in _allocated(unit, {each.order_id for each in endings}, {each.work_id for each in endings}):
        held.setdefault(row.fulfillment_id, {}).setdefault(row.line_id, []).append(row)
    ended = _Ended(unit)
    done = [ended.add(each, held.get(each.work_id, {})) for each in endings]
    ended.write()
    return done


def _allocated(unit: Unit, orders: Collection[UUID], works: Collection[UUID] | None = None) -> Sequence[Row[Any]]:
    values = {"tenant": unit.tenant, "orders": list(orders), "works": None if works is None else list(works)}
    return unit.conn.exec_driver_sql(ALLOCATED, values).all()


@dataclass(slots=True)
class _Ended:
    """What endings come to, collected before any of it is written."""

    unit: Unit
    rows: list[tuple[UUID, str, Decimal]] = field(default_factory=list)
    split: list[tuple[object, ...]] = field(default_factory=list)
    deltas: dict[tuple[UUID, UUID], tuple[Decimal, Decimal, Decimal]] = field(default_factory=dict)
    lots: list[LotMove] = field(default_factory=list)
    moves: list[tuple[object, ...]] = field(default_factory=list)

    def add(self, ending: Ending, held: Mapping[UUID, list[Row[Any]]]) -> dict[UUID, Decimal]:
        """Note what of a work's allocated rows ends, and return the units by order line."""
        gone = ending.kind is MovementKind.SHIP
        done: dict[UUID, Decimal] = {}
        taken: dict[tuple[UUID, UUID], Decimal] = {}
        cause, _ = self.unit.reason_for(ending.order_id)
        for line, own in held.items():
            # Of several lots the one that expires first leaves first and comes back last. Rows of a kit's components
            # end together.
            own.sort(key=lambda row: (row.expires_on or date.max, row.id), reverse=not gone)
            promised = sum((row.quantity / row.per_unit for row in own if not row.follows), ZERO)
            units = min(ending.lines.get(line, ZERO), promised)
            if units > 0:
                done[line] = units
                for row, part in self._take(own, units, gone=gone):
                    key = row.item_id, row.node_id
                    taken[key] = taken.get(key, ZERO) + part
                    if row.lot is not None:
                        left = -part if gone else ZERO
                        self.lots.append(LotMove(*key, row.lot, str(ending.kind), left, -part, ending.order_id, cause))
        for key, units in sorted(taken.items()):
            on_hand = -units if gone else ZERO
            before = self.deltas.get(key, (ZERO, ZERO, ZERO))
            self.deltas[key] = (before[0] + on_hand, ZERO, before[2] - units)
            self.moves.append((*key, str(ending.kind), on_hand, -units, ending.order_id, cause, self.unit.actor))
        return done

    def _take(self, own: Sequence[Row[Any]], units: Decimal, *, gone: bool) -> Iterator[tuple[Row[Any], Decimal]]:
        """Note how these rows end, and yield what ends of each."""
        wanted = {row.item_id: units * row.per_unit for row in own}
        for row in own:
            part = min(wanted[row.item_id], row.quantity)
            if part <= 0:
                continue
            wanted[row.item_id] -= part
            self.rows.append((row.id, "consumed" if gone else "released", part))
            if part < row.quantity:
                self.split.append((uuid7(), *row[1:7], row.quantity - part, "allocated", *row[8:13]))
            yield row, part

    def write(self) -> None:
        if not self.rows:
            return
        unit = self.unit
        columns = [list(column) for column in zip(*self.rows, strict=True)]
        unit.conn.exec_driver_sql(END, (*columns, unit.tenant))
        copy_rows(
            unit,
            t.reservation,
            (
                "id", "order_id", "line_id", "fulfillment_id", "connection_id", "item_id", "node_id", "quantity",
                "state", "per_unit", "follows", "lot", "kit_id", "created_at",
            ),
            self.split,
        )  # fmt: skip
        self._book(lock_positions(unit, self.deltas.keys()))
        lacking = move_stock(unit, self.deltas)
        columns_moved = ("item_id", "node_id", "kind", "on_hand", "allocated", "order_id", "cause", "actor")
        copy_rows(unit, t.stock_movement, columns_moved, self.moves)
        mark_listings(unit, {item for item, _ in self.deltas})
        move_lots(unit, self.lots)
        settle(unit, lacking)

    def _book(self, positions: Mapping[tuple[UUID, UUID], Position]) -> None:
        """Put units on the books that left a node without having been on them, and have a person find out whence.

        What has left was there: a supply nobody received, or a count that found too few.
        """
        lacking = {
            key: units for key, position in positions.items() if (units := -position.on_hand - self.deltas[key][0]) > 0
        }
        for key, units in lacking.items():
            on_hand, reserved, allocated = self.deltas[key]
            self.deltas[key] = on_hand + units, reserved, allocated
            self.moves.append((*key, str(MovementKind.ADJUST), units, ZERO, None, UNBOOKED.code, self.unit.actor))
        report_unbooked(self.unit, lacking)
