"""Positions an older version left with free units beside a shortfall are found, and what is free pays it."""

from decimal import Decimal

from sqlalchemy import text

from core.services.catalog import upsert_items
from core.services.reserving import Wanted, reserve_many
from core.services.settling import Settled, find_unpaid, settle_unpaid
from core.services.stock import count_stock
from core.store.unit import Store
from tests.core.world import World, now

POSITION = "SELECT on_hand, reserved, shortfall FROM stock_position WHERE item_id = :i"


def settle(world: World) -> list[Settled]:
    with world.store.begin(actor="test") as unit:
        return settle_unpaid(unit)


def reserved(world: World, units: int) -> None:
    with world.store.begin() as unit:
        [answer] = reserve_many(unit, [Wanted({(world.items["A"], world.nodes["HAM"]): Decimal(units)})])
        assert answer.group_id


def unpaid(world: World) -> int:
    with world.store.read() as conn:
        return len(find_unpaid(conn))


def left_by_an_older_version(world: World, units: int) -> None:
    """Write that so many of the units on hand were not found by a count, though they are free."""
    with world.store.begin() as unit:
        unit.conn.execute(text("UPDATE stock_position SET shortfall = :s"), {"s": units})


def test_what_is_free_pays_and_channels_hear_of_it(store: Store) -> None:
    world = World(store, {("A", "HAM"): 10})
    reserved(world, 6)
    assert (unpaid(world), settle(world)) == (0, [])
    left_by_an_older_version(world, 7)
    assert unpaid(world) == 1
    marked = world.one("SELECT max(dirty_at) AS at FROM listing").at
    assert settle(world) == [Settled("A", "HAM", Decimal(4), Decimal(3))]
    assert tuple(world.one(POSITION, i=world.items["A"])) == (6, 6, 3)
    [row] = world.all("SELECT on_hand, kind, actor FROM stock_movement WHERE cause = 'STOCK-SHORTFALL-001'")
    assert tuple(row) == (-4, "adjust", "test")
    assert world.one("SELECT max(dirty_at) AS at FROM listing").at > marked
    assert (unpaid(world), settle(world)) == (0, [])
    world.check_books()


def test_lots_that_nobody_knows_to_lack_units_pay_by_what_is_free_and_lack_the_rest(store: Store) -> None:
    world = World(store, {("A", "HAM"): 0})
    with store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}])
        items = [{"sku": "A", "lot": lot, "on_hand": Decimal(units)} for lot, units in (("L1", 4), ("L2", 6))]
        count_stock(unit, {"node": "HAM", "as_of": now(), "items": items})
    reserved(world, 8)
    left_by_an_older_version(world, 3)
    assert unpaid(world) == 1
    assert settle(world) == [Settled("A", "HAM", Decimal(2), Decimal(1))]
    rows = world.all("SELECT lot, on_hand, promised, shortfall FROM stock_lot WHERE on_hand > 0 ORDER BY lot")
    assert [tuple(row) for row in rows] == [("L1", 4, 4, 1), ("L2", 4, 4, 0)]
    assert unpaid(world) == 0
    world.check_books()
