"""Routing: processor time of one order by lines x nodes, ours beside HiGHS and two rules of thumb, on the same orders.

`over_best` is the cost above the proven best in percent, of orders where the rule ships as many units; `ships_less` is
the part of orders where it does not. Then orders of every kind (shared items, tiers, forbidden pairs, ship complete,
split limits, node capacity, fractions, shortage) are solved by both, and `mismatches` counts those where ours breaks a
limit, costs other than HiGHS's proven best, or gives a bound that does not hold. It must be 0.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar

from benchmarks.common import report, rng
from benchmarks.instances import Shape, any_shape, draw, draw_with_distances, fault
from benchmarks.oracle import Answer, solve_program
from benchmarks.rules import greedy_by_line, nearest_node
from benchmarks.running import forget_environment, percentile, sizes, time_limit
from benchmarks.waves import Books, with_books
from benchmarks.waves import draw as peak
from core.routing.instance import Instance, Solution
from core.routing.optimizer import solve
from core.routing.solver import solve_instance

T = TypeVar("T")
SHAPES = {
    "1x5": (Shape(1, 5, most_nodes=3), 300, 100),
    "3x10": (Shape(3, 10, most_nodes=3), 200, 100),
    "10x50": (Shape(10, 50, most_nodes=4), 60, 250),
    "3x10-crowded": (Shape(3, 10, most_nodes=3, capacity=True), 100, 100),
    "10x50-crowded": (Shape(10, 50, most_nodes=4, capacity=True), 40, 250),
    "30x200": (Shape(30, 200, most_nodes=5), 12, 1000),
}
"""Size: kind of order, how many of them, and the search budget in milliseconds; crowded: half the nodes nearly full."""
CHECKED = ((1, 5), (2, 5), (3, 10), (5, 12), (6, 20), (10, 50))
FEWEST = 2


def main(argv: list[str] | None = None) -> None:
    """Measure and print one JSON object; exits 1 when an answer was wrong."""
    parser = argparse.ArgumentParser(prog="crossdock bench routing", description=__doc__)
    parser.add_argument("--sizes", nargs="+", choices=list(SHAPES), default=list(SHAPES), help="lines x nodes")
    parser.add_argument("--part", type=float, default=1, help="how much of the usual number of orders")
    parser.add_argument("--check", type=int, default=2000, help="orders of every kind to compare with HiGHS")
    parser.add_argument("--seed", type=int, default=1, help="of all orders")
    parser.add_argument("--highs-seconds", type=float, default=60, help="most seconds of HiGHS for one order")
    options = sizes(parser, argv, sizes=["1x5", "3x10", "10x50"], part=0.05, check=40, limit=240)
    forget_environment()
    with time_limit(options.limit):
        series = [measure(name, options) for name in options.sizes]
        decisions = decide(options)
        checked = compare(options)
    mismatches = sum(each["mismatches"] for each in series) + checked["mismatches"]
    report(
        "routing",
        highspy=version("highspy"),
        series=series,
        decisions=decisions,
        checked=checked,
        mismatches=mismatches,
    )
    if mismatches:
        raise SystemExit(f"{mismatches} answers were wrong")


def measure(size: str, options: argparse.Namespace) -> dict[str, Any]:
    """Solve orders of one size in every way and return times, costs and faults."""
    shape, usual, budget = SHAPES[size]
    dice = rng(options.seed)
    orders = [draw_with_distances(dice, shape) for _ in range(max(round(usual * options.part), FEWEST))]
    solve_instance(orders[0][0], budget_ms=budget)
    solve_program(orders[0][0], seconds=options.highs_seconds)
    ours = [timed(partial(solve_instance, each, budget_ms=budget)) for each, _ in orders]
    highs = [timed(partial(solve_program, each, seconds=options.highs_seconds)) for each, _ in orders]
    greedy = [timed(partial(greedy_by_line, each)) for each, _ in orders]
    nearest = [timed(partial(nearest_node, each, far)) for each, far in orders]
    best = [answer for answer, _ in highs]
    faults = [fault(each, mine, oracle) for (each, _), (mine, _), oracle in zip(orders, ours, best, strict=True)]
    return {
        "size": size,
        "orders": len(orders),
        "budget_ms": budget,
        "ours": {
            **spread(ours),
            **over(ours, best),
            "proven": sum(found.optimal for found, _ in ours) / len(ours),
            "largest_gap_percent": max(gap(found) for found, _ in ours),
        },
        "highs": {**spread(highs), "proven": sum(found.optimal for found in best) / len(best)},
        "greedy_by_line": {**spread(greedy), **over(greedy, best)},
        "nearest_node": {**spread(nearest), **over(nearest, best)},
        "mismatches": sum(each is not None for each in faults),
    }


def decide(options: argparse.Namespace) -> dict[str, Any]:
    """Make whole decisions, from facts to explained plan, of usual orders: 1 to 4 lines, 5 nodes, 2 services each."""
    shop = peak(options.seed, max(round(400 * options.part), FEWEST), 5, 20)
    books = Books(shop.stock, {})
    runs = [timed(partial(solve, with_books(each, books))) for each in shop.problems]
    return {"orders": len(runs), **spread(runs)}


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Solve orders of every kind by ours and by HiGHS and return how many agree, and what was wrong with the others."""
    dice = rng(options.seed + 1)
    faults, proven, oracles = [], 0, 0
    for number in range(options.check):
        instance: Instance = draw(dice, any_shape(dice, CHECKED))
        found = solve_instance(instance, budget_ms=2000)
        oracle = solve_program(instance, seconds=options.highs_seconds)
        wrong = fault(instance, found, oracle)
        proven += found.optimal
        oracles += oracle.optimal
        if wrong is not None:
            faults.append({"number": number, "fault": wrong})
    return {
        "orders": options.check,
        "proven": proven,
        "proven_by_highs": oracles,
        "mismatches": len(faults),
        "faults": faults[:5],
    }


def timed(act: Callable[[], T]) -> tuple[T, float]:
    """Return what a call gives and the milliseconds of processor time it took."""
    began = time.process_time()
    found = act()
    return found, (time.process_time() - began) * 1000


def spread(runs: list[tuple[T, float]]) -> dict[str, float]:
    """Return the median and the 95th percentile in milliseconds of processor time."""
    times = [each for _, each in runs]
    return {"median_ms": round(statistics.median(times), 3), "p95_ms": round(percentile(times, 0.95), 3)}


def over(runs: list[tuple[Solution, float]], best: list[Answer]) -> dict[str, Any]:
    """Return the mean cost above the proven best in percent, and the part of orders with fewer units than it."""
    pairs = [(found, oracle) for (found, _), oracle in zip(runs, best, strict=True) if oracle.optimal]
    same = [100 * (found.cost / oracle.cost - 1) for found, oracle in pairs if found.units == oracle.units > 0]
    return {
        "over_best_percent": round(statistics.mean(same), 2) if same else None,
        "ships_less": round(sum(found.units < oracle.units for found, oracle in pairs) / len(pairs), 3)
        if pairs
        else None,
    }


def gap(found: Solution) -> float:
    """Return how far the cost is above the bound in percent of the cost."""
    return round(100 * (found.cost - found.bound) / found.cost, 2) if found.cost else 0.0


if __name__ == "__main__":
    main()
