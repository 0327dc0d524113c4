"""The hub on one machine as a supervisor: embedded servers, migrations, web, workers, relay."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from config.settings import Settings
from console.servers.ports import free_port_or_fail
from console.servers.supervisor import Service, Supervisor, Urls

CROSSDOCK = (sys.executable, "-P", "-m", "console.cli.main")
"""The program itself, whatever PATH and working directory say."""
GRACE = 12.0
"""Seconds a service gets to finish what is under way."""


def with_free_port(settings: Settings) -> Settings:
    """Return the settings with the port to listen on, proven free; 0 finds one.

    Raises:
        PortTaken: somebody listens there.
    """
    host = settings.host.strip("[]")
    port = free_port_or_fail(host, settings.port)
    if port == settings.port:
        return settings
    return replace(settings, port=port, base_url=f"http://{_reachable(host)}:{port}")


def make_supervisor(
    settings: Settings,
    *,
    say: Callable[[str], None],
    prepare: Callable[[Settings], None],
    more: Callable[[Settings], list[Service]] = lambda _located: [],
) -> Supervisor:
    """Return the supervisor of a whole hub, not started yet.

    Args:
        settings: with a port that is free.
        say: receives one sentence for the person at the terminal.
        prepare: called with the servers' URLs filled in, before the first service; brings the schema to its newest.
        more: further services, started after the hub's own.
    """

    def servers_ready(urls: Urls) -> None:
        prepare(_located(settings, urls))

    def services(urls: Urls) -> list[Service]:
        located = _located(settings, urls)
        return [*hub_services(located), *more(located)]

    return Supervisor(
        settings.data_dir,
        services,
        database_url=settings.database_url,
        redis_url=settings.redis_url,
        on_servers_ready=servers_ready,
        say=say,
    )


def _located(settings: Settings, urls: Urls) -> Settings:
    return replace(settings, database_url=urls.database, redis_url=urls.redis)


def hub_services(settings: Settings) -> list[Service]:
    """Return web, workers and relay as services.

    Raises:
        ServerError: there is no Redis to carry hints.
    """
    from console.wiring import hints_url

    hints_url(settings)
    env = environment(settings)
    web = Service(
        "web",
        [*CROSSDOCK, "web"],
        env,
        ready=lambda: answers(settings.host, settings.port, "/readyz"),
        port=settings.port,
        grace=GRACE,
    )
    workers = [
        Service(f"worker-{number}", [*CROSSDOCK, "worker"], env, grace=GRACE)
        for number in range(1, settings.workers + 1)
    ]
    relay = Service("relay", [*CROSSDOCK, "relay"], env, grace=GRACE)
    return [web, *workers, relay, *_sftp(settings, env)]


def _sftp(settings: Settings, env: Mapping[str, str]) -> list[Service]:
    """Return the SFTP server for partners who push, where a port is set for it."""
    if not settings.sftp.port:
        return []
    listens = {"CROSSDOCK_SFTP_HOST": settings.sftp.host, "CROSSDOCK_SFTP_PORT": str(settings.sftp.port)}
    return [Service("sftp", [*CROSSDOCK, "sftp"], {**env, **listens}, port=settings.sftp.port, grace=GRACE)]


def environment(settings: Settings) -> dict[str, str]:
    """Return what a process of the hub is told by its environment."""
    return {
        "CROSSDOCK_DATABASE_URL": settings.database_url or "",
        "CROSSDOCK_REDIS_URL": settings.redis_url or "",
        "CROSSDOCK_HOST": settings.host,
        "CROSSDOCK_PORT": str(settings.port),
        "CROSSDOCK_BASE_URL": settings.base_url,
    }


def migrate_schema(settings: Settings) -> None:
    """Bring the schema of the settings' database to the newest this version knows."""
    from core.store import migrate
    from core.store.engine import open_engine

    assert settings.database_url is not None
    engine = open_engine(settings.database_url, pool_size=1)
    try:
        migrate.upgrade(engine)
    finally:
        engine.dispose()


def answers(host: str, port: int, path: str) -> bool:
    """Return whether a GET is answered with 200 within a few seconds."""
    connection = http.client.HTTPConnection(_reachable(host.strip("[]")).strip("[]"), port, timeout=3)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _reachable(host: str) -> str:
    # Listening everywhere is reached at the loopback address.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{host}]" if ":" in host else host


def shown(path: Path) -> str:
    """Return a path as a person would type it here."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
