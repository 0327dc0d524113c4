"""Stock of nodes that count in batches: it ages from one count to the next, and is trusted less as it does.

A node whose stock arrives by file, once a day or so, sells and loses units the hub hears of only at its next count.
What each count found against what the ledger expected is learned per node and class of item: the share that was
missing, as a quantile of outcomes that fade (`core.services.counting`). From one count to the next that share of what
is on hand grows with the age of the count and is kept back as `uncertain` units, a column of the position like safety
stock: the statement that takes stock, the CHECK that guards it and the ledger all know of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from core.domain.shelf import Key
from core.domain.vocabulary import MovementKind
from core.store import schema as t
from core.store.aged import lock_aged
from core.store.bulk import copy_rows
from core.store.locks import Position, mark_listings
from core.store.unit import Unit

ZERO = Decimal(0)
# Positions brought up to their age in one sweep.
AT_ONCE = 5_000
BATCH_NODES = "SELECT id FROM node WHERE tenant_id = %s AND id = ANY(%s::uuid[]) AND stock_mode = 'batch'"
CLASSES = """
SELECT id, coalesce(attributes ->> 'class', '') AS part FROM item WHERE tenant_id = %s AND id = ANY(%s::uuid[])
"""


def at_batch_nodes(unit: Unit, keys: Collection[Key]) -> set[Key]:
    """Return those of these positions whose node counts in batches."""
    nodes = set(unit.conn.exec_driver_sql(BATCH_NODES, (unit.tenant, list({node for _, node in keys}))).scalars().all())
    return {key for key in keys if key[1] in nodes}


def note_counts(
    unit: Unit,
    positions: Mapping[Key, Position],
    counts: Mapping[Key, Decimal],
    moved: Mapping[Key, Decimal],
    as_of: datetime,
    before: Mapping[Key, datetime],
) -> None:
    """Write what was expected at the moment of a count and what was counted; a first count expects nothing.

    Args:
        unit: the running transaction.
        positions: locked positions of batch nodes.
        counts: units counted of each.
        moved: units the ledger has seen come and leave since the count.
        as_of: the moment of the count.
        before: when each was counted before.
    """
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
