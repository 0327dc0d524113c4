"""Serial numbers of what left: as many as units, none that is out already, and what a warehouse says is taken."""

from decimal import Decimal
from typing import Any

import pytest

from core.domain.ids import public_id
from core.errors import InputError
from core.services.catalog import upsert_items
from core.services.reports import Reported, ship
from core.store.unit import Store
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    """B is tracked by serial numbers."""
    world = World(store, {("A", "HAM"): 9, ("B", "HAM"): 9})
    with store.begin() as unit:
        upsert_items(unit, [{"sku": "B", "tracking": "serial"}])
    return world


def place(world: World, *baskets: dict[str, int]) -> list[Any]:
    for basket in baskets:
        world.send("order", world.order(basket))
    world.drain()
    return sorted(world.work(), key=lambda work: str(work.order_id))


def by_hand(world: World, work: Any, parcel: str, units: int, *serials: str) -> Reported:
    lines = [{"sku": "B", "quantity": Decimal(units), "serials": list(serials)}]
    document = {"external_id": parcel, "fulfillment": public_id("fulfillment", work.id), "lines": lines}
    with world.store.begin() as unit:
        return ship(unit, world.hub.facts.get(unit.conn, 1), document, refuse=True)


def by_node(world: World, work: Any, parcel: str, *lines: tuple[int, list[str]]) -> None:
    said = [{"sku": "B", "quantity": str(units), "serials": serials} for units, serials in lines]
    body = {"external_id": parcel, "fulfillment": public_id("fulfillment", work.id), "lines": said}
    world.send("shipment", body, world.wms)
    world.drain()


def cases(world: World) -> list[Any]:
    return list(world.all("SELECT * FROM exception_case WHERE code = 'SHIP-SERIAL-001' ORDER BY first_seen"))


def kept(world: World) -> list[str]:
    return [row.serial for row in world.all("SELECT serial FROM shipment_serial ORDER BY serial")]


@pytest.mark.parametrize(
    ("units", "serials", "reason"),
    [
        (2, ["SN-1"], "1 serial numbers for units: 2"),
        (2, [], "0 serial numbers for units: 2"),
        (1, ["SN-1", "SN-2", "SN-3"], "3 serial numbers for units: 1"),
        (2, ["SN-1", "SN-1"], "SN-1 more than once"),
    ],
)
def test_a_shipment_names_one_number_for_each_unit(world: World, units: int, serials: list[str], reason: str) -> None:
    [work] = place(world, {"B": 3})
    with pytest.raises(InputError) as refused:
        by_hand(world, work, "S", units, *serials)
    assert refused.value.error_code == "SHIP-SERIAL-422"
    assert {"path": "B", "reason": reason} in refused.value.data["errors"]
    assert world.all("SELECT 1 FROM shipment") == []
    assert world.one("SELECT shipped FROM order_line").shipped == 0
    assert by_hand(world, work, "S", 2, "SN-1", "SN-2").new
    assert kept(world) == ["SN-1", "SN-2"]
    assert cases(world) == []
    world.check_books()


def test_all_that_is_open_of_such_an_item_needs_its_numbers_too(world: World) -> None:
    [work] = place(world, {"B": 1})
    document = {"external_id": "S", "fulfillment": public_id("fulfillment", work.id)}
    with world.store.begin() as unit, pytest.raises(InputError):
        ship(unit, world.hub.facts.get(unit.conn, 1), document, refuse=True)
    assert world.all("SELECT 1 FROM shipment") == []


def test_a_number_that_left_does_not_leave_again_until_it_came_back(world: World) -> None:
    first, second = place(world, {"B": 2}, {"B": 2})
    by_hand(world, first, "S1", 2, "SN-1", "SN-2")
    with pytest.raises(InputError) as refused:
        by_hand(world, second, "S2", 1, "SN-1")
    [order] = world.all("SELECT number, external_id FROM orders WHERE id = :o", o=first.order_id)
    assert refused.value.data["errors"] == [
        {"path": "B", "reason": f"SN-1 left before, with S1 of order {order.number or order.external_id}"}
    ]
    # One of the two came back: one number may leave again, and not the other as well.
    back = {
        "external_id": "R", "order_external_id": order.external_id, "occurred_at": "2026-11-21T08:00:00Z",
        "lines": [{"external_id": "L1", "quantity": "1", "restock": "return"}],
    }  # fmt: skip
    world.send("refund", back)
    world.drain()
    with pytest.raises(InputError):
        by_hand(world, second, "S2", 2, "SN-1", "SN-2")
    assert by_hand(world, second, "S2", 1, "SN-1").new
    with pytest.raises(InputError):
        by_hand(world, second, "S3", 1, "SN-2")
    with pytest.raises(InputError):
        by_hand(world, second, "S3", 1, "SN-1")
    assert by_hand(world, second, "S3", 1, "SN-3").new
    world.check_books()


def test_what_a_warehouse_shipped_is_taken_and_a_person_is_asked(world: World) -> None:
    first, second = place(world, {"B": 2}, {"B": 2})
    by_node(world, first, "S1", (2, ["SN-1", "SN-2"]))
    assert cases(world) == []
    by_node(world, second, "S2", (1, ["SN-1"]), (1, ["SN-1", "SN-9"]))
    assert [row.shipped for row in world.all("SELECT shipped FROM order_line")] == [2, 2]
    assert kept(world) == ["SN-1", "SN-1", "SN-2", "SN-9"]
    [case] = cases(world)
    assert case.state == "open"
    assert "SN-1 more than once" in case.evidence["detail"]
    assert "SN-1 left before, with S1" in case.evidence["detail"]
    assert case.evidence["external_id"] == "S2"
    world.check_books()


def test_a_warehouse_that_says_no_numbers_is_one_case(world: World) -> None:
    for number, work in enumerate(place(world, {"B": 1}, {"B": 1})):
        by_node(world, work, f"S{number}", (1, []))
    [case] = cases(world)
    assert case.evidence["detail"] == "HAM does not say all serial numbers of what it ships of B"
    members = world.all("SELECT subject FROM case_member WHERE case_id = :c", c=case.id)
    assert [row.subject for row in members] == ["fulfillment", "fulfillment"]


def test_two_parcels_of_one_batch_do_not_have_the_same_unit(world: World) -> None:
    for number, work in enumerate(place(world, {"B": 1}, {"B": 1})):
        line = {"sku": "B", "quantity": "1", "serials": ["SN-1"]}
        body = {"external_id": f"S{number}", "fulfillment": public_id("fulfillment", work.id), "lines": [line]}
        world.send("shipment", body, world.wms)
    world.drain()
    [case] = cases(world)
    assert "SN-1 left before, with S" in case.evidence["detail"]


def test_numbers_of_one_code_go_to_the_lines_its_units_left_from(world: World) -> None:
    order = world.order({"B": 2})
    again = {**order["lines"][0], "external_id": "L2"}
    order["lines"].append(again)
    order["totals"] = {"grand": "40.00"}
    world.send("order", order)
    world.drain()
    [work] = world.work()
    assert by_hand(world, work, "S", 4, "SN-1", "SN-2", "SN-3", "SN-4").new
    rows = world.all("SELECT count(*) AS n FROM shipment_serial GROUP BY line_id")
    assert [row.n for row in rows] == [2, 2]
    event = world.one("SELECT data FROM event WHERE type = 'fulfillment.shipped'")
    assert "serials_missing" not in event.data


def test_blanks_around_a_number_are_no_part_of_it(world: World) -> None:
    first, second = place(world, {"B": 2}, {"B": 1})
    by_node(world, first, "P1", (2, ["SN-1", "SN-1 "]))
    assert (kept(world), len(cases(world))) == (["SN-1"], 1)
    assert "SN-1 more than once" in cases(world)[0].sentence
    by_node(world, second, "P2", (1, ["\tSN-1"]))
    assert "SN-1 left before, with P1" in cases(world)[1].sentence
    assert kept(world) == ["SN-1", "SN-1"]
