"""Availability of 50 items at 10 nodes with a million positions, and how soon channels hear of a stock change.

First the question a shop asks: `read_availability` as `/availability` answers it, for random items, with a few hundred
protection rules and kits in force. Beside it, in the same run, pgbench sums the same positions with one statement: the
least a database does for the answer. Then soft reservations run from many clients while counts come in, and the relay's
own chore plans the pushes: the time from the commit of a count to the delivery that will tell the channel.
"""

from __future__ import annotations

import argparse
import threading
import time
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import text

from benchmarks.common import fresh_database, open_bench_hub, report, rng
from benchmarks.pgbench import pgbench
from benchmarks.running import forget_environment, latency, percentile, ratio, sizes, time_limit
from core.domain.vocabulary import Write
from core.jobs.hub import Hub
from core.services import catalog, connections
from core.services.channel_stock import claim_changes, plan_pushes
from core.services.protecting import set_rule
from core.services.reserving import ReservationCombiner, Wanted
from core.services.stock import set_on_hand
from core.store.read.stock import read_availability

ASKED, NODES = 50, 10
ONE = Decimal(1)
# Ids that sort by their number and are no secret: what is measured does not depend on them.
FILL = """
INSERT INTO item (id, sku, title)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'SKU-' || lpad(n::text, 7, '0'), 'Item'
FROM generate_series(1, :items) n;
INSERT INTO stock_position (item_id, node_id, on_hand)
SELECT i.id, n.id, 1000 FROM item i CROSS JOIN node n;
INSERT INTO stock_movement (item_id, node_id, kind, on_hand) SELECT item_id, node_id, 'receipt', on_hand
FROM stock_position;
INSERT INTO listing (connection_id, item_id) SELECT :shop, id FROM item ORDER BY id LIMIT 2000;
INSERT INTO kit_component (kit_id, component_id, units)
SELECT k.id, c.id, 2 FROM item k JOIN item c ON c.sku IN ('SKU-0000001', 'SKU-0000002')
WHERE k.sku IN (SELECT sku FROM item ORDER BY sku DESC LIMIT 50);
CREATE TABLE bench_item AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id FROM item;
ALTER TABLE bench_item ADD PRIMARY KEY (n)
"""
LEAST = """
\\set n random(0, {last})
SELECT p.item_id, p.node_id, on_hand - safety - reserved - allocated FROM stock_position p
WHERE p.tenant_id = 1 AND p.item_id = ANY(ARRAY(SELECT id FROM bench_item WHERE n >= :n AND n < :n + {asked}));
"""


def main(argv: list[str] | None = None) -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="crossdock bench availability", description=__doc__)
    parser.add_argument("--positions", type=int, default=1_000_000, help="stock positions, at 10 nodes")
    parser.add_argument("--questions", type=int, default=500, help="availability questions asked")
    parser.add_argument("--seconds", type=float, default=20, help="of load while pushes are timed")
    parser.add_argument("--clients", type=int, default=16, help="clients that reserve meanwhile")
    options = sizes(parser, argv, positions=20_000, questions=50, seconds=3, clients=4, limit=900)
    forget_environment()
    with time_limit(options.limit), fresh_database() as url:
        hub = open_bench_hub(url, pool=8)
        shop = seed(hub, options.positions // NODES)
        asked = questions(hub, options.positions // NODES, options.questions)
        script = LEAST.format(last=options.positions // NODES - ASKED, asked=ASKED)
        least = pgbench(url, script, clients=1, seconds=2)
        pushes = push_delays(hub, shop, options.clients, options.seconds)
        hub.store.engine.dispose()
    report(
        "availability",
        positions=options.positions,
        question={"items": ASKED, "nodes": NODES, "asked": options.questions, **asked},
        pgbench=least,
        ratio_to_pgbench=ratio(asked["p50_ms"], least["p50_ms"]),
        push=pushes,
    )


def seed(hub: Hub, items: int) -> UUID:
    """Write ten nodes, items with stock at each, a shop that lists 2,000 of them, rules and kits; return the shop."""
    with hub.store.begin() as unit:
        shop = connections.add_connection(
            unit, hub.connectors, hub.box, name="shopify-eu", connector="shopify",
            settings={"shop_domain": "bench.myshopify.com", "location_id": "1", "base_url": "http://127.0.0.1:9"},
            secrets={"access_token": "bench", "webhook_secret": "bench"},
        )  # fmt: skip
        for number in range(NODES):
            catalog.upsert_node(unit, {"code": f"N{number}", "name": f"Node {number}", "country": "DE"})
        for statement in FILL.split(";"):
            unit.conn.execute(text(statement), {"items": items, "shop": shop} if ":" in statement else {})
        set_rule(unit, connection="shopify-eu", kind="buffer", quantity=Decimal(2))
        for number in range(1, 201):
            sku = f"SKU-{number * (items // 400):07}"  # none of them a kit
            set_rule(unit, connection="shopify-eu", kind=("cap", "floor")[number % 2], quantity=Decimal(50), sku=sku)
    with hub.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("VACUUM ANALYZE"))
    return shop


def questions(hub: Hub, items: int, number: int) -> dict[str, Any]:
    """Ask for 50 random items again and again, for the shop; return the latency."""
    dice = rng(1)
    with hub.store.read() as conn:
        shop = conn.execute(text("SELECT id FROM connection WHERE name = 'shopify-eu'")).scalar_one()
    times, used = [], []
    for _ in range(number):
        skus = [f"SKU-{dice.randint(1, items):07}" for _ in range(ASKED)]
        began, busy = time.perf_counter(), time.thread_time()
        found = hub.store.reading(partial(read_availability, skus=skus, connection_id=shop))
        times.append(time.perf_counter() - began)
        used.append(time.thread_time() - busy)
        if any(len(each["nodes"]) != NODES for each in found):
            raise AssertionError("a node is missing in an answer")
    # Without the database's part and without waiting for a processor: what it costs here.
    return {**spread(times), "cpu_p50_ms": round(percentile(used, 0.5) * 1000, 3)}


def spread(times: list[float]) -> dict[str, float]:
    """Return the latency with its 95th percentile, which the promise is about."""
    return {**latency(times), "p95_ms": round(percentile(times, 0.95) * 1000, 3)}


def push_delays(hub: Hub, shop: UUID, clients: int, seconds: float) -> dict[str, Any]:
    """Count one item after the other under a load of reservations; time each until its channel's delivery is there."""
    with hub.store.read() as conn:
        listed = list(conn.execute(text("SELECT item_id FROM listing ORDER BY item_id LIMIT 2000")).scalars())
        node = conn.execute(text("SELECT id FROM node ORDER BY code LIMIT 1")).scalar_one()
    door = ReservationCombiner(hub.store)
    end = time.perf_counter() + seconds
    reserved = [0] * clients

    def reserve(place: int) -> None:
        dice = rng(place)
        while time.perf_counter() < end:
            door.reserve(Wanted({(dice.choice(listed), node): ONE}, 900, shop))
            reserved[place] += 1

    def chores() -> None:
        # What the relay does, as often as it does it.
        while time.perf_counter() < end + 1:
            with hub.store.begin() as unit:
                plan_pushes(unit, hub.facts.get(unit.conn, unit.tenant))
            time.sleep(0.3)

    threads = [threading.Thread(target=reserve, args=(place,)) for place in range(clients)]
    threads.append(threading.Thread(target=chores))
    for thread in threads:
        thread.start()
    times = []
    dice = rng(7)
    while time.perf_counter() < end:
        # The worker's part: what is waiting goes out, so that each change needs a delivery of its own.
        with hub.store.begin() as unit:
            while claim_changes(unit, shop)["items"]:
                pass
            unit.conn.execute(text("UPDATE delivery SET state = 'delivered' WHERE kind = :k"), {"k": Write.PUSH_STOCK})
        with hub.store.begin() as unit:
            set_on_hand(unit, {(dice.choice(listed), node): Decimal(dice.randint(900, 1_100))}, None, "count")
        began = time.perf_counter()
        while not _planned(hub):
            time.sleep(0.005)
        times.append(time.perf_counter() - began)
    for thread in threads:
        thread.join()
    return {"clients": clients, "reservations": sum(reserved), "changes": len(times), **spread(times)}


def _planned(hub: Hub) -> bool:
    with hub.store.read() as conn:
        query = text("SELECT EXISTS (SELECT 1 FROM delivery WHERE kind = 'push_stock' AND state = 'due')")
        return bool(conn.execute(query).scalar_one())


if __name__ == "__main__":
    main()
