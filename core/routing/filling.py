"""What a chosen set of ways ships, exactly: most units, then least cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.routing.compact import Compact, Way
from core.routing.flow import Network
from core.routing.instance import Instance

Taken = Mapping[tuple[int, int], int]
"""(row or line, way or option) -> units."""


def fill(problem: Compact, chosen: Sequence[int]) -> tuple[int, Taken]:
    """Fill all rows from the chosen ways (at most one of a node).

    Returns:
        The plan's value: price times the units left unshipped of `demand`, plus unit costs, plus the fixed costs of all
        chosen ways; and (row, way) -> units.
    """
    value = sum(problem.ways[way].fixed for way in chosen)
    taken: dict[tuple[int, int], int] = {}
    grouped = {row for rows in problem.shared for row in rows}
    for index, row in enumerate(problem.rows):
        if index in grouped:
            continue
        rungs = [(cost, way, units) for way in chosen for units, cost in problem.ways[way].cells[index]]
        rungs.sort()
        open_units = row.demand
        for cost, way, units in rungs:
            if open_units <= 0:
                break
            some = min(units, open_units)
            open_units -= some
            value += some * cost
            taken[index, way] = taken.get((index, way), 0) + some
        value += open_units * problem.price
    for group, rows in enumerate(problem.shared):
        value += _fill_shared(problem, group, rows, chosen, taken)
    for way in chosen:
        limit = problem.ways[way].limit
        if limit is not None and sum([units for (_, of), units in taken.items() if of == way]) > limit:
            return _fill_limited(problem, chosen)
    return value, taken


def alone(problem: Compact, way: Way) -> int | None:
    """Return what shipping every row whole by one way costs, None when it cannot."""
    cost = way.fixed
    if way.limit is not None and sum(row.demand for row in problem.rows) > way.limit:
        return None
    for cell, wanted in zip(way.cells, problem.rows, strict=True):
        left = wanted.demand
        for units, each in cell:
            cost += units * each
            left -= units
        if left > 0:
            return None
    for stock, rows in zip(way.stock, problem.shared, strict=True):
        # Each row was reckoned from the cheapest tiers; together they go further up.
        left, together = sum(problem.rows[row].demand for row in rows), 0
        for tier in stock:
            some = min(tier.units, left)
            together += some * tier.extra
            left -= some
        if left > 0:
            return None
        for row in rows:
            if not way.cells[row]:
                continue  # nobody has it, or it would have been missed above
            base = way.cells[row][0][1] - stock[0].extra
            together += problem.rows[row].demand * base
            cost -= sum(units * each for units, each in way.cells[row])
        cost += together
    return cost


def _fill_shared(
    problem: Compact, group: int, rows: Sequence[int], chosen: Sequence[int], taken: dict[tuple[int, int], int]
) -> int:
    """Fill rows that share stock by a flow from rows over ways to their tiers; return what it costs."""
    first_way, first_tier = 1 + len(rows), 1 + len(rows) + len(chosen)
    tiers = [(place, tier) for place, way in enumerate(chosen) for tier in problem.ways[way].stock[group]]
    sink = first_tier + len(tiers)
    network = Network(sink + 1)
    wanted, arcs = 0, []
    for place, row in enumerate(rows):
        demand = problem.rows[row].demand
        wanted += demand
        network.add(0, 1 + place, demand, 0)
        for spot, way in enumerate(chosen):
            cell = problem.ways[way].cells[row]
            if cell:
                base = cell[0][1] - problem.ways[way].stock[group][0].extra
                arcs.append((row, way, network.add(1 + place, first_way + spot, demand, base)))
    for place, (spot, tier) in enumerate(tiers):
        network.add(first_way + spot, first_tier + place, tier.units, tier.extra)
        network.add(first_tier + place, sink, tier.units, 0)
    units, cost = network.run(0, sink)
    for row, way, arc in arcs:
        if network.flow(arc):
            taken[row, way] = network.flow(arc)
    return cost + (wanted - units) * problem.price


def _fill_limited(problem: Compact, chosen: Sequence[int]) -> tuple[int, Taken]:
    """Fill all rows by one flow: from rows over ways and their rungs through each way's capacity."""
    rows, groups = len(problem.rows), len(problem.shared)
    out = 1 + rows
    first_shared = out + len(chosen)
    sink = first_shared + len(chosen) * groups
    network = Network(sink + 1)
    group_of = {row: group for group, members in enumerate(problem.shared) for row in members}
    wanted, arcs = 0, []
    for index, row in enumerate(problem.rows):
        wanted += row.demand
        network.add(0, 1 + index, row.demand, 0)
        for spot, way in enumerate(chosen):
            cell = problem.ways[way].cells[index]
            if cell and index in group_of:
                group = group_of[index]
                base = cell[0][1] - problem.ways[way].stock[group][0].extra
                arcs.append(
                    (index, way, network.add(1 + index, first_shared + spot * groups + group, row.demand, base))
                )
            else:
                arcs.extend((index, way, network.add(1 + index, out + spot, units, cost)) for units, cost in cell)
    for spot, way in enumerate(chosen):
        limit = problem.ways[way].limit
        network.add(out + spot, sink, wanted if limit is None else limit, 0)
        for group in range(groups):
            for tier in problem.ways[way].stock[group]:
                network.add(first_shared + spot * groups + group, out + spot, tier.units, tier.extra)
    units, cost = network.run(0, sink)
    taken: dict[tuple[int, int], int] = {}
    for index, way, arc in arcs:
        if network.flow(arc):
            taken[index, way] = taken.get((index, way), 0) + network.flow(arc)
    return cost + (wanted - units) * problem.price + sum(problem.ways[way].fixed for way in chosen), taken


def by_line(instance: Instance, problem: Compact, taken: Taken) -> Taken:
    """Divide units of rows among their lines, earlier lines and earlier options first: (line, option) -> units."""
    divided: dict[tuple[int, int], int] = {}
    left = list(instance.demand)
    for (row, way), units in sorted(taken.items()):
        open_units = units
        for line in problem.rows[row].lines:
            some = min(open_units, left[line])
            if some > 0:
                left[line] -= some
                open_units -= some
                divided[line, problem.ways[way].option] = some
    return divided


def never_below(instance: Instance) -> int:
    """Return what no plan costs less than: zero, but for what taking aging stock may be worth."""
    least = min((tier.extra for ladder in instance.stock.values() for tier in ladder), default=0)
    return sum(instance.demand) * min(least, 0)


def cost_of(instance: Instance, assignments: Taken) -> int:
    """Return the exact cost of assignments in 1/(10,000 x scale): each option used pays its fixed cost once."""
    used = {option for _, option in assignments}
    cost = sum(instance.options[option].fixed for option in used) * instance.scale
    drawn: dict[tuple[int, int], int] = {}
    for (line, option), units in assignments.items():
        place = instance.options[option].node, instance.item[line]
        drawn[place] = drawn.get(place, 0) + units
        cost += units * instance.options[option].unit[line]
    for place, units in drawn.items():
        for tier in instance.stock[place]:
            some = min(tier.units, units)
            cost += some * tier.extra
            units -= some
    return cost
