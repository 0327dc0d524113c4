"""Waiting work looked at again after its node's calendar has changed: when it is released, and by when it is there.

Work whose day at its node is still the right one keeps its plan; where it would begin too late it is released earlier.
Work that would leave on another day now, or at another hour of it, is taken back, unseen by its node, and its order is
sourced again in the same transaction, by the way every order is. What a node was told of stays; its promises are looked
at. Work and orders on hold stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, text

from core.domain.calendars import closing, until_fetched
from core.domain.payloads import jsonable
from core.domain.states import FULFILLMENT
from core.services.backorders import look_again
from core.services.facts import Facts
from core.services.fulfilling import give_back, set_work_state
from core.services.leaving import leg_of
from core.services.offers import Offers
from core.services.releasing import hold_back
from core.services.resourcing import load_sourced
from core.services.sourcing import source_batch
from core.services.wishes import Wishes
from core.store.locks import lock_allocated, lock_orders, lock_positions, mark_listings
from core.store.unit import Unit

# Orders looked at in one sweep.
AT_ONCE = 50
MINUTE = timedelta(minutes=1)
CHANGED = text("""
SELECT id, code, replan_at FROM node WHERE tenant_id = :t AND replan_at <= clock_timestamp()
ORDER BY replan_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
""")
DONE = text("UPDATE node SET replan_at = NULL WHERE tenant_id = :t AND id = :n")
WAITING = text("""
SELECT f.*, p.ship_at FROM fulfillment_order f
JOIN orders o ON o.tenant_id = f.tenant_id AND o.id = f.order_id AND o.state IN ('accepted', 'in_progress')
LEFT JOIN promise_part p ON p.tenant_id = f.tenant_id AND p.fulfillment_id = f.id
WHERE f.tenant_id = :t AND f.node_id = :n AND f.state = 'planned' AND f.created_at < :before
  AND (CAST(:orders AS uuid[]) IS NULL OR f.order_id = ANY(:orders))
ORDER BY f.order_id, f.id
""")
MOVE_RELEASE = """
UPDATE fulfillment_order f SET release_at = d.at, updated_at = clock_timestamp(), version = f.version + 1
FROM unnest(%b::uuid[], %b::timestamptz[]) AS d(id, at) WHERE f.tenant_id = %s AND f.id = d.id
"""
# A promise is written under its order's lock; orders others work on are looked at when their own time comes.
LOOK_AT_PROMISES = text("""
UPDATE promise SET watch_at = clock_timestamp(), version = version + 1
WHERE tenant_id = :t AND state = 'standing' AND order_id = ANY(ARRAY(
    SELECT o.id FROM orders o WHERE o.tenant_id = :t AND o.id = ANY(ARRAY(
        SELECT DISTINCT order_id FROM fulfillment_order WHERE tenant_id = :t AND node_id = :n
        AND state IN ('planned', 'released', 'on_hold', 'acknowledged', 'picking', 'partly_shipped', 'canceling')))
    ORDER BY o.id FOR NO KEY UPDATE SKIP LOCKED))
""")


def look_at_calendars(unit: Unit, facts: Facts) -> int:
    """Plan again what waits at one node whose calendar has changed, and return how many works were touched.

    A sweep of the relay; what is more than a sweep's worth is looked at in the next.

    Args:
        unit: the running transaction.
        facts: read after the change; a node waits until everybody has seen it.
    """
    node = unit.conn.execute(CHANGED, {"t": unit.tenant}).one_or_none()
    if node is None:
        return 0
    values: dict[str, Any] = {"t": unit.tenant, "n": node.id, "before": node.replan_at}
    works = unit.conn.execute(WAITING, {**values, "orders": None}).all()
    touched = sorted({work.order_id for work in works if not _stands(facts, unit.now, work)})
    if touched:
        lock_orders(unit, touched[:AT_ONCE])
        works = unit.conn.execute(WAITING, {**values, "orders": touched[:AT_ONCE]}).all()
    else:
        works = []
    moved = [work for work in works if _day_stands(facts, unit.now, work)]
    _release_earlier(unit, facts, moved)
    _plan_again(unit, facts, [work for work in works if work not in moved], node.code)
    if len(touched) <= AT_ONCE:
        unit.conn.execute(LOOK_AT_PROMISES, {"t": unit.tenant, "n": node.id})
        unit.conn.execute(DONE, {"t": unit.tenant, "n": node.id})
        look_again(unit)
    return len(works)


def _stands(facts: Facts, now: datetime, work: Row[Any]) -> bool:
    """Return whether a waiting work keeps its day, its hour and its moment of release."""
    return _day_stands(facts, now, work) and _release_at(facts, now, work) == work.release_at


def _day_stands(facts: Facts, now: datetime, work: Row[Any]) -> bool:
    if work.ship_on is None:
        return True
    cutoffs = {service.code: service.cutoff for service in facts.routing.tariff.services.values()}
    cutoff = cutoffs.get(f"{work.carrier}/{work.service}") if work.service is not None else None
    offers = Offers(facts, {}, now)
    # Its own day may be full with it.
    full = [day for day in offers.taken_days(work.node_id) if day != work.ship_on]
    leaves = closing(until_fetched(facts.promising.calendars[work.node_id], cutoff), work.ship_on)
    return offers.day(work.node_id, cutoff, full) == work.ship_on and work.ship_at in (None, leaves)


def _release_at(facts: Facts, now: datetime, work: Row[Any]) -> datetime:
    """Return when a work must be released to leave on its day: as before, or earlier."""
    planned: datetime = work.release_at
    minutes = max(int((planned - now) / MINUTE) + 1, 0)
    leg = leg_of(work)
    last = hold_back(facts, now, Wishes(), {work.node_id: leg}, minutes).get(work.node_id, now)
    # Whole minutes are reckoned from now on: less than one is no change.
    return planned if last > planned - MINUTE else last


def _release_earlier(unit: Unit, facts: Facts, works: Sequence[Row[Any]]) -> None:
    moved = [(work, at) for work in works if (at := _release_at(facts, unit.now, work)) != work.release_at]
    if not moved:
        return
    unit.conn.exec_driver_sql(MOVE_RELEASE, ([work.id for work, _ in moved], [at for _, at in moved], unit.tenant))
    for work, at in moved:
        told = {"outcome": "earlier", "release_at": jsonable(at)}
        unit.event("fulfillment.replanned", "fulfillment", work.id, told, order_id=work.order_id)


def _plan_again(unit: Unit, facts: Facts, works: Sequence[Row[Any]], node: str) -> None:
    """Take work of locked orders back and source the orders anew, all under the locks of what it had."""
    if not works:
        return
    ids = sorted({work.order_id for work in works})
    orders = lock_orders(unit, ids)
    items = {item for item, _ in lock_allocated(unit, ids)}
    # Wherever the work goes, its positions are locked in one order, and nobody takes the units in between.
    lock_positions(unit, {(item, place) for item in items for place in facts.nodes})
    mark_listings(unit, items)
    reason = f"the calendar of {node} has changed"
    for work in works:
        give_back(unit, work, orders[work.order_id])
        set_work_state(unit, work.id, FULFILLMENT.advance("planned", "cancel"), reason=reason)
        if work.ship_on is not None:
            code = None if work.service is None else f"{work.carrier}/{work.service}"
            facts.routing.usage.add(work.node_id, code, work.ship_on, -1)
        told = {"outcome": "moved", "reason": reason}
        unit.event("fulfillment.replanned", "fulfillment", work.id, told, order_id=work.order_id)
    source_batch(unit, facts, [order for order in load_sourced(unit, ids) if order.demands])
