"""Memory of a whole hub, `crossdock up`, by process: idle after its start, at its highest under load, idle again.

RSS counts what processes share once for each of them; PSS shares it out, so that only the sum of PSS is what the hub
costs the machine. The load is signed orders of a Shopify shop, worked off by relay and workers; nothing is delivered,
because nobody listens at the partners' addresses.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common import count, report, seed_company
from benchmarks.running import forget_environment, sizes, time_limit, tree
from benchmarks.senders import Load, send
from benchmarks.whole import Up
from config.settings import load_settings
from connectors.sdk.registry import Registry
from connectors.shopify.simulated.catalog import invented
from console.wiring import locate, secret_key_of
from core.jobs.hub import Hub, Pace
from core.services.secretbox import SecretBox
from core.store.engine import open_engine
from core.store.unit import Store

OPEN = "SELECT count(*) FROM message WHERE state IN ('received', 'normalized')"
PATIENCE = 120.0
SAMPLE_SECONDS = 1.0


def main(argv: list[str] | None = None) -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(prog="crossdock bench memory", description=__doc__)
    parser.add_argument("--rest", type=float, default=30, help="seconds to wait before the hub counts as idle")
    parser.add_argument("--orders", type=int, default=5000, help="orders of the load")
    parser.add_argument("--rate", type=float, default=250, help="orders a second")
    options = sizes(parser, argv, rest=2, orders=100, rate=50, limit=240)
    forget_environment()
    with (
        time_limit(options.limit),
        tempfile.TemporaryDirectory(prefix="crossdock-bench-", ignore_cleanup_errors=True) as folder,
        Up(Path(folder) / "data") as up,
    ):
        time.sleep(options.rest)
        idle = measure(up)
        hub = _open(Path(folder) / "data")
        seed_company(hub, [product.sku for product in invented(400)], 10_000_000)
        highest = _load(up, hub, options)
        done = count(hub, "SELECT count(*) FROM orders")
        hub.store.engine.dispose()
        time.sleep(options.rest)
        after = measure(up)
    report("memory", orders=done, idle=idle, under_load=highest, after_load=after)
    if done != options.orders:
        raise SystemExit(f"{done} of {options.orders} orders were made")


def measure(up: Up) -> dict[str, Any]:
    """Return megabytes by part of the hub and in all."""
    parts: dict[str, dict[str, float]] = {}
    below: set[int] = set()
    for name, pid in up.said["parts"].items():
        below |= {process.pid for process in tree(pid)}
        parts[name] = _of(tree(pid))
    parts["supervisor"] = _of([process for process in tree(up.pid) if process.pid not in below])
    total = {kind: round(sum(part[kind] for part in parts.values()), 1) for kind in ("rss_mb", "pss_mb")}
    return {**total, "processes": sum(int(part["processes"]) for part in parts.values()), "parts": parts}


def _of(processes: list[psutil.Process]) -> dict[str, float]:
    rss = pss = found = 0
    for process in processes:
        try:
            info = process.memory_full_info()
        except psutil.Error:
            continue
        rss, pss, found = rss + info.rss, pss + info.pss, found + 1
    return {"rss_mb": round(rss / 2**20, 1), "pss_mb": round(pss / 2**20, 1), "processes": found}


def _open(folder: Path) -> Hub:
    """The benchmark's own way into the hub's database."""
    settings = locate(load_settings({"CROSSDOCK_DATA_DIR": str(folder)}))
    assert settings.database_url is not None
    engine = open_engine(settings.database_url, pool_size=1, reports=True)
    return Hub(Store(engine), Registry(), SecretBox(secret_key_of(settings)), Pace())


def _load(up: Up, hub: Hub, options: argparse.Namespace) -> dict[str, Any]:
    """Send the orders, wait until all are worked off, and return the highest sample."""
    host, _, port = up.said["url"].rpartition("/")[2].partition(":")
    seconds = options.orders / options.rate + PATIENCE
    load = Load(
        host, int(port), "/webhooks/shopify-eu", "bench", "memory", 16, seconds, options.rate, most=options.orders
    )
    samples = [measure(up)]
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, load)
        while not sending.done():
            time.sleep(SAMPLE_SECONDS)
            samples.append(measure(up))
        if len(sending.result().accepted) != options.orders:
            raise RuntimeError("not every order was accepted")
    end = time.monotonic() + PATIENCE
    while count(hub, OPEN):
        if time.monotonic() > end:
            raise RuntimeError(f"messages are still open after {PATIENCE} s")
        time.sleep(SAMPLE_SECONDS)
        samples.append(measure(up))
    return max(samples, key=lambda each: float(each["pss_mb"]))


if __name__ == "__main__":
    main()
