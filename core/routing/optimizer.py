"""Choosing nodes and carrier services for an order: exact, explained, and the same for the same problem."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from core.routing.building import Built, build, quantity
from core.routing.compact import Compact, compact
from core.routing.explaining import explain, whole_cost
from core.routing.instance import Solution
from core.routing.problem import Assignment, Plan, Problem
from core.routing.solver import solve_instance


def assigned(problem: Problem) -> tuple[Built, Compact, Solution]:
    """Return the choice without its explanation: the instance, what was left of it to search, and its solution."""
    built = build(problem)
    small = compact(built.instance)
    return built, small, solve_instance(built.instance, budget_ms=problem.policy.budget_ms, problem=small)


def solve(problem: Problem, *, explained: bool = True) -> Plan:
    """Return the plan that promises the most units at the least cost.

    Args:
        problem: one order with everything the choice depends on.
        explained: whether the plan says what else was looked at; the choice is the same without.

    Returns:
        The plan, by line and then by node code; `optimal` when the search proved it within the policy's budget.
    """
    built, small, found = assigned(problem)
    assignments = []
    short: dict[UUID, Decimal] = {demand.line_id: demand.quantity for demand in problem.demands}
    for (line, option), units in sorted(found.assignments.items()):
        demand, way = problem.demands[line], built.ways[option]
        amount = quantity(units, built.digits)
        service = None if way.service is None else way.service.code
        assignments.append(Assignment(demand.line_id, demand.item_id, way.node.id, amount, service))
        short[demand.line_id] -= amount
    scale = built.instance.scale
    cost = whole_cost(found.cost, scale)
    return Plan(
        assignments,
        cost,
        {line: units for line, units in short.items() if units > 0},
        explain(problem, built, small, found) if explained else (),
        found.optimal,
        cost if found.optimal else found.bound // scale,
        found.steps,
    )
