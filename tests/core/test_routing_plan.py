"""The face that sourcing uses: facts of an order in, a plan with its reasons out, costs to 1/10,000."""

import random
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import pytest

from core.routing.optimizer import solve
from core.routing.problem import Demand, Destination, NodeFacts, Plan, Policy, Problem, Service, StockTier

LINE, OTHER_LINE = UUID(int=1), UUID(int=2)
ITEM, OTHER_ITEM = UUID(int=11), UUID(int=12)
# 111.19 km is one degree of a meridian on a sphere of 6,371 km.
HAM = NodeFacts(UUID(int=21), "HAM", 53.0, 10.0, "DE", 40_000, 5_000, 9_000)
LYS = NodeFacts(UUID(int=22), "LYS", 52.0, 10.0, "FR", 45_000, 4_000, 9_000)
THERE = Destination("DE", 54.0, 10.0)
WAY = {"HAM": 10_008, "LYS": 20_015}
GROUND = Service("ground", 20_000, kilogram=10_000, late=0.25, carbon_g=400, carbon_g_kg=100)
AIR = Service("air", 90_000, kilogram=30_000, late=0.0, carbon_g=4_000, carbon_g_kg=1_000)


def problem(quantity: str = "2", **more: Any) -> Problem:
    """One line; both nodes have plenty."""
    plain = Problem(
        [Demand(LINE, ITEM, Decimal(quantity), value=200_000, grams=500)],
        [LYS, HAM],
        {(ITEM, HAM.id): Decimal(100), (ITEM, LYS.id): Decimal(100)},
        THERE,
        True,
        Policy(),
        {},
    )
    return replace(plain, **more)


def chosen(plan: Plan) -> dict[tuple[str, str | None], Decimal]:
    codes = {HAM.id: "HAM", LYS.id: "LYS"}
    return {(codes[each.node_id], each.service): each.quantity for each in plan.assignments}


def row(plan: Plan, node: str, service: str | None = None) -> dict[str, Any]:
    [found] = [each for each in plan.candidates if each["node"] == node and each.get("service") == service]
    return dict(found)


def test_without_services_a_node_ships_at_its_own_cost() -> None:
    plan = solve(problem())
    assert (plan.cost, plan.bound, plan.optimal, plan.proof) == (60_008, 60_008, True, "optimal")
    assert chosen(plan) == {("HAM", None): Decimal(2)}
    assert row(plan, "HAM") == {
        "node": "HAM", "lines": 1, "units": "2", "shipment": 50_008, "handling": 5_000, "km": 111, "chosen": True,
        "reason": "chosen", "terms": {"shipment": 40_000, "way": 10_008, "handling": 10_000},
    }  # fmt: skip


def test_a_way_that_was_not_taken_says_what_taking_it_costs() -> None:
    plan = solve(problem("1", nodes=[HAM, replace(LYS, shipment_cost=50_000)]))
    assert row(plan, "LYS")["instead"] == 50_000 + WAY["LYS"] + 4_000
    assert row(plan, "LYS")["reason"] == "costs more or gives less"
    assert "instead" not in row(plan, "HAM")


def test_each_cost_term_counts_in_full_and_a_weight_is_percent() -> None:
    policy = Policy(late_penalty=5_000, carbon_price=1_000, load_penalty=8_000)
    services = {HAM.id: [GROUND]}
    asked = problem(nodes=[HAM], services=services, policy=policy, load={HAM.id: 0.5})
    terms = {
        "shipment": 40_000,
        "way": WAY["HAM"],
        "rate": 20_000,
        "carbon": 400 + 2 * 50,
        "handling": 2 * 5_000,
        "load": 2 * 4_000,
        "carriage": 2 * 5_000,
        "late": 2 * 25_000,
    }
    plan = solve(asked)
    assert row(plan, "HAM", "ground")["terms"] == terms
    assert plan.cost == sum(terms.values())
    assert chosen(plan) == {("HAM", "ground"): Decimal(2)}
    halved = solve(replace(asked, policy=replace(policy, weights={"late": 50, "way": 0})))
    assert halved.cost == plan.cost - 25_000 - WAY["HAM"]


@pytest.mark.parametrize(("penalty", "service"), [(0, "ground"), (10_000, "air")])
def test_lateness_decides_between_services(penalty: int, service: str) -> None:
    plan = solve(problem(nodes=[HAM], services={HAM.id: [GROUND, AIR]}, policy=Policy(late_penalty=2 * penalty)))
    assert chosen(plan) == {("HAM", service): Decimal(2)}


def test_a_service_that_another_of_its_node_beats_says_so() -> None:
    plan = solve(problem(nodes=[HAM], services={HAM.id: [AIR, GROUND]}))
    assert row(plan, "HAM", "air")["reason"] == "another service of the node costs no more"
    late = solve(problem(nodes=[HAM], services={HAM.id: [AIR, GROUND]}, policy=Policy(late_penalty=5_000)))
    assert chosen(late) == {("HAM", "ground"): Decimal(2)}
    assert row(late, "HAM", "air")["instead"] == 40_000 + WAY["HAM"] + 90_000 + 2 * (5_000 + 15_000)


def test_what_is_excluded_is_not_used_and_says_why() -> None:
    asked = problem(
        nodes=[HAM, LYS],
        services={HAM.id: [replace(GROUND, refuses={ITEM: "no batteries by air"}), replace(AIR, excluded="cut-off")]},
        forbidden={(ITEM, LYS.id): "no cold store"},
    )
    plan = solve(asked)
    assert (plan.assignments, plan.cost, plan.short) == ([], 0, {LINE: Decimal(2)})
    assert {(each["node"], each.get("service")): each["reason"] for each in plan.candidates} == {
        ("HAM", "ground"): "no batteries by air",
        ("HAM", "air"): "cut-off",
        ("LYS", None): "no cold store",
    }
    off = solve(problem(nodes=[replace(HAM, active=False), LYS], excluded={LYS.id: "rejected: full"}))
    assert [(each["node"], each["reason"]) for each in off.candidates] == [
        ("HAM", "switched off"),
        ("LYS", "rejected: full"),
    ]


def test_tiers_of_stock_are_taken_in_order_of_what_they_cost() -> None:
    ladder = [StockTier(Decimal(5), 3_000, "below safety"), StockTier(Decimal(1), -2_000, "aging")]
    plan = solve(problem("3", nodes=[HAM], stock={}, ladders={(ITEM, HAM.id): ladder}))
    assert plan.cost == 40_000 + WAY["HAM"] + 3 * 5_000 - 2_000 + 2 * 3_000
    assert row(plan, "HAM")["terms"]["tier"] == 4_000
    halved = solve(
        problem("3", nodes=[HAM], stock={}, ladders={(ITEM, HAM.id): ladder}, policy=Policy(weights={"tier": 50}))
    )
    assert halved.cost == plan.cost - 2_000


def test_capacity_splits_an_order_and_is_never_broken() -> None:
    plan = solve(problem("3", capacity={HAM.id: Decimal(2)}, nodes=[HAM, replace(LYS, shipment_cost=60_000)]))
    assert chosen(plan) == {("LYS", None): Decimal(3)}
    plan = solve(problem("3", capacity={HAM.id: Decimal(2), LYS.id: Decimal(1)}))
    assert chosen(plan) == {("HAM", None): Decimal(2), ("LYS", None): Decimal(1)}
    assert plan.optimal


def test_fractions_are_exact_and_costs_are_rounded_once() -> None:
    stock = {(ITEM, HAM.id): Decimal("0.700000"), (ITEM, LYS.id): Decimal("0.300001")}
    plan = solve(problem("1.000000", stock=stock))
    assert chosen(plan) == {("HAM", None): Decimal("0.699999"), ("LYS", None): Decimal("0.300001")}
    assert plan.short == {}
    assert plan.cost == 85_000 + WAY["HAM"] + WAY["LYS"] + 4_700  # 3,499.995 and 1,200.004
    short = solve(problem("1.000002", stock=stock))
    assert short.short == {LINE: Decimal("0.000001")}


def test_an_order_that_must_not_be_split_in_parts_is_all_or_nothing() -> None:
    plan = solve(problem("201", partial_allowed=False))
    assert (plan.assignments, plan.cost, plan.short, plan.optimal) == ([], 0, {LINE: Decimal(201)}, True)
    assert {each["node"]: each["chosen"] for each in plan.candidates} == {"HAM": False, "LYS": False}


def test_terms_of_what_was_chosen_add_up_to_the_cost() -> None:
    dice = random.Random(7)
    split = 0
    for _ in range(60):
        lines = [Demand(UUID(int=n), UUID(int=100 + n % 3), Decimal(dice.randint(1, 4)), 90_000, 700) for n in range(4)]
        nodes = [replace(HAM, id=UUID(int=50 + n), code=f"N{n}", unit_cost=dice.randint(0, 9_000)) for n in range(5)]
        stock = {(UUID(int=100 + i), node.id): Decimal(dice.randint(0, 3)) for i, node in product(range(3), nodes)}
        services = {node.id: [GROUND, replace(AIR, shipment=dice.randint(0, 90_000))] for node in nodes}
        asked = Problem(lines, nodes, stock, THERE, True, Policy(late_penalty=3_000), {}, services=services)
        plan = solve(asked)
        rows: list[Any] = list(plan.candidates)
        terms = [each["terms"] for each in rows if each["chosen"]]
        assert sum(sum(each.values()) for each in terms) == plan.cost
        assert solve(replace(asked, nodes=list(reversed(nodes)))) == plan
        taken = {line.line_id: Decimal(0) for line in lines}
        for each in plan.assignments:
            taken[each.line_id] += each.quantity
        assert {
            line.line_id: line.quantity - taken[line.line_id] for line in lines if taken[line.line_id] < line.quantity
        } == plan.short
        split += len(terms) > 1
        assert all(each["instead"] >= plan.cost for each in rows if "instead" in each)
    assert split > 30


def test_a_search_that_ran_out_of_budget_says_how_far_it_may_be_off() -> None:
    assert Plan([], 110_000, {}, [], optimal=False, bound=100_000).proof == "at least 10.0000, gap 10.0 %"
    assert Plan([], 110_000, {}, [], optimal=False, bound=0).proof == "at least 0.0000, gap unknown"
