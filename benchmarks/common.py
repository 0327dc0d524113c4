"""What benchmarks share: a server of their own, a seeded shop, and the JSON object they print."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from benchmarks.pgbench import server_version
from connectors.sdk.registry import Registry
from console.servers.supervisor import embedded_servers
from core.jobs.hub import Hub, Pace
from core.services import catalog, connections, stock
from core.services.secretbox import SecretBox
from core.store import migrate
from core.store.engine import open_engine
from core.store.unit import Store

KEY = "a benchmark's secret key"
PACKAGES = ("crossdock", "granian", "psycopg", "sqlalchemy", "dramatiq")
LOAD_BEFORE = [round(each, 2) for each in os.getloadavg()]
"""What the machine did before this benchmark began."""
NODES = (
    ("HAM", "DE", 53.55, 9.99),
    ("RTM", "NL", 51.92, 4.48),
    ("MMA", "SE", 55.60, 13.00),
    ("POZ", "PL", 52.41, 16.93),
    ("LYS", "FR", 45.76, 4.84),
)


@contextmanager
def fresh_database() -> Iterator[str]:
    """A database at the newest schema on a server of its own, gone afterwards; prints nothing."""
    with (
        tempfile.TemporaryDirectory(prefix="crossdock-bench-") as folder,
        embedded_servers(Path(folder) / "data") as urls,
    ):
        engine = open_engine(urls.database)
        migrate.upgrade(engine)
        engine.dispose()
        yield urls.database


def open_bench_hub(url: str, pool: int = 4) -> Hub:
    """A hub of this process on that database, with the real connectors."""
    return Hub(Store(open_engine(url, pool_size=pool, overflow=32)), Registry(), SecretBox(KEY), Pace())


def seed_company(hub: Hub, skus: list[str], units: int) -> dict[str, UUID]:
    """Write a Shopify shop, five nodes worked by two REST warehouse systems, a SOAP ERP's stand-in is left out.

    Returns:
        Connection ids by name.
    """
    with hub.store.begin() as unit:
        shop = connections.add_connection(
            unit,
            hub.connectors,
            hub.box,
            name="shopify-eu",
            connector="shopify",
            settings={"shop_domain": "bench.myshopify.com", "location_id": "1", "base_url": "http://127.0.0.1:9"},
            secrets={"access_token": "bench", "webhook_secret": "bench"},
        )
        wms = [
            connections.add_connection(
                unit,
                hub.connectors,
                hub.box,
                name=name,
                connector="rest-wms",
                settings={"base_url": "http://127.0.0.1:9", "warehouse": "W1"},
                secrets={"api_key": "bench", "webhook_secret": "bench"},
            )
            for name in ("wms-hamburg", "wms-poznan")
        ]
        items = catalog.upsert_items(
            unit, [{"sku": sku, "title": sku, "price": Decimal("10.00")} for sku in skus], shop
        )
        nodes = [
            catalog.upsert_node(
                unit,
                {
                    "code": code,
                    "name": code,
                    "country": country,
                    "latitude": latitude,
                    "longitude": longitude,
                    "connection": ("wms-hamburg", "wms-poznan")[index % 2],
                },
            )
            for index, (code, country, latitude, longitude) in enumerate(NODES)
        ]
        counts = {(item, node): Decimal(units) for item in items.values() for node in nodes}
        stock.set_on_hand(unit, counts, None, "receipt")
    return {"shopify-eu": shop, "wms-hamburg": wms[0], "wms-poznan": wms[1]}


def report(name: str, **figures: Any) -> None:
    """Print the one JSON object of a benchmark: machine, versions, load, figures."""
    print(
        json.dumps(
            {
                "bench": name,
                "machine": {
                    "cpus": os.cpu_count(),
                    "platform": platform.platform(terse=True),
                    "python": platform.python_version(),
                    "processor": _processor(),
                    "memory_mb": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
                    "load_before": LOAD_BEFORE,
                    "load": [round(each, 2) for each in os.getloadavg()],
                },
                "versions": {**{each: version(each) for each in PACKAGES}, "postgresql": server_version()},
                **figures,
            }
        )
    )


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def rng(seed: int) -> random.Random:
    """A seeded source of chance for loads (guards nothing)."""
    return random.Random(seed)


def count(hub: Hub, sql: str) -> Any:
    """The first value of a query."""
    with hub.store.read() as conn:
        return conn.execute(text(sql)).scalar_one()
