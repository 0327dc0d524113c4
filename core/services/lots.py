"""Lots under a position: their sellable units sum to what the position has on hand, always.

A lot row is read and written only under the lock of its position, so lots need no place in the order of locking. Units
in another status (damaged, quality hold) lie in rows of their own beside it and are no part of the position: what
cannot be sold is not on hand for anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from core.domain.cases import SHORTFALL
from core.domain.money import plain
from core.domain.shelf import Key
from core.domain.vocabulary import MovementKind, StockStatus
from core.errors import Conflict
from core.store.locks import lock_positions
from core.store.moves import LotMove, move_lots
from core.store.unit import Unit

ZERO = Decimal(0)
UNKNOWN_LOT = ""
SELLABLE = str(StockStatus.SELLABLE)


@dataclass(frozen=True, slots=True)
class LotUnits:
    """Units of one lot in one status at one node."""

    lot: str
    on_hand: Decimal
    expires_on: date | None = None
    promised: Decimal = ZERO
    status: str = SELLABLE
    # Units promised of it that a count says are not there.
    shortfall: Decimal = ZERO

    @property
    def believed(self) -> Decimal:
        """Return what is believed to be there; what has left was, and no more is missing than is on the books."""
        return max(self.on_hand - self.shortfall, ZERO)


READ = """
SELECT l.item_id, l.node_id, l.lot, l.on_hand, l.expires_on, l.promised, l.status, l.shortfall
FROM stock_lot l JOIN unnest(%b::uuid[], %b::uuid[]) AS w(item_id, node_id)
     ON l.item_id = w.item_id AND l.node_id = w.node_id
WHERE l.tenant_id = %s ORDER BY l.item_id, l.node_id, l.lot, l.status
"""
# The statement sees lots as they were before it, which is what the ledger of lots needs of them. What came and paid a
# shortfall has two rows, as in the ledger of positions.
WRITE = """
WITH written AS (
    INSERT INTO stock_lot (tenant_id, item_id, node_id, lot, status, on_hand, expires_on, shortfall)
    SELECT %(tenant)s, * FROM unnest(%(items)b::uuid[], %(nodes)b::uuid[], %(lots)b::text[], %(statuses)b::text[],
                                     %(units)b::numeric[], %(ends)b::date[], %(lacking)b::numeric[])
    ON CONFLICT (tenant_id, item_id, node_id, lot, status) DO UPDATE
    SET on_hand = excluded.on_hand, expires_on = excluded.expires_on, shortfall = excluded.shortfall
    RETURNING tenant_id, item_id, node_id, lot, status, on_hand, expires_on, shortfall
)
INSERT INTO lot_movement (tenant_id, item_id, node_id, lot, status, kind, on_hand, shortfall, expires_on, cause)
SELECT w.tenant_id, w.item_id, w.node_id, w.lot, w.status, m.kind, m.on_hand, m.shortfall, w.expires_on, m.cause
FROM written w LEFT JOIN stock_lot b USING (tenant_id, item_id, node_id, lot, status)
CROSS JOIN LATERAL (SELECT CASE WHEN %(came)s THEN greatest(b.shortfall - w.shortfall, 0) ELSE 0 END AS units) p
CROSS JOIN LATERAL (VALUES
    (%(kind)s::text, %(cause)s::text, w.on_hand - coalesce(b.on_hand, 0) + p.units,
     w.shortfall - coalesce(b.shortfall, 0) + p.units, w.expires_on IS DISTINCT FROM b.expires_on),
    ('adjust', %(shortfall)s::text, -p.units, -p.units, false)) AS m(kind, cause, on_hand, shortfall, dated)
WHERE m.on_hand <> 0 OR m.shortfall <> 0 OR m.dated
"""


def tracked_items(unit: Unit, items: Collection[UUID]) -> set[UUID]:
    """Return those of these items that have lots."""
    rows = unit.conn.exec_driver_sql(
        "SELECT id FROM item WHERE tenant_id = %s AND id = ANY(%s::uuid[]) AND tracking = 'lot'",
        (unit.tenant, list(items)),
    )
    return {row.id for row in rows}


def read_lots(unit: Unit, keys: Collection[Key]) -> dict[Key, list[LotUnits]]:
    """Return the lots of locked positions, by lot."""
    found: dict[Key, list[LotUnits]] = {key: [] for key in keys}
    pairs = sorted(keys)
    rows = unit.conn.exec_driver_sql(READ, ([item for item, _ in pairs], [node for _, node in pairs], unit.tenant))
    for row in rows:
        found[row.item_id, row.node_id].append(LotUnits(*row[2:]))
    return found


def write_lots(
    unit: Unit, lots: Mapping[Key, Sequence[LotUnits]], kind: str, cause: str | None, *, came: bool = False
) -> None:
    """Write what lots have on hand and lack, in their ledger too; what is promised of them stays.

    Args:
        unit: the running transaction.
        lots: of locked positions.
        kind: for the ledger.
        cause: why, for the ledger.
        came: what a lot lacks less now was paid by units that came: the ledger has both.
    """
    rows = [
        (*key, each.lot, each.status, each.on_hand, each.expires_on, each.shortfall)
        for key in lots
        for each in lots[key]
    ]
    if not rows:
        return
    names = ("items", "nodes", "lots", "statuses", "units", "ends", "lacking")
    columns = {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    unit.conn.exec_driver_sql(
        WRITE,
        columns | {"tenant": unit.tenant, "kind": kind, "cause": cause, "shortfall": SHORTFALL.code, "came": came},
    )


def recounted(lots: Iterable[LotUnits], counted: Decimal, named: Sequence[LotUnits] | None = None) -> list[LotUnits]:
    """Return the sellable lots of a position as they are believed to be there; what is promised beyond that they lack.

    Args:
        lots: as they are.
        counted: sellable units believed to be there in all.
        named: those believed to be there by lot. Without it what is more is what lots lack, and then of the lot nobody
            knows; what is less is free in that one, then in those that expire first, and then promised of them.
    """
    known = {each.lot: each for each in lots if each.status == SELLABLE}
    order = sorted(known.values(), key=lambda each: (each.lot != UNKNOWN_LOT, each.expires_on or date.max, each.lot))
    if named is not None:
        told = {each.lot: each for each in named if each.status == SELLABLE}
        there = {lot: told[lot].believed if lot in told else ZERO for lot in sorted({*known, *told})}
        known = {
            lot: replace(known.get(lot) or told[lot], expires_on=_last_day(known.get(lot), told.get(lot)))
            for lot in there
        }
    else:
        there = {lot: each.believed for lot, each in known.items()}
        left = counted - sum(there.values(), ZERO)
        for each in order:
            found = min(max(left, ZERO), max(each.promised - there[each.lot], ZERO))
            there[each.lot] += found
            left -= found
        if left > 0:
            there[UNKNOWN_LOT] = there.get(UNKNOWN_LOT, ZERO) + left
            known.setdefault(UNKNOWN_LOT, LotUnits(UNKNOWN_LOT, ZERO))
        for kept in (True, False):
            for each in order:
                taken = min(max(-left, ZERO), max(there[each.lot] - (each.promised if kept else ZERO), ZERO))
                there[each.lot] -= taken
                left += taken
    return [_held(known[lot], believed) for lot, believed in there.items()]


def _held(lot: LotUnits, believed: Decimal) -> LotUnits:
    """Return a lot with what is believed to be there: what is promised of it stays on the books."""
    on_hand = max(believed, lot.promised)
    return replace(lot, on_hand=on_hand, shortfall=on_hand - believed)


def _last_day(known: LotUnits | None, told: LotUnits | None) -> date | None:
    return (told.expires_on if told else None) or (known.expires_on if known else None)


def begin_lots(unit: Unit, item_id: UUID, sku: str) -> None:
    """Give an item lots: all that is there and promised becomes the lot nobody knows.

    Raises:
        Conflict: more is promised at a node than is there.
    """
    unit.conn.execute(
        text(
            "SELECT 1 FROM reservation WHERE tenant_id = :t AND item_id = :i AND state IN ('held', 'allocated')"
            " ORDER BY id FOR NO KEY UPDATE"
        ),
        {"t": unit.tenant, "i": item_id},
    )
    nodes = unit.conn.execute(
        text("SELECT node_id FROM stock_position WHERE tenant_id = :t AND item_id = :i"),
        {"t": unit.tenant, "i": item_id},
    ).scalars()
    positions = lock_positions(unit, [(item_id, node) for node in nodes])
    for each in positions.values():
        if each.reserved + each.allocated > each.on_hand:
            raise Conflict(
                f"{sku} cannot have lots yet: more is promised at a node than is there.",
                fix="Wait until its backorders are filled, or cancel them.",
                code="STOCK-LOT-409",
            )
    unit.conn.execute(
        text(
            "UPDATE reservation SET lot = '' WHERE tenant_id = :t AND item_id = :i AND state IN ('held', 'allocated')"
        ),
        {"t": unit.tenant, "i": item_id},
    )
    kind, cause = str(MovementKind.TRACKING), unit.cause
    there = {key: [LotUnits(UNKNOWN_LOT, p.on_hand, shortfall=p.shortfall)] for key, p in positions.items()}
    write_lots(unit, there, kind, cause)
    move_lots(
        unit,
        [LotMove(*key, UNKNOWN_LOT, kind, ZERO, p.reserved + p.allocated, None, cause) for key, p in positions.items()],
    )


def end_lots(unit: Unit, item_id: UUID, sku: str) -> None:
    """Take an item's lots away.

    Raises:
        Conflict: there are units in them.
    """
    rows = unit.conn.execute(
        text("SELECT sum(on_hand) AS units FROM stock_lot WHERE tenant_id = :t AND item_id = :i"),
        {"t": unit.tenant, "i": item_id},
    ).scalar_one()
    if rows:
        raise Conflict(
            f"{sku} has {plain(rows)} units in lots, which would be forgotten.",
            fix="Count it to 0 first.",
            code="STOCK-LOT-409",
        )
    unit.conn.execute(
        text("DELETE FROM stock_lot WHERE tenant_id = :t AND item_id = :i"), {"t": unit.tenant, "i": item_id}
    )
