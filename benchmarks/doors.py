"""What benchmarks knock at: a hub as `crossdock up` runs it, and the same web server that only echoes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.common import seed_company
from benchmarks.running import tree
from config.settings import Settings, Web, load_settings
from connectors.sdk.registry import Registry
from console.cli.launching import answers, hub_services, with_free_port
from console.servers.supervisor import Service, Supervisor, Urls
from console.webserver import make_server
from console.wiring import secret_key_of
from core.jobs.hub import Hub, Pace
from core.services.secretbox import SecretBox
from core.store import migrate
from core.store.engine import open_engine
from core.store.unit import Store

READY_SECONDS = 60.0


@dataclass(frozen=True)
class Running:
    """A hub with the parts asked for.

    Attributes:
        settings: with the address it listens on and the database's URL.
        hub: the benchmark's own way into the same database.
        pids: of its parts, by name.
    """

    settings: Settings
    hub: Hub
    pids: Callable[[], dict[str, int]]


@contextmanager
def running_hub(folder: Path, skus: list[str], *, parts: str = "", web: Web | None = None) -> Iterator[Running]:
    """Start a hub as `crossdock up` does, with a Shopify shop and two warehouses in it.

    Args:
        folder: for its data.
        skus: items it knows, each with plenty of stock at every node.
        parts: services whose names begin so; all of them by default.
        web: another shape of the web server than the default one.
    """
    settings = load_settings({"CROSSDOCK_DATA_DIR": str(folder)})
    settings = with_free_port(replace(settings, port=0, web=web or settings.web))
    shape = {"CROSSDOCK_WEB_PROCESSES": str(settings.web.processes), "CROSSDOCK_WEB_THREADS": str(settings.web.threads)}
    located: list[Settings] = []

    def servers_ready(urls: Urls) -> None:
        located.append(replace(settings, database_url=urls.database, redis_url=urls.redis))
        engine = open_engine(urls.database, pool_size=1)
        migrate.upgrade(engine)
        store = Store(engine)
        seed_company(Hub(store, Registry(), SecretBox(secret_key_of(settings)), Pace()), skus, 10_000_000)
        engine.dispose()

    def services(_urls: Urls) -> list[Service]:
        return [
            replace(each, env={**each.env, **shape}) for each in hub_services(located[0]) if each.name.startswith(parts)
        ]

    supervisor = Supervisor(
        folder,
        services,
        on_servers_ready=servers_ready,
        say=lambda text: print(text, file=sys.stderr),
        keep_ballast=False,
    )
    with supervisor:
        assert supervisor.urls is not None
        engine = open_engine(supervisor.urls.database, pool_size=2, reports=True)
        try:
            yield Running(
                located[0],
                Hub(Store(engine), Registry(), SecretBox(secret_key_of(settings)), Pace()),
                supervisor.pids,
            )
        finally:
            engine.dispose()


class Echo:
    """A WSGI application that reads the body and sends it back; made inside the server's process."""

    def __call__(self) -> Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]:
        """Return the application."""

        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
            return [body]

        return application


@contextmanager
def running_echo(settings: Settings) -> Iterator[tuple[Settings, int]]:
    """Serve the echo by the hub's server in the hub's shape; yields where, and the server's pid."""
    settings = with_free_port(replace(settings, port=0))
    process = get_context("spawn").Process(target=_serve_echo, args=(settings,))
    process.start()
    assert process.pid is not None
    try:
        end = time.monotonic() + READY_SECONDS
        while not answers(settings.host, settings.port, "/"):
            if time.monotonic() > end or not process.is_alive():
                raise TimeoutError("the echo server did not start")
            time.sleep(0.05)
        yield settings, process.pid
    finally:
        below = tree(process.pid)
        process.terminate()
        process.join(10)
        for each in below:
            if each.is_running():
                each.kill()


def _serve_echo(settings: Settings) -> None:
    os.setpgrp()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    make_server(settings).serve(target_loader=Echo(), wrap_loader=False)
