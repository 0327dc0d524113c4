"""Units that leave a node though nothing of them was open: never counted, never a parcel, never silent."""

from typing import Any

import pytest

from core.services.canceling import cancel_order
from core.store.unit import Store
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def place(world: World, units: int) -> Any:
    world.send("order", world.order({"A": units}))
    world.drain()
    return world.work()[0]


def report(world: World, work: Any, external_id: str, units: int | None = None) -> None:
    lines = {} if units is None else {"lines": [{"sku": "A", "quantity": str(units)}]}
    world.send("shipment", {"external_id": external_id, "fulfillment": f"ful_{work.id.hex}", **lines}, world.wms)
    world.drain()


def surplus(world: World) -> list[Any]:
    return list(
        world.all(
            "SELECT c.*, m.subject, m.order_id FROM exception_case c JOIN case_member m ON m.case_id = c.id"
            " WHERE c.code = 'SHIP-SURPLUS-001' ORDER BY c.first_seen"
        )
    )


def test_what_is_beyond_the_open_units_asks_a_person(world: World) -> None:
    work = place(world, 2)
    report(world, work, "S1", 5)
    [line] = world.all("SELECT quantity, shipped FROM order_line")
    assert (line.quantity, line.shipped) == (2, 2)
    [case] = surplus(world)
    # The order is done, and the case is not.
    assert (world.one("SELECT state FROM orders").state, case.state) == ("completed", "open")
    assert (case.subject, case.evidence["units"], case.evidence["node"]) == ("fulfillment", "3 units", "HAM")
    assert case.order_id == work.order_id
    assert len(world.all("SELECT 1 FROM shipment")) == 1
    world.check_books()


def test_a_shipped_work_ships_nothing_again(world: World) -> None:
    work = place(world, 2)
    report(world, work, "S1")
    deliveries = len(world.all("SELECT 1 FROM delivery"))
    for _ in range(2):
        report(world, work, "S2")
    assert [each.external_id for each in world.all("SELECT external_id FROM shipment")] == ["S1"]
    [case] = surplus(world)
    assert (case.evidence["external_id"], case.evidence["state"], case.evidence["units"]) == (
        "S2", "shipped", "all units",
    )  # fmt: skip
    assert len(world.all("SELECT 1 FROM delivery")) == deliveries
    assert [each.outcome for each in world.all("SELECT outcome FROM message WHERE topic = 'shipment' ORDER BY id")] == [
        None, *["nothing of it was open: an exception says what left"] * 2,
    ]  # fmt: skip
    world.check_books()


def test_a_canceled_order_that_leaves_all_the_same_is_told(world: World) -> None:
    work = place(world, 2)
    with world.store.begin() as unit:
        cancel_order(unit, world.hub.facts.get(unit.conn, 1), work.order_id)
    report(world, work, "S1")
    assert world.all("SELECT 1 FROM shipment") == []
    assert [(case.state, case.evidence["state"]) for case in surplus(world)] == [("open", "canceled")]
    order = world.one("SELECT * FROM orders")
    assert (order.state, order.shipped_at) == ("canceled", None)
    world.check_books()
