"""What would have changed a choice: proven by deciding again just before and just at the turn."""

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from core.domain.ids import uuid7
from core.errors import NotFound
from core.routing import counterfactual
from core.routing.counterfactual import Turn, put, turns
from core.routing.optimizer import assigned, solve
from core.routing.problem import Demand, Destination, NodeFacts, Policy, Problem, Service
from core.services.counterfactuals import would_change
from core.store.unit import Store
from tests.core.carriers import ordered
from tests.core.world import World

GREEN, RED = uuid7(), uuid7()


def node(code: str, shipment: int, handling: int) -> NodeFacts:
    return NodeFacts(UUID(int=int.from_bytes(code.encode(), "big")), code, None, None, "DE", shipment, handling, 0)


def problem(**more: Any) -> Problem:
    """Three units of one item: 4.00 + 3 x 0.50 at BER, 5.00 + 3 x 0.40 at HAM; LEJ asks 1.00, but has one unit."""
    nodes = [node("BER", 40_000, 5_000), node("HAM", 50_000, 4_000), node("LEJ", 10_000, 0)]
    stock = {(GREEN, each.id): Decimal(1 if each.code == "LEJ" else 9) for each in nodes}
    given: dict[str, Any] = {
        "demands": [Demand(uuid7(), GREEN, Decimal(3), 100_000)], "nodes": nodes, "stock": stock,
        "destination": Destination("DE"), "partial_allowed": True, "policy": Policy(most_nodes=1), "excluded": {},
    }  # fmt: skip
    return Problem(**{**given, **more})


def moved(turn: Turn) -> list[float]:
    return [float(each) for each in (turn.before, turn.still, turn.after)]


def found(of: Problem) -> dict[tuple[str, str], Turn]:
    return {(each.kind, each.node or each.term): each for each in turns(of, solve(of))}


def chosen(of: Problem) -> list[tuple[UUID, str, str | None, Decimal]]:
    code = {each.id: each.code for each in of.nodes}
    return [(each.line_id, code[each.node_id], each.service, each.quantity) for each in solve(of).assignments]


def test_each_input_turns_the_choice_where_the_costs_say() -> None:
    one = problem()
    assert [row[1] for row in chosen(one)] == ["BER"]
    told = found(one)
    # BER costs 5.50, HAM 6.20: 0.70 apart, and at the same cost the first code is taken.
    values = {key: moved(each) for key, each in told.items()}
    assert values["shipment", "BER"] == [40_000, 47_000, 47_001]
    assert values["shipment", "HAM"] == [50_000, 43_000, 42_999]
    # 0.70 over three units are 0.2334 each.
    assert values["handling", "BER"] == [5_000, 7_333, 7_334]
    assert values["handling", "HAM"] == [4_000, 1_667, 1_666]
    # All three at LEJ cost 1.00; two there would leave one short.
    assert values["stock", "LEJ"] == [1, 2, 3]
    assert {row[1] for row in told["stock", "LEJ"].choice} == {"LEJ"}
    # 1.5 x weight + 4.00 against 1.2 x weight + 5.00: at 3.34 times handling HAM is cheaper.
    assert values["weight", "handling"] == [100, 333, 334]


def test_the_smallest_move_comes_first_and_an_excluded_node_last() -> None:
    lej = node("LEJ", 10_000, 0)
    one = problem(excluded={lej.id: "full: 40 of 40 fulfillment orders that day"})
    told = turns(one, solve(one))
    assert [each.size for each in told] == sorted(each.size for each in told)
    assert told[-1].kind == "weight" or told[-1].kind == "open"
    stocked = replace(one, stock={**one.stock, (GREEN, lej.id): Decimal(9)})
    last = turns(stocked, solve(stocked))[-1]
    assert (last.kind, last.node, moved(last), last.term) == ("open", "LEJ", [0, 0, 1], one.excluded[lej.id])


def test_a_rate_and_the_weight_of_lateness_turn_the_service() -> None:
    slow, fast = Service("slow", 30_000, late=0.2), Service("fast", 45_000)
    nodes = [node("BER", 0, 0)]
    one = problem(nodes=nodes, stock={(GREEN, nodes[0].id): Decimal(9)}, services={nodes[0].id: [slow, fast]},
                  policy=Policy(most_nodes=1, late_penalty=2_000))  # fmt: skip
    # Lateness costs 0.2 x 10.00 x 0.2 = 0.40 a unit, 1.20 in all; the services are 1.50 apart.
    assert [row[2] for row in chosen(one)] == ["slow"]
    told = found(one)
    rate = told["rate", "BER"]
    assert (rate.service, moved(rate)) == ("fast", [45_000, 42_000, 41_999])
    assert moved(told["weight", "late"]) == [100, 125, 126]


def test_more_stock_that_fills_a_short_order_is_told() -> None:
    one = problem(stock={(GREEN, node("BER", 0, 0).id): Decimal("1.5")}, policy=Policy(most_nodes=3))
    told = found(one)["stock", "BER"]
    assert moved(told) == [1.5, 1.5, 1.6]


def test_nothing_turns_a_choice_that_has_no_other() -> None:
    only = node("BER", 40_000, 5_000)
    assert turns(problem(nodes=[only]), solve(problem(nodes=[only]))) == []


def a_problem(dice: random.Random) -> Problem:
    nodes = [NodeFacts(uuid7(), f"N{at}", 48.0 + dice.random() * 6, 6.0 + dice.random() * 8, "DE",
                       dice.randint(0, 60_000), dice.randint(0, 9_000), dice.randint(0, 3_000), dice.random() > 0.1)
             for at in range(dice.randint(1, 5))]  # fmt: skip
    items = [uuid7() for _ in range(dice.randint(1, 3))]
    units = Decimal(1) if dice.random() < 0.7 else Decimal("0.5")
    demands = [Demand(uuid7(), item, units * dice.randint(1, 4), dice.randint(0, 300_000), 500) for item in items]
    services = {each.id: [Service(name, dice.randint(20_000, 60_000), late=dice.random() / 3) for name in "ab"]
                for each in nodes if dice.random() < 0.5}  # fmt: skip
    return Problem(
        demands, nodes, {(item, each.id): units * dice.randint(0, 4) for item in items for each in nodes},
        Destination("DE", 51.0, 10.0), dice.random() < 0.8,
        Policy(most_nodes=dice.randint(1, 3), late_penalty=dice.choice((0, 3_000)),
               weights=dice.choice(({}, {"way": 150}))),
        {each.id: "full" for each in nodes if dice.random() < 0.15}, services,
    )  # fmt: skip


def test_just_before_a_turn_the_choice_stays_and_at_it_it_is_another() -> None:
    dice = random.Random(11)
    kinds: dict[str, int] = {}
    for _ in range(60):
        one = a_problem(dice)
        made = chosen(one)
        for turn in turns(one, solve(one)):
            kinds[turn.kind] = kinds.get(turn.kind, 0) + 1
            assert chosen(put(one, turn, turn.before)) == made
            assert chosen(put(one, turn, turn.still)) == made, turn
            assert chosen(put(one, turn, turn.after)) != made, turn
    # Each kind of move was tried often enough to mean something.
    assert set(kinds) == {"handling", "shipment", "rate", "stock", "weight", "open"}
    assert min(kinds.values()) >= 5, kinds


def test_the_same_problem_gets_the_same_answer_within_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    one = a_problem(random.Random(5))
    assert turns(one, solve(one)) == turns(one, solve(one))
    made = []

    def counted(of: Problem) -> Any:
        made.append(1)
        return assigned(of)

    monkeypatch.setattr("core.routing.counterfactual.assigned", counted)
    for work, most in ((counterfactual.WORK, counterfactual.MOST_TRIES), (0, counterfactual.LEAST_TRIES)):
        monkeypatch.setattr(counterfactual, "WORK", work)
        made.clear()
        turns(one, solve(one))
        assert len(made) <= most + 1


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 10, ("A", "LYS"): 10, ("B", "LYS"): 10})


def decided(world: World) -> UUID:
    ordered(world, {"A": 2})
    found: UUID = world.one("SELECT id FROM decision ORDER BY id DESC").id
    return found


def test_a_stored_decision_says_what_would_have_changed_it(world: World) -> None:
    decision = decided(world)
    with world.store.read() as conn:
        told = would_change(conn, decision)
    assert told["unknown"] is None
    sentences = {(each["kind"], each["node"]): each["sentence"] for each in told["changes"]}
    # Hamburg costs 5.5365 and Lyon 6.4384; at the same cost Hamburg, which comes first, stays.
    assert (
        sentences["shipment", "HAM"] == "would change to 2 from LYS if HAM's cost of a shipment rose by 0.902 to 4.902"
    )
    assert sentences["handling", "LYS"] == (
        "would change to 2 from LYS if LYS's handling of a unit fell by 0.451 to 0.049"
    )
    shipment = next(each for each in told["changes"] if (each["kind"], each["node"]) == ("shipment", "HAM"))
    assert (shipment["before"], shipment["still"], shipment["after"]) == ("4", "4.9019", "4.902")
    assert shipment["then"] == [{"sku": "A", "node": "LYS", "service": None, "quantity": "2"}]


def test_what_cannot_be_made_again_says_so(world: World) -> None:
    decision = decided(world)
    for sql, said in (
        ("UPDATE decision SET choice = '{\"cost\": 1}'", "comes out differently"),
        ("UPDATE decision_basis SET body = '\\x00'", "cannot be read"),
        ("UPDATE decision SET basis = NULL", "before decisions could be made again"),
    ):
        with world.store.begin() as unit:
            unit.conn.execute(text(sql))
        with world.store.read() as conn:
            told = would_change(conn, decision)
        assert (told["changes"], said in told["unknown"]) == ([], True)
    with world.store.read() as conn, pytest.raises(NotFound):
        would_change(conn, uuid7())
