"""The exact search agrees with an enumeration of all sets and with HiGHS, and its bounds hold."""

import random
from dataclasses import replace
from itertools import combinations, product
from typing import Any

import pytest

from benchmarks.instances import Shape, any_shape, draw, fault
from benchmarks.oracle import Answer, ship_from, solve_program
from core.routing.dual import Dual
from core.routing.filling import cost_of
from core.routing.instance import Instance, Option, Solution, Tier
from core.routing.solver import solve_instance

TINY = ((1, 3), (2, 4), (3, 4), (4, 5))
SMALL = ((1, 5), (2, 5), (3, 10), (5, 12), (6, 20), (10, 50))


def every_plan(instance: Instance) -> Answer:
    """Return the best plan by looking at every set of options."""
    by_node: dict[int, list[int]] = {}
    for index, option in enumerate(instance.options):
        by_node.setdefault(option.node, []).append(index)
    best = Answer({}, 0, 0, optimal=True, bound=0, nodes=0)
    for size in range(1, instance.most_nodes + 1):
        for nodes in combinations(by_node.values(), size):
            for chosen in product(*nodes):
                kept = ship_from(instance, list(chosen))
                units, cost = sum(kept.values()), cost_of(instance, kept)
                if instance.complete and units < sum(instance.demand):
                    continue
                if (units, -cost) > (best.units, -best.cost):
                    best = Answer(kept, cost, units, optimal=True, bound=cost, nodes=0)
    return best


def test_tiny_instances_of_every_kind_agree_with_all_sets_enumerated() -> None:
    dice = random.Random(11)
    kinds = {"capacity": 0, "complete": 0, "shared": 0, "short": 0}
    for number in range(400):
        instance = draw(dice, any_shape(dice, TINY))
        found = solve_instance(instance)
        assert found.optimal, number
        assert fault(instance, found, every_plan(instance)) is None, number
        kinds["capacity"] += any(limit is not None for limit in instance.capacity)
        kinds["complete"] += instance.complete
        kinds["shared"] += len(set(instance.item)) < len(instance.item)
        kinds["short"] += 0 < found.units < sum(instance.demand)
    assert min(kinds.values()) >= 40, kinds


def test_instances_up_to_ten_lines_by_fifty_nodes_agree_with_highs() -> None:
    dice = random.Random(12)
    proven = 0
    for number in range(120):
        instance = draw(dice, any_shape(dice, SMALL))
        found = solve_instance(instance, budget_ms=2000)
        oracle = solve_program(instance)
        assert oracle.optimal
        assert fault(instance, found, oracle) is None, number
        proven += found.optimal
    assert proven >= 118


def test_numbers_beyond_exact_floats_are_searched_in_whole_numbers() -> None:
    dice = random.Random(13)
    for number in range(40):
        instance = draw(dice, replace(any_shape(dice, ((2, 4), (3, 5))), scale=10**6, capacity=False))
        assert fault(instance, solve_instance(instance), every_plan(instance)) is None, number


def test_the_lagrangian_search_alone_agrees_with_all_sets_enumerated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.routing.search.FEW_SETS", 0)
    monkeypatch.setattr("core.routing.search.LISTED_CELLS", 0)
    monkeypatch.setattr("core.routing.search.FEWEST_LISTED", 2)
    dice = random.Random(14)
    for number in range(150):
        instance = draw(dice, any_shape(dice, TINY))
        assert fault(instance, solve_instance(instance, budget_ms=5000), every_plan(instance)) is None, number


def test_a_bound_that_is_too_high_is_found_by_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Dual.constant
    monkeypatch.setattr(Dual, "constant", lambda self, prices: right(self, prices) * 110 // 100)
    dice = random.Random(15)
    shape = Shape(8, 30, most_nodes=5, stocked=0.3)
    faults = [
        fault(instance, solve_instance(instance), solve_program(instance))
        for instance in (draw(dice, shape) for _ in range(20))
    ]
    assert any(each is not None and each.startswith("called best") for each in faults)


def test_a_search_that_is_cut_short_says_so_and_its_bound_holds() -> None:
    dice = random.Random(16)
    cut = 0
    for _ in range(15):
        instance = draw(dice, Shape(12, 40, most_nodes=6, stocked=0.25))
        found = solve_instance(instance, budget_ms=1)
        oracle = solve_program(instance)
        assert fault(instance, found, oracle) is None
        cut += not found.optimal
        if not found.optimal:
            assert 0 < found.bound < found.cost
    assert cut >= 5


def test_the_same_instance_gets_the_same_plan_whatever_the_order_of_its_stock() -> None:
    dice = random.Random(17)
    for _ in range(20):
        instance = draw(dice, any_shape(dice, SMALL[:5]))
        turned = replace(instance, stock=dict(reversed(list(instance.stock.items()))))
        assert solve_instance(instance, budget_ms=20) == solve_instance(turned, budget_ms=20)


def two_nodes(**more: Any) -> Instance:
    """One line of three units; the near node has two of them, the far one all, at a higher cost of the shipment."""
    return replace(
        Instance(
            (3,),
            (0,),
            ("NEAR", "FAR"),
            (Option(0, 40_000, (5_000,), "NEAR"), Option(1, 60_000, (4_000,), "FAR")),
            {(0, 0): (Tier(2, 0),), (1, 0): (Tier(9, 0),)},
            2,
            False,
            (None, None),
        ),
        **more,
    )


def answer(instance: Instance) -> tuple[dict[tuple[int, int], int], int, int]:
    found = solve_instance(instance)
    assert found.optimal
    assert found.bound == found.cost
    return dict(found.assignments), found.units, found.cost


def test_units_come_before_cost_and_a_second_shipment_only_where_it_pays() -> None:
    assert answer(two_nodes()) == ({(0, 1): 3}, 3, 60_000 + 3 * 4_000)
    assert answer(two_nodes(demand=(2,))) == ({(0, 0): 2}, 2, 40_000 + 2 * 5_000)
    assert answer(two_nodes(demand=(11,))) == ({(0, 0): 2, (0, 1): 9}, 11, 100_000 + 2 * 5_000 + 9 * 4_000)


def test_more_than_there_is_leaves_the_rest_and_complete_ships_nothing() -> None:
    assert answer(two_nodes(demand=(20,)))[1:] == (11, 100_000 + 2 * 5_000 + 9 * 4_000)
    assert answer(two_nodes(demand=(20,), complete=True)) == ({}, 0, 0)


def test_a_split_limit_prefers_the_node_with_more_units() -> None:
    assert answer(two_nodes(demand=(11,), most_nodes=1)) == ({(0, 1): 9}, 9, 60_000 + 9 * 4_000)


def test_aging_stock_goes_first_and_stock_below_safety_last() -> None:
    ladder = {(1, 0): (Tier(1, -1_500), Tier(1, 0), Tier(5, 3_000))}
    assert answer(two_nodes(stock=ladder)) == ({(0, 1): 3}, 3, 60_000 + 3 * 4_000 - 1_500 + 3_000)


def test_capacity_sends_units_elsewhere() -> None:
    assert answer(two_nodes(capacity=(None, 2))) == ({(0, 0): 1, (0, 1): 2}, 3, 100_000 + 5_000 + 2 * 4_000)
    assert answer(two_nodes(capacity=(0, 1))) == ({(0, 1): 1}, 1, 60_000 + 4_000)


def test_a_forbidden_pair_is_never_used() -> None:
    banned = (Option(0, 40_000, (5_000,), "NEAR"), Option(1, 60_000, (-1,), "FAR"))
    assert answer(two_nodes(options=banned)) == ({(0, 0): 2}, 2, 40_000 + 2 * 5_000)


def test_nothing_to_choose_from_is_an_empty_plan() -> None:
    assert solve_instance(two_nodes(options=())) == Solution({}, 0, 0, True, 0, 0, 100_000)
    assert answer(two_nodes(stock={})) == ({}, 0, 0)
