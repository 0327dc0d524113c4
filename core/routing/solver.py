"""The face of the exact solver: an instance in, a plan with its proof or its bound out."""

from __future__ import annotations

from core.routing.compact import Compact, compact
from core.routing.filling import by_line, cost_of, never_below
from core.routing.instance import Instance, Solution
from core.routing.search import Search

STEPS_PER_MS = 1000
"""Steps a millisecond of budget stands for: a step took about a microsecond where this was written."""


def solve_instance(instance: Instance, *, budget_ms: int = 100, problem: Compact | None = None) -> Solution:
    """Return the plan with the most units at the least cost.

    Args:
        instance: the problem.
        budget_ms: stands for a number of search steps, not for time on a clock: the same instance with the same budget
            always gives the same plan.
        problem: what `compact` makes of the instance, where the caller has it.

    Returns:
        A plan that keeps all limits, whether it is proven best, and a bound that holds in any case.
    """
    steps = budget_ms * STEPS_PER_MS
    problem = compact(instance) if problem is None else problem
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
        return Solution({}, 0, 0, proven, 0 if proven else never_below(instance), run.visited, steps)
    cost = cost_of(instance, assignments)
    # The bound is of cost plus the price of what is not shipped; plans that ship as many units pay no more of it.
    bound = run.bound - problem.price * (reachable - units)
    bound = cost if proven else min(max(bound, never_below(instance)), cost)
    return Solution(assignments, cost, units, proven, bound, run.visited, steps)
