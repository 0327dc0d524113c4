"""Counts of a past moment: what came and left since is not undone by them, and what left before is not taken twice."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from core.domain.vocabulary import MovementKind
from core.services.catalog import upsert_items
from core.services.reserving import Wanted, release_group, reserve_many
from core.services.stock import adjust_stock, count_stock
from core.services.supplying import receive_units
from core.store.unit import Store
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    return World(store, {("A", "HAM"): 10})


def count(world: World, units: int, at: datetime) -> Decimal:
    """Have HAM count A, and return what is on hand then."""
    with world.store.begin() as unit:
        items = [{"sku": "A", "on_hand": Decimal(units)}]
        count_stock(unit, {"node": "HAM", "as_of": at, "items": items})
    world.check_books()
    on_hand: Decimal = world.one("SELECT on_hand FROM stock_position WHERE item_id = :i", i=world.items["A"]).on_hand
    return on_hand


def ship(world: World, units: int, left_at: datetime | None = None) -> None:
    """Take an order, and have it shipped."""
    world.send("order", world.order({"A": units}))
    world.drain()
    report = {"external_id": f"S{world.serial}", "fulfillment": f"ful_{world.work()[-1].id.hex}"}
    world.send("shipment", report | ({"occurred_at": left_at.isoformat()} if left_at else {}), world.wms)
    world.drain()


def test_a_count_of_before_does_not_bring_back_what_has_left(world: World) -> None:
    before = now()
    ship(world, 4)
    assert count(world, 10, before) == 6


def test_nor_take_away_what_has_come(world: World) -> None:
    before = now()
    with world.store.begin() as unit:
        receive_units(unit, (world.items["A"], world.nodes["HAM"]), Decimal(5), MovementKind.RECEIPT, "PO")
        adjust_stock(unit, "A", "HAM", delta=Decimal(-1), reason="broken")
    assert count(world, 9, before) == 13


def test_units_that_had_left_when_it_was_made_are_not_taken_twice(world: World) -> None:
    counted = now()
    # Both are reported after the count; one had left before it.
    ship(world, 4, counted - timedelta(seconds=30))
    ship(world, 2, now())
    assert count(world, 6, counted) == 4


def test_what_only_corrects_the_books_moves_nothing(world: World) -> None:
    first, second = now(), now()
    with world.store.begin() as unit:
        [held] = reserve_many(unit, [Wanted({(world.items["A"], world.nodes["HAM"]): Decimal(8)})])
    assert count(world, 5, first) == 8
    assert held.group_id is not None
    with world.store.begin() as unit:
        release_group(unit, held.group_id)
    # The correction by the first count, and the payment of its shortfall, were written after the second was made.
    assert count(world, 5, second) == 5


def test_lots_are_brought_up_by_what_left_after_the_count_and_not_by_what_corrects_the_books(world: World) -> None:
    before = now()
    with world.store.begin() as unit:
        # What was there lies in the lot nobody knows from here on, which is no move.
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}])
    ship(world, 2, before - timedelta(seconds=30))
    ship(world, 3)
    with world.store.begin() as unit:
        items = [{"sku": "A", "lot": lot, "on_hand": Decimal(units)} for lot, units in (("", 5), ("L1", 3))]
        count_stock(unit, {"node": "HAM", "as_of": before, "items": items})
    world.check_books()
    rows = world.all("SELECT lot, on_hand FROM stock_lot WHERE on_hand > 0 ORDER BY lot")
    assert [tuple(row) for row in rows] == [("", 2), ("L1", 3)]
