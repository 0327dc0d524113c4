"""Order of start and stop, and what the person at the terminal is told when something is wrong."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from console.servers import ballast, redis, supervisor
from console.servers.datadir import DataDir
from console.servers.errors import DataFolderError, PortTaken, ServerMissing, StartFailed
from console.servers.ports import free_port_or_fail
from console.servers.state import read_state, without_password
from console.servers.supervisor import Service, Supervisor, Urls, embedded_servers
from tests.servers.hubs import Hub, plain

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]


def test_second_start_is_refused_and_harms_nothing(hub: Hub) -> None:
    before = hub.state
    with pytest.raises(DataFolderError) as refusal, embedded_servers(hub.data):
        pass
    assert refusal.value.code == "SERVER-DATA-002"
    assert f"pid {hub.process.pid} (" in str(refusal.value)
    assert "small_hub.py" in str(refusal.value)
    assert hub.state == before


def test_services_start_after_the_migrations_with_their_environment(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    order: list[str] = []
    script = "import os, sys, time; open(sys.argv[1], 'w').write(os.environ['CROSSDOCK_DATA_DIR'] + os.environ['X'])"

    def migrate(urls: Urls) -> None:
        with psycopg.connect(plain(urls.database)) as connection:
            connection.execute("CREATE TABLE migrated ()")
        order.append("migrations")

    def relay_is_ready() -> bool:
        order.append("relay")
        return True

    def services(urls: Urls) -> list[Service]:
        order.append("services")
        waiting = [sys.executable, "-S", "-c", script + "; time.sleep(600)", str(out)]
        return [
            Service("web", waiting, {"X": "!"}, ready=lambda: out.exists() and bool(out.read_text()), port=8700),
            Service("relay", SLEEP, ready=relay_is_ready),
        ]

    with Supervisor(data, services, on_servers_ready=migrate, keep_ballast=False) as running:
        assert order == ["migrations", "services", "relay"]
        assert out.read_text() == f"{data}!"
        state = read_state(data)
        assert state is not None
        assert state.supervisor == os.getpid()
        assert {name: part.pid for name, part in state.parts.items()} == running.pids()
        assert {name: part.port for name, part in state.parts.items()} == {
            "postgres": None, "redis": None, "web": 8700, "relay": None,
        }  # fmt: skip
        password = DataDir(data).env()["CROSSDOCK_POSTGRES_PASSWORD"]
        assert password not in (data / "run/state.json").read_text()
    assert running.pids() == {}
    assert read_state(data) is None


def test_a_service_that_never_starts_is_named_and_all_else_is_stopped(data: Path) -> None:
    failing = Service("web", [sys.executable, "-S", "-c", "raise SystemExit(3)"], ready=lambda: False)
    hub = Supervisor(data, lambda urls: [Service("relay", SLEEP), failing], keep_ballast=False)
    with pytest.raises(StartFailed) as refusal:
        hub.start()
    assert refusal.value.code == "SERVER-START-001"
    assert str(refusal.value).startswith("web does not start: ended with code 3. It was tried 5 times.")
    assert hub.pids() == {}
    with embedded_servers(data):
        pass


def test_a_failed_migration_stops_the_servers(data: Path) -> None:
    def migrate(urls: Urls) -> None:
        raise ZeroDivisionError

    hub = Supervisor(data, lambda urls: [], on_servers_ready=migrate, keep_ballast=False)
    with pytest.raises(ZeroDivisionError):
        hub.start()
    assert hub.pids() == {}


def test_servers_of_ones_own_are_used_and_not_started(servers: Urls, tmp_path: Path) -> None:
    seen: list[Urls] = []
    hub = Supervisor(
        tmp_path / "data",
        lambda urls: [],
        on_servers_ready=seen.append,
        database_url=plain(servers.database),
        redis_url=servers.redis,
        keep_ballast=False,
    )
    with hub:
        assert hub.pids() == {}
    assert seen == [servers]
    assert not (tmp_path / "data/pg").exists()


def test_tcp_is_only_opened_when_asked_and_then_wants_the_password(data: Path) -> None:
    port = free_port_or_fail("127.0.0.1", 0)
    with Supervisor(data, lambda urls: [], postgres_port=port, keep_ballast=False) as hub:
        assert hub.urls is not None
        with psycopg.connect(plain(hub.urls.database)) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (4711,)
        address = f"host=127.0.0.1 port={port} user=crossdock dbname=crossdock"
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(address, passfile="/nonexistent")
        with psycopg.connect(address, passfile=str(data / "pgpass")) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (4711,)


def test_unreachable_database_is_named_without_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "EXTERNAL_SECONDS", 0)
    port = free_port_or_fail("127.0.0.1", 0)
    url = f"postgresql://joan:hunter2@127.0.0.1:{port}/hub"
    with pytest.raises(StartFailed) as refusal:
        Supervisor(tmp_path / "data", lambda urls: [], database_url=url).start()
    assert refusal.value.code == "SERVER-DATABASE-001"
    assert f"postgresql://joan@127.0.0.1:{port}/hub cannot be reached" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_hub_runs_without_redis_and_says_so(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ServerMissing):
        redis.find_program()
    monkeypatch.undo()

    def missing() -> Path:
        raise ServerMissing("SERVER-REDIS-001", "No Redis to start.")

    monkeypatch.setattr(redis, "find_program", missing)
    said: list[str] = []
    with embedded_servers(data, say=said.append) as urls:
        assert urls.redis is None
    assert said == ["No Redis to start."]


def test_a_redis_on_the_path_serves_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "valkey-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert redis.find_program() == program


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://u:p%40@/db?host=%2Ftmp", "postgresql+psycopg://u@/db?host=%2Ftmp"),
        ("redis://:secret@10.0.0.1:6379/0", "redis://@10.0.0.1:6379/0"),
        ("unix:///tmp/redis.sock", "unix:///tmp/redis.sock"),
        ("postgresql://host/db", "postgresql://host/db"),
    ],
)
def test_passwords_are_left_out_of_urls(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_taken_port_names_its_holder() -> None:
    listen = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)"
    holder = subprocess.Popen(
        [sys.executable, "-S", "-c", f"{listen}; time.sleep(600)"], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    try:
        port = int(holder.stdout.readline())
        with pytest.raises(PortTaken) as refusal:
            free_port_or_fail("127.0.0.1", port)
        assert refusal.value.code == "SERVER-PORT-001"
        assert f"127.0.0.1:{port}: Address already in use; pid {holder.pid} (" in str(refusal.value)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    assert free_port_or_fail("127.0.0.1", port) == port


def test_free_port_zero_finds_one() -> None:
    port = free_port_or_fail("127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_secrets_are_made_once_and_kept(tmp_path: Path) -> None:
    first = DataDir(tmp_path / "data")
    values = first.env()
    assert set(values) == {"CROSSDOCK_SECRET_KEY", "CROSSDOCK_POSTGRES_PASSWORD"}
    assert DataDir(tmp_path / "data").env() == values
    assert DataDir(tmp_path / "data").secret_key == values["CROSSDOCK_SECRET_KEY"]
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_unwritable_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFolderError) as refusal:
        DataDir(tmp_path / "file/data")
    assert refusal.value.code == "SERVER-DATA-001"
    assert f"{tmp_path}/file/data cannot be written" in str(refusal.value)


def test_ballast_is_given_once_and_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    held = ballast.Ballast(tmp_path / "ballast", said.append)
    free = [10 * 2**30]
    monkeypatch.setattr(held, "_free", lambda: free[0])
    held.lay()
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= ballast.BALLAST_BYTES
    assert held.watch() is False
    free[0] = 5 * 2**20
    assert (held.watch(), held.given, (tmp_path / "ballast").exists()) == (True, True, False)
    assert held.watch() is False
    free[0] = 10 * 2**30
    assert (held.watch(), held.given, (tmp_path / "ballast").exists()) == (True, False, True)
    assert [text.split("(")[1].split(")")[0] for text in said] == ["5 MB free", "10240 MB free"]
