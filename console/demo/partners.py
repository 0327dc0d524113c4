"""Who the simulated partners are: accounts with made-up secrets, and the processes that serve them.

Two shops live in one process, five warehouses in two, the ERP in one: a process stands for a partner's system.
"""

from __future__ import annotations

import secrets
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from console.demo.company import CHANNELS, NAME, Company
from console.demo.places import SITES
from console.servers.datadir import write_private
from console.servers.ports import listen_on_any
from console.servers.supervisor import Service

LOCATIONS = {site.code: 655_441_500 + number for number, site in enumerate(SITES, 1)}
STOCK_LOCATION = 655_441_500
ERP = "erp"


@dataclass(slots=True)
class Account:
    """One account at a simulated partner.

    Args:
        name: of the connection.
        connector, label: its kind, and what people call it.
        process: which process serves it.
        port: where.
        secrets: of the connection and of the partner.
        settings: of the connection, without its address.
        options: of the simulator.
        webhooks: whether the partner calls the hub.
    """

    name: str
    connector: str
    label: str
    process: str
    port: int
    secrets: dict[str, str]
    settings: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    webhooks: bool = True

    @property
    def url(self) -> str:
        """Where the partner listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connection_settings(self) -> dict[str, Any]:
        """Settings of the connection, with the partner's address."""
        if self.connector == "edi":
            return self.settings  # files are exchanged, and no calls
        return {**self.settings, "base_url": f"{self.url}/erp" if self.connector == "soap-erp" else self.url}


@dataclass(frozen=True, slots=True)
class Tempo:
    """How long a warehouse takes, in seconds, and how often something goes its own way."""

    acknowledge: float = 1.0
    pick: float = 4.0
    ship: float = 3.0
    tracking: float = 15.0
    reject: float = 0.01
    short: float = 0.015
    split: float = 0.03


FAST = Tempo(acknowledge=0.2, pick=0.3, ship=0.3, tracking=0.5)


def make_accounts(
    company: Company, first_numbers: Mapping[str, int], stock: Mapping[tuple[str, str], int], tempo: Tempo
) -> list[Account]:
    """Return the accounts of a company, each with secrets of its own and a free port.

    Args:
        first_numbers: connection -> number of the next order of that shop.
        stock: (SKU, node) -> units on the shelves.
        tempo: of the warehouses.
    """
    ports = iter(free_ports(len(CHANNELS) + len(SITES) + 1))
    return [
        *_shops(company, first_numbers, ports),
        *_warehouses(stock, tempo, ports),
        _erp(next(ports)),
    ]


def _shops(company: Company, first_numbers: Mapping[str, int], ports: Iterator[int]) -> Iterator[Account]:
    catalog = [
        {"sku": item.sku, "title": item.title, "price": item.price, "weight_g": item.weight_g, "gtin": item.gtin,
         "vendor": NAME}
        for item in company.items
    ]  # fmt: skip
    for channel in CHANNELS:
        # One shop knows a location per node, the other only one: both are common.
        locations = LOCATIONS if channel.connection != CHANNELS[0].connection else {}
        yield Account(
            channel.connection, "shopify", channel.label, "sim-shops", next(ports),
            secrets={"access_token": f"shpat_{secrets.token_hex(16)}", "webhook_secret": secrets.token_hex(32)},
            settings={"shop_domain": channel.domain, "location_id": str(STOCK_LOCATION), "node_locations": locations},
            options={
                "shop": channel.domain,
                "country": channel.country,
                "tax_rate": channel.tax_rate,
                "catalog": catalog,
                "locations": [STOCK_LOCATION, *locations.values()],
                # The shops' limit on calls is tested elsewhere; here it would only make everybody wait.
                "bucket": 1_000_000,
                "restore": 100_000,
                "first_number": first_numbers.get(channel.connection, 1_001),
                # Each sale would come back as a difference until the hub has told the shop its new figure.
                "inventory_events": False,
            },
        )  # fmt: skip


def _warehouses(stock: Mapping[tuple[str, str], int], tempo: Tempo, ports: Iterator[int]) -> Iterator[Account]:
    for series, site in enumerate(SITES):
        yield Account(
            site.connection, "rest-wms", f"WMS {site.name}", f"sim-{site.partner}", next(ports),
            secrets={"api_key": secrets.token_urlsafe(24), "webhook_secret": secrets.token_urlsafe(32)},
            settings={"warehouse": site.code},
            options={
                "warehouse": site.code,
                "prefix": site.code,
                # They are one company's, and no two packages of it have one number.
                "sscc_series": series,
                "carrier": site.carrier,
                "stock": {sku: units for (sku, node), units in stock.items() if node == site.code},
                "acknowledge_seconds": tempo.acknowledge,
                "pick_seconds": tempo.pick,
                "ship_seconds": tempo.ship,
                "tracking_seconds": tempo.tracking,
                "reject": tempo.reject,
                "short": tempo.short,
                "split": tempo.split,
                "cancel_refused": 0.2,
            },
        )  # fmt: skip


def _erp(port: int) -> Account:
    login = {"security": "wsse-digest", "username": "crossdock"}
    return Account(
        ERP, "soap-erp", "ERP", "sim-erp", port,
        secrets={"password": secrets.token_urlsafe(16)}, settings=login, options=dict(login), webhooks=False,
    )  # fmt: skip


def free_ports(count: int) -> list[int]:
    """Return ports on loopback that nobody listens on; all are held until the last is found."""
    listeners = [listen_on_any("127.0.0.1") for _ in range(count)]
    try:
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


def services(accounts: Sequence[Account], hub_url: str, folder: Path, seed: int) -> list[Service]:
    """Return the partners' processes; their descriptions are written into a folder only the owner can read."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = []
    for process in dict.fromkeys(account.process for account in accounts):
        own = [account for account in accounts if account.process == process]
        described = [
            {
                "connector": account.connector,
                "port": account.port,
                "seed": seed + place,
                "webhook_url": f"{hub_url}/webhooks/{account.name}" if account.webhooks else None,
                "secrets": account.secrets,
                "options": account.options,
                "books": str(new_books(folder / f"{account.name}.books")),
            }
            for place, account in enumerate(own)
        ]
        path = folder / f"{process}.json"
        write_private(path, orjson.dumps(described).decode())
        found.append(
            Service(
                process, [sys.executable, "-P", "-m", "console.demo.partner_process", str(path)],
                # Nobody waits for a partner whom nobody calls.
                ready=partial(all_listen, [each.port for each in own]) if own[0].connector != "edi" else None,
                grace=3.0,
            )
        )  # fmt: skip
    return found


def new_books(path: Path) -> Path:
    """Return where a partner keeps its records, with those of an earlier demo gone; only a restart finds them again."""
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    return path


def all_listen(ports: Sequence[int]) -> bool:
    """Return whether somebody takes connections at each of these ports of loopback."""
    try:
        for port in ports:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
