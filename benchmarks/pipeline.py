"""Orders per second from accepted message to reserved, routed and outboxed, with worker processes on real PostgreSQL.

Messages are real-shaped Shopify orders/create bodies, read by the real connector and its map. Beside it, in the same run
and database, pgbench writes the same rows, one order a transaction and many, so that the ratio tells how far the hub is
from the database's own limit. `growth` repeats the load on more and more stored orders.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.common import count, fresh_database, open_bench_hub, report, seed_company
from benchmarks.running import forget_environment, ratio, sizes, time_limit
from benchmarks.same_writes import write_the_same
from benchmarks.senders import TOPIC, order_bodies
from connectors.shopify.simulated.catalog import invented
from core.domain.vocabulary import Via
from core.jobs.hub import Hub
from core.jobs.intake import drain_messages
from core.ports.connectors import InboundRecord
from core.services.intake import Intake
from core.services.resourcing import source_due

PATIENCE = 60.0
"""Seconds without any progress after which a run has failed."""
STEP = 10_000
"""Orders that are stored at once while growing."""
OUTBOXED = "SELECT count(*) FROM orders WHERE phase = 'releasing'"


def work(url: str, ready: object, go: object) -> None:
    """One worker process: drain until nothing is left."""
    hub = open_bench_hub(url)
    with hub.store.begin() as unit:  # a worker that has been running for a second has read its maps
        for connection in hub.facts.get(unit.conn, unit.tenant).connections:
            hub.connector(unit, connection)
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


def run(url: str, first: int, number: int, workers: int) -> float:
    """Store `number` messages, let workers process them, and return the seconds that took.

    Raises:
        RuntimeError: workers stopped getting anywhere.
    """
    hub = open_bench_hub(url)
    shop = count(hub, "SELECT id FROM connection WHERE connector = 'shopify'")
    intake = Intake(hub.store)
    load = [InboundRecord(TOPIC, f"e{first + i}", body) for i, body in enumerate(order_bodies(number, first, first))]
    for start in range(0, number, 500):
        intake.accept(shop, load[start : start + 500], Via.WEBHOOK)
    before = count(hub, OUTBOXED)
    context = multiprocessing.get_context("spawn")
    ready, go = context.Semaphore(0), context.Event()
    processes = [context.Process(target=work, args=(url, ready, go), daemon=True) for _ in range(workers)]
    for process in processes:
        process.start()
    for _ in processes:
        if not ready.acquire(timeout=PATIENCE):
            raise RuntimeError(f"a worker was not ready within {PATIENCE} s")
    started = time.perf_counter()
    go.set()
    last, done_at = 0, started
    while last < number:
        time.sleep(0.02)
        done = count(hub, OUTBOXED) - before
        if done != last:
            last, done_at = done, time.perf_counter()
        elif time.perf_counter() - done_at > PATIENCE:
            raise RuntimeError(f"only {last} of {number} orders were outboxed")
    for process in processes:
        process.join(PATIENCE)
    hub.store.engine.dispose()
    return done_at - started


def series(hub: Hub, url: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure with no stored orders, then with each number of them there is to be; a figure per step.

    Args:
        hub: whose database has a company and no order.
        url: of the database.
        options: `orders` per measurement, `runs`, `workers`, and `grow`, the numbers of stored orders.
    """
    first, found = 1, []
    for target in [0, *options.grow]:
        missing = target - (first - 1)
        while missing > 0:
            part = min(missing, STEP)
            run(url, first, part, options.workers)
            first, missing = first + part, missing - part
        stored, rates = first - 1, []
        for _ in range(options.runs):
            rates.append(round(options.orders / run(url, first, options.orders, options.workers), 1))
            first += options.orders
        found.append({"stored_orders": stored, "orders_per_second": statistics.median(rates), "runs": rates})
    assert count(hub, "SELECT count(*) FROM orders") == first - 1
    return found


@contextmanager
def company() -> Iterator[tuple[Hub, str]]:
    """A hub with a shop, two warehouses and plenty of stock on a database of its own, and the database's URL."""
    with fresh_database() as url:
        hub = open_bench_hub(url)
        seed_company(hub, [product.sku for product in invented(400)], 10_000_000)
        yield hub, url
        hub.store.engine.dispose()


def sized(parser: argparse.ArgumentParser) -> None:
    """Add the options of the series."""
    parser.add_argument("--orders", type=int, default=3000, help="orders per measurement")
    parser.add_argument("--runs", type=int, default=3, help="measurements; the median is reported")
    parser.add_argument("--workers", type=int, default=2, help="worker processes")


def main(argv: list[str] | None = None) -> None:
    """Run the series and print one JSON object."""
    parser = argparse.ArgumentParser(prog="crossdock bench pipeline", description=__doc__)
    sized(parser)
    parser.add_argument("--grow", type=int, nargs="*", default=[1_000], help="stored orders to grow to")
    parser.add_argument("--seconds", type=float, default=10, help="per measurement of pgbench")
    options = sizes(parser, argv, orders=200, runs=1, grow=[], seconds=2, limit=240)
    forget_environment()
    with time_limit(options.limit), company() as (hub, url):
        found = series(hub, url, options)
        limits = [
            write_the_same(hub, url, clients=options.workers, batch=batch, seconds=options.seconds)
            for batch in (1, min(100, options.orders // 4))
        ]
    ours = found[-1]["orders_per_second"]
    report(
        "pipeline",
        workers=options.workers,
        orders=options.orders,
        series=found,
        pgbench=limits,
        ratio_to_pgbench_per_order=ratio(ours, limits[0]["orders_per_second"]),
        ratio_to_pgbench_in_batches=ratio(ours, limits[1]["orders_per_second"]),
    )


if __name__ == "__main__":
    main()
