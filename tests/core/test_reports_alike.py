"""The same reports applied in batches or one by one leave the same books, on two copies of one company's database."""

import copy
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from console.servers.supervisor import Urls
from core.domain.ids import public_id
from core.jobs.hub import Hub, Pace
from core.jobs.intake import drain_messages
from core.services.canceling import cancel_order
from core.services.catalog import upsert_items
from core.services.secretbox import SecretBox
from core.services.stock import count_stock
from core.store.engine import open_engine
from core.store.unit import Store
from tests.conftest import database_url
from tests.core.world import World, now

STATUSES = ("acknowledged", "picking", "rejected", "canceled", "cancel_declined", "short")
BASKETS = ({"A": 3, "B": 2}, {"B": 4}, {"C": 2, "A": 1}, {"BOX": 2, "B": 1}, {"A": 5}, {"C": 3, "BOX": 1})
# What must be alike; numbers and ids of new shipments and of what is written for them are drawn by chance.
BOOKS = {
    "positions": "SELECT item_id, node_id, on_hand, reserved, allocated, safety, shortfall FROM stock_position",
    "ledger": "SELECT item_id, node_id, kind, order_id, on_hand, reserved, allocated, cause, actor FROM stock_movement",
    "reservations": "SELECT order_id, line_id, fulfillment_id, item_id, node_id, lot, state, quantity, per_unit,"
    " follows FROM reservation",
    "lots": "SELECT item_id, node_id, lot, status, on_hand, promised FROM stock_lot",
    "orders": "SELECT id, state, phase, shipped_at IS NULL, completed_at IS NULL, canceled_at IS NULL,"
    " sourcing_at IS NULL, version FROM orders",
    "lines": "SELECT id, shipped, canceled, delivered FROM order_line",
    "works": "SELECT id, state, reason, reference, finished_at IS NULL, version FROM fulfillment_order",
    "work lines": "SELECT id, shipped, canceled FROM fulfillment_line",
    "shipments": "SELECT order_id, fulfillment_id, node_id, external_id, carrier, tracking_number, packages::text,"
    " state FROM shipment",
    "shipment lines": "SELECT s.fulfillment_id, s.external_id, l.line_id, l.quantity FROM shipment s"
    " JOIN shipment_line l ON l.shipment_id = s.id",
    "serials": "SELECT s.fulfillment_id, s.external_id, l.line_id, l.serial FROM shipment s"
    " JOIN shipment_serial l ON l.shipment_id = s.id",
    "deliveries": "SELECT connection_id, lane, kind, order_id, fulfillment_id, state, correlation_id,"
    " payload #>> '{shipment,lines}', payload ->> 'order' FROM delivery",
    "events": "SELECT type, subject, order_id, cause, correlation_id, actor FROM event WHERE order_id IS NOT NULL",
    "other events": "SELECT type, subject, count(*) FROM event WHERE order_id IS NULL GROUP BY 1, 2",
    "cases": "SELECT code, fingerprint, state, evidence::text FROM exception_case",
    "members": "SELECT c.fingerprint, m.subject, m.subject_id, m.resolved_at IS NULL FROM case_member m"
    " JOIN exception_case c ON c.id = m.case_id",
    "changes": "SELECT order_id, kind, state, answer, changes::text FROM change_set",
    "messages": "SELECT id, state, outcome, order_id, error ->> 'code' FROM message",
}


@pytest.fixture
def world(db_url: str) -> Iterator[World]:
    """A has lots, C serial numbers, BOX is a kit; the node works on twelve orders, two of them canceled in part."""
    engine = open_engine(db_url, pool_size=2)
    world = World(Store(engine), {("B", "HAM"): 60, ("C", "HAM"): 60})
    with world.store.begin() as unit:
        upsert_items(unit, [{"sku": "A", "tracking": "lot"}, {"sku": "C", "tracking": "serial"}])
        kit = [{"sku": "B", "units": Decimal(2)}, {"sku": "C", "units": Decimal(1)}]
        upsert_items(unit, [{"sku": "BOX", "title": "Box", "components": kit}], world.shop)
        day = unit.now.date()
        lots = [
            {"sku": "A", "on_hand": Decimal(20), "lot": lot, "expires_on": day + timedelta(days=days)}
            for lot, days in (("L1", 40), ("L2", 60), ("L3", 90))
        ]
        count_stock(unit, {"node": "HAM", "as_of": now(), "items": lots})
    for basket in (*BASKETS, *BASKETS):
        world.send("order", world.order(basket))
    world.drain()
    world.deliver()
    for work in world.work()[::6]:
        with world.store.begin() as unit:
            cancel_order(unit, world.facts, work.order_id, None, "asked")
    yield world
    engine.dispose()


@contextmanager
def copied(world: World, servers: Urls) -> Iterator[World]:
    """The same company on a copy of its database."""
    name = f"copy_{uuid.uuid4().hex[:16]}"
    source = world.store.engine.url.database
    world.store.engine.dispose()
    with psycopg.connect("postgresql://" + servers.database.split("://", 1)[1], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}" STRATEGY FILE_COPY')
        other = copy.copy(world)
        other.store = Store(open_engine(database_url(servers, name), pool_size=2))
        other.hub = Hub(other.store, world.partners, SecretBox("a test's secret key"), Pace())
        yield other
        other.store.engine.dispose()
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def report(world: World, dice: random.Random, work: Any, skus: list[str]) -> None:
    """Store one report about a work, sensible or not."""
    named = {"fulfillment": public_id("fulfillment", work.id)}
    # A number is of one order: between orders it depends on the order of arrival which parcel had it first.
    lines = [
        {"sku": sku, "quantity": str(dice.randint(1, 3)), "serials": [f"{work.number}-{dice.randint(1, 99) % 9}"]}
        for sku in dice.sample(skus, dice.randint(1, len(skus)))
    ]
    if dice.random() < 0.05:
        lines[0]["sku"] = "D"
    if dice.random() < 0.4:
        status = dice.choice(STATUSES)
        more = {"reference": f"W-{dice.randint(1, 3)}"} if dice.random() < 0.3 else {}
        if status == "short" and dice.random() < 0.7:
            more["lines"] = [{name: line[name] for name in ("sku", "quantity")} for line in lines]  # type: ignore[assignment]
        world.send(
            "fulfillment_update", {**named, "status": status, "reason": dice.choice((None, "why")), **more}, world.wms
        )
        return
    body = {"external_id": f"S{dice.randint(1, 3)}", "carrier": "NP", "tracking_number": f"T{work.number}"}
    if dice.random() < 0.6:
        body["lines"] = lines  # type: ignore[assignment]
    world.send("shipment", {**named, **body}, world.wms)


def books(world: World) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted((tuple(row) for row in world.all(query)), key=repr) for name, query in BOOKS.items()}


@pytest.mark.parametrize("seed", range(4))
def test_batches_and_single_reports_leave_the_same_books(world: World, servers: Urls, seed: int) -> None:
    dice = random.Random(seed)
    found = [(work, list(BASKETS[place % len(BASKETS)])) for place, work in enumerate(world.work())]
    assert len(found) == 12
    for _ in range(60):
        report(world, dice, *dice.choice(found))
        if dice.random() < 0.05:
            world.send("order_cancel", {"external_id": f"X{dice.randint(1, 12)}"}, world.shop)
    with copied(world, servers) as other:
        assert drain_messages(world.hub, 100) >= 60
        while drain_messages(other.hub, 1):
            pass
        together, single = books(world), books(other)
        other.check_books()
    world.check_books()
    for name, rows in together.items():
        assert rows == single[name], name
    assert len({row[1] for row in together["works"]}) > 2
    assert len(together["shipments"]) > 5
