"""A pool of orders in whole numbers: ways and lines of each, stock and capacity of all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from uuid import UUID

from core.routing.building import Way, build, places
from core.routing.instance import Tier
from core.routing.problem import Assignment, Problem, StockTier

Units = Mapping[tuple[int, int], int]
"""(line, way of the order) -> units."""


@dataclass(frozen=True, slots=True)
class PoolWay:
    """How an order may ship: costs as in `Option`, whether only today's plan may use it, the limits it counts for."""

    way: Way
    fixed: int
    unit: tuple[int, ...]
    only_today: bool
    slots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PoolOrder:
    """One order: the item of each line, its ways, how many nodes may ship it, and today's plan."""

    items: tuple[UUID, ...]
    ways: tuple[PoolWay, ...]
    most_nodes: int
    today: Units


@dataclass(frozen=True, slots=True)
class Pool:
    """All orders; quantities in 10^-`digits`, tiers by (item, node) in ascending extra cost, limits in shipments."""

    orders: tuple[PoolOrder, ...]
    stock: Mapping[tuple[UUID, UUID], tuple[Tier, ...]]
    capacity: Mapping[UUID, int]
    digits: int
    limits: Mapping[str, int] = field(default_factory=dict)


Taken = tuple[UUID, str | None]
"""Node and the service's code, None where it has no services."""
Asked = tuple[Problem, Sequence[Assignment], Collection[Taken], Mapping[Taken, Sequence[str]]]
"""Problem, today's plan, ways that would break the promise, limits by way."""


def pooled(
    orders: Sequence[Asked],
    stock: Mapping[tuple[UUID, UUID], Sequence[StockTier]],
    capacity: Mapping[UUID, Decimal],
    limits: Mapping[str, int],
) -> Pool:
    """Return the whole-number form of a pool.

    Raises:
        ValueError: a plan of today uses a way its order does not have, or all of them more than there is.
    """
    amounts = [each.quantity for _, plan, _, _ in orders for each in plan]
    amounts += [tier.units for ladder in stock.values() for tier in ladder]
    amounts += capacity.values()
    digits = max(map(places, amounts), default=0)
    scale = 10**digits
    ladders = {
        place: tuple(
            sorted(
                (Tier(int(tier.units * scale), tier.extra) for tier in ladder if tier.units > 0),
                key=lambda tier: tier.extra,
            )
        )
        for place, ladder in stock.items()
    }
    found = Pool(
        tuple(_order(each, stock, scale) for each in orders),
        {place: ladder for place, ladder in ladders.items() if ladder},
        {node: int(units * scale) for node, units in capacity.items()},
        digits,
        limits,
    )
    cost_of_pool(found, [order.today for order in found.orders])
    return found


def _order(asked: Asked, stock: Mapping[tuple[UUID, UUID], Sequence[StockTier]], scale: int) -> PoolOrder:
    problem, plan, late, slots = asked
    items = {demand.item_id for demand in problem.demands}
    own = {
        (item, node.id): stock[item, node.id] for item in items for node in problem.nodes if (item, node.id) in stock
    }
    built = build(replace(problem, stock={}, ladders=own, capacity={}))
    options = built.instance.options
    today: dict[tuple[int, int], int] = {}
    lines = {demand.line_id: line for line, demand in enumerate(problem.demands)}
    taken = [(way.node.id, None if way.service is None else way.service.code) for way in built.ways]
    place = {each: index for index, each in enumerate(taken)}
    for each in plan:
        index, line = place.get((each.node_id, each.service)), lines[each.line_id]
        if index is None or options[index].unit[line] < 0:
            raise ValueError(
                f"line {each.line_id} is planned from {each.node_id} by {each.service}, which is no way of it"
            )
        today[line, index] = today.get((line, index), 0) + int(each.quantity * scale)
    used = {index for _, index in today}
    return PoolOrder(
        tuple(demand.item_id for demand in problem.demands),
        tuple(
            PoolWay(way, option.fixed, option.unit, each in late, tuple(slots.get(each, ())))
            for way, option, each in zip(built.ways, options, taken, strict=True)
        ),
        max(built.instance.most_nodes, len({built.ways[index].node.id for index in used})),
        today,
    )


def cost_of_pool(pool: Pool, plans: Sequence[Units]) -> int:
    """Return the exact cost of plans in 1/(10,000 x scale).

    Raises:
        ValueError: they need more than the stock, the capacity or the limits.
    """
    scale = 10**pool.digits
    cost = 0
    drawn: dict[tuple[UUID, UUID], int] = {}
    used: dict[UUID, int] = {}
    slots: dict[str, int] = {}
    for order, plan in zip(pool.orders, plans, strict=True):
        for index in {index for _, index in plan}:
            cost += scale * order.ways[index].fixed
            for slot in order.ways[index].slots:
                slots[slot] = slots.get(slot, 0) + 1
        for (line, index), units in plan.items():
            node = order.ways[index].way.node.id
            drawn[order.items[line], node] = drawn.get((order.items[line], node), 0) + units
            used[node] = used.get(node, 0) + units
            cost += units * order.ways[index].unit[line]
    for place, units in drawn.items():
        left = units
        for tier in pool.stock.get(place, ()):
            some = min(tier.units, left)
            cost += some * tier.extra
            left -= some
        if left > 0:
            raise ValueError(f"the plans take {units} of item {place[0]} at node {place[1]}, {left} more than there is")
    for node, units in used.items():
        if units > pool.capacity.get(node, units):
            raise ValueError(f"the plans give node {node} {units} units, its capacity is {pool.capacity[node]}")
    for slot, number in slots.items():
        if number > pool.limits.get(slot, number):
            raise ValueError(f"the plans take {number} of {slot}, its limit is {pool.limits[slot]}")
    return cost
