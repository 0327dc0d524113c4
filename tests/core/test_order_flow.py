"""One order all the way: in by a message, reserved, routed, released, delivered, shipped, told."""

import pytest

from core.store.read.orders import read_order
from core.store.unit import Store
from tests.core.world import World, now


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def test_an_order_goes_all_the_way(world: World) -> None:
    world.send("order", world.order({"A": 2, "B": 1}), key="k1")
    assert world.drain() == 1
    order = world.one("SELECT * FROM orders")
    assert (order.state, order.phase) == ("in_progress", "releasing")
    [work] = world.work()
    assert (work.code, work.state) == ("HAM", "released")
    world.deliver()
    assert [push.kind for push in world.partners.partners["wms"].order] == ["push_fulfillment_order"]
    assert [push.kind for push in world.partners.partners["erp"].order] == ["push_order"]
    assert world.partners.partners["erp"].order[0].payload["allocation"][0]["node"] == "HAM"

    shipment = {
        "external_id": "S1",
        "fulfillment": f"ful_{work.id.hex}",
        "carrier": "DHL",
        "tracking_number": "T1",
        "occurred_at": now().isoformat(),
    }
    world.send("shipment", shipment, world.wms)
    world.send("shipment", shipment, world.wms)
    world.drain()
    order = world.one("SELECT * FROM orders")
    assert (order.state, order.phase) == ("completed", "shipped")
    assert world.one("SELECT count(*) AS n FROM shipment").n == 1
    world.deliver()
    shop = world.partners.partners["shop"]
    assert [push.kind for push in shop.order if push.kind != "push_stock"] == ["push_shipment"]
    world.send(
        "tracking", {"tracking_number": "T1", "status": "delivered", "occurred_at": now().isoformat()}, world.wms
    )
    world.drain()
    with world.store.read() as conn:
        document = read_order(conn, order.id)
    assert document["phase"] == "delivered"
    assert [line["shipped"] for line in document["lines"]] == ["2", "1"]
    world.check_books()
