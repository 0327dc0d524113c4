"""A disk that fills up under a running hub, on a small file system of its own."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from console.servers.state import read_state
from console.servers.supervisor import Supervisor
from tests.servers.hubs import plain, until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 420 MB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=420m,mode=755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root outside a container can mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(file: Path) -> None:
    """Write until nothing more fits."""
    with file.open("wb") as stream:
        while True:
            stream.write(bytes(2**20))
            stream.flush()


@pytest.mark.faults
def test_the_hub_gives_back_its_ballast_and_goes_on(small_disk: Path, made: Path) -> None:
    data = small_disk / "data"
    subprocess.run(["cp", "-a", made, data], check=True)
    said: list[str] = []
    with Supervisor(data, lambda urls: [], say=said.append) as hub:
        assert hub.urls is not None
        url = plain(hub.urls.database)
        assert (data / "ballast").stat().st_size == 64 * 2**20
        with pytest.raises(OSError, match="No space left"):
            fill(small_disk / "filler")

        def write() -> bool:
            try:
                with psycopg.connect(url) as connection:
                    connection.execute("INSERT INTO kept SELECT generate_series(1, 100000)")
            except psycopg.Error:
                return False
            return True

        until(write)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (100001,)
        state = read_state(data)
        assert state is not None
        assert state.disk_full is True
        assert not (data / "ballast").exists()
        assert len([text for text in said if "is full" in text]) == 1
