"""Waves: what planning a peak's orders together saves over planning one after the other.

A peak of random orders on short stock and tight nodes is planned first come, first served by the exact search, and by
taking the nearest node; then the whole pool is planned again together, and for comparison in small batches as they
come. Costs are compared with the exact first come, first served and with the bound that no joint plan is below;
`dearer` counts waves that cost more than what they started from, and must be 0.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from importlib.metadata import version
from typing import Any
from uuid import UUID

from benchmarks.common import report, rng
from benchmarks.rules import nearest_node
from benchmarks.running import forget_environment, sizes, time_limit
from core.routing.building import build
from core.routing.costs import kilometers
from core.routing.explaining import whole_cost
from core.routing.optimizer import solve
from core.routing.problem import (
    Assignment,
    Demand,
    Destination,
    NodeFacts,
    Policy,
    Problem,
    Service,
    StockTier,
)
from core.routing.waves import Pooled, replan

CENT = 100
UNITS = (1, 1, 1, 2, 2, 3)
CARRIED = 0.4
"""Chance that a node carries an item."""
SPARE = 1.4
"""Stock and capacity as a multiple of what is wanted."""


@dataclass(slots=True)
class Shop:
    """A peak: orders without stock of their own, and what all of them draw from."""

    problems: list[Problem]
    stock: dict[tuple[UUID, UUID], Decimal]
    capacity: dict[UUID, Decimal]


@dataclass(slots=True)
class Books:
    """What is still free while orders are planned, and what their plans cost."""

    stock: dict[tuple[UUID, UUID], Decimal]
    capacity: dict[UUID, Decimal]
    cost: int = 0
    units: Decimal = field(default_factory=Decimal)

    def move(self, plan: Sequence[Assignment], sign: int) -> None:
        """Take what a plan needs (1), or give it back (-1)."""
        for each in plan:
            self.stock[each.item_id, each.node_id] -= sign * each.quantity
            self.capacity[each.node_id] -= sign * each.quantity
            self.units += sign * each.quantity


def main(argv: list[str] | None = None) -> None:
    """Measure and print one JSON object; exits 1 when a wave made anything dearer."""
    parser = argparse.ArgumentParser(prog="crossdock bench waves", description=__doc__)
    parser.add_argument("--peaks", type=int, default=8, help="peaks, each with its own seed")
    parser.add_argument("--orders", type=int, default=120, help="orders of a peak")
    parser.add_argument("--nodes", type=int, default=8, help="nodes")
    parser.add_argument("--items", type=int, default=40, help="items")
    parser.add_argument("--seconds", type=float, default=60, help="most seconds of search for a wave")
    parser.add_argument("--batches", type=int, nargs="*", default=[25, 50], help="sizes of small batches to compare")
    options = sizes(parser, argv, peaks=2, orders=25, nodes=5, items=12, batches=[5], seconds=10, limit=240)
    forget_environment()
    with time_limit(options.limit):
        peaks = [measure(seed, options) for seed in range(1, options.peaks + 1)]
    dearer = sum(each["after"] > each["first_come"] for each in peaks)
    report(
        "waves",
        highspy=version("highspy"),
        orders=options.orders,
        nodes=options.nodes,
        items=options.items,
        saved_percent=summary([each["saved_percent"] for each in peaks]),
        saved_over_nearest_percent=summary([each["saved_over_nearest_percent"] for each in peaks]),
        above_bound_percent=summary([each["above_bound_percent"] for each in peaks]),
        first_come_above_bound_percent=summary([each["first_come_above_bound_percent"] for each in peaks]),
        batches={
            size: summary([each["batches"][size] for each in peaks if each["batches"][size] is not None])
            for size in options.batches
        },
        dearer=dearer,
        peaks=peaks,
    )
    if dearer:
        raise SystemExit(f"{dearer} waves cost more than what they started from")


def measure(seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Plan one peak in every way and return costs (in the currency) and what was saved in percent."""
    shop = draw(seed, options.orders, options.nodes, options.items)
    books = Books(dict(shop.stock), dict(shop.capacity))
    plans = [first_come(problem, books) for problem in shop.problems]
    nearest = Books(dict(shop.stock), dict(shop.capacity))
    for problem in shop.problems:
        take_nearest(problem, nearest)
    began, cpu = time.monotonic(), time.process_time()
    pool = [Pooled(UUID(int=index), *pair) for index, pair in enumerate(zip(shop.problems, plans, strict=True))]
    wave = replan(pool, tiers(shop.stock), shop.capacity, seconds=options.seconds)
    took, used = time.monotonic() - began, time.process_time() - cpu
    if wave.before != books.cost:
        raise AssertionError(f"the wave starts from {wave.before}, first come first served cost {books.cost}")
    near: float = nearest.cost / float(nearest.units)
    return {
        "first_come": wave.before,
        "after": wave.after,
        "bound": wave.bound,
        "units": float(books.units),
        "units_of_nearest": float(nearest.units),
        "changed_orders": len(wave.changed),
        "saved_percent": percent(wave.before - wave.after, wave.before),
        # The nearest node may ship fewer units: compared by unit.
        "saved_over_nearest_percent": percent(near - wave.after / float(books.units), near),
        "above_bound_percent": percent(wave.after - wave.bound, wave.bound),
        "first_come_above_bound_percent": percent(wave.before - wave.bound, wave.bound),
        "batches": {size: in_batches(shop, size, options.seconds, wave.before) for size in options.batches},
        "finished": wave.finished,
        "seconds": round(took, 2),
        "cpu_seconds": round(used, 2),
    }


def draw(seed: int, orders: int, nodes: int, items: int) -> Shop:
    """Draw a peak: orders all over a country, a few nodes, stock and capacity of `SPARE` times what is wanted."""
    dice = rng(seed)
    places = [
        NodeFacts(
            UUID(int=number), f"N{number:02}", dice.uniform(47.5, 54.5), dice.uniform(6.5, 14.5), "DE",
            CENT * dice.randint(150, 350), CENT * dice.randint(20, 90), CENT * dice.randint(30, 60),
        )
        for number in range(nodes)
    ]  # fmt: skip
    skus = [UUID(int=1000 + number) for number in range(items)]
    grams = {sku: dice.randint(100, 8_000) for sku in skus}
    problems = []
    wanted: dict[UUID, int] = dict.fromkeys(skus, 0)
    for _ in range(orders):
        demands = []
        for sku in dice.sample(skus, dice.randint(1, 4)):
            units = dice.choice(UNITS)
            wanted[sku] += units
            line = UUID(int=dice.getrandbits(128))
            demands.append(Demand(line, sku, Decimal(units), CENT * dice.randint(500, 9_000), grams[sku]))
        there = Destination("DE", dice.uniform(47.5, 54.5), dice.uniform(6.5, 14.5))
        services = {node.id: offered(node, there) for node in places}
        policy = Policy(most_nodes=4, late_penalty=1_000)
        problems.append(Problem(demands, places, {}, there, True, policy, {}, services=services))
    stock: dict[tuple[UUID, UUID], Decimal] = {}
    for sku in skus:
        holders = [node for node in places if dice.random() < CARRIED] or [dice.choice(places)]
        for _ in range(round(wanted[sku] * SPARE)):
            place = sku, dice.choice(holders).id
            stock[place] = stock.get(place, Decimal(0)) + 1
    shares = [dice.uniform(0.5, 1.5) for _ in places]
    share = sum(wanted.values()) * SPARE / sum(shares)
    return Shop(
        problems, stock, {node.id: Decimal(round(share * part)) for node, part in zip(places, shares, strict=True)}
    )


def offered(node: NodeFacts, there: Destination) -> list[Service]:
    """Return two services of a node: parcels, late more often on long ways, and a dearer one that hardly ever is."""
    far = kilometers(node, there)
    return [
        Service("parcel", CENT * 380, kilogram=CENT * 25, late=min(far / 2_500, 0.5)),
        Service("express", CENT * 900, kilogram=CENT * 60, late=0.01),
    ]


def with_books(problem: Problem, books: Books) -> Problem:
    """Return an order as it may be planned now."""
    items = [demand.item_id for demand in problem.demands]
    free = {
        (item, node.id): books.stock[item, node.id]
        for item in items
        for node in problem.nodes
        if books.stock.get((item, node.id), 0) > 0
    }
    return replace(problem, stock=free, capacity=books.capacity)


def first_come(problem: Problem, books: Books) -> list[Assignment]:
    """Plan one order by the exact search on what is left, and take it."""
    plan = solve(with_books(problem, books))
    books.move(plan.assignments, 1)
    books.cost += plan.cost
    return list(plan.assignments)


def take_nearest(problem: Problem, books: Books) -> None:
    """Plan one order from the nearest nodes, by their cheapest shipment, and take it."""
    built = build(with_books(problem, books))
    nodes = {way.node.code: way.node for way in built.ways}
    far = [kilometers(nodes[code], problem.destination) for code in built.instance.nodes]
    found = nearest_node(built.instance, far)
    demands = problem.demands
    plan = [
        Assignment(demands[line].line_id, demands[line].item_id, built.ways[option].node.id, Decimal(units))
        for (line, option), units in found.assignments.items()
    ]
    books.move(plan, 1)
    books.cost += whole_cost(found.cost, built.instance.scale)


def in_batches(shop: Shop, size: int, seconds: float, first: int) -> float | None:
    """Plan batch after batch, each replanned as a wave before the next comes; return what that saves in percent.

    None when another number of units is shipped than in `first`, so that the costs do not compare.
    """
    books = Books(dict(shop.stock), dict(shop.capacity))
    whole = Books(dict(shop.stock), dict(shop.capacity))
    for problem in shop.problems:
        first_come(problem, whole)
    cost = 0
    for at in range(0, len(shop.problems), size):
        problems = shop.problems[at : at + size]
        free = Books(dict(books.stock), dict(books.capacity))
        plans = [first_come(problem, books) for problem in problems]
        pool = [Pooled(UUID(int=index), *pair) for index, pair in enumerate(zip(problems, plans, strict=True))]
        wave = replan(pool, tiers(free.stock), free.capacity, seconds=seconds)
        for index, plan in enumerate(plans):
            books.move(plan, -1)
            books.move(wave.plans[UUID(int=index)], 1)
        cost += wave.after
    return percent(first - cost, first) if books.units == whole.units else None


def tiers(stock: dict[tuple[UUID, UUID], Decimal]) -> dict[tuple[UUID, UUID], list[StockTier]]:
    """Return stock as ladders of one tier."""
    return {place: [StockTier(units, 0)] for place, units in stock.items() if units > 0}


def percent(part: float, whole: float) -> float:
    """Return a part of a whole in percent."""
    return round(100 * part / whole, 2) if whole else 0.0


def summary(values: list[float]) -> dict[str, float] | None:
    """Return median, least and most."""
    if not values:
        return None
    return {"median": round(statistics.median(values), 2), "least": min(values), "most": max(values)}


if __name__ == "__main__":
    main()
