"""Units of measure nodes report in: brought to the item's by its packs, and never taken for pieces."""

from decimal import Decimal
from typing import Any

import pytest

from core.errors import InputError
from core.services.agreements import set_pack
from core.services.replaying import replay_message
from core.services.reports import ship
from core.store.unit import Store
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    found = World(store, {("A", "HAM"): 100, ("B", "HAM"): 10})
    with store.begin() as unit:
        set_pack(unit, "A", "CT", Decimal(12))
    return found


def work(world: World, **lines: int) -> Any:
    world.send("order", world.order(lines))
    world.drain()
    world.deliver()
    [found] = world.work()
    return found


def shipment(world: World, fulfillment: Any, lines: Any, **more: Any) -> Any:
    body = {"external_id": "S1", "fulfillment": f"ful_{fulfillment.id.hex}", "lines": lines, **more}
    world.send("shipment", body, world.wms)
    world.drain()
    return world.one("SELECT id, state, error FROM message WHERE topic = 'shipment'")


def shipped(world: World) -> list[Any]:
    return [tuple(row) for row in world.all("SELECT shipped, canceled FROM fulfillment_line ORDER BY id")]


@pytest.mark.parametrize("said", ["CT", "XCT"])
def test_cartons_leave_as_the_units_they_hold_with_their_packages(world: World, said: str) -> None:
    rows = [{"sku": "A", "quantity": "2", "unit": said}, {"sku": "A", "quantity": "3", "unit": "C62"}]
    packages = [{"sscc": "340123450000000018", "contents": rows}]
    assert shipment(world, work(world, A=27), rows, packages=packages).state == "applied"
    assert shipped(world) == [(27, 0)]
    assert world.one("SELECT packages FROM shipment").packages[0]["contents"] == [
        {"sku": "A", "quantity": "24"}, {"sku": "A", "quantity": "3"},
    ]  # fmt: skip
    world.check_books()


def test_a_pack_nobody_knows_is_refused_with_what_to_do_and_the_replay_takes_it(world: World) -> None:
    found = shipment(world, work(world, B=10), [{"sku": "B", "quantity": "1", "unit": "XCS"}])
    assert (found.state, found.error["code"]) == ("quarantined", "UNIT-PACK-422")
    assert found.error["what"] == (
        "B is reported in XCS and counted in C62, and nobody said how many C62 one XCS holds."
    )
    assert "crossdock terms pack B XCS UNITS" in found.error["fix"]
    assert found.error["data"]["errors"] == [{"path": "lines.0.unit", "reason": "is XCS, of which no pack is known"}]
    assert shipped(world) == [(0, 0)]
    assert world.one("SELECT count(*) AS n FROM exception_case WHERE state = 'open'").n == 1
    with world.store.begin() as unit:
        set_pack(unit, "B", "XCS", Decimal(10))
        replay_message(unit, found.id)
    world.drain()
    assert shipped(world) == [(10, 0)]


def test_a_piece_by_any_name_is_the_items_own_unit(world: World) -> None:
    assert shipment(world, work(world, B=2), [{"sku": "B", "quantity": "2", "unit": "EA"}]).state == "applied"
    assert shipped(world) == [(2, 0)]


def test_what_will_not_come_is_counted_in_packs_as_well(world: World) -> None:
    short = [{"sku": "A", "quantity": "1", "unit": "XCT"}]
    assert shipment(world, work(world, A=24), [{"sku": "A", "quantity": "12"}], short=short).state == "applied"
    assert shipped(world) == [(12, 12)]
    world.check_books()


def test_one_report_that_cannot_be_counted_keeps_back_no_other(world: World) -> None:
    first = work(world, A=1)
    world.send("order", world.order({"A": 12}, external_id="X2", number="X2"))
    world.drain()
    world.deliver()
    [second] = [each for each in world.work() if each.id != first.id]
    for at, (each, said) in enumerate(((first, "PAL"), (second, "XCT")), 1):
        lines = [{"sku": "A", "quantity": "1", "unit": said}]
        body = {"external_id": f"S{at}", "fulfillment": f"ful_{each.id.hex}", "lines": lines}
        world.send("shipment", body, world.wms)
    world.drain()
    states = [row.state for row in world.all("SELECT state FROM message WHERE topic = 'shipment'")]
    assert sorted(states) == ["applied", "quarantined"]
    assert world.one("SELECT sum(shipped) AS n FROM fulfillment_line").n == 12


def test_a_person_who_ships_is_told_at_once(world: World) -> None:
    found = work(world, B=2)
    body = {"external_id": "S1", "fulfillment": f"ful_{found.id.hex}"}
    lines = [{"sku": "B", "quantity": Decimal(1), "unit": "XCS"}]
    with world.store.begin() as unit, pytest.raises(InputError, match="nobody said how many C62 one XCS holds"):
        ship(unit, world.facts, {**body, "lines": lines}, None, refuse=True)
    assert shipped(world) == [(0, 0)]


def on_hand(world: World, sku: str) -> Decimal:
    found: Decimal = world.one(
        "SELECT p.on_hand FROM stock_position p JOIN item i ON i.id = p.item_id WHERE i.sku = :s", s=sku
    ).on_hand
    return found


def counted(world: World, *items: Any) -> Any:
    world.send("stock", {"as_of": now().isoformat(), "node": "HAM", "items": list(items)}, world.wms)
    world.drain()
    return world.one("SELECT state, error FROM message WHERE topic = 'stock'")


def test_a_count_in_cartons_is_a_count_of_units(world: World) -> None:
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE stock_position SET counted_at = NULL")
    rows = [{"sku": "A", "on_hand": "4", "unit": "XCT"}, {"sku": "B", "on_hand": "7", "unit": "EA"}]
    assert counted(world, *rows).state == "applied"
    assert (on_hand(world, "A"), on_hand(world, "B")) == (48, 7)


def test_a_count_in_packs_nobody_knows_changes_nothing(world: World) -> None:
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE stock_position SET counted_at = NULL")
    found = counted(world, {"sku": "A", "on_hand": "5"}, {"sku": "B", "on_hand": "7", "unit": "XCS"})
    assert (found.state, found.error["code"]) == ("quarantined", "UNIT-PACK-422")
    assert found.error["data"]["errors"][0]["path"] == "items.1.unit"
    assert (on_hand(world, "A"), on_hand(world, "B")) == (100, 10)
