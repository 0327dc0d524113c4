"""Work that waits for a wave: until when, and how it goes to its node then.

It never waits so long that it would leave later: at the latest `MARGIN` before the last moment at which the node can
begin and still send it on its day, it is released.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.calendars import Calendar, closing, latest_start, until_fetched
from core.domain.states import FULFILLMENT
from core.routing.problem import Assignment
from core.services.facts import Facts
from core.services.heads import FulfillmentLine
from core.services.leaving import leg_of
from core.services.offers import Leg
from core.services.phase import refresh_phases
from core.services.release import Work, tell_nodes
from core.services.wishes import Wishes
from core.store.locks import lock_orders_to_release
from core.store.unit import Unit

MARGIN = timedelta(minutes=10)
"""So long before the last moment its node can begin in time, work waits no more."""
BATCH = 100
WAITING = """
SELECT id, order_id, number, node_id, decision_id, carrier, service, ship_on, arrive_on FROM fulfillment_order
WHERE tenant_id = :t AND order_id = ANY(:orders) AND state = 'planned' AND release_at <= clock_timestamp()
ORDER BY order_id, id
"""
LINES = """
SELECT fulfillment_id, id, line_id, item_id, quantity - canceled AS units FROM fulfillment_line
WHERE tenant_id = :t AND fulfillment_id = ANY(:works) AND quantity > canceled ORDER BY id
"""
LOTS = """
SELECT r.fulfillment_id, r.line_id, r.lot, r.quantity FROM reservation r
JOIN order_line l ON l.tenant_id = r.tenant_id AND l.id = r.line_id AND (l.item_id = r.item_id OR EXISTS (
     SELECT 1 FROM item i WHERE i.tenant_id = l.tenant_id AND i.id = l.item_id AND i.bundle_of = r.item_id))
WHERE r.tenant_id = :t AND r.fulfillment_id = ANY(:works) AND r.state = 'allocated' AND r.lot IS NOT NULL ORDER BY r.id
"""
RELEASED = text("""
UPDATE fulfillment_order SET state = :state, released_at = :now, updated_at = clock_timestamp(), version = version + 1
WHERE tenant_id = :t AND id = ANY(:works)
""")
TOUCHED = text(
    "UPDATE orders SET updated_at = clock_timestamp(), version = version + 1 WHERE tenant_id = :t AND id = ANY(:orders)"
)


def hold_back(
    facts: Facts, now: datetime, wishes: Wishes, legs: Mapping[UUID, Leg], minutes: int
) -> dict[UUID, datetime]:
    """Return until when the work of each node waits; a node that is missing is told at once.

    Args:
        facts: calendars and services.
        now: an aware moment.
        wishes: the order's; what its buyer fetches at a node waits for no wave, since no other node may have it.  Where
            it has a first day to leave or arrive on, work waits until its node cannot send it earlier.
        legs: how each node's part leaves.
        minutes: how long work waits at most.
    """
    windowed = wishes.ship_from is not None or wishes.deliver_from is not None
    if wishes.pickup_node is not None:
        minutes = 0
    if not minutes and not windowed:
        return {}
    cutoffs = {service.code: service.cutoff for service in facts.routing.tariff.services.values()}
    found: dict[UUID, datetime] = {}
    for node, leg in legs.items():
        code = None if leg.service is None else f"{leg.carrier}/{leg.service}"
        calendar = until_fetched(facts.promising.calendars[node], cutoffs.get(code or ""))
        leaves = None if leg.ship_on is None else closing(calendar, leg.ship_on)
        if leaves is None:
            continue
        last = latest_start(calendar, now + MARGIN, leaves, minutes) if minutes else None
        if last is not None and last - MARGIN > now:
            found[node] = last - MARGIN
        if windowed and (first := _not_too_early(calendar, now, leaves)) is not None:
            found[node] = max(found.get(node, first), first)
    return found


def _not_too_early(calendar: Calendar, now: datetime, leaves: datetime) -> datetime | None:
    """Return the first minute at which work that begins leaves at a moment and not before; None when that is now."""
    before, most = leaves - timedelta(minutes=1), int((leaves - now).total_seconds() // 60)
    last = latest_start(calendar, now, before, max(most, 0))
    return None if last is None else last + timedelta(minutes=1)


def release_due(unit: Unit, facts: Facts) -> int:
    """Tell nodes of the work whose time has come, and return how many pieces of work that were.

    Work of an order on hold waits until the hold ends.
    """
    orders = lock_orders_to_release(unit, BATCH)
    if not orders:
        return 0
    rows = unit.conn.execute(text(WAITING), {"t": unit.tenant, "orders": orders}).all()
    ids = [row.id for row in rows]
    lines: dict[UUID, list[FulfillmentLine]] = {each: [] for each in ids}
    for line in unit.conn.execute(text(LINES), {"t": unit.tenant, "works": ids}):
        lines[line.fulfillment_id].append((line.id, line.line_id, line.item_id, line.units))
    lots: dict[UUID, dict[UUID, list[tuple[str, Decimal]]]] = {each: {} for each in ids}
    for lot in unit.conn.execute(text(LOTS), {"t": unit.tenant, "works": ids}):
        lots[lot.fulfillment_id].setdefault(lot.line_id, []).append((lot.lot, lot.quantity))
    state = str(FULFILLMENT.advance("planned", "release"))
    unit.conn.execute(RELEASED, {"state": state, "now": unit.now, "t": unit.tenant, "works": ids})
    told = {row.order_id for row in rows}
    unit.conn.execute(TOUCHED, {"t": unit.tenant, "orders": sorted(told)})
    tell_nodes(unit, facts, [(_work(unit, row, lines[row.id], lots[row.id]), lines[row.id]) for row in rows])
    refresh_phases(unit, told)
    return len(rows)


def _work(
    unit: Unit, row: Row[Any], lines: list[FulfillmentLine], lots: Mapping[UUID, list[tuple[str, Decimal]]]
) -> Work:
    assignments = [Assignment(line, item, row.node_id, units) for _, line, item, units in lines]
    leg = leg_of(row)
    # The order may have got another number since; the work keeps the one people know.
    order_number = row.number.rpartition("-")[0]
    return Work(row.id, row.order_id, order_number, row.node_id, row.decision_id, assignments, unit.now, leg, lots)
