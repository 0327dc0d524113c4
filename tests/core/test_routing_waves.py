"""A wave plans many orders together: cheapest as a whole, never dearer, no line short of what it had."""

import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import permutations
from uuid import UUID

import pytest

from core.routing import record
from core.routing.optimizer import solve
from core.routing.problem import Assignment, Demand, Destination, NodeFacts, Policy, Problem, Service, StockTier
from core.routing.waverecord import inputs_of, wave_of
from core.routing.waves import Pooled, Wave, replan

ITEM, OTHER = UUID(int=1), UUID(int=2)
NODES = [NodeFacts(UUID(int=10 + n), f"N{n}", None, None, "DE", 0, 1_000, 0) for n in range(3)]
ONE = Decimal(1)


def order(number: int, prices: Sequence[int], units: str = "1", **more: object) -> Problem:
    """One line; `prices` are of a shipment from each node."""
    services = {node.id: [Service("van", price)] for node, price in zip(NODES, prices, strict=False)}
    demand = Demand(UUID(int=100 + number), ITEM, Decimal(units))
    nodes = NODES[: len(prices)]
    return Problem([demand], nodes, {}, Destination("DE"), True, Policy(), {}, services=services)


def planned(
    number: int, problem: Problem, *nodes: int, units: Decimal = ONE, late: frozenset[tuple[UUID, str]] = frozenset()
) -> Pooled:
    plan = [Assignment(UUID(int=100 + number), ITEM, NODES[node].id, units, "van") for node in nodes]
    return Pooled(UUID(int=number), problem, plan, late)


def shelf(*units: str) -> dict[tuple[UUID, UUID], list[StockTier]]:
    return {(ITEM, node.id): [StockTier(Decimal(some), 0)] for node, some in zip(NODES, units, strict=False)}


def where(wave: Wave) -> dict[int, list[tuple[str, Decimal]]]:
    codes = {node.id: node.code for node in NODES}
    return {key.int: [(codes[each.node_id], each.quantity) for each in plan] for key, plan in wave.plans.items()}


def test_the_scarce_unit_goes_where_its_absence_costs_most() -> None:
    # First come took the near node although it could ship from the other for 1,000 more; the second then paid 50,000.
    first, second = order(1, (10_000, 11_000)), order(2, (10_000, 60_000))
    pool = [planned(1, first, 0), planned(2, second, 1)]
    wave = replan(pool, shelf("1", "1"), {})
    assert where(wave) == {1: [("N1", ONE)], 2: [("N0", ONE)]}
    assert (wave.before, wave.after, wave.bound) == (10_000 + 60_000 + 2_000, 11_000 + 10_000 + 2_000, 23_000)
    assert (wave.optimal, wave.finished, wave.changed) == (True, True, (UUID(int=1), UUID(int=2)))
    assert [each.service for plan in wave.plans.values() for each in plan] == ["van", "van"]


def test_a_promise_is_not_broken_for_money_but_a_late_plan_of_today_may_stay() -> None:
    late = frozenset({(NODES[1].id, "van")})
    first, second = order(1, (10_000, 11_000)), order(2, (10_000, 60_000))
    pool = [planned(1, first, 0, late=late), planned(2, second, 1, late=late)]
    wave = replan(pool, shelf("1", "1"), {})
    assert (wave.before, wave.after, wave.bound, wave.optimal, wave.changed) == (72_000, 72_000, 72_000, True, ())
    assert list(wave.plans.values()) == [each.plan for each in pool]


def test_capacity_of_a_node_is_shared_by_all_orders() -> None:
    pool = [planned(1, order(1, (10_000, 9_000)), 0), planned(2, order(2, (30_000, 9_000)), 0)]
    wave = replan(pool, shelf("2", "2"), {NODES[1].id: ONE})
    assert where(wave) == {1: [("N0", ONE)], 2: [("N1", ONE)]}
    assert wave.after == 10_000 + 9_000 + 2_000


def test_a_wave_keeps_the_split_limit_and_one_service_of_a_node() -> None:
    # Two units are cheapest as one of each node, or by two services of one node: both are more shipments than allowed.
    ladders = {**shelf("1", "1"), (ITEM, NODES[0].id): [StockTier(ONE, 0), StockTier(ONE, 90_000)]}
    asked = replace(order(1, (10_000, 9_000), "2"), policy=Policy(most_nodes=1))
    wave = replan([planned(1, asked, 0, units=Decimal(2))], ladders, {})
    assert where(wave) == {1: [("N0", Decimal(2))]}
    assert wave.after == 10_000 + 2_000 + 90_000
    wider = replace(asked, policy=Policy(most_nodes=2))
    assert replan([planned(1, wider, 0, units=Decimal(2))], ladders, {}).after == 10_000 + 9_000 + 2_000

    refusing = [Service("cold", 10, refuses={ITEM: "dry"}), Service("dry", 10, refuses={OTHER: "cold"})]
    lines = [Demand(UUID(int=101), ITEM, ONE), Demand(UUID(int=102), OTHER, ONE)]
    both = replace(
        asked, demands=lines, services={NODES[0].id: refusing, NODES[1].id: [Service("van", 50_000)]}, policy=Policy()
    )
    plan = [Assignment(line.line_id, line.item_id, NODES[1].id, ONE, "van") for line in lines]
    stock = {(item, node.id): [StockTier(ONE, 0)] for item in (ITEM, OTHER) for node in NODES[:2]}
    wave = replan([Pooled(UUID(int=1), both, plan)], stock, {})
    assert (wave.after, wave.changed) == (50_000 + 2_000, ())


def test_fractions_stay_exact() -> None:
    pool = [planned(1, order(1, (10_000, 9_000), "0.125"), 0, units=Decimal("0.125"))]
    wave = replan(pool, shelf("0.125", "0.125"), {})
    assert where(wave) == {1: [("N1", Decimal("0.125"))]}
    assert (wave.before, wave.after) == (10_125, 9_125)


def test_the_cheapest_way_for_all_is_found_and_proven() -> None:
    dice = random.Random(3)
    changed = 0
    for _ in range(25):
        prices = [[dice.randint(5_000, 50_000) for _ in NODES] for _ in NODES]
        pool = [planned(number, order(number, row), number) for number, row in enumerate(prices)]
        wave = replan(pool, shelf("1", "1", "1"), {})
        best = min(sum(prices[number][node] for number, node in enumerate(way)) for way in permutations(range(3)))
        assert (wave.after, wave.bound, wave.optimal) == (best + 3_000, best + 3_000, True)
        changed += bool(wave.changed)
    assert changed > 10


def test_a_wave_never_costs_more_and_ships_as_much_as_before() -> None:
    dice = random.Random(4)
    saved = 0
    for _ in range(12):
        free = {(ITEM, node.id): Decimal(dice.randint(3, 9)) for node in NODES}
        stock = {place: [StockTier(Decimal(2), -500), StockTier(units - 2, 0)] for place, units in free.items()}
        left, pool = dict(free), []
        for number in range(8):
            asked = replace(order(number, [dice.randint(5_000, 50_000) for _ in NODES], str(dice.randint(1, 4))))
            plan = solve(replace(asked, stock={place: units for place, units in left.items() if units > 0})).assignments
            for one in plan:
                left[one.item_id, one.node_id] -= one.quantity
            pool.append(Pooled(UUID(int=number), asked, plan))
        wave = replan(pool, stock, {})
        assert wave.bound <= wave.after <= wave.before
        saved += wave.after < wave.before
        taken: dict[tuple[UUID, UUID], Decimal] = {}
        for each in pool:
            assert sum(one.quantity for one in wave.plans[each.order_id]) == sum(one.quantity for one in each.plan)
            for one in wave.plans[each.order_id]:
                taken[ITEM, one.node_id] = taken.get((ITEM, one.node_id), Decimal(0)) + one.quantity
        assert all(units <= free[place] for place, units in taken.items())
    assert saved >= 6


def test_a_search_without_room_keeps_the_plans_of_today() -> None:
    pool = [planned(1, order(1, (10_000, 11_000)), 0), planned(2, order(2, (10_000, 60_000)), 1)]
    wave = replan(pool, shelf("1", "1"), {}, seconds=0.0)
    assert (wave.before, wave.after, wave.bound) == (72_000, 72_000, 0)
    assert (wave.optimal, wave.finished, wave.changed) == (False, False, ())
    assert list(wave.plans.values()) == [each.plan for each in pool]


@pytest.mark.parametrize(
    ("stock", "capacity", "says"),
    [
        (("1", "2"), {}, "1 more than there is"),
        (("2", "2"), {NODES[0].id: ONE}, "its capacity is 1"),
        (("0", "2"), {}, "which is no way of it"),
    ],
)
def test_plans_of_today_that_are_impossible_are_refused(
    stock: tuple[str], capacity: dict[UUID, Decimal], says: str
) -> None:
    pool = [planned(number, order(number, (10_000, 11_000)), 0) for number in (1, 2)]
    with pytest.raises(ValueError, match=says):
        replan(pool, shelf(*stock), capacity)


def test_no_orders_are_no_work() -> None:
    assert replan([], {}, {}) == Wave({}, (), 0, 0, 0, True, True)


def test_a_wave_is_kept_with_late_ways_of_a_node_with_and_without_a_service() -> None:
    own, van, far = (NODES[0].id, None), (NODES[0].id, "van"), (NODES[1].id, "van")
    asked = order(1, (10_000, 11_000, 12_000))
    slots = {van: ["pickup"], own: ["day"], far: []}
    pool = [replace(planned(1, asked, 0), late=frozenset({own, van, far}), slots=slots)]
    found = inputs_of(pool, [b"same"], shelf("1", "1"), {"day": 1}, NODES)
    [kept] = found["orders"]
    assert kept["late"] == [[0, None], [0, "van"], [1, "van"]]
    assert kept["slots"] == [[0, None, ["day"]], [0, "van", ["pickup"]], [1, "van", []]]
    again, _, limits = wave_of(found, lambda _: record.Shared(record.ENGINE, NODES, asked.policy))
    assert [(each.late, each.slots, each.plan) for each in again] == [(pool[0].late, slots, pool[0].plan)]
    assert limits == {"day": 1}
