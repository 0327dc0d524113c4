"""Carriers' facts applied in batches or one by one leave the same state, and a batch takes few statements."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event

from console.servers.supervisor import Urls
from core.domain.ids import public_id
from core.jobs.intake import drain_messages
from core.store.engine import open_engine
from core.store.unit import Store
from tests.core.test_reports_alike import books, copied
from tests.core.world import World

LEFT = datetime.now(UTC).replace(microsecond=0) - timedelta(days=10)
ORDERS = 12
STATUSES = (
    "handed_over", "in_transit", "in_transit", "out_for_delivery", "delivered", "disturbed", "lost",
    "returned_to_sender",
)  # fmt: skip
# What facts change beside the books of reports.
TOLD = {
    "parcels": "SELECT tracking_number, state, rank, state_at, delivered_at, version FROM shipment",
    "facts": "SELECT s.tracking_number, e.status, e.occurred_at, e.location FROM tracking_event e"
    " JOIN shipment s ON s.id = e.shipment_id",
    "outcomes": "SELECT order_id, state, damaged, delivered_at FROM outcome",
    "promises": "SELECT order_id, state, watch_at IS NULL, version FROM promise",
}


@pytest.fixture
def world(db_url: str) -> Iterator[World]:
    """Twelve orders whose parcels left ten days ago, three of them with two parcels."""
    engine = open_engine(db_url, pool_size=2)
    world = World(Store(engine), {("A", "HAM"): 90})
    for number in range(ORDERS):
        placed = (LEFT - timedelta(days=1)).isoformat()
        world.send("order", world.order({"A": 2 + number % 3}, placed_at=placed))
    world.drain()
    for place, work in enumerate(world.work()):
        for parcel in range(1 + (place < 3)):
            body = {
                "external_id": f"S{parcel}", "fulfillment": public_id("fulfillment", work.id), "carrier": "DHL",
                "tracking_number": f"T{place}-{parcel}", "occurred_at": LEFT.isoformat(),
                "lines": [{"sku": "A", "quantity": "1"}],
            }  # fmt: skip
            world.send("shipment", body, world.wms)
            world.drain()
    yield world
    engine.dispose()


def tell(world: World, parcel: str, status: str, hours: float) -> None:
    at = (LEFT + timedelta(hours=hours)).isoformat()
    fact = {"tracking_number": parcel, "status": status, "occurred_at": at, "location": "Hamburg"}
    world.send("tracking", fact, world.wms)


@pytest.mark.parametrize("seed", range(3))
def test_batches_and_single_facts_leave_the_same(world: World, servers: Urls, seed: int) -> None:
    dice = random.Random(seed)
    numbers = [row.tracking_number for row in world.all("SELECT tracking_number FROM shipment ORDER BY 1")]
    for _ in range(70):
        parcel = "T99" if dice.random() < 0.05 else dice.choice(numbers)
        hours = dice.choice((-2_000, 5_000)) if dice.random() < 0.08 else dice.randint(1, 200)
        tell(world, parcel, dice.choice(STATUSES), hours)
    with copied(world, servers) as other:
        assert drain_messages(world.hub, 100) == 70
        while drain_messages(other.hub, 1):
            pass
        for name, rows in books(world).items():
            assert rows == books(other)[name], name
        for name, query in TOLD.items():
            assert sorted(map(tuple, world.all(query)), key=repr) == sorted(map(tuple, other.all(query)), key=repr), (
                name
            )
    assert len({row.state for row in world.all("SELECT state FROM shipment")}) > 2
    assert world.one("SELECT count(*) AS n FROM message WHERE outcome LIKE 'kept without effect%'").n


def test_a_batch_takes_few_statements(world: World) -> None:
    for number in range(ORDERS):
        tell(world, f"T{number}-0", "in_transit", 5)
    said: list[str] = []
    event.listen(world.store.engine, "before_cursor_execute", lambda *call: said.append(call[2]))
    assert drain_messages(world.hub, 100) == ORDERS
    assert {row.state for row in world.all("SELECT state FROM shipment WHERE tracking_number LIKE '%-0'")} == {
        "in_transit"
    }
    # Each moves its parcel and has its promise looked at; all else is shared.
    assert len(said) < 2 * ORDERS + 20
