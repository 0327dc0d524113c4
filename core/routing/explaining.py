"""Why a plan is as it is: one row for each way to ship, with what it costs by term, and what taking it would cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.routing import costs
from core.routing.building import Built, Way, banned, quantity
from core.routing.compact import Compact
from core.routing.filling import alone, fill
from core.routing.instance import Instance, Solution
from core.routing.problem import Problem

MOST_INSTEAD = 8
"""For so many ways, the ones with the most to give, the plan that takes them is reckoned too."""


def explain(problem: Problem, built: Built, small: Compact, found: Solution) -> list[dict[str, Any]]:
    """Return one row per node and service.

    Args:
        problem: what was to be decided.
        built: the instance made of it.
        small: the instance made smaller.
        found: its solution.

    Returns:
        Rows with `node`, `service` (where nodes have services), `chosen`, `reason`; of ways that could ship: `lines` it
        could ship whole, `shipment` (cost of one), `handling` (of a unit), `km`, `units` it ships or could ship, and
        `terms`, the cost of those units by term: those of the chosen rows add up to the plan's cost. `instead` is the
        cost of the best plan looked at that takes the way and ships as many units.
    """
    instance = built.instance
    chosen: dict[int, dict[int, int]] = {}
    for (line, option), units in found.assignments.items():
        chosen.setdefault(option, {})[line] = units
    could = [_could(instance, index) for index in range(len(built.ways))]
    instead = _instead(instance, small, sorted(chosen), could, found)
    rows = [
        _row(problem, built, index, could[index], chosen.get(index), instead.get(index))
        for index in range(len(built.ways))
    ]
    kept = {way.option for way in small.ways}
    for index, gives in enumerate(could):
        if gives and index not in kept:
            rows[index]["reason"] = "another service of the node costs no more"
    for (node, service), reason in built.left_out.items():
        row: dict[str, Any] = {"node": node, "chosen": False, "reason": reason}
        if service is not None:
            row["service"] = service
        rows.append(row)
    return rows


def _could(instance: Instance, index: int) -> dict[int, int]:
    """Return what an option could ship on its own, by line, earlier lines first."""
    option = instance.options[index]
    left: dict[int, int] = {}
    gives: dict[int, int] = {}
    for line, wanted in enumerate(instance.demand):
        if option.unit[line] < 0:
            continue
        item = instance.item[line]
        there = left.get(item)
        if there is None:
            there = 0
            for tier in instance.stock.get((option.node, item), ()):
                there += tier.units
        units = wanted if wanted < there else there
        left[item] = there - units
        if units > 0:
            gives[line] = units
    return gives


def _row(
    problem: Problem,
    built: Built,
    index: int,
    could: Mapping[int, int],
    ships: Mapping[int, int] | None,
    instead: int | None,
) -> dict[str, Any]:
    instance, way = built.instance, built.ways[index]
    units = could if ships is None else ships
    known = costs.known_kilometers(way.node, problem.destination)
    row: dict[str, Any] = {
        "node": way.node.code,
        "lines": len([line for line, some in could.items() if some >= instance.demand[line]]),
        "units": format(quantity(sum(units.values()), built.digits), "f"),
        "shipment": instance.options[index].fixed,
        "handling": way.unit[0].get("handling", 0),
        # A long way is taken where nobody knows the distance; people are told that nobody does.
        "km": None if known is None else round(known),
        "chosen": ships is not None,
        "reason": "chosen" if ships is not None else _reason(problem, way, could),
        "terms": _terms(instance, index, way, units),
    }
    if way.service is not None:
        row["service"] = way.service.code
    if instead is not None:
        row["instead"] = whole_cost(instead, instance.scale)
    return row


def _reason(problem: Problem, way: Way, units: Mapping[int, int]) -> str:
    if units:
        return "costs more or gives less"
    reasons = {banned(problem, way.node, way.service, demand) for demand in problem.demands} - {None}
    return "; ".join(sorted(str(each) for each in reasons)) or "nothing available"


def _terms(instance: Instance, index: int, way: Way, units: Mapping[int, int]) -> dict[str, int]:
    """Return what shipping these units costs by term, rounded to 1/10,000 where units are fractions."""
    scale = instance.scale
    sums = {name: amount * scale for name, amount in way.fixed.items()}
    drawn: dict[int, int] = {}
    for line, some in units.items():
        for name, amount in way.unit[line].items():
            sums[name] = sums.get(name, 0) + amount * some
        item = instance.item[line]
        drawn[item] = drawn.get(item, 0) + some
    for item, left in drawn.items():
        for tier in instance.stock[instance.options[index].node, item]:
            some = min(tier.units, left)
            left -= some
            if some and tier.extra:
                sums[costs.TIER] = sums.get(costs.TIER, 0) + some * tier.extra
    return {name: whole_cost(amount, scale) for name, amount in sums.items() if amount}


def whole_cost(cost: int, scale: int) -> int:
    """Return a cost in 1/(10,000 x scale) in 1/10,000, rounded half up."""
    return cost if scale == 1 else (2 * cost + scale) // (2 * scale)


def _instead(
    instance: Instance, small: Compact, chosen: Sequence[int], could: Sequence[Mapping[int, int]], found: Solution
) -> dict[int, int]:
    """Return the cost of the best plan looked at that takes an option: alone, in exchange for one, or added."""
    if not chosen:
        return {}
    place = {way.option: index for index, way in enumerate(small.ways)}
    others = sorted(
        [option for option in place if option not in chosen],
        key=lambda option: (-sum(could[option].values()), instance.options[option].fixed, option),
    )
    best: dict[int, int] = {}
    whole = found.units == sum([row.demand for row in small.rows])
    for option in others[:MOST_INSTEAD]:
        if whole and (cost := alone(small, small.ways[place[option]])) is not None:
            best[option] = cost
        node = instance.options[option].node
        apart = [each for each in chosen if instance.options[each].node != node]
        plans = [[each for each in apart if each != gone] for gone in apart] + [apart]
        for plan in plans:
            ways = [place[each] for each in (*plan, option)]
            fixed = sum([small.ways[way].fixed for way in ways])
            known = option in best and (not plan or fixed >= best[option])
            if len(ways) > small.most or known:
                continue
            cost = _cost(small, ways, found.units)
            if cost is not None and (option not in best or cost < best[option]):
                best[option] = cost
    return best


def _cost(small: Compact, ways: Sequence[int], units: int) -> int | None:
    """Return the cost of a plan by these ways, None when it ships less or leaves one out."""
    value, taken = fill(small, ways)
    shipped = sum(taken.values())
    if shipped < units or len({way for _, way in taken}) < len(ways):
        return None
    return value - small.price * (sum([row.demand for row in small.rows]) - shipped)
