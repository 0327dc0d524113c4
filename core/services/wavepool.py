"""The pool of a wave: orders whose work waits, how each may ship now, and what all of them share.

What the pool holds is free for it: stock and shipments of its own plans are put back before anybody plans. What a wave
must not touch stays out, with the reason: orders of which a part is released or on hold, kits, items that protection
rules keep from some channel, and works whose way of today is gone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.shelf import Shelf
from core.intelligence.lanes import LEVELS
from core.routing.pooling import Taken, pooled
from core.routing.problem import Assignment, Demand, StockTier
from core.routing.waves import Place, Pooled
from core.services.expecting import Outlook, dues
from core.services.facts import Facts
from core.services.inforce import InForce, choose
from core.services.leaving import code_of, leg_of
from core.services.offers import Leg
from core.services.problems import Builder, Built
from core.services.resourcing import load_sourced
from core.services.sourcing import Sourced, learn_traits
from core.services.tariffs import scaled
from core.services.waveoutside import Outside
from core.services.wavesharing import shared, slots_of
from core.store.read.shelves import read_shelf
from core.store.unit import Unit

NONE = Decimal(0)
# The orders of one country compete for the same nodes and stay together, those first whose time comes first.
WAITING = """
WITH waiting AS (
    SELECT f.order_id, min(f.release_at) AS first, bool_and(f.release_at > clock_timestamp()) AS waits,
           bool_or(f.release_at IS NULL) AS awaits
    FROM fulfillment_order f WHERE f.tenant_id = :t AND f.state = 'planned' GROUP BY f.order_id
)
SELECT o.id, o.version, o.state, w.waits, w.awaits, count(*) OVER () AS all_waiting,
       EXISTS (SELECT 1 FROM fulfillment_order f WHERE f.tenant_id = o.tenant_id AND f.order_id = o.id
               AND f.state NOT IN ('planned', 'canceled', 'rejected')) AS begun
FROM waiting w JOIN orders o ON o.tenant_id = :t AND o.id = w.order_id
ORDER BY min(w.first) OVER (PARTITION BY o.ship_country), o.ship_country, w.first, o.id LIMIT :most
"""
WORKS = """
SELECT id, order_id, node_id, version, carrier, service, ship_on, arrive_on, release_at FROM fulfillment_order
WHERE tenant_id = :t AND order_id = ANY(:orders) AND state = 'planned' ORDER BY order_id, id
"""
LINES = """
SELECT l.fulfillment_id, l.line_id, l.item_id, l.quantity - l.canceled AS units, coalesce(o.unit_price, 0) AS price
FROM fulfillment_line l JOIN order_line o ON o.tenant_id = l.tenant_id AND o.id = l.line_id
WHERE l.tenant_id = :t AND l.fulfillment_id = ANY(:works) AND l.quantity > l.canceled ORDER BY l.id
"""
LOTS = """
SELECT order_id, item_id, node_id, lot, sum(quantity) AS units FROM reservation
WHERE tenant_id = :t AND order_id = ANY(:orders) AND state = 'allocated' AND lot IS NOT NULL GROUP BY 1, 2, 3, 4
"""
PROMISES = """
SELECT order_id, due_at, level FROM promise
WHERE tenant_id = :t AND order_id = ANY(:orders) AND state IN ('standing', 'late')
"""


@dataclass(slots=True)
class Member:
    """One order of the pool.

    Attributes:
        order: with the waiting units as its demands.
        version: of its row when it was read.
        works: rows of its waiting work.
        policy: which it gets now.
        built: its problem, with what the whole pool holds as free.
        pooled: the same for the search.
        due_at: when all of it must be there with the chance `level`: its promise, else when it would be there today.
    """

    order: Sourced
    version: int
    works: Sequence[Row[Any]]
    policy: InForce
    built: Built
    pooled: Pooled
    due_at: datetime
    level: float

    @property
    def release_at(self) -> datetime:
        """Return when the first of its work is released."""
        found: datetime = min(work.release_at for work in self.works)
        return found


@dataclass(slots=True)
class WavePool:
    """What a wave is made from; `outside` counts the orders that wait and stay as they are, by the reason."""

    facts: Facts
    members: dict[UUID, Member] = field(default_factory=dict)
    stock: dict[Place, Sequence[StockTier]] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    outside: dict[str, int] = field(default_factory=dict)

    def leave(self, reason: str, orders: int = 1) -> None:
        """Count orders that stay as they are."""
        self.outside[reason] = self.outside.get(reason, 0) + orders

    def arrival(self, unit: Unit, member: Member, plan: Sequence[Assignment]) -> datetime | None:
        """Return when a plan is there, all of it, with the chance the member's promise has; None for never."""
        legs = {each.node_id: member.built.legs[each.node_id, each.service] for each in plan}
        return _arrival(Outlook(self.facts, unit.now), member.order, legs, member.level)


def read_pool(unit: Unit, facts: Facts, most: int) -> WavePool:
    """Return the pool as it is now.

    Args:
        unit: the running transaction; nothing is locked or written in it.
        facts: read just now, since days must not be fuller than the database knows.
        most: orders at most; those whose time comes later wait for the next wave.
    """
    pool = WavePool(replace(facts, routing=replace(facts.routing, usage=facts.routing.usage.copy(), kept={})))
    rows = unit.conn.execute(text(WAITING), {"t": unit.tenant, "most": most}).all()
    if rows and rows[0].all_waiting > len(rows):
        pool.leave("is for the next wave: this one is full", rows[0].all_waiting - len(rows))
    versions: dict[UUID, int] = {}
    for row in rows:
        if row.state not in ("accepted", "in_progress"):
            pool.leave(f"is {row.state}")
        elif row.begun:
            pool.leave("has a part that is not waiting")
        elif row.awaits:
            pool.leave("has units that are not there yet")
        elif not row.waits:
            pool.leave("is about to be released")
        else:
            versions[row.id] = row.version
    if versions:
        _fill(unit, pool, versions)
    return pool


def _fill(unit: Unit, pool: WavePool, versions: Mapping[UUID, int]) -> None:
    values = {"t": unit.tenant, "orders": list(versions)}
    works: dict[UUID, list[Row[Any]]] = {}
    for row in unit.conn.execute(text(WORKS), values):
        works.setdefault(row.order_id, []).append(row)
    lines: dict[UUID, list[Row[Any]]] = {}
    ids = [work.id for own in works.values() for work in own]
    for row in unit.conn.execute(text(LINES), {"t": unit.tenant, "works": ids}):
        lines.setdefault(row.fulfillment_id, []).append(row)
    orders = load_sourced(unit, list(versions))
    learn_traits(unit, pool.facts, orders)
    plans: dict[UUID, list[Assignment]] = {}
    for order in orders:
        plans[order.order_id] = [
            Assignment(line.line_id, line.item_id, work.node_id, line.units, code_of(work))
            for work in works[order.order_id]
            for line in lines[work.id]
        ]
        # All of its parts wait and are planned together, anew.
        order.parts = 0
        order.demands = _demands([line for work in works[order.order_id] for line in lines[work.id]])
    items = {demand.item_id for order in orders for demand in order.demands}
    shelf = read_shelf(unit.conn, items, beyond=False, tenant=unit.tenant)
    outside = Outside(unit, items, shelf)
    kept = []
    for order in orders:
        fetched = "is fetched by its buyer" if order.wishes.pickup_node is not None else None
        reason = fetched or outside.reason(order, plans[order.order_id], works[order.order_id])
        if reason is None:
            kept.append(order)
        else:
            pool.leave(reason)
    lots: dict[UUID, dict[tuple[UUID, UUID, str], Decimal]] = {}
    for row in unit.conn.execute(text(LOTS), values):
        lots.setdefault(row.order_id, {})[row.item_id, row.node_id, row.lot] = row.units
    for order in kept:
        _hold(pool, shelf, order, plans[order.order_id], works[order.order_id], lots.get(order.order_id, {}), -1)
    builder = Builder(unit, pool.facts, kept, shelf)
    promises = {row.order_id: row for row in unit.conn.execute(text(PROMISES), values)}
    outlook = Outlook(pool.facts, unit.now)
    for order in kept:
        own, plan = works[order.order_id], plans[order.order_id]
        policy = choose(pool.facts.policies, order.traits)
        built = builder.build(order, policy)
        promise = promises.get(order.order_id)
        level = promise.level if promise else pool.facts.promising.terms.level
        legs = {work.node_id: leg_of(work) for work in own}
        due_at = promise.due_at if promise else _arrival(outlook, order, legs, level)
        if due_at is None or not _as_today(built, own, plan):
            _hold(pool, shelf, order, plan, own, lots.get(order.order_id, {}), 1)
            pool.leave("cannot ship any more as it is planned")
            continue
        late = _late(outlook, order, built, due_at, level)
        mine = Pooled(order.order_id, built.problem, plan, late, slots_of(pool.facts, built))
        pool.members[order.order_id] = Member(order, versions[order.order_id], own, policy, built, mine, due_at, level)
    pool.stock, pool.limits = shared(pool, shelf)


def _demands(lines: Sequence[Row[Any]]) -> list[Demand]:
    wanted: dict[UUID, Demand] = {}
    for line in lines:
        known = wanted.get(line.line_id)
        units = line.units + (known.quantity if known else NONE)
        wanted[line.line_id] = Demand(line.line_id, line.item_id, units, scaled(line.price))
    return list(wanted.values())


def _hold(
    pool: WavePool,
    shelf: Shelf,
    order: Sourced,
    plan: Sequence[Assignment],
    works: Sequence[Row[Any]],
    lots: Mapping[tuple[UUID, UUID, str], Decimal],
    sign: int,
) -> None:
    """Take what an order holds (1), or put it back for the pool (-1)."""
    held = {key: -sign * units for key, units in shelf.needs(_triples(plan)).items()}
    shelf.give(order.connection_id, held, held, {place: -sign * units for place, units in lots.items()})
    for work in works:
        if work.ship_on is not None:
            pool.facts.routing.usage.add(work.node_id, code_of(work), work.ship_on, sign)


def _triples(plan: Sequence[Assignment]) -> list[tuple[UUID, UUID, Decimal]]:
    return [(each.item_id, each.node_id, each.quantity) for each in plan]


def _as_today(built: Built, works: Sequence[Row[Any]], plan: Sequence[Assignment]) -> bool:
    """Return whether today's plan is still possible, leaving and arriving on the same days."""
    if any(built.legs.get((work.node_id, code_of(work))) != leg_of(work) for work in works):
        return False
    own: dict[Place, list[StockTier]] = {}
    for each in plan:
        own.setdefault((each.item_id, each.node_id), []).append(StockTier(each.quantity, 0))
    try:
        pooled([(built.problem, plan, (), {})], own, {}, {})
    except ValueError:
        return False  # no way of its problem any more
    return True


def _arrival(outlook: Outlook, order: Sourced, legs: Mapping[UUID, Leg], level: float) -> datetime | None:
    parts = []
    for node, leg in legs.items():
        part = outlook.part(node, order.destination, order.wishes.postal_code, leg)
        if part is None:
            return None
        parts.append(part)
    return dues(parts)[LEVELS.index(level)]


def _late(outlook: Outlook, order: Sourced, built: Built, due_at: datetime, level: float) -> frozenset[Taken]:
    """Return the ways by which one part alone would come too late."""
    found = set()
    for (node, service), leg in built.legs.items():
        at = _arrival(outlook, order, {node: leg}, level)
        if at is None or at > due_at:
            found.add((node, service))
    return frozenset(found)
