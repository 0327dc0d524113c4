"""Counts of a past moment, brought up to now by what the ledger has seen come and leave since."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from core.domain.cases import SHORTFALL, UNBOOKED
from core.domain.shelf import Key
from core.services.lots import SELLABLE, LotUnits
from core.store.unit import Unit

ZERO = Decimal(0)
# What corrects the books moves nothing: counts, lots that an item gets, and what is written because of a shortfall or
# of units nobody had booked. Units of a shipment left when it says so, which may be before it was reported; the
# shipment of an order that was written closest to the row of the ledger is its own. Rows are read from the newest back
# to the count.
MOVES = """
FROM unnest(%(items)b::uuid[], %(nodes)b::uuid[]) AS w(item_id, node_id)
LEFT JOIN LATERAL (
    SELECT b.id FROM {ledger} b
    WHERE b.tenant_id = %(tenant)s AND b.item_id = w.item_id AND b.node_id = w.node_id AND b.at <= %(as_of)s
    ORDER BY b.id DESC LIMIT 1) before ON true
JOIN {ledger} m ON m.tenant_id = %(tenant)s AND m.item_id = w.item_id AND m.node_id = w.node_id
     AND m.id > coalesce(before.id, 0)
WHERE m.at > %(as_of)s AND m.on_hand <> 0 AND m.kind NOT IN ('count', 'tracking')
  AND NOT (m.kind = 'adjust' AND coalesce(m.cause, '') = ANY(%(causes)s::text[]))
  AND (m.kind <> 'ship' OR coalesce((
      SELECT s.shipped_at FROM shipment s
      WHERE s.tenant_id = m.tenant_id AND s.order_id = m.order_id AND s.node_id = m.node_id
      ORDER BY abs(extract(epoch FROM s.created_at - m.at)) LIMIT 1), m.at) > %(as_of)s)
"""
MOVED_SINCE = f"""
SELECT m.item_id, m.node_id, sum(m.on_hand) AS units {MOVES.format(ledger="stock_movement")}
GROUP BY m.item_id, m.node_id
"""
LOTS_MOVED_SINCE = f"""
SELECT m.item_id, m.node_id, m.lot, (array_agg(m.expires_on ORDER BY m.id DESC))[1] AS expires_on,
       sum(m.on_hand) AS units {MOVES.format(ledger="lot_movement")} AND m.status = 'sellable'
GROUP BY m.item_id, m.node_id, m.lot
"""


@dataclass(frozen=True, slots=True)
class Rolled:
    """Counts as they are now, in all and by lot, and the units that have come and left since they were made."""

    counts: Mapping[Key, Decimal]
    lots: Mapping[Key, Sequence[LotUnits]]
    moved: Mapping[Key, Decimal]


def roll_forward(
    unit: Unit,
    keys: Collection[Key],
    counts: Mapping[Key, Decimal],
    lots: Mapping[Key, Sequence[LotUnits]],
    as_of: datetime,
) -> Rolled:
    """Bring counts of a past moment up to now.

    Args:
        unit: the running transaction.
        keys: locked positions that were counted.
        counts: units counted of each.
        lots: those counted by lot and status.
        as_of: the moment of the count.
    """
    pairs = sorted(keys)
    columns = [item for item, _ in pairs], [node for _, node in pairs]
    values = {
        "tenant": unit.tenant, "items": columns[0], "nodes": columns[1], "as_of": as_of,
        "causes": [UNBOOKED.code, SHORTFALL.code],
    }  # fmt: skip
    moved = {(row.item_id, row.node_id): row.units for row in unit.conn.exec_driver_sql(MOVED_SINCE, values)}
    found = {key: max(counts[key] + moved.get(key, ZERO), ZERO) for key in pairs}
    moving = set(pairs)
    named = {key: own for key, own in lots.items() if key in moving and any(x.status == SELLABLE for x in own)}
    if not named:
        return Rolled(found, {}, moved)
    since: defaultdict[Key, dict[str, LotUnits]] = defaultdict(dict)
    for row in unit.conn.exec_driver_sql(LOTS_MOVED_SINCE, values):
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
    return Rolled(found, rolled, moved)
