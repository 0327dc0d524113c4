"""What every test may use: real servers, an empty database, and no way out to the internet."""

import ipaddress
import os
import socket
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from console.servers.supervisor import Urls, embedded_servers


def _refuse_the_internet(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: sees every connection Python makes, whatever library makes it."""
    if event != "socket.connect":
        return
    connection, address = arguments
    if connection.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    host = str(address[0])
    if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
        raise RuntimeError(f"A test tried to reach {host}:{address[1]}. Tests talk to loopback and unix sockets only.")


sys.addaudithook(_refuse_the_internet)


@pytest.fixture(scope="session")
def servers() -> Iterator[Urls]:
    """PostgreSQL and Redis: those of the environment, else one pair for this test process.

    A killed test run leaves no server: the kernel ends them with the process that started them.
    """
    database = os.environ.get("CROSSDOCK_TEST_DATABASE_URL")
    redis = os.environ.get("CROSSDOCK_TEST_REDIS_URL")
    if database and redis:
        yield Urls("postgresql+psycopg://" + database.split("://", 1)[-1], redis)
        return
    with (
        tempfile.TemporaryDirectory(prefix="crossdock-test-", ignore_cleanup_errors=True) as folder,
        embedded_servers(Path(folder) / "data") as embedded,
    ):
        yield Urls(database or embedded.database, redis or embedded.redis)


@pytest.fixture
def empty_database(servers: Urls) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh database, dropped after the test."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    scheme, rest = servers.database.split("://", 1)
    authority, path = rest.split("/", 1)
    parameters = "?" + path.split("?", 1)[1] if "?" in path else ""
    with psycopg.connect(f"postgresql://{rest}", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        yield f"{scheme}://{authority}/{name}{parameters}"
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
