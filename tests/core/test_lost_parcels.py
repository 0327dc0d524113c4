"""A parcel that is lost, comes back, or is said to be where it cannot be: somebody is told, and it scores nothing."""

import pytest

from core.store.unit import Store
from tests.core.carriers import change
from tests.core.test_found_parcels import LEFT, order, shipped, told, watched
from tests.core.world import World

CASES = "SELECT title, state FROM exception_case WHERE code = 'SHIP-LOST-001' ORDER BY id"
DOUBTED = "SELECT data ->> 'status' AS status, data ->> 'reason' AS reason FROM event WHERE type = 'shipment.doubted'"


@pytest.fixture
def world(store: Store) -> World:
    """An order whose parcel left ten days ago."""
    world = World(store)
    order(world)
    [work] = world.work()
    shipped(world, work, "T1")
    return world


@pytest.mark.parametrize(("status", "called"), [("lost", "lost"), ("returned_to_sender", "returned to sender")])
def test_a_loss_that_no_promise_tells_of_is_a_persons(world: World, status: str, called: str) -> None:
    change(world, "UPDATE promise SET state = 'void'")
    told(world, ("in_transit", 5), (status, 90), (status, 90))
    [case] = world.all(CASES)
    assert (case.title, case.state) == (f"#1001: parcel T1 is {called}", "open")
    if status == "lost":
        told(world, ("in_transit", 120))
        assert [row.state for row in world.all(CASES)] == ["superseded"]


def test_a_loss_of_a_watched_promise_has_the_case_of_the_promise(world: World) -> None:
    told(world, ("lost", 90))
    watched(world)
    assert world.all(CASES) == []
    assert world.one("SELECT state FROM exception_case WHERE code = 'PROMISE-RISK-001'").state == "open"


@pytest.mark.parametrize("status", ["lost", "returned_to_sender"])
def test_what_comes_after_delivery_is_kept_and_said(world: World, status: str) -> None:
    assert told(world, ("delivered", 50), (status, 90)).state == "delivered"
    assert [tuple(row) for row in world.all(DOUBTED)] == [(status, "the parcel was delivered before")]


def test_a_label_voided_after_the_parcel_left_is_kept_and_said(world: World) -> None:
    assert told(world, ("in_transit", 5), ("voided", 90)).state == "in_transit"
    assert [tuple(row) for row in world.all(DOUBTED)] == [("voided", "the parcel had left before")]


def test_a_delivery_from_before_the_parcel_left_scores_nothing(world: World) -> None:
    change(world, "UPDATE orders SET placed_at = placed_at - interval '90 days'")
    assert told(world, ("delivered", -24 * 30)).state == "delivered"
    assert watched(world).state == "unknown"
    assert world.all("SELECT FROM outcome") == []


def test_what_is_said_of_a_number_is_true_of_all_the_node_reported_under_it(store: Store) -> None:
    world = World(store)
    order(world, {"A": 2, "B": 1})
    [work] = world.work()
    for parcel, sku, units in (("P1", "A", "2"), ("P2", "B", "1")):
        left = {"external_id": parcel, "fulfillment": f"ful_{work.id.hex}", "carrier": "DHL", "tracking_number": "T1"}
        left["lines"] = [{"sku": sku, "quantity": units}]  # type: ignore[assignment]
        world.send("shipment", {**left, "occurred_at": LEFT.isoformat()}, world.wms)
        world.drain()
    told(world, ("in_transit", 5), ("delivered", 50))
    assert {row.state for row in world.all("SELECT state FROM shipment")} == {"delivered"}
    assert world.one("SELECT phase FROM orders").phase == "delivered"
    assert world.one("SELECT sum(delivered) AS n FROM order_line").n == 3
    assert watched(world).state == "kept"
