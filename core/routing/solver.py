"""The face of the exact solver: an instance in, a plan with its proof or its bound out."""

from __future__ import annotations

from core.routing.compact import Compact, compact
from core.routing.filling import Taken, by_line, cost_of
from core.routing.instance import Instance, Solution
from core.routing.milp import Answer, ship_from, solve_program
from core.routing.search import Search

STEPS_PER_MS = 1000
"""Steps a millisecond of budget stands for: a step took about a microsecond where this was written."""
STEPS_PER_NODE = 1000
"""Steps that a node of HiGHS's search tree stands for."""


def solve_instance(instance: Instance, *, budget_ms: int = 100, problem: Compact | None = None) -> Solution:
    """Return the plan with the most units at the least cost.

    Node capacity is left out of account first: a best plan that keeps it is best. Otherwise HiGHS solves the instance
    with it.

    Args:
        instance: the problem.
        budget_ms: stands for a number of search steps, not for time on a clock: the same instance with the same budget
            always gives the same plan.
        problem: what `compact` makes of the instance, where the caller has it.

    Returns:
        A plan that keeps all limits, whether it is proven best, and a bound that holds in any case.
    """
    steps = budget_ms * STEPS_PER_MS
    found = _search(instance, compact(instance) if problem is None else problem, steps)
    if keeps_capacity(instance, found.assignments):
        return found
    return _within_capacity(instance, found, steps)


def keeps_capacity(instance: Instance, assignments: Taken) -> bool:
    """Return whether no node gets more units than it may still take."""
    if all(limit is None for limit in instance.capacity):
        return True
    used = used_by_node(instance, assignments)
    return all(limit is None or units <= limit for limit, units in zip(instance.capacity, used, strict=True))


def used_by_node(instance: Instance, assignments: Taken) -> list[int]:
    """Return the units, in 1/scale, that (line, option) -> units takes at each node."""
    used = [0] * len(instance.nodes)
    for (_, option), units in assignments.items():
        used[instance.options[option].node] += units
    return used


def _search(instance: Instance, problem: Compact, steps: int) -> Solution:
    """Search without regard to node capacity."""
    wanted = sum(instance.demand)
    reachable = sum(row.demand for row in problem.rows)
    if instance.complete and reachable < wanted:
        return Solution({}, 0, 0, optimal=True, bound=0, nodes_visited=0, steps=steps)
    run = Search(problem, steps)
    run.run()
    proven = run.bound >= run.best
    assignments = by_line(instance, problem, run.taken)
    units = sum(assignments.values())
    if instance.complete and units < wanted:
        return Solution({}, 0, 0, proven, 0, run.visited, steps)
    cost = cost_of(instance, assignments)
    # The bound is of cost plus the price of what is not shipped; plans that ship as many units pay no more of it.
    bound = cost if proven else min(max(run.bound - problem.price * (reachable - units), 0), cost)
    return Solution(assignments, cost, units, proven, bound, run.visited, steps)


def _within_capacity(instance: Instance, relaxed: Solution, steps: int) -> Solution:
    """Return the plan HiGHS finds, or the relaxed plan's nodes as far as their capacity goes when that is better."""
    answer = solve_program(instance, nodes=max(steps // STEPS_PER_NODE, 1))
    visited = relaxed.nodes_visited + answer.nodes
    if answer.optimal:
        return Solution(answer.assignments, answer.cost, answer.units, True, answer.cost, visited, steps)
    kept = ship_from(instance, sorted({option for _, option in relaxed.assignments}))
    repaired = Answer(kept, cost_of(instance, kept), sum(kept.values()), optimal=False, bound=0, nodes=0)
    complete = [each for each in (answer, repaired) if not instance.complete or each.units == sum(instance.demand)]
    if not complete:
        return Solution({}, 0, 0, optimal=False, bound=0, nodes_visited=visited, steps=steps)
    best = max(complete, key=lambda each: (each.units, -each.cost))
    # The bound of HiGHS is for plans with its units or more.
    return Solution(best.assignments, best.cost, best.units, False, min(answer.bound, best.cost), visited, steps)
