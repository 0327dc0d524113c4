"""Choosing nodes: exact over node sets up to the policy's split limit; first most units, then least cost."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations
from uuid import UUID

from core.routing import costs
from core.routing.problem import Assignment, NodeFacts, Plan, Problem

# Beyond this many candidate nodes the node sets are drawn from the most useful ones, and the plan says so.
MOST_CANDIDATES = 14


def solve(problem: Problem) -> Plan:
    """Return the plan that promises the most units at the least cost.

    Units are taken from the cheapest unit cost of the chosen set first; a set is only considered when its fixed costs
    leave room to beat the best plan found so far. With at most `MOST_CANDIDATES` candidates the plan is optimal.
    """
    usable, reasons = _candidates(problem)
    wanted = sum((demand.quantity for demand in problem.demands), Decimal(0))
    fixed = {node.id: costs.shipment(node, problem.destination) for node in usable}
    pool = sorted(usable, key=lambda node: (fixed[node.id], node.code))
    optimal = len(pool) <= MOST_CANDIDATES
    if not optimal:
        pool = _most_useful(problem, pool)
    best = _one_node(problem, pool, fixed, wanted)
    cheapest = sorted(fixed.values())
    for size in range(1 if best is None else 2, min(problem.policy.most_nodes, len(pool)) + 1):
        if best is not None and best[0] == wanted and sum(cheapest[:size]) >= best[1]:
            break  # even the cheapest set of this size costs more before a unit is touched
        for chosen in combinations(pool, size):
            base = sum(fixed[node.id] for node in chosen)
            if best is not None and best[0] == wanted and base >= best[1]:
                continue
            taken, cost, assignments = _fill(problem, chosen, base)
            if len({each.node_id for each in assignments}) < size:
                continue  # an unused node only adds cost: the smaller set has been looked at
            if best is None or (taken, -cost) > (best[0], -best[1]):
                best = taken, cost, assignments
    if best is None or (best[0] < wanted and not problem.partial_allowed):
        best = Decimal(0), 0, []
    short = _short(problem, best[2])
    return Plan(best[2], best[1], short, _explain(problem, pool, fixed, reasons, best[2]), optimal)


def _candidates(problem: Problem) -> tuple[list[NodeFacts], dict[str, str]]:
    usable, reasons = [], {}
    for node in problem.nodes:
        if node.id in problem.excluded:
            reasons[node.code] = problem.excluded[node.id]
        elif not node.active:
            reasons[node.code] = "switched off"
        elif not any(problem.stock.get((demand.item_id, node.id), 0) > 0 for demand in problem.demands):
            reasons[node.code] = "nothing available"
        else:
            usable.append(node)
    return usable, reasons


def _one_node(
    problem: Problem, pool: list[NodeFacts], fixed: dict[UUID, int], wanted: Decimal
) -> tuple[Decimal, int, list[Assignment]] | None:
    """Return the cheapest way to take everything from one node, or None when no node has it all."""
    needs: dict[UUID, Decimal] = {}
    for demand in problem.demands:
        needs[demand.item_id] = needs.get(demand.item_id, Decimal(0)) + demand.quantity
    stock = problem.stock
    able = [node for node in pool if all(stock.get((item, node.id), 0) >= units for item, units in needs.items())]
    if not able:
        return None
    node = min(able, key=lambda each: fixed[each.id] + int(wanted * each.unit_cost))
    taken, cost, assignments = _fill(problem, (node,), fixed[node.id])
    return taken, cost, assignments


def _most_useful(problem: Problem, pool: list[NodeFacts]) -> list[NodeFacts]:
    def covered(node: NodeFacts) -> Decimal:
        return sum(
            (min(problem.stock.get((each.item_id, node.id), Decimal(0)), each.quantity) for each in problem.demands),
            Decimal(0),
        )

    order = {node.id: index for index, node in enumerate(pool)}
    return sorted(pool, key=lambda node: (-covered(node), order[node.id]))[:MOST_CANDIDATES]


def _fill(problem: Problem, chosen: tuple[NodeFacts, ...], base: int) -> tuple[Decimal, int, list[Assignment]]:
    left: dict[tuple[UUID, UUID], Decimal] = {}
    by_unit_cost = sorted(chosen, key=lambda node: node.unit_cost)
    taken, cost, assignments = Decimal(0), base, []
    for demand in problem.demands:
        open_units = demand.quantity
        for node in by_unit_cost:
            key = (demand.item_id, node.id)
            free = left.get(key)
            if free is None:
                free = problem.stock.get(key, Decimal(0))
            if free <= 0:
                continue
            units = min(free, open_units)
            left[key] = free - units
            assignments.append(Assignment(demand.line_id, demand.item_id, node.id, units))
            cost += int(units * node.unit_cost)
            taken += units
            open_units -= units
            if open_units <= 0:
                break
    return taken, cost, assignments


def _short(problem: Problem, assignments: list[Assignment]) -> dict[UUID, Decimal]:
    open_units = {demand.line_id: demand.quantity for demand in problem.demands}
    for each in assignments:
        open_units[each.line_id] -= each.quantity
    return {line: units for line, units in open_units.items() if units > 0}


def _explain(
    problem: Problem,
    pool: list[NodeFacts],
    fixed: dict[UUID, int],
    reasons: dict[str, str],
    assignments: list[Assignment],
) -> list[dict[str, object]]:
    """Return one row per node: what it could give, what it would cost, and why it was or was not taken."""
    used = {each.node_id for each in assignments}
    rows: list[dict[str, object]] = []
    for node in pool:
        gives = sum(
            problem.stock.get((demand.item_id, node.id), Decimal(0)) >= demand.quantity for demand in problem.demands
        )
        rows.append(
            {
                "node": node.code,
                "lines": gives,
                "shipment": fixed[node.id],
                "handling": node.unit_cost,
                "km": None if (km := costs.known_kilometers(node, problem.destination)) is None else round(km),
                "chosen": node.id in used,
                "reason": "chosen" if node.id in used else "costs more or gives less",
            }
        )
    rows.extend({"node": code, "chosen": False, "reason": reason} for code, reason in reasons.items())
    return rows
