"""Simulations count an order once, however often it was decided, and know that a full day is not the last one."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from core.domain.ids import moment_of
from core.services import policies, stock, trials
from core.services.rerouting import decided, of_order
from core.services.simulating import decide_again
from core.services.whatif import scenario_of
from core.store.unit import Store
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    """Three orders of 4 units each with 8 there, and a fourth that asks for nothing scarce; the third waits."""
    world = World(store, {("A", "HAM"): 8, ("B", "HAM"): 50})
    for lines in ({"A": 4}, {"A": 4}, {"A": 4}, {"B": 1}):
        world.send("order", world.order(lines))
    world.drain()
    for on_hand in (1, 2, 4):  # each unit more and it is decided again
        with store.begin() as unit:
            gained = {(world.items["A"], world.nodes["HAM"]): Decimal(8 + on_hand)}
            stock.set_on_hand(unit, gained, None, "count")
            unit.conn.execute(text("UPDATE orders SET sourcing_at = now() WHERE sourcing_at IS NOT NULL"))
        world.drain()
    return world


def test_a_waiting_order_counts_once_and_its_decisions_apart(world: World) -> None:
    decisions = world.one("SELECT count(*) AS n, count(DISTINCT order_id) AS orders FROM decision")
    assert (decisions.orders, decisions.n) == (4, 7)
    with world.store.begin(actor="user:ada") as unit:
        policies.draft(unit, "cheapest", {"most_nodes": 2})
        found = trials.simulate(unit.conn, "cheapest@2", unit.now)
        policies.draft(unit, "gold", {"conditions": {"tiers": ["gold"]}})
        gold = trials.simulate(unit.conn, "gold@1", unit.now)
    assert (found["orders"], found["decisions"], found["looked_at"]) == (4, 7, 7)
    assert found["short_percent"]["before"] == 25  # one of four, not four of seven
    assert [each["orders"] for each in found["by_channel"]] == [4]
    assert (gold["orders"], gold["decisions"], gold["others"], gold["looked_at"]) == (0, 0, 4, 7)


def test_an_order_that_came_before_the_time_looked_at_is_not_counted_in_it(world: World) -> None:
    first = moment_of(world.all("SELECT id FROM decision ORDER BY id")[3].id)
    with world.store.begin() as unit:
        found = decide_again(unit.conn, scenario_of(unit.conn, ["node.HAM=off"], 1), first + timedelta(milliseconds=1))
    assert (found.total().orders, found.decisions) == (0, 3)


def test_decisions_that_are_not_an_orders_first_still_move_stock(world: World) -> None:
    with world.store.begin() as unit:
        found = decide_again(unit.conn, scenario_of(unit.conn, ["node.LYS=off"], 1), None)
    [ham] = found.by_day().values()
    assert (ham.shipments_before, ham.units_before) == (6, Decimal(13))
    assert (found.total().orders, found.total().moved) == (4, 0)


def test_a_node_with_less_room_fills_up_in_the_order_of_the_day(store: Store) -> None:
    world = World(store, {("A", "HAM"): 50, ("A", "LYS"): 50})
    for _ in range(5):
        world.send("order", world.order({"A": 1}))
    world.drain()
    with world.store.read() as conn:
        replayed = decide_again(conn, scenario_of(conn, ["node.HAM.capacity=2"], 1), None)
    [(ham, there), (lys, elsewhere)] = sorted((code, found) for (code, _), found in replayed.by_day().items())
    assert (ham, there.shipments_before, there.shipments_after) == ("HAM", 5, 2)
    assert (lys, elsewhere.shipments_before, elsewhere.shipments_after) == ("LYS", 0, 3)
    assert (replayed.total().moved, replayed.total().later) == (3, 0)


def test_what_a_full_day_leaves_short_leaves_later(store: Store) -> None:
    world = World(store, {("B", "HAM"): 50})
    for _ in range(5):
        world.send("order", world.order({"B": 1}))
    world.drain()
    with world.store.read() as conn:
        found = decide_again(conn, scenario_of(conn, ["node.HAM.capacity=2"], 1), None)
        none = decide_again(conn, scenario_of(conn, ["node.HAM.capacity=0"], 1), None)
    total = found.total()
    assert (total.short_after, total.moved, total.later, total.later_days) == (0, 0, 3, 1 + 1 + 2)
    assert sorted(each.shipments_after for each in found.by_day().values()) == [1, 2, 2]
    assert (none.total().short_after, none.total().later) == (5, 0)


def test_an_order_tried_with_less_room_names_the_day_it_would_leave(store: Store) -> None:
    world = World(store, {("B", "HAM"): 50})
    for _ in range(2):
        world.send("order", world.order({"B": 1}))
    world.drain()
    order = world.one("SELECT id FROM orders ORDER BY id DESC").id
    with world.store.begin() as unit:
        facts = world.hub.facts.get(unit.conn, 1)
        days = []
        for words in ([], ["node.HAM.capacity=2"], ["node.HAM.capacity=1"]):
            scenario = scenario_of(unit.conn, words, 1)
            found = decided(of_order(unit, facts, order, scenario if words else None), scenario if words else None)
            [part] = found["assignments"]
            days.append(date.fromisoformat(part["ship_on"]))
    # The other order has the one place of the day; its own place is its own.
    assert (days[0] == days[1], days[2] > days[1]) == (True, True)
