"""Orders that could not be promised when they got their stock, promised when what hindered it is gone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row

from core.domain.calendars import closing, local_day
from core.routing.problem import Destination
from core.services.facts import Facts
from core.services.leaving import leg_of
from core.services.offers import Leg
from core.services.promises import promise_orders
from core.services.routing_facts import point_of
from core.services.stoppages import leaving
from core.store.unit import Unit

# All their units are at some node's work, nothing has left, and they may go on. What waits for supply is promised with
# it, and what a person or rule holds when it is let go on.
UNPROMISED = """
SELECT o.id, o.ship_country AS country, o.body->'ship_to'->>'postal_code' AS postal
FROM orders o
CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity - canceled - shipped), 0) AS open, coalesce(sum(shipped), 0) AS shipped
    FROM order_line WHERE tenant_id = o.tenant_id AND order_id = o.id AND ships
) l
CROSS JOIN LATERAL (
    SELECT coalesce(sum(a.quantity / a.per_unit), 0) AS worked FROM reservation a
    JOIN fulfillment_order f ON f.tenant_id = a.tenant_id AND f.id = a.fulfillment_id
    WHERE a.tenant_id = o.tenant_id AND a.order_id = o.id AND a.state = 'allocated' AND NOT a.follows
      AND NOT (f.state = 'planned' AND f.release_at IS NULL)
) r
WHERE o.tenant_id = %(tenant)s AND o.state IN ('accepted', 'in_progress')
  AND NOT EXISTS (SELECT 1 FROM promise p WHERE p.tenant_id = o.tenant_id AND p.order_id = o.id)
  AND l.open > 0 AND l.shipped = 0 AND r.worked >= l.open
"""
AMONG = " AND o.id = ANY(%(ids)s::uuid[])"
IN_TURN = " ORDER BY o.placed_at, o.id"
WORKS = """
SELECT id, order_id, node_id, carrier, service, ship_on, arrive_on FROM fulfillment_order
WHERE tenant_id = %s AND order_id = ANY(%s::uuid[])
  AND state IN ('planned', 'released', 'on_hold', 'acknowledged', 'picking', 'canceling')
ORDER BY order_id, id
"""
REFUSED = """
SELECT DISTINCT ON (order_id) order_id, data->>'why' AS why FROM event
WHERE tenant_id = %s AND order_id = ANY(%s::uuid[]) AND type = 'promise.refused' ORDER BY order_id, seq DESC
"""


class _Work(NamedTuple):
    """Work that has not left, as promises see it."""

    id: UUID
    order_id: UUID
    node_id: UUID
    leg: Leg


def find_unpromised(unit: Unit, order_ids: Collection[UUID] | None = None) -> Sequence[Row[Any]]:
    """Return orders (id, country, postal) that have all their units and no promise, oldest first.

    Args:
        unit: the running transaction.
        order_ids: among these; among all when None.
    """
    if order_ids is None:
        return unit.conn.exec_driver_sql(UNPROMISED + IN_TURN, {"tenant": unit.tenant}).all()
    values = {"tenant": unit.tenant, "ids": list(order_ids)}
    return unit.conn.exec_driver_sql(UNPROMISED + AMONG + IN_TURN, values).all()


def promise_again(unit: Unit, facts: Facts, order_ids: Collection[UUID]) -> None:
    """Promise those of these locked orders that have all their units and no promise, by how their work leaves now.

    What still hinders it is said in `promise.refused` where that is something else than before.
    """
    orders = {row.id: row for row in find_unpromised(unit, order_ids)} if order_ids else {}
    if not orders:
        return
    works: dict[UUID, list[_Work]] = {order_id: [] for order_id in orders}
    stuck: set[UUID] = set()
    for row in unit.conn.exec_driver_sql(WORKS, (unit.tenant, list(orders))):
        leg = _leg_now(facts, row, unit.now)
        if leg is None:
            stuck.add(row.order_id)
        else:
            works[row.order_id].append(_Work(row.id, row.order_id, row.node_id, leg))
    going = [order_id for order_id in orders if order_id not in stuck]
    ends = {order_id: (orders[order_id].country, orders[order_id].postal) for order_id in going}
    points = facts.routing.points.find(unit.conn, {end for end in ends.values() if all(end)}, unit.tenant)
    promise_orders(
        unit,
        facts,
        [work for order_id in going for work in works[order_id]],
        {order_id: Destination(end[0], *point_of(points.get(end))) for order_id, end in ends.items()},
        going,
        {row.order_id: row.why for row in unit.conn.exec_driver_sql(REFUSED, (unit.tenant, going))},
    )


def _leg_now(facts: Facts, work: Row[Any], now: datetime) -> Leg | None:
    """Return how work that was decided before leaves now, None when nobody knows when its node sends anything."""
    leg, calendar = leg_of(work), facts.promising.calendars[work.node_id]
    out = leaving(facts, work.node_id, leg.carrier, now)
    if out.at is None:
        return None
    if out.because is not None:
        opens = local_day(calendar, out.at)
        return replace(leg, ship_on=max(opens, leg.ship_on or opens))
    if leg.ship_on is not None and (closing(calendar, leg.ship_on) or now) <= now:
        return replace(leg, ship_on=None)  # its day is over, so it leaves at the next
    return leg
