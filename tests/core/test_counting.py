"""An order counts once in a simulation, however often it was decided."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from core.domain.ids import moment_of
from core.services import policies, stock, trials
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
