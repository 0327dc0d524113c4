"""Orders of a channel that nobody means as they are: held with their reason, never shipped as something else."""

from typing import Any

import pytest
from sqlalchemy import text

from core.services.actions import apply_case
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


def test_different_faults_are_different_cases_and_one_release_lets_one_go(world: World) -> None:
    held(world, lines=[line(unit_price="-5")])
    held(world, lines=[line(), line(external_id="L2", unit_price="-6")])
    held(world, placed_at="2999-01-01T00:00:00Z", lines=[line(unit_price="-7")])
    for measure in ("BOX", "XCT", "BOX"):
        held(world, lines=[line(unit=measure)])
    query = (
        "SELECT c.id, c.title, c.sentence, c.state, count(m.subject_id) FILTER (WHERE m.resolved_at IS NULL) AS orders"
        " FROM exception_case c JOIN case_member m ON m.case_id = c.id GROUP BY 1, 2, 3, 4 ORDER BY c.title"
    )
    seen = world.all(query)
    said = [each.title.partition(": ")[2] for each in seen]
    assert sorted(zip(said, [each.orders for each in seen], strict=True)) == [
        ("line is in BOX, its item in C62", 2),
        ("line is in XCT, its item in C62", 1),
        ("lines.unit_price must not be negative", 3),
        ("placed_at must not be more than a day ahead", 1),
    ]
    assert all(each.sentence.endswith(f": {words}.") for words, each in zip(said, seen, strict=True))
    price = seen[said.index("lines.unit_price must not be negative")]
    with world.store.begin() as unit:
        apply_case(unit, world.hub.facts.get(unit.conn, 1), world.hub.connectors, price.id)
    assert [(each.title.partition(": ")[2], each.orders) for each in world.all(query) if each.orders] == [
        ("line is in BOX, its item in C62", 2),
        ("line is in XCT, its item in C62", 1),
        ("placed_at must not be more than a day ahead", 1),
    ]
    left = world.all("SELECT detail FROM hold WHERE state = 'active' AND kind = 'missing_field'")
    assert [row.detail for row in left] == ["placed_at must not be more than a day ahead"]
    assert world.one("SELECT count(*) AS n FROM orders WHERE state = 'held'").n == 4
