"""Settings of one process: defaults, then the file, then the environment, then flags; validated once at start.

This module is imported by everything that starts, so it stays cheap: the schema (marshmallow) is loaded by
`load_settings`, not by importing this file. `config/defaults.toml` says what each setting means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Web:
    """Shape of the web server: how many processes, and how many requests each answers at once."""

    processes: int = 1
    threads: int = 8


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost before it is refused."""

    max_body_bytes: int = 2 * MEBIBYTE
    max_exchange_bytes: int = 64 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class Leases:
    """Seconds after which claimed work whose worker fell silent is given to another."""

    intake_seconds: float = 8.0
    delivery_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Batches:
    """How many rows one transaction takes."""

    intake: int = 100


@dataclass(frozen=True, slots=True)
class Retry:
    """When a delivery is tried again."""

    schedule_seconds: tuple[float, ...] = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 18000.0, 36000.0, 36000.0)


@dataclass(frozen=True, slots=True)
class Relay:
    """How often the relay looks for work nobody announced, and for orders nothing moves."""

    sweep_seconds: float = 0.5
    watchdog_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Orders:
    """When orders are held: the same by two connections within hours, and lines of more units; 0 never."""

    double_hours: float = 24.0
    most_units: int = 100_000


@dataclass(frozen=True, slots=True)
class Promising:
    """Chance a promise is given with, oldest inputs it may rest on, how long an offer stands, when it is at risk.

    `fall_back` is whether a model that drifted is set aside for the rule by itself.
    """

    level: float = 0.9
    stock_hours: float = 168.0
    model_hours: float = 48.0
    offer_minutes: float = 30.0
    risk: float = 0.5
    fall_back: bool = True


@dataclass(frozen=True, slots=True)
class Waves:
    """How often work that waits is planned again together, for how long at most, and how many orders at once."""

    every_minutes: float = 5.0
    search_seconds: float = 20.0
    orders: int = 200


@dataclass(frozen=True, slots=True)
class Pools:
    """Database connections one process keeps, and how long a request waits for one."""

    size: int = 5
    overflow: int = 5
    timeout_seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class Schemas:
    """Folders with the schemas that XML documents of partners are checked with."""

    ubl: Path | None = None
    cxml: Path | None = None


@dataclass(frozen=True, slots=True)
class Sftp:
    """Where partners who push files log in; port 0 for nowhere."""

    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True, slots=True)
class Log:
    """What is logged, and in which form."""

    level: str = "info"
    format: str = "auto"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a process needs to know before it starts; made by `load_settings`, never changed afterwards.

    The four URLs and the key may hold secrets, so they are left out of `repr`.
    """

    company: str = "Crossdock"
    data_dir: Path = Path(".crossdock")
    database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    broker_url: str | None = field(default=None, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    base_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8700
    workers: int = 2
    worker_threads: int = 4
    private_hosts: tuple[str, ...] = ()
    web: Web = field(default_factory=Web)
    limits: Limits = field(default_factory=Limits)
    leases: Leases = field(default_factory=Leases)
    batches: Batches = field(default_factory=Batches)
    retry: Retry = field(default_factory=Retry)
    relay: Relay = field(default_factory=Relay)
    orders: Orders = field(default_factory=Orders)
    promising: Promising = field(default_factory=Promising)
    waves: Waves = field(default_factory=Waves)
    pools: Pools = field(default_factory=Pools)
    schemas: Schemas = field(default_factory=Schemas)
    sftp: Sftp = field(default_factory=Sftp)
    log: Log = field(default_factory=Log)


def load_settings(
    env: Mapping[str, str] | None = None,
    path: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings of this process, or refuse them with one line per mistake.

    Args:
        env: the environment; that of the process by default.
        path: the settings file; by default the one named by CROSSDOCK_CONFIG, else ./crossdock.toml where it exists.
        overrides: values of flags by dotted path (`{"web.threads": 4}`); None means the flag was not given.

    Returns:
        Settings whose `data_dir` is absolute and whose `base_url` is set, from host and port unless configured.

    Raises:
        SettingsError: an unknown name, a wrong value, or a file that cannot be read.
    """
    from config.sources import gather
    from config.validation import validated

    return validated(gather(env, path, overrides))
