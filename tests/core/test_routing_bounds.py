"""Each bound of the search on its own: never above what it bounds, and nothing better is ever left out."""

import random
from dataclasses import replace

import numpy as np

from benchmarks.instances import Shape, any_shape, draw
from core.routing.compact import Compact, compact
from core.routing.dual import Dual, Part, ascend, narrow
from core.routing.filling import alone, fill
from core.routing.tables import Ranking, Tables, all_sets, number_of_sets

TINY = ((2, 4), (3, 5), (4, 6))


def counts(problem: Compact) -> tuple[int, ...]:
    nodes = [way.node for way in problem.ways]
    return tuple(nodes.count(node) for node in dict.fromkeys(nodes))


def drawn(seed: int, number: int) -> list[Compact]:
    dice = random.Random(seed)
    found: list[Compact] = []
    while len(found) < number:
        shape = replace(any_shape(dice, TINY), most_nodes=dice.randint(1, 3), scale=1, capacity=dice.random() < 0.4)
        problem = compact(draw(dice, shape))
        if len(problem.ways) > 1:
            found.append(problem)
    return found


def values(problem: Compact) -> dict[tuple[int, ...], int]:
    """Return the exact value of every set of ways."""
    sets = all_sets(counts(problem), problem.most)
    return {ways: fill(problem, ways)[0] for ways in (tuple(np.flatnonzero(each).tolist()) for each in sets)}


def test_values_of_many_sets_are_exact_or_below() -> None:
    exact = below = 0
    for problem in drawn(21, 150):
        tables = Tables(problem)
        sets = all_sets(counts(problem), problem.most)
        assert len(sets) == number_of_sets(counts(problem), problem.most)
        found = Ranking(tables, np.arange(len(problem.ways))).values(sets).tolist()
        for at_once, one_by_one in zip(found, values(problem).values(), strict=True):
            assert at_once <= one_by_one
            assert at_once == one_by_one or not tables.exact
            exact += at_once == one_by_one
            below += at_once < one_by_one
    assert exact > 1000
    assert below > 100


def test_the_bound_is_below_every_set_at_any_prices() -> None:
    dice = random.Random(22)
    limited = 0
    for problem in drawn(23, 150):
        tables = Tables(problem)
        part = Part(np.arange(len(problem.ways)), frozenset(), np.zeros(len(tables.demand)), 0)
        dual = Dual(tables, part)
        best = min(values(problem).values())
        limited += any(way.limit is not None for way in problem.ways)
        for _ in range(5):
            prices = np.array([float(dice.randint(0, int(limit))) for limit in np.minimum(tables.price, 60_000)])
            by_node, used = dual.picks(dual.values(prices))
            assert dual.constant(prices) + by_node[used].sum() <= best
    assert limited >= 15


def test_narrowing_never_loses_a_plan_below_the_best_known() -> None:
    left_out = opened = 0
    for problem in drawn(24, 250):
        tables = Tables(problem)
        known = values(problem)
        least = min(known.values())
        best_sets = [set(ways) for ways, value in known.items() if value == least]
        prices = np.minimum(np.full(len(tables.demand), 20_000.0), tables.price)
        part = Part(np.arange(len(problem.ways)), frozenset(), prices, 0)
        for rounds in (1, 3, 10, 60):
            dual = Dual(tables, part)
            found = ascend(dual, tables, part.prices, least + 1, rounds)
            assert found.bound <= least
            part = narrow(dual, found, least + 1, part)
            for ways in best_sets:
                assert ways <= set(part.ways.tolist())
                assert part.opened <= {problem.ways[way].node for way in ways}
        left_out += len(problem.ways) - len(part.ways)
        opened += len(part.opened)
    assert left_out > 500
    assert opened > 100


def test_one_way_alone_costs_what_filling_from_it_costs() -> None:
    whole = 0
    for problem in drawn(25, 150):
        for index, way in enumerate(problem.ways):
            value, taken = fill(problem, (index,))
            if sum(taken.values()) == sum(row.demand for row in problem.rows):
                assert alone(problem, way) == value
                whole += 1
            else:
                assert alone(problem, way) is None
    assert whole > 100


def test_a_service_that_costs_more_in_every_respect_is_left_out_and_never_the_better_one() -> None:
    dice = random.Random(26)
    for _ in range(60):
        instance = draw(dice, Shape(3, 4, services=3, banned=0.2))
        problem = compact(instance)
        kept = {way.option for way in problem.ways}
        for index, option in enumerate(instance.options):
            same = [each for each in kept if instance.options[each].node == option.node]
            carried = {
                line for line, cost in enumerate(option.unit) if cost >= 0 and (option.node, line) in instance.stock
            }
            better = [
                each
                for each in same
                if instance.options[each].fixed <= option.fixed
                and all(0 <= instance.options[each].unit[line] <= option.unit[line] for line in carried)
            ]
            assert index in kept or better or not carried
