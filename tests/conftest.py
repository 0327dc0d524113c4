"""What every test may use: real servers, an empty database, and no way out to the internet."""

import ipaddress
import os
import shutil
import socket
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from console.servers.supervisor import Urls, embedded_servers
from core.store import migrate
from core.store.engine import open_engine
from core.store.unit import Store


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
        tempfile.TemporaryDirectory(
            prefix="crossdock-test-", dir=_folder_in_memory(), ignore_cleanup_errors=True
        ) as folder,
        embedded_servers(Path(folder) / "data") as embedded,
    ):
        if not database:
            _spare_the_disk(embedded.database)
        yield Urls(database or embedded.database, redis or embedded.redis)


def _folder_in_memory() -> str | None:
    """Where files stay in memory, if there is room: a database for each test is hundreds of files written and removed.

    On a disk that others write to, that alone takes seconds a test. None is the usual place.
    """
    place = Path("/dev/shm")
    room = 4 << 30
    if not (place.is_dir() and os.access(place, os.W_OK)) or shutil.disk_usage(place).free < room:
        return None
    return str(place) if psutil.virtual_memory().available > 2 * room else None


def _spare_the_disk(database: str) -> None:
    """Do not wait for the disk: a killed server loses nothing of what the kernel has, and power does not fail here."""
    _set_fsync(database, "off")


def _set_fsync(database: str, value: str) -> None:
    with psycopg.connect("postgresql://" + database.split("://", 1)[1], autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET fsync = {value}")
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute("SHOW fsync").fetchone() != (value,):
            pass


@pytest.fixture
def as_started(servers: Urls) -> Iterator[None]:
    """The server with the settings the hub starts it with, for tests that look at them."""
    if os.environ.get("CROSSDOCK_TEST_DATABASE_URL"):
        yield
        return
    _set_fsync(servers.database, "on")
    yield
    _set_fsync(servers.database, "off")


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


@pytest.fixture(scope="session")
def template_database(servers: Urls) -> str:
    """The name of a database at the newest schema, copied for each test."""
    name = f"template_{uuid.uuid4().hex[:12]}"
    with psycopg.connect("postgresql://" + servers.database.split("://", 1)[1], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    engine = open_engine(database_url(servers, name), pool_size=1)
    migrate.upgrade(engine)
    engine.dispose()
    return name


def database_url(servers: Urls, name: str) -> str:
    """The URL of another database on the same server."""
    scheme, rest = servers.database.split("://", 1)
    authority, path = rest.split("/", 1)
    return f"{scheme}://{authority}/{name}" + ("?" + path.split("?", 1)[1] if "?" in path else "")


@pytest.fixture
def db_url(servers: Urls, template_database: str) -> Iterator[str]:
    """The URL of a fresh database at the newest schema, dropped after the test."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    with psycopg.connect("postgresql://" + servers.database.split("://", 1)[1], autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template_database}" STRATEGY FILE_COPY')
        yield database_url(servers, name)
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def store(db_url: str) -> Iterator[Store]:
    """A store on a fresh database."""
    engine = open_engine(db_url, pool_size=2)
    yield Store(engine)
    engine.dispose()
