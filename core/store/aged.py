"""Positions at nodes that count in batches: what their age asks to be kept back, read under their locks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.store.unit import Unit

# The share that counts find missing, grown with the age of the count, of what is on hand; to whole units where that is
# whole, and never units that are promised. `uncertain` is that, `was` what is kept back now. A node that is live again
# keeps nothing.
AGED = """
SELECT p.item_id, p.node_id, p.uncertain AS was, k.uncertain,
       format('error %%s after %%s of %%s h, %%s counts', round(e.error, 3), coalesce(round(e.age, 1)::text, '?'),
              round(e.hours, 1), e.outcomes) AS cause
FROM stock_position p
JOIN node n ON n.tenant_id = p.tenant_id AND n.id = p.node_id
JOIN item i ON i.tenant_id = p.tenant_id AND i.id = p.item_id
LEFT JOIN score c ON c.tenant_id = n.tenant_id AND c.subject = 'node' AND c.name = n.code AND c.measure = 'count_error'
     AND c.part = nullif(i.attributes ->> 'class', '')
LEFT JOIN score w ON w.tenant_id = n.tenant_id AND w.subject = 'node' AND w.name = n.code AND w.measure = 'count_error'
     AND w.part = ''
LEFT JOIN score h ON h.tenant_id = n.tenant_id AND h.subject = 'node' AND h.name = n.code AND h.measure = 'count_hours'
     AND h.part = ''
CROSS JOIN LATERAL (
    SELECT coalesce(c.value, w.value, n.count_error)::numeric AS error, coalesce(c.outcomes, w.outcomes, 0) AS outcomes,
           greatest(coalesce(h.value, n.count_hours)::numeric, 0.1) AS hours,
           (extract(epoch FROM clock_timestamp() - p.counted_at) / 3600)::numeric AS age) e
CROSS JOIN LATERAL (
    SELECT p.on_hand * least(e.error * coalesce(greatest(e.age, 0) / e.hours, 1), 1) AS share) s
CROSS JOIN LATERAL (
    SELECT CASE WHEN n.stock_mode <> 'batch' THEN 0 WHEN p.on_hand = trunc(p.on_hand) THEN round(s.share)
                ELSE round(s.share, 3) END AS units) g
CROSS JOIN LATERAL (
    SELECT least(g.units, greatest(p.on_hand + p.backorder_limit - p.reserved - p.allocated - p.safety, 0))
           AS uncertain) k
WHERE p.tenant_id = %(tenant)s AND (n.stock_mode = 'batch' OR p.uncertain <> 0)
  AND (%(items)s::uuid[] IS NULL OR (p.item_id, p.node_id) IN (
      SELECT * FROM unnest(%(items)s::uuid[], %(nodes)s::uuid[])))
  AND p.uncertain <> k.uncertain
ORDER BY p.item_id, p.node_id LIMIT %(most)s
FOR NO KEY UPDATE OF p
"""


def lock_aged(unit: Unit, keys: Collection[tuple[UUID, UUID]] | None, most: int) -> Sequence[Row[Any]]:
    """Lock positions whose age asks for other units to be kept back, in key order, and return them.

    Args:
        unit: the running transaction.
        keys: only these positions; all when left out.
        most: at most so many.

    Returns:
        Rows with `item_id`, `node_id`, `was` and `uncertain` (units kept back now, and to be kept back) and `cause`.
    """
    pairs = None if keys is None else sorted(keys)
    values = {
        "items": None if pairs is None else [item for item, _ in pairs],
        "nodes": None if pairs is None else [node for _, node in pairs],
        "tenant": unit.tenant,
        "most": most,
    }
    return unit.conn.exec_driver_sql(AGED, values).all()
