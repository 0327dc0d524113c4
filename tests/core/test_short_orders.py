"""The way out of a shortfall: what can be sourced from elsewhere is, and of what stays it is said why."""

from decimal import Decimal
from typing import Any

import pytest

from core.services.actions import apply_case
from core.services.stock import count_stock
from core.store.unit import Store
from tests.core import stock_rules
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    """12 units of A at HAM, and 8 at LYS, which is farther away."""
    return World(store, {("A", "HAM"): 12, ("A", "LYS"): 8})


def ordered(world: World, *units: int, deliver: bool = False) -> None:
    for each in units:
        world.send("order", world.order({"A": each}))
        world.drain()
    if deliver:
        world.deliver()


def apply(world: World) -> dict[str, Any]:
    case = world.one("SELECT id FROM exception_case WHERE code = 'STOCK-SHORTFALL-001'")
    with world.store.begin(actor="user:mira") as unit:
        answer = apply_case(unit, world.facts, world.partners, case.id)
    world.drain()
    world.drain()
    stock_rules.check_stock(world)
    return answer


def count(world: World, units: int) -> None:
    with world.store.begin() as unit:
        count_stock(unit, {"node": "HAM", "as_of": now(), "items": [{"sku": "A", "on_hand": Decimal(units)}]})


def work(world: World) -> list[tuple[str, str, str]]:
    rows = world.all(
        "SELECT o.number, n.code, f.state FROM fulfillment_order f JOIN node n ON n.id = f.node_id"
        " JOIN orders o ON o.id = f.order_id ORDER BY o.number, f.created_at, f.id"
    )
    return [(row.number, row.code, row.state) for row in rows]


def test_the_order_is_sourced_from_a_node_that_has_it(world: World) -> None:
    ordered(world, 8)
    count(world, 3)
    assert apply(world) == {"action": "source_again", "done": 1, "note": "1 sourced anew"}
    assert work(world) == [("#1001", "HAM", "canceled"), ("#1001", "LYS", "released")]
    assert world.one("SELECT state FROM exception_case WHERE code = 'STOCK-SHORTFALL-001'").state == "superseded"
    position = world.one("SELECT on_hand, shortfall FROM stock_position WHERE node_id = :n", n=world.nodes["HAM"])
    assert tuple(position) == (3, 0)


def test_no_more_goes_than_is_lacking_and_who_came_last_goes_first(world: World) -> None:
    ordered(world, 3, 3, 3)
    count(world, 5)
    assert apply(world)["done"] == 2
    assert work(world) == [
        ("#1001", "HAM", "released"),
        ("#1002", "HAM", "canceled"), ("#1002", "LYS", "released"),
        ("#1003", "HAM", "canceled"), ("#1003", "LYS", "released"),
    ]  # fmt: skip


def test_what_nobody_else_has_stays_and_that_is_said(world: World) -> None:
    ordered(world, 8)
    with world.store.begin() as unit:
        count_stock(unit, {"node": "LYS", "as_of": now(), "items": [{"sku": "A", "on_hand": Decimal(0)}]})
    count(world, 3)
    answer = apply(world)
    why = "1 stays where it is: #1001 (cannot be moved: no other node can ship any of it)"
    assert answer == {"action": "source_again", "done": 0, "note": why}
    assert work(world) == [("#1001", "HAM", "released")]


def test_a_node_that_was_told_is_asked_and_one_that_picks_is_not(world: World) -> None:
    ordered(world, 2, 4, deliver=True)
    picking = world.work()[1]
    report = {"fulfillment": f"ful_{picking.id.hex}", "status": "picking"}
    world.send("fulfillment_update", report, world.wms)
    world.drain()
    count(world, 1)
    note = "1 sourced anew once the node agrees to stop, 1 stays where it is: #1002 (is picking)"
    assert apply(world) == {"action": "source_again", "done": 1, "note": note}
    assert work(world) == [("#1001", "HAM", "canceling"), ("#1002", "HAM", "picking")]
