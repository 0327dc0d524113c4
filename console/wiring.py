"""The one place where the parts of a process are wired together: web, worker, relay, command line."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import quote

from config.secret import ensure_secret_key
from config.settings import Settings
from console.servers.errors import ServerError
from console.servers.state import read_state

if TYPE_CHECKING:
    from flask import Flask

    from core.jobs.hub import Hub, Pace

SMALL_POOL = {"cli": 1, "relay": 2}
"""Sessions kept by processes that do one thing at a time; the others keep `pools.size`."""


def locate(settings: Settings) -> Settings:
    """Return the settings with the addresses of database and Redis: those given, else those of the hub that runs here.

    Raises:
        ServerError: no database was named, and no hub with an embedded one runs on the data folder.
    """
    if settings.database_url is not None:
        return settings
    state = read_state(settings.data_dir)
    if state is None or state.database is None:
        raise ServerError(
            "HUB-DOWN-503",
            f"No hub runs on {settings.data_dir}, and no database is named. Start one with `crossdock up`, name its "
            f"folder with --data DIR, or set CROSSDOCK_DATABASE_URL.",
        )
    if "postgres" not in state.parts:
        raise ServerError(
            "HUB-URL-503",
            f"The hub that runs on {settings.data_dir} uses the database {state.database}, whose password is not kept "
            f"there. Set CROSSDOCK_DATABASE_URL as it is set for the hub.",
        )
    return replace(
        settings,
        database_url=_with_password(state.database, settings),
        redis_url=settings.redis_url or state.redis,
    )


def _with_password(url: str, settings: Settings) -> str:
    kept = dict(line.split("=", 1) for line in (settings.data_dir / "env").read_text().splitlines() if "=" in line)
    user, at, rest = url.partition("@")
    return f"{user}:{quote(kept['CROSSDOCK_POSTGRES_PASSWORD'], safe='')}{at}{rest}"


def secret_key_of(settings: Settings) -> str:
    """Return the key that encrypts credentials: the one given, else the data folder's."""
    return settings.secret_key or ensure_secret_key(settings.data_dir)


def pace_of(settings: Settings) -> Pace:
    """Return how fast jobs try things."""
    from core.jobs.hub import Pace

    return Pace(
        intake_batch=settings.batches.intake,
        intake_lease=settings.leases.intake_seconds,
        delivery_lease=settings.leases.delivery_seconds,
        schedule=settings.retry.schedule_seconds,
    )


def sessions(settings: Settings, role: str) -> int:
    """Return how many sessions a process keeps: as many as its threads may need, as opening one costs many requests."""
    threads = {"worker": settings.worker_threads, "web": settings.web.threads}
    return SMALL_POOL.get(role) or max(settings.pools.size, threads.get(role, 0) + 1)


@contextmanager
def open_hub(settings: Settings, role: str) -> Iterator[Hub]:
    """Yield what jobs and services work with; sessions and the wake-up thread end with the block.

    Args:
        settings: with a database URL (`locate`).
        role: web, worker, relay or cli; settles how many sessions are kept.
    """
    from connectors.sdk.registry import Registry
    from core.jobs.hub import Hub
    from core.jobs.wake import Waker
    from core.services.secretbox import SecretBox
    from core.services.witness import FileWitness
    from core.store.engine import open_engine
    from core.store.unit import Store

    assert settings.database_url is not None
    pools = settings.pools
    engine = open_engine(
        settings.database_url,
        pool_size=sessions(settings, role),
        overflow=pools.overflow,
        wait_seconds=pools.timeout_seconds,
    )
    waker = Waker(settings.database_url)
    try:
        box = SecretBox(secret_key_of(settings))
        store = Store(engine, waker)
        yield Hub(
            store,
            Registry(),
            box,
            pace_of(settings),
            settings.promising,
            settings.orders,
            settings.waves,
            FileWitness(settings.data_dir / "sscc.json"),
            settings.data_dir / "control_numbers",
        )
    finally:
        waker.close()
        engine.dispose()


def create_app(settings: Settings) -> Flask:
    """Return the whole web application of one process: webhook door, API, event stream, console.

    Args:
        settings: with a database URL (`locate`).
    """
    from connectors.sdk.registry import Registry
    from console.web.app import create_console
    from console.web.context import of_runtime
    from core.jobs.wake import Waker
    from core.store.engine import open_engine
    from core.store.unit import Store
    from webhooks import app as machines
    from webhooks.runtime import Runtime

    assert settings.database_url is not None
    pools = settings.pools
    engine = open_engine(
        settings.database_url,
        pool_size=sessions(settings, "web"),
        overflow=pools.overflow,
        wait_seconds=pools.timeout_seconds,
        reports=True,
    )
    runtime = Runtime(
        settings,
        Store(engine, Waker(settings.database_url)),
        Registry(),
        secret_key_of(settings),
        settings.redis_url,
    )
    app = machines.create_app(runtime)
    create_console(app, of_runtime(runtime))
    return app


def openapi_document(settings: Settings, *, compact: bool = False) -> str:
    """Return the OpenAPI document as JSON text; nothing is opened for it.

    Args:
        compact: on one line.
    """
    import json

    from connectors.sdk.registry import Registry
    from core.store.engine import open_engine
    from core.store.unit import Store
    from webhooks import app as machines
    from webhooks.runtime import Runtime

    nowhere = Store(open_engine("postgresql+psycopg://localhost/none"))
    app = machines.create_app(Runtime(settings, nowhere, Registry(), "0" * 44))
    found = app.test_client().get("/api/v1/openapi.json")
    return json.dumps(found.get_json(), indent=None if compact else 2, ensure_ascii=False)


def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT.

    Args:
        settings: with the URLs of database and Redis.
    """
    from config.logging import configure_logging
    from core.jobs import actors

    configure_logging(settings, "worker")
    with open_hub(settings, "worker") as hub:
        actors.run_worker(hub, hints_url(settings), threads=settings.worker_threads)


def run_relay(settings: Settings) -> None:
    """Say what is due until SIGTERM or SIGINT.

    Args:
        settings: with the URLs of database and Redis.
    """
    from config.logging import configure_logging
    from core.jobs.relay import Relay

    configure_logging(settings, "relay")
    assert settings.database_url is not None
    with open_hub(settings, "relay") as hub:
        relay = Relay(
            hub,
            settings.database_url,
            hints_url(settings),
            sweep=settings.relay.sweep_seconds,
            watch=settings.relay.watchdog_seconds,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: relay.stop())
        relay.run()


def hints_url(settings: Settings) -> str:
    """Return where hints travel.

    Raises:
        ServerError: there is no Redis, or RabbitMQ is named and its client is not installed.
    """
    from core.jobs.brokers import is_amqp

    url = settings.broker_url or settings.redis_url
    if url is None:
        raise ServerError(
            "HUB-REDIS-503",
            "Jobs need a Redis for their hints, and none is named or embedded. Install the embedded one "
            "(pip install 'crossdock[embedded]') or set CROSSDOCK_REDIS_URL.",
        )
    if is_amqp(url) and find_spec("pika") is None:
        raise ServerError(
            "HUB-RABBITMQ-503",
            "broker_url names RabbitMQ, and its client is not installed. Install it (pip install "
            "'crossdock[rabbitmq]'), or let hints travel by Redis.",
        )
    return url
