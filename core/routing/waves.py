"""Waves: the plans of many promised but unreleased orders made again together, so that each gets what saves most.

One order after the other takes what is best for it; together the scarce unit goes where its absence costs most. The
plans of today are where the search starts, so that the result is never dearer, and each line ships as many units as
today.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from core.routing.building import quantity
from core.routing.explaining import whole_cost
from core.routing.pooling import Pool, Taken, Units, cost_of_pool, pooled
from core.routing.problem import Assignment, Problem, StockTier
from core.routing.waveprogram import improve

Place = tuple[UUID, UUID]
"""Item and node."""


@dataclass(frozen=True, slots=True)
class Pooled:
    """An order whose work is not released yet.

    `problem` says how it may ship (its own stock and capacity are not looked at: the pool's are), `plan` how it is to
    ship today. `late` are the (node, service) that would break its promise: today's plan may keep them, no other may.
    `slots` are the names of the limits that a (node, service) takes one of.
    """

    order_id: UUID
    problem: Problem
    plan: Sequence[Assignment]
    late: frozenset[Taken] = field(default_factory=frozenset)
    slots: Mapping[Taken, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wave:
    """What replanning found; costs in 1/10,000 of the currency.

    Args:
        plans: of each order, today's where nothing better was found.
        changed: orders whose plan is another.
        before: cost of all of today's plans.
        after: cost of all plans now, never above `before`.
        bound: no plans that ship the same units, keep the promises and the limits cost less.
        optimal: whether that was proven of these plans.
        finished: whether the search ended by itself. Otherwise the clock ended it: another run may find other plans.
    """

    plans: Mapping[UUID, Sequence[Assignment]]
    changed: tuple[UUID, ...]
    before: int
    after: int
    bound: int
    optimal: bool
    finished: bool


def replan(
    pool: Sequence[Pooled],
    stock: Mapping[Place, Sequence[StockTier]],
    capacity: Mapping[UUID, Decimal],
    limits: Mapping[str, int] | None = None,
    *,
    seconds: float = 60,
    nodes: int = 1_000,
) -> Wave:
    """Plan a pool of orders again.

    Args:
        pool: the orders.
        stock: what the pool may use per (item, node): what is free and what today's plans hold.
        capacity: units per node that the pool may use: what is left and what today's plans hold. A node that is missing
            has no limit.
        limits: how many shipments of the pool may take a slot, by its name; a name that is missing has no limit.
        seconds: most seconds of search.
        nodes: most nodes of the search tree.

    Raises:
        ValueError: today's plans are not possible with this stock, this capacity, these limits, or the ways an
            order has.
    """
    found = pooled([(each.problem, each.plan, each.late, each.slots) for each in pool], stock, capacity, limits or {})
    result = improve(found, seconds=seconds, nodes=nodes)
    plans, changed = {}, []
    for index, each in enumerate(pool):
        if result.plans[index] == found.orders[index].today:
            plans[each.order_id] = each.plan
        else:
            plans[each.order_id] = _assignments(found, index, each.problem, result.plans[index])
            changed.append(each.order_id)
    scale = 10**found.digits
    after = whole_cost(result.after, scale)
    return Wave(
        plans,
        tuple(changed),
        whole_cost(result.before, scale),
        after,
        after if result.optimal else min(result.bound // scale, after),
        result.optimal,
        result.finished,
    )


def cost_of(
    pool: Sequence[Pooled],
    stock: Mapping[Place, Sequence[StockTier]],
    limits: Mapping[str, int],
    plans: Mapping[UUID, Sequence[Assignment]],
) -> int:
    """Return what a pool costs, in 1/10,000 of the currency, when some orders have other plans than today's.

    Args:
        pool: the orders.
        stock: as in `replan`.
        limits: as in `replan`.
        plans: of orders, instead of today's.

    Raises:
        ValueError: the plans together need more than there is, or use a way that an order does not have.
    """
    asked = [(each.problem, plans.get(each.order_id, each.plan), (), each.slots) for each in pool]
    found = pooled(asked, stock, {}, limits)
    return whole_cost(cost_of_pool(found, [order.today for order in found.orders]), 10**found.digits)


def ways_of(plan: Sequence[Assignment]) -> frozenset[Taken]:
    """Return the (node, service) that a plan uses."""
    return frozenset((each.node_id, each.service) for each in plan)


def _assignments(pool: Pool, index: int, problem: Problem, plan: Units) -> list[Assignment]:
    """Return a plan of the pool as assignments, by line and then by node code."""
    order = pool.orders[index]
    found = []
    for (line, way), units in sorted(plan.items()):
        node, service = order.ways[way].way.node, order.ways[way].way.service
        amount = quantity(units, pool.digits)
        code = None if service is None else service.code
        found.append(Assignment(problem.demands[line].line_id, order.items[line], node.id, amount, code))
    return found
