"""Hints by RabbitMQ: worked off like those by Redis, kept in durable queues; the hub outlives the server."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dramatiq
import pytest

from console.servers.ports import free_port_or_fail
from core.jobs.actors import declare
from core.jobs.brokers import AWAY, make_broker, waiting
from core.jobs.relay import Relay
from core.store.unit import Store
from tests.core.world import World

pytest.importorskip("pika", reason="the extra rabbitmq is not installed")
# The packaged script changes the user; the one below it starts the server as whoever calls it.
PROGRAM = shutil.which("rabbitmq-server", path="/usr/lib/rabbitmq/bin") or shutil.which("rabbitmq-server")
if PROGRAM is None:
    pytest.skip("there is no rabbitmq-server here (Debian: apt-get install rabbitmq-server)", allow_module_level=True)


class Rabbit:
    """A RabbitMQ of the tests' own."""

    def __init__(self, folder: Path) -> None:
        self.port, self.epmd, distribution = (free_port_or_fail("127.0.0.1", 0) for _ in range(3))
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/%2F?heartbeat=5"
        self._process: subprocess.Popen[bytes] | None = None
        self._env = {
            **os.environ, "HOME": str(folder), "RABBITMQ_NODENAME": f"crossdock{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port), "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(distribution), "ERL_EPMD_PORT": str(self.epmd), "RABBITMQ_BASE": str(folder),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"), "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"), "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_CONFIG_FILE": str(folder / "none"),
        }  # fmt: skip

    def start(self) -> None:
        assert PROGRAM is not None
        self._process = subprocess.Popen([PROGRAM], env=self._env, stdout=subprocess.DEVNULL, start_new_session=True)
        until(self.answers)

    def stop(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, number)
            self._process.wait(60)
            self._process = None

    def answers(self) -> bool:
        broker = make_broker(self.url, 1.0)
        try:
            waiting(broker, "probe")
        except AWAY:
            return False
        finally:
            broker.close()
        return True


def until(so: Callable[[], object], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def rabbit() -> Iterator[Rabbit]:
    with tempfile.TemporaryDirectory(prefix="crossdock-rabbit-", ignore_cleanup_errors=True) as folder:
        server = Rabbit(Path(folder))
        server.start()
        yield server
        server.stop()
        subprocess.run(["epmd", "-port", str(server.epmd), "-kill"], check=False, stdout=subprocess.DEVNULL)


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


@contextmanager
def leading(world: World, db_url: str, rabbit: Rabbit) -> Iterator[None]:
    relay = Relay(world.hub, db_url, rabbit.url, sweep=0.1)
    thread = threading.Thread(target=relay.run)
    thread.start()
    yield
    relay.stop()
    thread.join(30)
    assert not thread.is_alive()


@contextmanager
def working(world: World, rabbit: Rabbit) -> Iterator[None]:
    broker = make_broker(rabbit.url)
    declare(broker, world.hub)
    worker = dramatiq.Worker(broker, worker_threads=2, worker_timeout=50)
    worker.start()
    yield
    worker.stop(timeout=8_000)
    broker.close()


def shipped_to_node(world: World) -> int:
    return int(world.one("SELECT count(*) AS n FROM delivery WHERE state = 'delivered'").n)


def test_an_order_goes_all_the_way_by_hints_of_rabbitmq(world: World, db_url: str, rabbit: Rabbit) -> None:
    with leading(world, db_url, rabbit), working(world, rabbit):
        world.send("order", world.order({"A": 2}))
        until(lambda: shipped_to_node(world) >= 2)
    assert world.one("SELECT state FROM message").state == "applied"
    kinds = {push.kind for each in world.partners.partners.values() for push in each.order}
    assert kinds >= {"push_order", "push_fulfillment_order"}
    world.check_books()


def test_hints_are_few_and_wait_in_durable_queues(world: World, db_url: str, rabbit: Rabbit) -> None:
    world.send("order", world.order({"A": 1}))
    broker: Any = make_broker(rabbit.url)
    with leading(world, db_url, rabbit):
        until(lambda: waiting(broker, "intake") == 1)
        time.sleep(0.5)
        assert waiting(broker, "intake") == 1
    rabbit.stop(signal.SIGTERM)
    with pytest.raises(AWAY):
        waiting(broker, "intake")
    rabbit.start()
    assert waiting(broker, "intake") == 1
    with working(world, rabbit):
        until(lambda: waiting(broker, "intake") == 0)
        until(lambda: world.one("SELECT state FROM message").state == "applied")
    broker.close()


def test_the_hub_goes_on_when_rabbitmq_comes_back(world: World, db_url: str, rabbit: Rabbit) -> None:
    with leading(world, db_url, rabbit), working(world, rabbit):
        world.send("order", world.order({"A": 1}))
        until(lambda: shipped_to_node(world) >= 2)
        rabbit.stop()
        world.send("order", world.order({"A": 1}))
        rabbit.start()
        until(lambda: world.one("SELECT count(*) AS n FROM message WHERE state = 'applied'").n == 2)


def test_the_client_is_only_loaded_where_it_is_named() -> None:
    code = "import sys; import core.jobs.relay; print('pika' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
