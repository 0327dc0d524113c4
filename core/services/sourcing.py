"""Sourcing: choose nodes without locks, then take the stock for a whole batch under locks, or nothing, per order.

An order that lost the race for its units is solved again in a later round with fresh stock. What nobody has becomes a
backorder with an open case, and is looked at again when stock arrives.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from core.domain.ids import uuid7
from core.routing.problem import Assignment, Demand, Destination, Plan, Policy, Problem
from core.services import release
from core.services.backorders import Shortage, report_shortages
from core.services.facts import Facts
from core.services.offers import Leg, Wishes
from core.services.phase import refresh_phases
from core.services.problems import Builder
from core.services.substituting import Substitutes, mark_substituted
from core.store import schema as t
from core.store.bulk import as_json, copy_rows
from core.store.locks import lock_positions, mark_listings, move_stock
from core.store.unit import ORDERS, Unit

NONE = Decimal(0)
# A backorder is looked at again when stock moves, and for safety this often.
BACKORDER_LOOK = timedelta(hours=1)
RACE_LOOK = timedelta(milliseconds=20)
FREE_STOCK = """
SELECT item_id, node_id, on_hand - safety - reserved - allocated + backorder_limit AS free
FROM stock_position WHERE tenant_id = %s AND item_id = ANY(%s::uuid[])
  AND on_hand - safety - reserved - allocated + backorder_limit > 0
"""


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
    wishes: Wishes = field(default_factory=Wishes)
    substituted: dict[UUID, UUID] = field(default_factory=dict)
    tries: int = 0
    released: bool = False


@dataclass(slots=True)
class _Solved:
    order: Sourced
    plan: Plan
    decision_id: UUID
    duration_us: int
    stock: dict[str, dict[str, str]]
    problem: Problem
    legs: Mapping[UUID, Leg]


def source_batch(unit: Unit, facts: Facts, batch: Sequence[Sourced], policy: Policy | None = None) -> list[UUID]:
    """Decide, take stock, and release what was taken, for orders in arrival order.

    Args:
        unit: the running transaction; it holds the lock of every order in the batch.
        facts: nodes and connections.
        batch: orders with their open units.
        policy: the active policy.

    Returns:
        The orders that lost a race and wait for the next round.
    """
    if not batch:
        return []
    policy = policy or Policy()
    free = read_free(unit, {demand.item_id for order in batch for demand in order.demands})
    builder = Builder(unit, facts, batch)
    solved = [_solve(order, builder, facts, free, policy) for order in batch]
    if policy.substitutes and any(one.plan.short for one in solved):
        solved = _substituted(unit, facts, solved, free, policy)
    won, lost = _take(unit, solved)
    _record(unit, won, facts, policy)
    again = [each.order.order_id for each in lost]
    _settle(unit, won, again)
    return again


def read_free(unit: Unit, items: set[UUID]) -> dict[tuple[UUID, UUID], Decimal]:
    """Return the units that may be promised of these items, by (item, node); read without locks."""
    rows = unit.conn.exec_driver_sql(FREE_STOCK, (unit.tenant, list(items)))
    return {(row.item_id, row.node_id): row.free for row in rows}


def _solve(
    order: Sourced, builder: Builder, facts: Facts, free: dict[tuple[UUID, UUID], Decimal], policy: Policy
) -> _Solved:
    started = time.perf_counter_ns()
    items = {demand.item_id for demand in order.demands}
    codes = {node.id: node.code for node in facts.nodes.values()}
    stock = {
        (item, node): free[item, node] for item in items for node in facts.nodes if free.get((item, node), NONE) > 0
    }
    built, plan, legs = builder.plan(order, policy, stock)
    # The rest of the batch sees what this order is about to take.
    for each in plan.assignments:
        free[each.item_id, each.node_id] -= each.quantity
    seen: dict[str, dict[str, str]] = {}
    for (item, node), units in stock.items():
        seen.setdefault(item.hex, {})[codes[node]] = format(units, "f")
    duration_us = (time.perf_counter_ns() - started) // 1000
    return _Solved(order, plan, uuid7(), duration_us, seen, built.problem, legs)


def _substituted(
    unit: Unit, facts: Facts, solved: Sequence[_Solved], free: dict[tuple[UUID, UUID], Decimal], policy: Policy
) -> list[_Solved]:
    """Solve orders again that lack a whole line for which an approved substitute is there."""
    lacking = {each.item_id for one in solved for each in one.order.demands if each.line_id in one.plan.short}
    substitutes = Substitutes(unit, lacking)
    free.update({key: units for key, units in read_free(unit, substitutes.items).items() if key not in free})
    found = []
    for one in solved:
        order = one.order
        channel = facts.connections.get(order.connection_id)
        demands = substitutes.instead(order.demands, one.plan.short, channel.name if channel else None, free)
        if one.plan.short and demands != order.demands:
            for each in one.plan.assignments:
                free[each.item_id, each.node_id] += each.quantity
            before = {each.line_id: each.item_id for each in order.demands}
            order.demands = demands
            order.substituted = {each.line_id: each.item_id for each in demands if before[each.line_id] != each.item_id}
            one = _solve(order, Builder(unit, facts, [order]), facts, free, policy)
        found.append(one)
    return found


def _take(unit: Unit, solved: Sequence[_Solved]) -> tuple[list[_Solved], list[_Solved]]:
    """Lock what the plans want, in key order; grant in arrival order, per order all or nothing."""
    wanted = {(each.item_id, each.node_id) for one in solved for each in one.plan.assignments}
    positions = lock_positions(unit, wanted)
    left = {key: position.free for key, position in positions.items()}
    taken: dict[tuple[UUID, UUID], Decimal] = {}
    won, lost = [], []
    for one in solved:
        needs: dict[tuple[UUID, UUID], Decimal] = {}
        for each in one.plan.assignments:
            key = each.item_id, each.node_id
            needs[key] = needs.get(key, NONE) + each.quantity
        if all(left.get(key, NONE) >= units for key, units in needs.items()):
            for key, units in needs.items():
                left[key] -= units
                taken[key] = taken.get(key, NONE) + units
            won.append(one)
        else:
            lost.append(one)
    move_stock(unit, {key: (NONE, NONE, units) for key, units in taken.items()})
    mark_listings(unit, {item for item, _ in taken})
    return won, lost


def _record(unit: Unit, won: Sequence[_Solved], facts: Facts, policy: Policy) -> None:
    """Write allocations, ledger, fulfillment orders, decisions and outgoing work of the orders that got stock."""
    reservations, movements, decisions = [], [], []
    works: list[release.Work] = []
    for one in won:
        mark_substituted(unit, one.order.order_id, one.order.substituted)
        by_node: dict[UUID, list[Assignment]] = {}
        for each in one.plan.assignments:
            by_node.setdefault(each.node_id, []).append(each)
        for node_id, assignments in by_node.items():
            work = release.Work(
                uuid7(), one.order.order_id, one.order.number, node_id, one.decision_id, assignments, unit.now,
                one.legs[node_id],
            )  # fmt: skip
            works.append(work)
            one.order.released = True
            for each in assignments:
                reservations.append(
                    (
                        uuid7(),
                        one.order.order_id,
                        each.line_id,
                        work.id,
                        one.order.connection_id,
                        each.item_id,
                        node_id,
                        each.quantity,
                        "allocated",
                    )
                )
                movements.append(
                    (each.item_id, node_id, "allocate", each.quantity, one.order.order_id, unit.cause, unit.actor)
                )
        decisions.append(_decision(one, policy))
    copy_rows(
        unit,
        t.reservation,
        (
            "id", "order_id", "line_id", "fulfillment_id", "connection_id", "item_id", "node_id", "quantity", "state",
        ),
        reservations,
    )  # fmt: skip
    copy_rows(
        unit,
        t.stock_movement,
        ("item_id", "node_id", "kind", "allocated", "order_id", "cause", "actor"),
        movements,
    )
    copy_rows(
        unit,
        t.decision,
        ("id", "kind", "order_id", "policy", "inputs", "candidates", "choice", "bound", "duration_us", "at"),
        [(*row, unit.now) for row in decisions],
    )
    release.release(unit, facts, works)


def _decision(one: _Solved, policy: Policy) -> tuple[object, ...]:
    order, plan = one.order, one.plan
    inputs = {
        "lines": [[each.line_id.hex, each.item_id.hex, format(each.quantity, "f")] for each in order.demands],
        "stock": one.stock,
        "country": order.destination.country,
        "point": [order.destination.latitude, order.destination.longitude],
        "partial_allowed": order.partial_allowed,
        "excluded": {node.hex: reason for node, reason in one.problem.excluded.items()},
    }
    choice = {
        "assignments": [[each.line_id.hex, each.node_id.hex, format(each.quantity, "f")] for each in plan.assignments],
        "cost": plan.cost,
        "short": {line.hex: format(units, "f") for line, units in plan.short.items()},
    }
    return (
        one.decision_id, "sourcing", order.order_id, policy.version, as_json(inputs), as_json(list(plan.candidates)),
        as_json(choice), plan.proof, one.duration_us,
    )  # fmt: skip


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


def _settle(unit: Unit, won: Sequence[_Solved], again: list[UUID]) -> None:
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
        shortages.extend(Shortage(order.order_id, lines[line], units) for line, units in short.items())
        if not short:
            shortages.append(Shortage(order.order_id, None, NONE))
        if one.plan.assignments:
            unit.event(
                "order.allocated",
                "order",
                order.order_id,
                {"cost": one.plan.cost, "nodes": len({each.node_id for each in one.plan.assignments})},
                order_id=order.order_id,
            )
    if ids:
        unit.conn.exec_driver_sql(SETTLE, (ids, states, decisions, looks, unit.tenant))
    report_shortages(unit, shortages, known_clear={one.order.order_id for one in won if one.order.tries == 0})
    if again:
        unit.conn.exec_driver_sql(LATER, (unit.now + RACE_LOOK, unit.tenant, again))
        unit.wake(ORDERS)
    refresh_phases(unit, [*ids, *again])
