"""The promise of a canceled order ends with the cancellation, whoever cancels and whatever else stands."""

import pytest

from core.domain.ids import public_id
from core.services.canceling import cancel_order
from core.services.promise_watch import watch_promises
from core.store.unit import Store
from tests.core.carriers import change, ordered
from tests.core.world import World


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def canceled(world: World) -> None:
    order = world.one("SELECT id FROM orders").id
    with world.store.begin(actor="user:ada") as unit:
        cancel_order(unit, world.facts, order)


def test_a_promise_is_void_in_the_transaction_that_cancels_its_order(world: World) -> None:
    ordered(world, {"A": 2})
    canceled(world)
    assert world.one("SELECT state FROM orders").state == "canceled"
    found = world.one("SELECT id, state, risk, watch_at, settled_at FROM promise")
    at = world.one("SELECT canceled_at FROM orders").canceled_at
    assert (found.state, found.risk, found.watch_at, found.settled_at) == ("void", 0.0, None, at)
    [event] = world.all("SELECT data FROM event WHERE type = 'promise.void'")
    assert event.data["promise"] == public_id("promise", found.id)
    with world.store.begin() as unit:
        assert watch_promises(unit, world.facts) == 0


def test_a_promise_stands_until_the_node_agrees_to_cancel(world: World) -> None:
    [work], _ = ordered(world, {"A": 2})
    world.deliver(world.wms)
    canceled(world)
    assert world.one("SELECT state FROM promise").state == "standing"
    world.send("fulfillment_update", {"fulfillment": f"ful_{work.id.hex}", "status": "canceled"}, world.wms)
    world.drain()
    assert world.one("SELECT p.state, o.state AS of FROM promise p, orders o") == ("void", "canceled")


def test_a_promise_that_was_late_before_its_order_was_canceled_stays_late(world: World) -> None:
    ordered(world, {"A": 2})
    change(world, "UPDATE promise SET state = 'late', risk = 1, settled_at = clock_timestamp()")
    canceled(world)
    assert world.one("SELECT state, risk, watch_at FROM promise") == ("late", 1.0, None)
