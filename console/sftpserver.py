"""The process that takes files from partners who push them by SFTP: guests are connections with such a transport."""

from __future__ import annotations

import asyncio
import signal

import structlog
from sqlalchemy import select

from config.logging import configure_logging
from config.settings import Settings
from connectors.edi.profile import read_profile
from connectors.edi.transports.hosted import Guest, Lookup, guest_of, host_key, listen
from console.servers.errors import ServerError
from console.wiring import open_hub
from core.domain.vocabulary import Mode
from core.jobs.hub import Hub
from core.services.connections import config_of
from core.store import schema as t

log = structlog.get_logger(__name__)
CONNECTOR, KIND = "edi", "hosted"


def guests(hub: Hub) -> Lookup:
    """Return how guests are found: by the name of a connection whose transport is the hub's own server.

    Args:
        hub: with the connections.
    """

    def lookup(name: str) -> Guest | None:
        c = t.connection.c
        with hub.store.begin(actor="sftp") as unit:
            row = unit.conn.execute(
                select(t.connection).where(
                    c.tenant_id == unit.tenant, c.name == name, c.connector == CONNECTOR, c.mode != str(Mode.OFF)
                )
            ).one_or_none()
            if row is None:
                return None
            config = config_of(row, hub.box, unit.now)
        profile = read_profile(config.settings, config.name)
        if profile.transport.get("kind") != KIND:
            return None
        return guest_of({**profile.transport, "secrets": config.secrets}, max_bytes=profile.max_bytes)

    return lookup


def run_sftp(settings: Settings) -> None:
    """Listen until SIGTERM or SIGINT.

    Args:
        settings: with a database URL (`locate`) and the port in `sftp.port`.

    Raises:
        ServerError: no port is set, or it is taken.
    """
    configure_logging(settings, "sftp")
    if not settings.sftp.port:
        raise ServerError(
            "SFTP-PORT-422",
            "No port is set for the SFTP server. Give --port, or set sftp.port and start `crossdock up`.",
        )
    with open_hub(settings, "sftp") as hub:
        asyncio.run(_serve(settings, guests(hub)))


async def _serve(settings: Settings, lookup: Lookup) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    key = host_key(settings.data_dir / "keys" / "sftp_ed25519")
    host, port = settings.sftp.host, settings.sftp.port
    try:
        server = await listen(lookup, host, port, key)
    except OSError as error:
        raise ServerError(
            "SFTP-PORT-409",
            f"The SFTP server cannot listen on {host}:{port}: {error.strerror}. Choose another sftp.port.",
        ) from None
    log.info("sftp.listens", host=host, port=port, host_key=key.get_fingerprint())
    await stopping.wait()
    server.close()
    await server.wait_closed()
