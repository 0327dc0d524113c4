"""Stock carried on through a simulation: what another choice took is missing later, until its order ended."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from core.domain.ids import uuid7
from core.routing.problem import Assignment, Demand, Destination, NodeFacts, Policy, Problem, Service, StockTier
from core.services import policies, simulating, trials
from core.services.carrying import Carried
from core.services.replayed import Replayed
from core.services.simulating import decide_again
from core.services.whatif import Scenario
from core.store.unit import Store
from tests.core.carriers import change, forget
from tests.core.world import World

START = datetime(2026, 11, 2, tzinfo=UTC)
ITEM, OTHER, HERE, THERE = (UUID(int=number) for number in range(4))
NODES = [NodeFacts(node, code, None, None, "DE", 0, 0, 0) for node, code in ((HERE, "HERE"), (THERE, "THERE"))]


def problem(line: UUID, units: int, here: int, there: int, **more: Any) -> Problem:
    stock = {(ITEM, HERE): Decimal(here), (ITEM, THERE): Decimal(there)}
    return Problem(
        [Demand(line, ITEM, Decimal(units))], NODES, stock, Destination("DE"), True, Policy(), {}, **more
    )  # fmt: skip


def took(line: UUID, node: UUID, units: int) -> list[Assignment]:
    return [Assignment(line, ITEM, node, Decimal(units))]


def seen(carried: Carried, found: Problem, order: UUID | None = None) -> tuple[list[Decimal], Decimal, Decimal]:
    shown = carried.seen(order or uuid7(), found)
    return [each.quantity for each in shown.demands], shown.stock[ITEM, HERE], shown.stock[ITEM, THERE]


def test_later_decisions_see_what_another_choice_left_until_its_order_ended() -> None:
    carried, order, line = Carried(), uuid7(), uuid7()
    assert seen(carried, problem(line, 3, 10, 10), order) == ([3], 10, 10)
    carried.note(order, START + timedelta(days=2), took(line, HERE, 3), took(line, THERE, 3))
    carried.until(START + timedelta(days=1))
    assert seen(carried, problem(uuid7(), 1, 7, 10)) == ([1], 10, 7)
    assert seen(carried, problem(uuid7(), 1, 7, 2)) == ([1], 10, 0)  # more was taken than history had
    assert (carried.touched, carried.unmet) == (2, 1)
    carried.until(START + timedelta(days=2))
    assert seen(carried, problem(uuid7(), 1, 7, 10)) == ([1], 7, 10)
    assert (carried.touched, carried.unmet) == (2, 1)


def test_a_line_decided_again_gets_what_the_simulation_has_not_given_yet() -> None:
    carried, order, line = Carried(), uuid7(), uuid7()
    carried.seen(order, problem(line, 5, 2, 9))
    carried.note(order, None, took(line, HERE, 2), took(line, THERE, 4))
    # History gave 2 and asks for 3 more; the simulation gave 4 and wants 1.
    assert seen(carried, problem(line, 3, 0, 9), order) == ([1], 2, 5)
    carried.note(order, None, took(line, THERE, 3), took(line, THERE, 1))
    assert seen(carried, problem(uuid7(), 1, 0, 6)) == ([1], 2, 4)


def test_units_that_came_back_come_back_in_the_simulation_too() -> None:
    carried, order, line = Carried(), uuid7(), uuid7()
    carried.seen(order, problem(line, 5, 9, 9))
    carried.note(order, None, took(line, HERE, 5), took(line, THERE, 5))
    # The node gave 2 of them back: 2 are wanted again, and 3 stay where they are.
    assert seen(carried, problem(line, 2, 6, 9), order) == ([2], 9, 6)


def test_units_nobody_wants_any_more_are_not_given_again() -> None:
    carried, order, line = Carried(), uuid7(), uuid7()
    carried.seen(order, problem(line, 5, 2, 0))
    carried.note(order, None, took(line, HERE, 2), took(line, HERE, 2))
    assert seen(carried, problem(line, 1, 4, 0), order) == ([1], 4, 0)  # 2 of the 3 that were missing are canceled
    carried = Carried()
    carried.seen(order, problem(line, 1, 2, 9))
    carried.note(order, None, [], took(line, THERE, 1))
    assert carried.seen(order, problem(line, 1, 2, 9)).demands == []


def test_tiers_lose_what_is_taken_first_and_gain_fresh_units() -> None:
    carried, order, line = Carried(), uuid7(), uuid7()
    carried.seen(order, problem(line, 3, 9, 9))
    carried.note(order, None, took(line, HERE, 3), took(line, THERE, 3))
    aging, fresh = StockTier(Decimal(2), -100, "aging"), StockTier(Decimal(8), 0, "fresh")
    shown = carried.seen(
        uuid7(), problem(uuid7(), 1, 10, 10, ladders={(ITEM, HERE): [aging, fresh], (ITEM, THERE): [aging, fresh]})
    )
    assert shown.ladders[ITEM, THERE] == [StockTier(Decimal(7), 0, "fresh")]
    assert shown.ladders[ITEM, HERE] == [aging, fresh, StockTier(Decimal(3), 0)]


def test_units_left_at_a_node_of_which_no_service_is_recorded_are_counted_not_used() -> None:
    carried, order, line = Carried(), uuid7(), uuid7()
    carried.seen(order, problem(line, 3, 3, 9))
    carried.note(order, None, took(line, HERE, 3), took(line, THERE, 3))
    found = Problem(
        [Demand(uuid7(), ITEM, Decimal(1))], NODES, {(ITEM, THERE): Decimal(9)}, Destination("DE"), True, Policy(), {},
        services={THERE: [Service("post/parcel", 1)]},
    )  # fmt: skip
    assert carried.seen(uuid7(), found).stock == {(ITEM, THERE): Decimal(6)}
    assert carried.unmet == 1


def test_a_choice_that_stays_is_counted_when_its_units_are_gone() -> None:
    carried, order, line = Carried(), uuid7(), uuid7()
    carried.seen(order, problem(line, 3, 9, 9))
    carried.note(order, None, took(line, HERE, 3), took(line, THERE, 3))
    carried.keep(problem(line, 2, 6, 4), took(line, THERE, 1))
    assert carried.unmet == 0
    carried.keep(problem(line, 2, 6, 4), took(line, THERE, 2))
    assert carried.unmet == 1


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 10, ("A", "LYS"): 2})


def tried(world: World, **more: Any) -> tuple[dict[str, int], dict[str, Any]]:
    """Simulate a version that forgets the way and return (shipments by node, what the report says of stock)."""
    with world.store.begin(actor="user:ada") as unit:
        policies.draft(unit, "cheapest", {"weights": {"way": 0}})
        found = trials.simulate(unit.conn, "cheapest", unit.now, **more)
    return {each["node"]: each["after"]["shipments"] for each in found["by_node"]}, found["stock"]


def test_a_share_that_takes_long_does_not_end_the_session_that_waits(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.send("order", world.order({"A": 1}))
    world.drain()

    def slow(*_: Any, **__: Any) -> list[Replayed]:
        time.sleep(3)
        return [Replayed()]

    monkeypatch.setattr(simulating, "shared_out", slow)
    with world.store.begin() as unit:
        unit.conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = '2s'"))
        decide_again(unit.conn, Scenario(), None, engine=world.store.engine, carry=False)
        assert unit.conn.execute(text("SELECT 1")).scalar_one() == 1


def test_a_version_that_prefers_a_small_node_empties_it(world: World) -> None:
    change(world, "UPDATE node SET shipment_cost = 3.90 WHERE code = 'LYS'")
    forget(world)
    for _ in range(4):
        world.send("order", world.order({"A": 1}))
        world.drain()
    assert {row.code for row in world.work()} == {"HAM"}
    assert tried(world, carry=False) == ({"HAM": 0, "LYS": 4}, {"carried": False, "touched": 0, "unmet": 0})
    assert tried(world) == ({"HAM": 2, "LYS": 2}, {"carried": True, "touched": 3, "unmet": 0})
    second, third = [row.at for row in world.all("SELECT at FROM decision ORDER BY id")][1:3]
    change(
        world,
        "UPDATE orders SET canceled_at = :at WHERE id = (SELECT order_id FROM decision ORDER BY id LIMIT 1)",
        at=second + (third - second) / 2,
    )
    assert tried(world)[0] == {"HAM": 1, "LYS": 3}
