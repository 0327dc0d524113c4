"""An instance as a mixed-integer program for HiGHS, to check the search against.

It is written from `Instance` alone and shares no code with the search but the exact reckoning of a plan's cost.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.routing.filling import Taken, cost_of, never_below
from core.routing.flow import Network
from core.routing.instance import Instance
from core.routing.program import INFINITE, SLACK, Model, whole_bound


@dataclass(frozen=True, slots=True)
class Answer:
    """What HiGHS found.

    `optimal` says that it proved both that no plan ships more units and that none ships as many at less cost. No plan
    that ships `units` costs less than `bound`. `found` is false when the limit came before any plan.
    """

    assignments: Taken
    cost: int
    units: int
    optimal: bool
    bound: int
    nodes: int
    found: bool = True


def solve_program(instance: Instance, *, nodes: int | None = None, seconds: float | None = None) -> Answer:
    """Solve an instance by HiGHS: first the most units, then the least cost of a plan with as many.

    Args:
        instance: with all its limits, node capacity too.
        nodes: most search nodes of HiGHS for each of the two; the same number always gives the same answer.
        seconds: most seconds for each of the two; for measuring only, as the clock then decides.

    Raises:
        ArithmeticError: the plan HiGHS calls best does not cost what it says, so one of the two is wrong.
    """
    wanted = sum(instance.demand)
    # Mostly some plan ships all there is, and the question for the most units can be left out.
    units, proven, visited = most_there(instance), True, 0
    found = _least_cost(instance, units, nodes, seconds)
    if found.assignments is None:
        most, proven, visited = _most_units(instance, nodes, seconds)
        if most is None:
            return Answer({}, 0, 0, optimal=False, bound=never_below(instance), nodes=visited, found=False)
        units = most
        found = _least_cost(instance, units, nodes, seconds)
    if instance.complete and units < wanted:
        return Answer({}, 0, 0, proven, 0, visited)
    if found.assignments is None:
        return Answer({}, 0, 0, False, never_below(instance), visited + found.visited, found=False)
    cost = cost_of(instance, found.assignments)
    if found.proven and abs(cost - found.objective * instance.scale) > 0.5 + abs(cost) * SLACK:
        raise ArithmeticError(f"HiGHS says {found.objective}, its plan costs {cost}/{instance.scale}")
    bound = cost if found.proven else min(cost, max(found.bound, never_below(instance)))
    shipped = sum(found.assignments.values())
    return Answer(found.assignments, cost, shipped, proven and found.proven, bound, visited + found.visited)


@dataclass(frozen=True, slots=True)
class _Run:
    assignments: Taken | None
    objective: float
    bound: int
    proven: bool
    visited: int


def most_there(instance: Instance) -> int:
    """Return how many of the wanted units there are in stock anywhere; no plan ships more."""
    wanted: dict[int, int] = {}
    for item, units in zip(instance.item, instance.demand, strict=True):
        wanted[item] = wanted.get(item, 0) + units
    there: dict[int, int] = {}
    for (_, item), ladder in instance.stock.items():
        there[item] = there.get(item, 0) + sum(tier.units for tier in ladder)
    return sum(min(units, there.get(item, 0)) for item, units in wanted.items())


def _least_cost(instance: Instance, units: int, nodes: int | None, seconds: float | None) -> _Run:
    """Run HiGHS for the cheapest plan that ships at least so many units."""
    model, ship = _model(instance)
    model.row(units / instance.scale, INFINITE, dict.fromkeys(ship.values(), 1.0))
    return _run(instance, model, nodes, seconds)


def _most_units(instance: Instance, nodes: int | None, seconds: float | None) -> tuple[int | None, bool, int]:
    """Return the most units any plan ships, whether that is proven, and the search nodes it took."""
    model, ship = _model(instance)
    model.cost = [0.0] * len(model.cost)
    for column in ship.values():
        model.cost[column] = -float(instance.scale)
    found = _run(instance, model, nodes, seconds)
    if found.assignments is None:
        return None, False, found.visited
    return sum(found.assignments.values()), found.proven, found.visited


def _model(instance: Instance) -> tuple[Model, dict[tuple[int, int], int]]:
    """Return the limits of an instance as a program in whole units, and the column of (line, option)."""
    model, scale = Model(), instance.scale
    use = [model.column(option.fixed, 1, whole=True) for option in instance.options]
    ship: dict[tuple[int, int], int] = {}
    drawn: dict[tuple[int, int], list[int]] = {}
    at_node: dict[int, list[int]] = {}
    for index, option in enumerate(instance.options):
        for line, cost in enumerate(option.unit):
            ladder = instance.stock.get((option.node, instance.item[line]), ())
            most = min(instance.demand[line], sum(tier.units for tier in ladder))
            if cost < 0 or most <= 0:
                continue
            column = ship[line, index] = model.column(cost, most / scale)
            model.row(-INFINITE, 0, {column: 1, use[index]: -most / scale})
            drawn.setdefault((option.node, instance.item[line]), []).append(column)
            at_node.setdefault(option.node, []).append(column)
    for place, columns in drawn.items():
        tiers = {model.column(tier.extra, tier.units / scale): -1.0 for tier in instance.stock[place]}
        model.row(0, 0, {**dict.fromkeys(columns, 1.0), **tiers})
    for line, demand in enumerate(instance.demand):
        columns = [column for (of, _), column in ship.items() if of == line]
        model.row(-INFINITE, demand / scale, dict.fromkeys(columns, 1.0))
    model.row(-INFINITE, instance.most_nodes, dict.fromkeys(use, 1.0))
    for node, columns in at_node.items():
        ways = [use[index] for index, option in enumerate(instance.options) if option.node == node]
        model.row(-INFINITE, 1, dict.fromkeys(ways, 1.0))
        limit = instance.capacity[node]
        if limit is not None:
            model.row(-INFINITE, limit / scale, dict.fromkeys(columns, 1.0))
    return model, ship


def _run(instance: Instance, model: Model, nodes: int | None, seconds: float | None) -> _Run:
    highs = model.load(nodes=nodes, seconds=seconds, gap=0.5 / instance.scale)
    highs.run()
    info = highs.getInfo()
    proven = highs.modelStatusToString(highs.getModelStatus()) == "Optimal"
    visited = max(int(info.mip_node_count), 0)
    if not proven and info.primal_solution_status != 2:
        return _Run(None, 0.0, 0, proven=False, visited=visited)
    values = highs.getSolution().col_value
    chosen = [index for index in range(len(instance.options)) if values[index] > 0.5]
    return _Run(
        ship_from(instance, chosen),
        info.objective_function_value,
        whole_bound(info.mip_dual_bound, instance.scale),
        proven,
        visited,
    )


def ship_from(instance: Instance, chosen: list[int]) -> Taken:
    """Return the most units at the least unit cost that the chosen options ship within stock and capacity.

    A flow from lines over options and their stock of an item, by tiers, through the node's capacity.
    """
    lines, items = len(instance.demand), max(instance.item, default=-1) + 1
    pairs = [(option, item) for option in chosen for item in range(items)]
    stocks = {pair: 1 + lines + place for place, pair in enumerate(pairs)}
    first_out = 1 + lines + len(pairs)
    sink = first_out + len(chosen)
    network = Network(sink + 1)
    arcs = {}
    for line, demand in enumerate(instance.demand):
        network.add(0, 1 + line, demand, 0)
        for option in chosen:
            cost = instance.options[option].unit[line]
            if cost >= 0:
                arcs[line, option] = network.add(1 + line, stocks[option, instance.item[line]], demand, cost)
    for place, option in enumerate(chosen):
        node = instance.options[option].node
        for item in range(items):
            for tier in instance.stock.get((node, item), ()):
                network.add(stocks[option, item], first_out + place, tier.units, tier.extra)
        limit = instance.capacity[node]
        network.add(first_out + place, sink, sum(instance.demand) if limit is None else limit, 0)
    network.run(0, sink)
    return {key: network.flow(arc) for key, arc in arcs.items() if network.flow(arc)}
