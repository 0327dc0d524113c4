"""Orders per second from accepted message to reserved, routed and outboxed, with worker processes on real PostgreSQL.

Messages are real-shaped Shopify orders/create bodies, read by the real connector and its map. The growth series repeats
the same load on a database that holds more and more orders. Beside it pgbench writes the same rows per order, one order
a transaction, so that the ratio tells how far the hub is from the database's own limit.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from datetime import UTC, datetime, timedelta

import orjson

from benchmarks.common import count, fresh_database, open_bench_hub, report, rng, seed_company
from connectors.shopify.simulated.catalog import invented
from connectors.shopify.simulated.orders import order_payload
from core.domain.vocabulary import Via
from core.jobs.intake import drain_messages
from core.ports.connectors import InboundRecord
from core.services.intake import Intake
from core.services.resourcing import source_due

OUTBOXED = "SELECT count(*) FROM orders WHERE phase = 'releasing'"


def bodies(first: int, number: int, seed: int) -> list[bytes]:
    """Return order bodies with numbers from `first` on."""
    chance, products = rng(seed), invented(400)
    at = datetime(2026, 11, 20, 9, tzinfo=UTC)
    return [
        orjson.dumps(order_payload(chance, products, number=first + index, at=at + timedelta(seconds=index)))
        for index in range(number)
    ]


def work(url: str, ready: object, go: object) -> None:
    """One worker process: drain until nothing is left."""
    hub = open_bench_hub(url)
    ready.release()  # type: ignore[attr-defined]
    go.wait()  # type: ignore[attr-defined]
    idle = 0
    while idle < 3:
        done = drain_messages(hub)
        with hub.store.begin() as unit:
            done += source_due(unit, hub.facts.get(unit.conn, unit.tenant))
        idle = 0 if done else idle + 1
        if not done:
            time.sleep(0.02)


def run(url: str, first: int, number: int, workers: int, seed: int) -> float:
    """Store `number` messages, let workers process them, and return the seconds that took."""
    hub = open_bench_hub(url)
    [shop] = [
        row for row in hub.facts.get(hub.store.engine.connect(), 1).connections.values() if row.connector == "shopify"
    ]
    intake = Intake(hub.store)
    load = bodies(first, number, seed)
    for start in range(0, number, 500):
        intake.accept(
            shop.id,
            [
                InboundRecord("orders/create", f"e{first + start + i}", body)
                for i, body in enumerate(load[start : start + 500])
            ],
            Via.WEBHOOK,
        )
    before = count(hub, OUTBOXED)
    context = multiprocessing.get_context("spawn")
    ready, go = context.Semaphore(0), context.Event()
    processes = [context.Process(target=work, args=(url, ready, go)) for _ in range(workers)]
    for process in processes:
        process.start()
    for _ in processes:
        ready.acquire()
    started = time.perf_counter()
    go.set()
    last, done_at = -1, started
    while True:
        done = count(hub, OUTBOXED) - before
        if done != last:
            last, done_at = done, time.perf_counter()
        if done >= number or time.perf_counter() - done_at > 5:
            break
        time.sleep(0.02)
    for process in processes:
        process.join()
    if last < number:
        raise SystemExit(f"only {last} of {number} orders were outboxed")
    hub.store.engine.dispose()
    return done_at - started


def main(argv: list[str] | None = None) -> None:
    """Run the series and print one JSON object."""
    parser = argparse.ArgumentParser(prog="crossdock bench pipeline", description=__doc__)
    parser.add_argument("--orders", type=int, default=3000, help="orders per measurement")
    parser.add_argument("--runs", type=int, default=3, help="measurements; the median is reported")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")
    parser.add_argument(
        "--grow", type=int, nargs="*", default=[1_000, 10_000, 100_000], help="stored orders to grow to"
    )
    options = parser.parse_args(argv)
    with fresh_database() as url:
        hub = open_bench_hub(url)
        seed_company(hub, [product.sku for product in invented(400)], 10_000_000)
        first, series = 1, []
        for target in [0, *options.grow]:
            missing = target - count(hub, "SELECT count(*) FROM orders")
            if missing > 0:
                run(url, first, missing, options.workers, first)
                first += missing
            times = []
            for _ in range(options.runs):
                times.append(options.orders / run(url, first, options.orders, options.workers, first))
                first += options.orders
            series.append(
                {
                    "stored_orders": target,
                    "orders_per_second": round(statistics.median(times), 1),
                    "runs": [round(each, 1) for each in times],
                }
            )
    report("pipeline", workers=options.workers, orders=options.orders, series=series)


if __name__ == "__main__":
    main()
