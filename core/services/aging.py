"""Stock of nodes that count in batches: it ages from one count to the next, and is trusted less as it does.

A node whose stock arrives by file, once a day or so, sells and loses units the hub hears of only at its next count.
What each count found against what the ledger expected is learned per node and class of item: the share that was
missing, as a quantile of outcomes that fade (`core.services.counting`). From one count to the next that share of what
is on hand grows with the age of the count and is kept back as `uncertain` units, a column of the position like safety
stock: the statement that takes stock, the CHECK that guards it and the ledger all know of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from core.domain.shelf import Key
from core.domain.vocabulary import MovementKind
from core.services.lots import SELLABLE, LotUnits
from core.store import schema as t
from core.store.aged import lock_aged
from core.store.bulk import copy_rows
from core.store.locks import Position, mark_listings
from core.store.unit import Unit

ZERO = Decimal(0)
# Positions brought up to their age in one sweep.
AT_ONCE = 5_000
BATCH_NODES = "SELECT id FROM node WHERE tenant_id = %s AND id = ANY(%s::uuid[]) AND stock_mode = 'batch'"
MOVED_SINCE = """
SELECT m.item_id, m.node_id, sum(m.on_hand) AS units
FROM stock_movement m JOIN unnest(%b::uuid[], %b::uuid[]) AS w(item_id, node_id)
     ON m.item_id = w.item_id AND m.node_id = w.node_id
WHERE m.tenant_id = %s AND m.at > %s GROUP BY m.item_id, m.node_id
"""
LOTS_MOVED_SINCE = """
SELECT m.item_id, m.node_id, m.lot, (array_agg(m.expires_on ORDER BY m.id DESC))[1] AS expires_on,
       sum(m.on_hand) AS units
FROM lot_movement m JOIN unnest(%b::uuid[], %b::uuid[]) AS w(item_id, node_id)
     ON m.item_id = w.item_id AND m.node_id = w.node_id
WHERE m.tenant_id = %s AND m.at > %s AND m.status = 'sellable'
GROUP BY m.item_id, m.node_id, m.lot HAVING sum(m.on_hand) <> 0
"""
CLASSES = """
SELECT id, coalesce(attributes ->> 'class', '') AS part FROM item WHERE tenant_id = %s AND id = ANY(%s::uuid[])
"""


def at_batch_nodes(unit: Unit, keys: Collection[Key]) -> set[Key]:
    """Return those of these positions whose node counts in batches."""
    nodes = set(unit.conn.exec_driver_sql(BATCH_NODES, (unit.tenant, list({node for _, node in keys}))).scalars().all())
    return {key for key in keys if key[1] in nodes}


def roll_forward(
    unit: Unit,
    positions: Mapping[Key, Position],
    counts: Mapping[Key, Decimal],
    lots: Mapping[Key, Sequence[LotUnits]],
    as_of: datetime,
    before: Mapping[Key, datetime],
) -> tuple[dict[Key, Decimal], dict[Key, Sequence[LotUnits]]]:
    """Bring counts of a past moment up to now by what the ledger has seen since, and write what they teach.

    Args:
        unit: the running transaction.
        positions: locked positions of batch nodes.
        counts: units counted of each.
        lots: those counted by lot and status.
        as_of: the moment of the count.
        before: when each was counted before.

    Returns:
        What the counts are now, in all and by lot.
    """
    pairs = sorted(positions)
    columns = [item for item, _ in pairs], [node for _, node in pairs]
    moved = {
        (row.item_id, row.node_id): row.units
        for row in unit.conn.exec_driver_sql(MOVED_SINCE, (*columns, unit.tenant, as_of))
    }
    _note(unit, positions, counts, moved, as_of, before)
    found = {key: max(counts[key] + moved.get(key, ZERO), ZERO) for key in pairs}
    named = {key: own for key, own in lots.items() if key in positions and any(x.status == SELLABLE for x in own)}
    if not named:
        return found, {}
    since: defaultdict[Key, dict[str, LotUnits]] = defaultdict(dict)
    for row in unit.conn.exec_driver_sql(LOTS_MOVED_SINCE, (*columns, unit.tenant, as_of)):
        since[row.item_id, row.node_id][row.lot] = LotUnits(row.lot, row.units, row.expires_on)
    rolled: dict[Key, Sequence[LotUnits]] = {}
    for key, own in named.items():
        left = dict(since[key])
        told = [
            each
            if each.status != SELLABLE
            else replace(each, on_hand=max(each.on_hand + left.pop(each.lot, LotUnits("", ZERO)).on_hand, ZERO))
            for each in own
        ]
        rolled[key] = [*told, *(each for each in left.values() if each.on_hand > 0)]
        found[key] = sum((each.on_hand for each in rolled[key] if each.status == SELLABLE), ZERO)
    return found, rolled


def _note(
    unit: Unit,
    positions: Mapping[Key, Position],
    counts: Mapping[Key, Decimal],
    moved: Mapping[Key, Decimal],
    as_of: datetime,
    before: Mapping[Key, datetime],
) -> None:
    """Write what was expected at the moment of a count and what was counted; a first count expects nothing."""
    classes: dict[UUID, str] = {
        row.id: row.part
        for row in unit.conn.exec_driver_sql(CLASSES, (unit.tenant, list({item for item, _ in positions})))
    }
    rows = []
    for key, position in sorted(positions.items()):
        known = key in before
        # Units on the books because they are promised, which a count did not find, are expected by nobody.
        expected = position.on_hand - position.shortfall - moved.get(key, ZERO) if known else None
        hours = (as_of - before[key]).total_seconds() / 3600 if known else None
        rows.append((*key, classes.get(key[0], ""), as_of, hours, expected, counts[key]))
    names = ("item_id", "node_id", "part", "as_of", "hours", "expected", "counted")
    copy_rows(unit, t.count_outcome, names, rows)


def age_stock(unit: Unit, keys: Collection[Key] | None = None) -> int:
    """Keep back of positions at batch nodes what their age asks for, and return how many changed.

    A sweep of the relay, and a step of each count; positions of nodes that count live again keep nothing back.

    Args:
        unit: the running transaction.
        keys: only these positions; all when left out.
    """
    aged = lock_aged(unit, keys, AT_ONCE if keys is None else len(keys))
    if not aged:
        return 0
    columns = [[getattr(row, name) for row in aged] for name in ("item_id", "node_id", "uncertain")]
    unit.conn.exec_driver_sql(
        "UPDATE stock_position p SET uncertain = d.uncertain, version = p.version + 1"
        " FROM unnest(%b::uuid[], %b::uuid[], %b::numeric[]) AS d(item_id, node_id, uncertain)"
        " WHERE p.tenant_id = %s AND p.item_id = d.item_id AND p.node_id = d.node_id",
        (*columns, unit.tenant),
    )
    copy_rows(
        unit,
        t.stock_movement,
        ("item_id", "node_id", "kind", "uncertain", "cause", "actor"),
        [
            (row.item_id, row.node_id, str(MovementKind.AGE), row.uncertain - row.was, row.cause, unit.actor)
            for row in aged
        ],
    )
    mark_listings(unit, {row.item_id for row in aged})
    return len(aged)
