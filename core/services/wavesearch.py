"""The search of a wave: better plans for the pool, of which each keeps its order's promise as a whole."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from core.routing.optimizer import solve
from core.routing.problem import Assignment, Plan, Problem
from core.routing.waverecord import Plans
from core.routing.waves import Wave, replan, ways_of
from core.services.wavepool import Member, WavePool
from core.store.unit import Unit


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        wave: its figures.
        granted: the problem of each changed order as the wave leaves it to it, and its plan.
    """

    wave: Wave
    granted: Mapping[UUID, tuple[Problem, Plan]]

    @property
    def plans(self) -> Plans:
        """Return the new plans of changed orders."""
        return {order_id: plan.assignments for order_id, (_, plan) in self.granted.items()}


def search(unit: Unit, pool: WavePool, seconds: float) -> Found:
    """Return better plans for a pool, today's where there are none.

    A single part that comes too late is out from the start. Parts of which each would do may be too late together; an
    order that gets such a plan keeps to its ways of today, and the others are planned again.

    Args:
        unit: the running transaction; nothing is written in it.
        pool: what is planned.
        seconds: most seconds of search.
    """
    ends = time.monotonic() + seconds
    while True:
        left = max(ends - time.monotonic(), 0.0)
        wave = replan([each.pooled for each in pool.members.values()], pool.stock, {}, pool.limits, seconds=left)
        late = [order_id for order_id in wave.changed if breaks_promise(unit, pool, order_id, wave.plans[order_id])]
        if not late:
            break
        for order_id in late:
            member = pool.members[order_id]
            keeps = frozenset(member.built.legs) - ways_of(member.pooled.plan)
            member.pooled = replace(member.pooled, late=member.pooled.late | keeps)
    return Found(wave, {order_id: _granted(pool.members[order_id], wave.plans[order_id]) for order_id in wave.changed})


def breaks_promise(unit: Unit, pool: WavePool, order_id: UUID, plan: Sequence[Assignment]) -> bool:
    """Return whether a plan would be there later than its order's promise; fewer of today's ways are never later."""
    member = pool.members[order_id]
    if ways_of(plan) <= ways_of(member.pooled.plan):
        return False
    if any(way not in member.built.legs for way in ways_of(plan)):
        return True
    at = pool.arrival(unit, member, plan)
    return at is None or at > member.due_at


def _granted(member: Member, plan: Sequence[Assignment]) -> tuple[Problem, Plan]:
    """Return an order's problem with what the wave leaves to it and nothing else, and the plan that follows from it.

    So the decision of each order can be made again without the others; the wave itself is kept as a whole beside it.
    """
    problem, chosen = member.built.problem, {each.node_id: each.service for each in plan}
    stock = {(each.item_id, each.node_id): each.quantity * 0 for each in plan}
    for each in plan:
        stock[each.item_id, each.node_id] += each.quantity
    given = {node: "the wave gives its units to other orders" for _, node in problem.stock if node not in chosen}
    problem = replace(
        problem,
        stock=stock,
        ladders={},
        excluded={**given, **problem.excluded},
        services={
            node: [
                each
                if each.excluded or each.code == chosen[node]
                else replace(each, excluded=f"the wave takes {chosen[node]} here")
                for each in offered
            ]
            for node, offered in problem.services.items()
            if node in chosen
        },
        policy=replace(problem.policy, most_nodes=max(problem.policy.most_nodes, len(chosen))),
    )
    found = solve(problem)
    if found.short:
        raise ArithmeticError(f"what the wave leaves to order {member.order.order_id} does not ship all of it")
    return problem, found
