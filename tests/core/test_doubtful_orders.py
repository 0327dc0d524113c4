"""Orders of a channel that nobody means as they are: held with their reason, never shipped as something else."""

from typing import Any

import pytest
from sqlalchemy import text

from core.store.unit import Store
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def line(**more: Any) -> dict[str, Any]:
    return {"external_id": "L1", "sku": "A", "quantity": "1", "unit_price": "10.00", **more}


def held(world: World, **more: Any) -> list[tuple[str, str]]:
    world.send("order", {**world.order({"A": 1}), "totals": None, **more})
    world.drain()
    return [(row.kind, row.detail) for row in world.all("SELECT kind, detail FROM hold WHERE state = 'active'")]


def test_another_unit_than_the_items_needs_a_conversion(world: World) -> None:
    assert held(world, lines=[line(unit="BOX")]) == [("unmapped_code", "line 1 is in BOX, its item in C62")]
    assert world.work() == []
    [case] = world.all("SELECT code FROM exception_case")
    assert case.code == "ORDER-FIELD-422"


@pytest.mark.parametrize("unit", ["C62", "H87", "EA", "KGM"])
def test_pieces_and_the_items_own_unit_go_on(world: World, unit: str) -> None:
    with world.store.begin() as running:
        running.conn.execute(text("UPDATE item SET unit = 'KGM' WHERE sku = 'A'"))
    assert held(world, lines=[line(unit=unit)]) == []
    assert len(world.work()) == 1


def test_a_negative_price_and_a_time_to_come_are_held(world: World) -> None:
    assert held(world, lines=[line(unit_price="-5")], placed_at="2999-01-01T00:00:00Z") == [
        ("missing_field", "lines.0.unit_price must not be negative"),
        ("missing_field", "placed_at must not be more than a day ahead"),
    ]
    assert world.work() == []
