"""Whatever is killed comes back, and nothing outlives the supervisor."""

import os
import signal
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from console.servers import leftovers
from console.servers.datadir import DataDir
from console.servers.postgres import Postgres
from console.servers.state import last_state, read_state
from tests.servers.hubs import Hub, gone, plain, until

ROLES = ["postgres", "redis", "web", "worker-1", "relay"]


def database(data: Path) -> psycopg.Connection[tuple[int]]:
    return psycopg.connect(plain(Postgres(DataDir(data), print).url))


def rows(data: Path) -> list[tuple[int]]:
    """What table `kept` holds; nothing while the database recovers."""
    try:
        with database(data) as connection:
            return connection.execute("SELECT n FROM kept ORDER BY n").fetchall()
    except psycopg.OperationalError:
        return []


def has_come_back(hub: Hub, role: str, old: int) -> bool:
    return hub.pid(role) not in {None, old}


def test_each_killed_part_comes_back(hub: Hub) -> None:
    assert list(hub.state.parts) == ROLES
    with database(hub.data) as connection:
        connection.execute("INSERT INTO kept VALUES (1)")
    for role in ROLES:
        before = hub.part(role)
        before.kill()
        until(partial(has_come_back, hub, role, before.pid))
        after = hub.state.parts[role]
        assert (after.restarts, after.error) == (1, "was ended by SIGKILL")
        assert hub.part(role).is_running()
    until(lambda: rows(hub.data))
    assert rows(hub.data) == [(1,), (4711,)]
    with redis.Redis.from_url(f"unix://{hub.data}/run/redis.sock") as client:
        assert client.ping() is True


def test_killed_service_leaves_no_child(hub: Hub) -> None:
    until(lambda: hub.part("web").children())
    (child,) = hub.part("web").children()
    hub.part("web").kill()
    until(lambda: gone(child))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_supervisor(hub: Hub, number: signal.Signals) -> None:
    until(lambda: hub.part("web").children())
    tree = psutil.Process(hub.process.pid).children(recursive=True)
    assert len([process for process in tree if process.ppid() == hub.process.pid]) == 5
    code = hub.end(number)
    for process in tree:
        until(partial(gone, process))
    if number == signal.SIGKILL:
        assert code == -signal.SIGKILL
    else:
        assert (code, hub.said[-1]) == (0, f"{number.name}: stopping.")
    assert read_state(hub.data) is None
    assert (last_state(hub.data) is None) == (number != signal.SIGKILL)


def test_restart_on_the_same_data_keeps_rows(hub: Hub) -> None:
    with database(hub.data) as connection:
        connection.execute("INSERT INTO kept VALUES (2)")
    hub.end(signal.SIGKILL)
    again = Hub(hub.data)
    assert rows(hub.data) == [(2,), (4711,)]
    assert again.end() == 0


def ignores_sigterm(pid: int) -> bool:
    mask = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigIgn"))
    return bool(int(mask.split()[1], 16) & 1 << (signal.SIGTERM - 1))


def test_a_deaf_service_is_killed_at_the_end(data: Path) -> None:
    hub = Hub(data, "worker-2")
    deaf = hub.part("worker-2")
    until(partial(ignores_sigterm, deaf.pid))
    assert hub.end() == 0
    assert gone(deaf)


def test_a_deaf_service_of_a_killed_hub_is_ended(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(data, "worker-2")
    deaf = hub.part("worker-2")
    until(partial(ignores_sigterm, deaf.pid))
    hub.end(signal.SIGKILL)
    assert not gone(deaf)
    said: list[str] = []
    monkeypatch.setattr(leftovers, "SERVICE_SECONDS", 0.2)
    leftovers.clear_orphans(data, said.append)
    assert gone(deaf)
    assert len(said) == 1
    assert f"(pid {deaf.pid})" in said[0]


def test_the_child_of_a_killed_service_of_a_killed_hub_is_ended(hub: Hub) -> None:
    until(lambda: hub.part("web").children())
    web = hub.part("web")
    (child,) = web.children()
    hub.process.send_signal(signal.SIGSTOP)
    web.kill()
    os.kill(hub.process.pid, signal.SIGKILL)
    hub.process.wait(20)
    assert not gone(child)
    again = Hub(hub.data)
    assert gone(child)
    assert again.end() == 0
