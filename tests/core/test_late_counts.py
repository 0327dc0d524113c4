"""Counts of a past moment: what came and left since is not undone by them, and what left before is not taken twice."""

from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from core.domain.vocabulary import MovementKind
from core.services.catalog import upsert_items
from core.services.lots import write_lots
from core.services.reserving import Wanted, release_group, reserve_many
from core.services.statuses import change_status
from core.services.stock import adjust_stock, count_stock
from core.services.supplying import receive_units
from core.store import migrate
from core.store.unit import Store, Unit
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


def lots(world: World) -> dict[str, Decimal]:
    rows = world.all("SELECT lot, on_hand FROM stock_lot WHERE status = 'sellable' AND on_hand > 0 ORDER BY lot")
    return {row.lot: row.on_hand for row in rows}


def count_lots(unit: Unit, at: datetime, **found: int) -> None:
    items = [{"sku": "A", "lot": lot, "on_hand": Decimal(units)} for lot, units in found.items()]
    count_stock(unit, {"node": "HAM", "as_of": at, "items": items})


def receive(world: World, unit: Unit, units: int, lot: str) -> None:
    key = world.items["A"], world.nodes["HAM"]
    receive_units(unit, key, Decimal(units), MovementKind.RECEIPT, "PO", lot=lot)


def test_of_one_transaction_only_what_moved_lots_is_added_in_a_savepoint_or_not(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}])
    first, second = now(), now()
    with world.store.begin() as unit:
        # The correction by the first count is written after the second one was made, beside what did come.
        count_lots(unit, first, L1=7)
        with unit.savepoint():
            receive(world, unit, 2, "L1")
        receive(world, unit, 3, "L2")
    with world.store.begin() as unit:
        count_lots(unit, second, L1=7)
    assert lots(world) == {"L1": 9, "L2": 3}
    world.check_books()


def test_a_row_of_the_lot_in_a_savepoint_of_its_own_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def apart(unit: Unit, *rest: Any, **more: Any) -> None:
        with unit.savepoint():
            write_lots(unit, *rest, **more)

    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}])
        count_lots(unit, now(), L1=10)
    before = now()
    monkeypatch.setattr("core.services.stock.write_lots", apart)
    with world.store.begin() as unit:
        receive(world, unit, 5, "L1")
    with world.store.begin() as unit:
        count_lots(unit, before, L1=9)
    assert lots(world) == {"L1": 14}


def test_what_came_of_a_lot_and_paid_its_shortfall_has_come(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}])
        count_lots(unit, now(), L1=10)
        reserve_many(unit, [Wanted({(world.items["A"], world.nodes["HAM"]): Decimal(10)})])
    with world.store.begin() as unit:
        count_lots(unit, now(), L1=3)
    before = now()
    with world.store.begin() as unit:
        receive(world, unit, 5, "L1")
    ledger = world.all("SELECT kind, on_hand, cause FROM lot_movement WHERE kind <> 'count' AND on_hand <> 0")
    assert [tuple(row) for row in ledger][-2:] == [("receipt", 5, "PO"), ("adjust", -5, "STOCK-SHORTFALL-001")]
    with world.store.begin() as unit:
        count_lots(unit, before, L1=3)
    position = world.one("SELECT on_hand, shortfall FROM stock_position WHERE item_id = :i", i=world.items["A"])
    assert tuple(position) == (10, 2)
    world.check_books()


def test_of_two_shipments_reported_together_the_one_that_left_before_the_count_is_not_taken_twice(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}])
        count_lots(unit, now(), L1=10)
    for units in (4, 2):
        world.send("order", world.order({"A": units}))
    world.drain()
    works = {world.one("SELECT quantity FROM fulfillment_line WHERE fulfillment_id = :w", w=each.id).quantity: each.id
             for each in world.work()}  # fmt: skip
    counted = now()
    for units, left_at in ((4, counted - timedelta(seconds=30)), (2, now())):
        report = {"external_id": f"S{units}", "fulfillment": f"ful_{works[units].hex}"}
        world.send("shipment", report | {"occurred_at": left_at.isoformat()}, world.wms)
    world.drain()
    assert world.one("SELECT count(DISTINCT xmin::text) AS n FROM shipment").n == 1
    with world.store.begin() as unit:
        count_lots(unit, counted, L1=6)
    assert lots(world) == {"L1": 4}
    world.check_books()


def test_an_older_ledger_of_lots_learns_why_its_lots_moved(world: World) -> None:
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}])
    with world.store.begin() as unit:
        count_lots(unit, now(), L1=6, L2=4)
    ship(world, 3)
    with world.store.begin() as unit:
        receive(world, unit, 5, "L1")
    change = partial(change_status, sku="A", node="HAM", lot="L1")
    with world.store.begin() as unit:
        change(unit, quantity=Decimal(2), before="sellable", after="damaged", reason="broken")
    with world.store.begin() as unit:
        change(unit, quantity=Decimal(1), before="damaged", after="quality_hold", reason="look")
    ledger = "SELECT lot, status, kind, on_hand, order_id FROM lot_movement WHERE on_hand <> 0 ORDER BY id"
    written = world.all(ledger)
    assert {row.kind for row in written} == {"tracking", "count", "ship", "receipt", "status"}
    migrate.downgrade(world.store.engine, "0030")
    migrate.upgrade(world.store.engine)
    assert world.all(ledger) == written
    assert (
        world.one("SELECT count(*) AS n FROM lot_movement WHERE promised <> 0 AND kind NOT IN ('allocate', 'ship')").n
        == 0
    )
