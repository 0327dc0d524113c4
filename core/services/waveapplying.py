"""Applying a wave: what changed and is better, in one transaction, in the global order of locks.

Orders that give units to each other change together or not at all; groups that share nothing scarce stand alone. A
group of which an order was changed, held, canceled or released in the meantime stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.ids import public_id, uuid7
from core.domain.states import FULFILLMENT
from core.routing.problem import Assignment
from core.routing.reckoning import reckon
from core.routing.waverecord import Plans
from core.routing.waves import cost_of, ways_of
from core.services.allocating import Solved, record, take
from core.services.facts import Facts
from core.services.fulfilling import give_back, set_work_state
from core.services.phase import refresh_phases
from core.services.releasing import hold_back
from core.services.waveoutside import overpromised
from core.services.wavepool import Member, WavePool
from core.services.wavereport import before
from core.services.wavesearch import Found
from core.store.locks import lock_allocated, lock_orders, mark_listings
from core.store.taking import lock_to_take
from core.store.unit import Unit

NONE = Decimal(0)
NOW = """
SELECT o.id, o.version, o.state,
       array(SELECT (f.id, f.version)::text FROM fulfillment_order f WHERE f.tenant_id = o.tenant_id
             AND f.order_id = o.id AND f.state NOT IN ('canceled', 'rejected') ORDER BY f.id) AS works
FROM orders o WHERE o.tenant_id = :t AND o.id = ANY(:orders)
"""
DECIDED = text("""
UPDATE orders SET decision_id = :decision, updated_at = clock_timestamp(), version = version + 1
WHERE tenant_id = :t AND id = :order
""")


class _Lost(Exception):
    """Somebody else took the units first."""


@dataclass(slots=True)
class Applied:
    """Which orders got their new plan, and why others did not."""

    plans: dict[UUID, Sequence[Assignment]] = field(default_factory=dict)
    skipped: dict[UUID, str] = field(default_factory=dict)


def groups(pool: WavePool, plans: Plans) -> list[set[UUID]]:
    """Return the changed orders in groups that need each other's units or shipments, the smallest possible."""
    moved: dict[object, dict[UUID, Decimal]] = {}
    for order_id, plan in plans.items():
        member = pool.members[order_id]
        for sign, units in ((1, plan), (-1, member.pooled.plan)):
            for key, number in _uses(member, units).items():
                change = moved.setdefault(key, {})
                change[order_id] = change.get(order_id, NONE) + sign * number
    today: dict[object, Decimal] = {}
    for member in pool.members.values():
        for key, number in _uses(member, member.pooled.plan).items():
            today[key] = today.get(key, NONE) + number
    there: dict[object, Decimal] = {place: sum((t.units for t in tiers), NONE) for place, tiers in pool.stock.items()}
    there |= {name: Decimal(most) for name, most in pool.limits.items()}
    tiered = {place for place, tiers in pool.stock.items() if len(tiers) > 1}
    found = [{order_id} for order_id in plans]
    for key, changes in moved.items():
        more = sum((each for each in changes.values() if each > 0), NONE)
        if key in tiered or more > there.get(key, NONE) - today.get(key, NONE):
            touched = {order_id for order_id, change in changes.items() if change}
            joined = [group for group in found if group & touched]
            found = [group for group in found if not group & touched]
            if joined:
                found.append(set().union(*joined))
    return found


def _uses(member: Member, plan: Sequence[Assignment]) -> dict[object, Decimal]:
    """Return what a plan takes of stock and of limits."""
    found: dict[object, Decimal] = {}
    for each in plan:
        place = each.item_id, each.node_id
        found[place] = found.get(place, NONE) + each.quantity
    for way in ways_of(plan):
        for name in member.pooled.slots.get(way, ()):
            found[name] = found.get(name, NONE) + 1
    return found


def saving(pool: WavePool, plans: Plans, group: Collection[UUID]) -> int:
    """Return what the new plans of a group alone save, in 1/10,000 of the currency."""
    every = [each.pooled for each in pool.members.values()]
    own = {order_id: plans[order_id] for order_id in group}
    return cost_of(every, pool.stock, pool.limits, {}) - cost_of(every, pool.stock, pool.limits, own)


def apply(unit: Unit, facts: Facts, pool: WavePool, found: Found, wave_id: UUID) -> Applied:
    """Move the works of changed orders to where the wave wants them, group by group.

    Args:
        unit: the running transaction; it holds no locks of orders or stock yet.
        facts: nodes and connections.
        pool: what the wave was made from.
        found: its plans.
        wave_id: for decisions and events.
    """
    done = Applied()
    plans = found.plans
    ids = sorted(plans)
    lock_orders(unit, ids)
    rows = {row.id: row for row in unit.conn.execute(text(NOW), {"t": unit.tenant, "orders": ids})}
    stale = {order_id: why for order_id in ids if (why := _stale(rows.get(order_id), pool.members[order_id]))}
    fresh = [order_id for order_id in ids if order_id not in stale]
    held = lock_allocated(unit, fresh)
    keys = {(each.item_id, each.node_id) for order_id in fresh for each in plans[order_id]} | held
    lock_to_take(unit, keys)
    mark_listings(unit, {item for item, _ in keys})
    for group in groups(pool, plans):
        reasons = {order_id: stale[order_id] for order_id in group & stale.keys()}
        if not reasons and saving(pool, plans, group) <= 0:
            reasons = dict.fromkeys(group, "saves nothing")
        if not reasons:
            try:
                with unit.savepoint():
                    _move(unit, facts, pool, found, {each: rows[each] for each in sorted(group)}, wave_id)
            except _Lost:
                reasons = dict.fromkeys(group, "somebody else took the units first")
        if reasons:
            done.skipped.update({each: reasons.get(each, "needs units of one that was changed") for each in group})
        else:
            done.plans.update({order_id: plans[order_id] for order_id in group})
    return done


def _stale(row: Row[Any] | None, member: Member) -> str | None:
    """Return why an order's plan may not be used any more, None when it may."""
    if row is None or row.state not in ("accepted", "in_progress"):
        return f"is {row.state if row else 'gone'} now"
    if row.works != [f"({work.id},{work.version})" for work in member.works]:
        return "has other work now"
    return "was changed in the meantime" if row.version != member.version else None


def _move(unit: Unit, facts: Facts, pool: WavePool, found: Found, rows: Mapping[UUID, Row[Any]], wave_id: UUID) -> None:
    solved = []
    for order_id in rows:
        member = pool.members[order_id]
        problem, plan = found.granted[order_id]
        for work in member.works:
            _withdraw(unit, work, rows[order_id], wave_id)
        legs = {each.node_id: member.built.legs[each.node_id, each.service] for each in plan.assignments}
        needs: dict[tuple[UUID, UUID], Decimal] = {}
        for each in plan.assignments:
            needs[each.item_id, each.node_id] = needs.get((each.item_id, each.node_id), NONE) + each.quantity
        minutes = int((member.release_at - unit.now).total_seconds() // 60)
        waits = hold_back(facts, unit.now, member.order.wishes, legs, max(minutes, 0))
        solved.append(
            Solved(
                member.order, problem, plan, uuid7(), 0, legs, needs, {}, {}, None, waits, kind="wave",
                also={"wave": before(pool, member, wave_id)},
            )
        )  # fmt: skip
    won, lost = take(unit, solved)
    # Beyond what is there a unit may be promised, but not on time.
    taken = {key for one in solved for key in one.needs}
    if lost or taken & overpromised(unit, {item for item, _ in taken}).keys():
        raise _Lost
    record(unit, won, facts)
    for one in won:
        values = {"decision": one.decision_id, "t": unit.tenant, "order": one.order.order_id}
        unit.conn.execute(DECIDED, values)
        unit.event(
            "order.replanned", "order", one.order.order_id,
            {
                "wave": public_id("wave", wave_id),
                "nodes": len(one.legs),
                "cost": reckon(one.problem, one.plan.assignments).cost,
            },
            order_id=one.order.order_id,
        )  # fmt: skip
    refresh_phases(unit, rows)


def _withdraw(unit: Unit, work: Row[Any], order: Row[Any], wave_id: UUID) -> None:
    """End waiting work of a locked order; nobody was told of it."""
    give_back(unit, work, order)
    reason = f"planned again by {public_id('wave', wave_id)}"
    set_work_state(unit, work.id, FULFILLMENT.advance("planned", "cancel"), reason=reason)
    unit.event(
        "fulfillment.replanned", "fulfillment", work.id, {"outcome": "moved", "reason": reason}, order_id=work.order_id
    )
