"""The phase of an order, derived from its lines, holds and fulfillment; the only code that writes it."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from core.store.unit import Unit

# One reading of lines, active holds and allocated units for each order; phases in order of precedence.
DERIVE = """
SELECT o.id,
  CASE
    WHEN h.held AND o.state = 'held' THEN 'held'  -- of a line that asks for nothing there is nothing open either
    WHEN l.open = 0 AND l.shipped = 0 THEN 'canceled'
    WHEN h.held THEN 'held'
    WHEN l.shipped > 0 AND l.returned >= l.shipped AND l.open = 0 THEN 'returned'
    WHEN l.returned > 0 THEN 'partly_returned'
    WHEN l.open = 0 AND l.delivered >= l.shipped THEN 'delivered'
    WHEN l.open = 0 THEN 'shipped'
    WHEN l.shipped > 0 THEN 'partly_shipped'
    WHEN w.waits THEN 'backordered'
    WHEN r.allocated >= l.open THEN 'releasing'
    WHEN o.sourcing_tries > 0 AND o.state <> 'received' THEN 'backordered'
    ELSE 'ready'
  END AS phase
FROM orders o
CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity - canceled - shipped), 0) AS open,
           coalesce(sum(shipped), 0) AS shipped,
           coalesce(sum(delivered), 0) AS delivered,
           coalesce(sum(returned), 0) AS returned
    FROM order_line l WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id
) l
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT 1 FROM hold WHERE tenant_id = o.tenant_id AND order_id = o.id AND state = 'active') AS held
) h
CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity / per_unit) FILTER (WHERE NOT follows), 0) AS allocated FROM reservation
    WHERE tenant_id = o.tenant_id AND order_id = o.id AND state = 'allocated'
) r
CROSS JOIN LATERAL (  -- allocated from supply that has not come
    SELECT EXISTS (SELECT 1 FROM fulfillment_order WHERE tenant_id = o.tenant_id AND order_id = o.id
                   AND state = 'planned' AND release_at IS NULL) AS waits
) w
WHERE o.tenant_id = %(tenant)s AND o.id = ANY(%(ids)s::uuid[])
"""
REFRESH = f"UPDATE orders o SET phase = d.phase FROM ({DERIVE}) d WHERE o.tenant_id = %(tenant)s AND o.id = d.id"  # noqa: S608


def refresh_phases(unit: Unit, order_ids: Collection[UUID]) -> None:
    """Write the phase of these orders anew; the caller holds their locks."""
    if order_ids:
        unit.conn.exec_driver_sql(REFRESH, {"tenant": unit.tenant, "ids": list(order_ids)})


def derive_phases(unit: Unit, order_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the phases as they follow from the facts, without writing them."""
    rows = unit.conn.exec_driver_sql(DERIVE, {"tenant": unit.tenant, "ids": list(order_ids)})
    return {row.id: row.phase for row in rows}
