"""Orders per second from accepted message to reserved, routed and outboxed, with worker processes on real PostgreSQL.

Messages are real-shaped Shopify orders/create bodies, read by the real connector and its map. Beside it, in the same
run and database, pgbench writes the same rows, one order a transaction and many, so that the ratio tells how far the
hub is from the database's own limit. `growth` repeats the load on more and more stored orders.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event, Semaphore
from typing import Any, Self

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
WARMING = 200
"""Orders worked off before anything is measured: workers that have just started compile maps and open sessions."""
STEP = 10_000
"""Orders that are stored at once while growing."""
OUTBOXED = "SELECT count(*) FROM orders WHERE phase = 'releasing'"


class Workers:
    """Worker processes that live through all runs, as a hub's do, and rest while messages are stored.

    Args:
        url: of the database.
        number: of processes.
    """

    def __init__(self, url: str, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.go, self._stop, self._ready = context.Event(), context.Event(), context.Semaphore(0)
        own = (url, self._ready, self.go, self._stop)
        self._processes = [context.Process(target=_work, args=own, daemon=True) for _ in range(number)]

    def __enter__(self) -> Self:
        for process in self._processes:
            process.start()
        for _ in self._processes:
            if not self._ready.acquire(timeout=PATIENCE):
                raise RuntimeError(f"a worker was not ready within {PATIENCE} s")
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.go.set()
        for process in self._processes:
            process.join(PATIENCE)


def _work(url: str, ready: Semaphore, go: Event, stop: Event) -> None:
    """One worker process: do what is due while told to."""
    hub = open_bench_hub(url)
    ready.release()
    while go.wait() and not stop.is_set():
        done = drain_messages(hub)
        with hub.store.begin() as unit:
            done += source_due(unit, hub.facts.get(unit.conn, unit.tenant))
        if not done:
            time.sleep(0.01)


def run(hub: Hub, workers: Workers, first: int, number: int) -> float:
    """Store `number` messages while workers rest, let them work, and return orders per second.

    Raises:
        RuntimeError: workers stopped getting anywhere.
    """
    shop = count(hub, "SELECT id FROM connection WHERE connector = 'shopify'")
    intake = Intake(hub.store)
    load = [InboundRecord(TOPIC, f"e{first + i}", body) for i, body in enumerate(order_bodies(number, first, first))]
    for start in range(0, number, 500):
        intake.accept(shop, load[start : start + 500], Via.WEBHOOK)
    before = count(hub, OUTBOXED)
    started = time.perf_counter()
    workers.go.set()
    last, done_at = 0, started
    while last < number:
        time.sleep(0.02)
        done = count(hub, OUTBOXED) - before
        if done != last:
            last, done_at = done, time.perf_counter()
        elif time.perf_counter() - done_at > PATIENCE:
            raise RuntimeError(f"only {last} of {number} orders were outboxed")
    workers.go.clear()
    return round(number / (done_at - started), 1)


def series(hub: Hub, url: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure with an almost empty database, then with each number of stored orders; a figure per step.

    Args:
        hub: whose database has a company and no order.
        url: of the database.
        options: `orders` per measurement, `runs`, `workers`, and `grow`, the numbers of stored orders.
    """
    first, found = 1, []

    def process(number: int) -> float:
        nonlocal first
        first += number
        return run(hub, workers, first - number, number)

    with Workers(url, options.workers) as workers:
        process(min(WARMING, options.orders))
        for target in [0, *options.grow]:
            while (missing := target - (first - 1)) > 0:
                process(min(missing, STEP))
            stored, rates = first - 1, [process(options.orders) for _ in range(options.runs)]
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
        limits = write_the_same(
            hub, url, clients=options.workers, batches=(1, min(100, options.orders // 4)), seconds=options.seconds
        )
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
