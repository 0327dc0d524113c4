"""Sourcing: choose nodes without locks, then take the stock for a whole batch under locks, or nothing, per order.

An order that lost the race for its units is solved again in a later round with fresh stock. What nobody has becomes a
backorder with an open case, and is looked at again when stock arrives.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from core.domain.ids import uuid7
from core.domain.policies import Traits
from core.routing.optimizer import solve
from core.routing.problem import Assignment, Demand, Destination, Plan, Problem
from core.services import release
from core.services.backorders import Shortage, report_shortages
from core.services.facts import Facts
from core.services.inforce import InForce, choose, needs_margins, read_margins
from core.services.phase import refresh_phases
from core.services.recording import Decided, record_decisions
from core.store import schema as t
from core.store.bulk import copy_rows
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
    tries: int = 0
    released: bool = False
    traits: Traits = field(default_factory=Traits)


@dataclass(slots=True)
class _Solved:
    order: Sourced
    problem: Problem
    plan: Plan
    decision_id: UUID
    duration_us: int

    def decided(self) -> Decided:
        order = self.order
        return Decided(
            self.decision_id, "sourcing", order.order_id, self.problem, self.plan, self.duration_us, order.traits
        )


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
    free = read_free(unit, {demand.item_id for order in batch for demand in order.demands})
    solved = [_solve(order, facts, free) for order in batch]
    won, lost = _take(unit, solved)
    _record(unit, won, facts)
    again = [each.order.order_id for each in lost]
    _settle(unit, won, again)
    return again


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


def read_free(unit: Unit, items: set[UUID]) -> dict[tuple[UUID, UUID], Decimal]:
    """Return the units that may still be promised by (item, node)."""
    rows = unit.conn.exec_driver_sql(FREE_STOCK, (unit.tenant, list(items)))
    return {(row.item_id, row.node_id): row.free for row in rows}


def build_problem(order: Sourced, facts: Facts, free: Mapping[tuple[UUID, UUID], Decimal], chosen: InForce) -> Problem:
    """Return what is to be decided for an order under a policy, with the stock that is free."""
    items = {demand.item_id for demand in order.demands}
    return Problem(
        order.demands,
        list(facts.nodes.values()),
        {(item, node): free[item, node] for item in items for node in facts.nodes if free.get((item, node), NONE) > 0},
        order.destination,
        order.partial_allowed and not chosen.ship_complete,
        chosen.policy,
        order.excluded,
    )


def _solve(order: Sourced, facts: Facts, free: dict[tuple[UUID, UUID], Decimal]) -> _Solved:
    started = time.perf_counter_ns()
    problem = build_problem(order, facts, free, choose(facts.policies, order.traits))
    plan = solve(problem)
    # The rest of the batch sees what this order is about to take.
    for each in plan.assignments:
        free[each.item_id, each.node_id] -= each.quantity
    return _Solved(order, problem, plan, uuid7(), (time.perf_counter_ns() - started) // 1000)


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


def _record(unit: Unit, won: Sequence[_Solved], facts: Facts) -> None:
    """Write allocations, ledger, fulfillment orders, decisions and outgoing work of the orders that got stock."""
    reservations, movements = [], []
    works: list[release.Work] = []
    for one in won:
        by_node: dict[UUID, list[Assignment]] = {}
        for each in one.plan.assignments:
            by_node.setdefault(each.node_id, []).append(each)
        for node_id, assignments in by_node.items():
            work = release.Work(
                uuid7(), one.order.order_id, one.order.number, node_id, one.decision_id, assignments, unit.now
            )
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
    record_decisions(unit, [one.decided() for one in won])
    release.release(unit, facts, works)


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
