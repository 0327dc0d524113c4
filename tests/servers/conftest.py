"""Data folders with a database already made, and a hub on one of them."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from console.servers.supervisor import embedded_servers
from tests.servers.hubs import Hub, plain


@pytest.fixture(scope="session")
def made() -> Iterator[Path]:
    """A data folder made once, with one row in it, stopped: copied by the tests, because initdb takes a second."""
    with tempfile.TemporaryDirectory(prefix="crossdock-made-") as folder:
        data = Path(folder) / "data"
        with embedded_servers(data) as urls, psycopg.connect(plain(urls.database)) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (4711)")
        yield data


@pytest.fixture
def data(made: Path) -> Iterator[Path]:
    """A data folder of the test's own, with a database that holds one row in table `kept`."""
    with tempfile.TemporaryDirectory(prefix="crossdock-data-") as folder:
        subprocess.run(["cp", "-a", made, Path(folder) / "data"], check=True)
        yield Path(folder) / "data"


@pytest.fixture
def hub(data: Path) -> Iterator[Hub]:
    """A running hub: PostgreSQL, Redis, web, worker-1 and relay."""
    started = Hub(data)
    yield started
    if started.process.poll() is None:
        started.end()
