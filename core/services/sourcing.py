"""Sourcing: choose nodes without locks, then take the stock for a whole batch under locks, or nothing, per order.

An order that lost the race for its units is solved again in a later round with fresh stock. What nobody has becomes a
backorder with an open case, and is looked at again when stock arrives.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from core.domain.ids import uuid7
from core.domain.policies import Traits
from core.domain.shelf import Shelf
from core.routing.problem import Demand, Destination, Plan, Problem
from core.routing.reckoning import reckon
from core.services.allocating import Solved, record, take
from core.services.backorders import Shortage, barred, report_shortages
from core.services.converting import Held, keep_held, read_held
from core.services.facts import Facts
from core.services.inforce import choose, needs_margins, read_margins
from core.services.phase import refresh_phases
from core.services.planning import plan_order, triples
from core.services.problems import Builder
from core.services.promise_looks import look_at_promise
from core.services.releasing import hold_back
from core.services.substituting import Substitutes
from core.services.windows import missed, tell_missed
from core.services.wishes import Wishes
from core.store.read.shelves import read_shelf
from core.store.unit import ORDERS, Unit

NONE = Decimal(0)
# A backorder is looked at again when stock moves, and for safety this often.
BACKORDER_LOOK = timedelta(hours=1)
RACE_LOOK = timedelta(milliseconds=20)


@dataclass(slots=True)
class Sourced:
    """An order with units to be found; the caller holds its lock."""

    order_id: UUID
    number: str
    connection_id: UUID
    demands: list[Demand]
    destination: Destination
    partial_allowed: bool
    started: bool = False
    excluded: dict[UUID, str] = field(default_factory=dict)
    # By line, the nodes that gave units of it back, and why.
    given_back: dict[UUID, dict[UUID, str]] = field(default_factory=dict)
    wishes: Wishes = field(default_factory=Wishes)
    substituted: dict[UUID, UUID] = field(default_factory=dict)
    tries: int = 0
    # Parts it has already, told or not: they count for how many its policy allows.
    parts: int = 0
    released: bool = False
    # Whether its work goes to the nodes now, whatever the policy says.
    at_once: bool = False
    # Whether it waited for supply that has come: what others still wait for does not hold it up.
    in_turn: bool = False
    traits: Traits = field(default_factory=Traits)
    # What was to be decided when it was planned last, and the answer.
    problem: Problem | None = None
    plan: Plan | None = None


def source_batch(unit: Unit, facts: Facts, batch: Sequence[Sourced]) -> list[UUID]:
    """Decide, take stock, and release what was taken, for orders in arrival order.

    Args:
        unit: the running transaction; it holds the lock of every order in the batch.
        facts: nodes, connections and the policies in force.
        batch: orders with their open units.

    Returns:
        The orders that lost a race and wait for the next round.
    """
    if not batch:
        return []
    learn_traits(unit, facts, batch)
    items = {demand.item_id for order in batch for demand in order.demands}
    substitutes = Substitutes(unit, items if any(each.substitutes for each in facts.policies) else ())
    items |= substitutes.items
    shelf = read_shelf(unit.conn, items, tenant=unit.tenant)
    builder = Builder(unit, facts, batch, shelf, substitutes.items)
    held = read_held(unit, [order.order_id for order in batch])
    solved = [_solve(order, builder, facts, unit.now, shelf, held.get(order.order_id), substitutes) for order in batch]
    won, lost = take(unit, solved)
    record(unit, won, facts)
    again = [each.order.order_id for each in lost]
    _settle(unit, facts, won, again)
    _tell_windows(unit, facts, won)
    return again


def _tell_windows(unit: Unit, facts: Facts, won: Sequence[Solved]) -> None:
    """Say which plans miss the days their orders ask for; an order that got nothing more is as it was."""
    found = {
        one.order.order_id: (
            one.order.number or "",
            missed(one.order.wishes, one.legs.values(), [facts.nodes[node].code for node in one.legs]),
        )
        for one in won
        if one.legs and (one.order.wishes.ship_by or one.order.wishes.deliver_by)
    }
    if found:
        tell_missed(unit, found, [one.order.order_id for one in won if one.order.tries == 0])


def learn_traits(unit: Unit, facts: Facts, batch: Sequence[Sourced]) -> None:
    """Fill in what policies look at and the order itself does not say: its channel's name, and its margin if asked."""
    margins = read_margins(unit, [order.order_id for order in batch]) if needs_margins(facts.policies) else {}
    for order in batch:
        channel = facts.connections.get(order.connection_id)
        order.traits = replace(
            order.traits,
            connection=channel.name if channel else "",
            margin=margins.get(order.order_id),
            parts=order.partial_allowed,
        )


def _solve(
    order: Sourced,
    builder: Builder,
    facts: Facts,
    now: datetime,
    shelf: Shelf,
    held: Held | None,
    substitutes: Substitutes,
) -> Solved:
    started = time.perf_counter_ns()
    if held:
        held.put_back(shelf, order.connection_id)
    chosen = choose(facts.policies, order.traits)
    found = plan_order(order, builder, shelf, chosen)
    if found.plan.short and chosen.substitutes and substitutes.swap(order, found.plan.short, shelf, facts.nodes):
        builder.weigh(order)
        found = plan_order(order, builder, shelf, chosen)
    plan = order.plan = found.plan
    order.problem = found.problem
    legs = builder.take(found.built, plan)
    # The rest of the batch sees what this order is about to take.
    kept = None
    if held and plan.short:
        held, kept = _keep_some(held, plan, facts)
        kept.put_back(shelf, order.connection_id, -1)
    wanted = triples(plan.assignments)
    needs, kits = shelf.needs(wanted), shelf.kits_in(wanted)
    shelf.take(order.connection_id, needs, kits)
    duration_us = (time.perf_counter_ns() - started) // 1000
    waits = hold_back(facts, now, order.wishes, legs, 0 if order.at_once else chosen.release_after_minutes)
    return Solved(
        order, found.problem, plan, uuid7(), duration_us, legs, needs, kits, shelf.kits, held, waits, kept=kept
    )  # fmt: skip


def _keep_some(held: Held, plan: Plan, facts: Facts) -> tuple[Held | None, Held]:
    """Return what an order that lacks units gives for those it gets, and what stays held for it: at nodes that are off.

    An order that gets nothing gives nothing.
    """
    gone, kept = held.split({node for node in held.ids.values() if not facts.nodes[node].active})
    return (gone, kept) if plan.assignments else (None, held)


SETTLE = """
UPDATE orders o SET state = d.state, decision_id = d.decision_id, sourcing_tries = o.sourcing_tries + 1,
       sourcing_at = d.sourcing_at, sourced_at = clock_timestamp(), updated_at = clock_timestamp(),
       version = o.version + 1
FROM unnest(%b::uuid[], %b::text[], %b::uuid[], %b::timestamptz[]) AS d(id, state, decision_id, sourcing_at)
WHERE o.tenant_id = %s AND o.id = d.id
"""
LATER = """
UPDATE orders SET sourcing_at = %s, sourcing_tries = sourcing_tries + 1 WHERE tenant_id = %s AND id = ANY(%s::uuid[])
"""


def _settle(unit: Unit, facts: Facts, won: Sequence[Solved], again: list[UUID]) -> None:
    shortages: list[Shortage] = []
    ids, states, decisions, looks = [], [], [], []
    for one in won:
        order, short = one.order, one.plan.short
        started = order.started or bool(one.plan.assignments)
        ids.append(order.order_id)
        states.append("in_progress" if started else "accepted")
        decisions.append(one.decision_id)
        looks.append(unit.now + BACKORDER_LOOK if short else None)
        lines: Mapping[UUID, UUID] = {demand.line_id: demand.item_id for demand in order.demands}
        shortages.extend(
            Shortage(
                order.order_id,
                lines[line],
                units,
                barred(one.problem, one.plan, lines[line]),
                tuple((facts.nodes[node].code, why) for node, why in order.given_back.get(line, {}).items()),
            )
            for line, units in short.items()
        )
        if not short:
            shortages.append(Shortage(order.order_id, None, NONE))
        if one.plan.assignments:
            unit.event(
                "order.allocated",
                "order",
                order.order_id,
                {
                    "cost": reckon(one.problem, one.plan.assignments).cost,
                    "nodes": len({each.node_id for each in one.plan.assignments}),
                },
                order_id=order.order_id,
            )
    _keep_for(unit, facts, won)
    if ids:
        unit.conn.exec_driver_sql(SETTLE, (ids, states, decisions, looks, unit.tenant))
    report_shortages(unit, shortages, known_clear={one.order.order_id for one in won if one.order.tries == 0})
    lacking = [one.order.order_id for one in won if one.plan.short or one.awaited]
    if lacking:  # one that was promised before has lost what it rested on
        look_at_promise(unit, *lacking)
    if again:
        unit.conn.exec_driver_sql(LATER, (unit.now + RACE_LOOK, unit.tenant, again))
        unit.wake(ORDERS)
    refresh_phases(unit, [*ids, *again])


def _keep_for(unit: Unit, facts: Facts, won: Sequence[Solved]) -> None:
    """Have what is held at nodes that are off stand until the orders that lack it are looked at again, and say so."""
    kept: set[UUID] = set()
    for one in won:
        off = {node for node in one.kept.ids.values() if not facts.nodes[node].active} if one.kept else set()
        if one.kept and off:
            kept |= one.kept.ids.keys()
            if one.order.tries == 0:
                codes = sorted(facts.nodes[node].code for node in off)
                unit.event("reservation.kept", "order", one.order.order_id, {"off": codes}, order_id=one.order.order_id)
    keep_held(unit, kept, 2 * BACKORDER_LOOK)
