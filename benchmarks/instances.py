"""Random sourcing instances that look like orders, and what makes an answer to one of them wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from benchmarks.oracle import Answer
from core.routing.filling import cost_of
from core.routing.instance import Instance, Option, Solution, Tier

UNITS = (1, 1, 1, 2, 2, 3, 5)


@dataclass(frozen=True, slots=True)
class Shape:
    """What kind of instances to draw; chances are from 0 to 1, costs in 1/10,000 of a currency.

    `stocked` is the chance that a node has an item, `banned` that an option must not carry a line, `shared` that a line
    is of another line's item, `late` the largest expected lateness cost of a unit.
    """

    lines: int
    nodes: int
    services: int = 2
    most_nodes: int = 4
    stocked: float = 0.6
    banned: float = 0.03
    shared: float = 0.0
    tiers: int = 2
    late: int = 4000
    scale: int = 1
    capacity: bool = False
    complete: bool = False


def draw(dice: random.Random, shape: Shape) -> Instance:
    """Draw an order: nodes and the destination are points of a square, costs grow with distance and weight."""
    return draw_with_distances(dice, shape)[0]


def draw_with_distances(dice: random.Random, shape: Shape) -> tuple[Instance, list[float]]:
    """Draw an order and return how far each node is from its destination too."""
    lines, nodes, scale = shape.lines, shape.nodes, shape.scale
    first = [dice.randrange(line) if line and dice.random() < shape.shared else line for line in range(lines)]
    item: list[int] = []
    for line, same in enumerate(first):
        item.append(item[same] if same < line else max(item, default=-1) + 1)
    weight = [dice.randint(1, 30) for _ in range(max(item) + 1)]
    stock = {
        (node, each): _ladder(dice, shape)
        for node in range(nodes)
        for each in range(max(item) + 1)
        if dice.random() < shape.stocked
    }
    demand = tuple(dice.choice(UNITS) * scale - (dice.randrange(scale) if scale > 1 else 0) for _ in range(lines))
    capacity = tuple(dice.choice((None, dice.randint(1, 8) * scale)) if shape.capacity else None for _ in range(nodes))
    options, far = _options(dice, shape, item, weight)
    instance = Instance(
        demand,
        tuple(item),
        tuple(f"N{node:03}" for node in range(nodes)),
        tuple(options),
        stock,
        shape.most_nodes,
        shape.complete,
        capacity,
        scale,
    )
    return instance, far


def _options(dice: random.Random, shape: Shape, item: list[int], weight: list[int]) -> tuple[list[Option], list[float]]:
    options, distances = [], []
    home = dice.random(), dice.random()
    for node in range(shape.nodes):
        far = ((dice.random() - home[0]) ** 2 + (dice.random() - home[1]) ** 2) ** 0.5
        distances.append(far)
        handling = dice.randint(2_000, 9_000)
        for service in range(shape.services):
            fixed = int(35_000 + 40_000 * far) + dice.randint(-5_000, 15_000) + service * dice.randint(5_000, 20_000)
            rate = int(300 + 600 * far) - service * 100
            late = dice.randint(0, shape.late) // (service + 1)
            unit = tuple(
                -1 if dice.random() < shape.banned else handling + weight[each] * rate + late * dice.randint(1, 3)
                for each in item
            )
            options.append(Option(node, fixed, unit, f"N{node:03}/{service}"))
    return options, distances


def _ladder(dice: random.Random, shape: Shape) -> tuple[Tier, ...]:
    extra = dice.choice((-1_500, 0, 0))
    ladder = []
    for _ in range(dice.randint(1, shape.tiers)):
        ladder.append(Tier(dice.randint(1, 6 * shape.scale), extra))
        extra += dice.randint(0, 4_000)
    return tuple(ladder)


def any_shape(dice: random.Random, sizes: tuple[tuple[int, int], ...]) -> Shape:
    """Draw a kind of instance, of one of the sizes (lines, nodes), with every feature in some of them."""
    lines, nodes = dice.choice(sizes)
    shape = Shape(lines, nodes)
    return replace(
        shape,
        services=dice.choice((1, 1, 2, 3)),
        most_nodes=dice.randint(1, 5),
        stocked=dice.choice((0.15, 0.4, 0.8)),
        banned=dice.choice((0.0, 0.03, 0.2)),
        shared=dice.choice((0.0, 0.0, 0.4)),
        tiers=dice.randint(1, 3),
        scale=dice.choice((1, 1, 1, 10)),
        capacity=dice.random() < 0.15,
        complete=dice.random() < 0.2,
    )


def fault(instance: Instance, found: Solution, oracle: Answer) -> str | None:
    """Return what is wrong with an answer, None when it keeps all limits and is as good as it says.

    Args:
        instance: the problem.
        found: our answer.
        oracle: what HiGHS says; without proof only limits and what can be known are checked.
    """
    broken = broken_limit(instance, found)
    if broken is not None:
        return broken
    if found.bound > found.cost:
        return f"its bound {found.bound} is above its cost {found.cost}"
    if not oracle.optimal:
        return None
    if (found.units, -found.cost) > (oracle.units, -oracle.cost):
        return f"better than the best: {found.units} units for {found.cost} against {oracle.units} for {oracle.cost}"
    if found.optimal and (found.units, found.cost) != (oracle.units, oracle.cost):
        return f"called best: {found.units} units for {found.cost} against {oracle.units} for {oracle.cost}"
    if found.units == oracle.units and found.bound > oracle.cost:
        return f"its bound {found.bound} is above the best cost {oracle.cost}"
    return None


def broken_limit(instance: Instance, found: Solution) -> str | None:
    """Return the first limit of the instance that a plan breaks, or a wrong figure of it."""
    drawn: dict[tuple[int, int], int] = {}
    given = [0] * len(instance.demand)
    ways: dict[int, set[int]] = {}
    for (line, index), units in found.assignments.items():
        option = instance.options[index]
        place = option.node, instance.item[line]
        drawn[place] = drawn.get(place, 0) + units
        given[line] += units
        ways.setdefault(option.node, set()).add(index)
        if units <= 0 or option.unit[line] < 0:
            return f"{units} units of line {line} by {option.label}"
    if any(units > sum(tier.units for tier in instance.stock.get(place, ())) for place, units in drawn.items()):
        return "more than there is in stock"
    if any(got > wanted for got, wanted in zip(given, instance.demand, strict=True)):
        return "more than was wanted"
    if len(ways) > instance.most_nodes or any(len(each) > 1 for each in ways.values()):
        return "too many shipments"
    if instance.complete and 0 < sum(given) < sum(instance.demand):
        return "a part of an order that is shipped whole or not at all"
    used = [sum(units for (node, _), units in drawn.items() if node == each) for each in range(len(instance.nodes))]
    if any(limit is not None and units > limit for limit, units in zip(instance.capacity, used, strict=True)):
        return "more than a node's capacity"
    if (found.units, found.cost) != (sum(given), cost_of(instance, found.assignments)):
        return "its figures are not those of its assignments"
    return None
