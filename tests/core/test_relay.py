"""The relay: finds what is due, with and without wake-ups, goes on without Redis, and a second one takes over."""

import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import dramatiq
import pytest
import redis as redis_client
from sqlalchemy import text

from console.servers.redis import find_program, redis_answers
from core.domain.vocabulary import Write
from core.jobs.actors import declare
from core.jobs.brokers import NAMESPACE, make_broker
from core.jobs.relay import LEADER_LOCK, Relay
from core.jobs.wake import Waker
from core.services.outbox import Outgoing, enqueue
from core.store.engine import open_engine
from core.store.unit import Store, Unit
from tests.core.world import World


class Redis:
    """A Redis of the test's own, to be killed, stopped and emptied."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "redis.sock"
        self.url = f"unix://{self._socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        argv = [str(find_program()), "--port", "0", "--unixsocket", str(self._socket), "--save", ""]
        self._process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
        until(lambda: redis_answers(self.url))

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        if number == signal.SIGKILL:
            self._process.wait(10)
            self._process = None

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)

    def hints(self, queue: str) -> int:
        with redis_client.Redis.from_url(self.url) as client:
            return int(client.llen(f"{NAMESPACE}:{queue}"))

    def flush(self) -> None:
        with redis_client.Redis.from_url(self.url) as client:
            client.flushall()


@pytest.fixture
def redis() -> Iterator[Redis]:
    with tempfile.TemporaryDirectory(prefix="crossdock-redis-") as folder:
        server = Redis(Path(folder))
        yield server
        server.stop()


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def until(so: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something that must come, and fail when it does not."""
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.02)


@contextmanager
def leading(relay: Relay) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=relay.run, name="relay")
    thread.start()
    try:
        yield thread
    finally:
        relay.stop()
        thread.join(30)
        assert not thread.is_alive()


def relay_of(world: World, url: str, redis: Redis, **more: Any) -> Relay:
    return Relay(world.hub, url, redis.url, **{"sweep": 0.1, **more})


def lost(world: World) -> Any:
    """Write a delivery whose worker was lost, and return its id."""
    with world.store.begin() as unit:
        [delivery] = enqueue(unit, [Outgoing(world.erp, Write.PUSH_ORDER, {}, uuid4())])
        unit.conn.execute(
            text(
                "UPDATE delivery SET state = 'sending', lease_token = id,"
                " lease_until = clock_timestamp() - interval '1 second' WHERE id = :id"
            ),
            {"id": delivery},
        )
    return delivery


def state(world: World, delivery: Any) -> str:
    return str(world.one("SELECT state FROM delivery WHERE id = :id", id=delivery).state)


def test_the_sweep_finds_what_no_wake_up_told_of(world: World, db_url: str, redis: Redis) -> None:
    redis.start()
    with leading(relay_of(world, db_url, redis)):
        world.send("order", world.order({"A": 1}))
        until(lambda: redis.hints("intake"))
        world.drain()
        until(lambda: redis.hints("deliveries"))
        world.deliver()


def test_a_wake_up_is_heard_long_before_the_sweep(world: World, db_url: str, redis: Redis) -> None:
    redis.start()
    waker = Waker(db_url)
    engine = open_engine(db_url, pool_size=1)
    world.store = Store(engine, waker)
    try:
        with leading(relay_of(world, db_url, redis, sweep=3600)) as thread:
            until(lambda: _leads(world))
            # The first look is over, and the next one would come in an hour.
            world.send("order", world.order({"A": 1}))
            until(lambda: redis.hints("intake"))
            assert thread.is_alive()
            world.send("order", world.order({"A": 1}))
    finally:
        waker.close()
        engine.dispose()


def _leads(world: World) -> bool:
    held = world.all("SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND granted")
    return any(row.objid == LEADER_LOCK & 0xFFFFFFFF for row in held)


def test_chores_go_on_while_redis_is_away_and_hints_come_when_it_is_back(
    world: World, db_url: str, redis: Redis
) -> None:
    with leading(relay_of(world, db_url, redis)) as thread:
        first = lost(world)
        until(lambda: state(world, first) == "unknown")
        time.sleep(0.3)
        assert thread.is_alive()
        redis.start()
        until(lambda: redis.hints("deliveries"))


def test_hints_come_again_after_a_flush_and_after_a_kill(world: World, db_url: str, redis: Redis) -> None:
    redis.start()
    first = lost(world)
    with leading(relay_of(world, db_url, redis)) as thread:
        until(lambda: redis.hints("deliveries"))
        redis.flush()
        until(lambda: redis.hints("deliveries"))
        redis.signal(signal.SIGKILL)
        second = lost(world)
        until(lambda: state(world, second) == "unknown")
        redis.start()
        until(lambda: redis.hints("deliveries"))
        assert thread.is_alive()
    assert state(world, first) == "unknown"


def test_a_redis_that_hangs_stops_no_chore(world: World, db_url: str, redis: Redis) -> None:
    redis.start()
    with leading(relay_of(world, db_url, redis)) as thread:
        lost(world)
        until(lambda: redis.hints("deliveries"))
        redis.signal(signal.SIGSTOP)
        for _ in range(3):
            delivery = lost(world)
            until(lambda delivery=delivery: state(world, delivery) == "unknown")  # type: ignore[misc]
        assert thread.is_alive()
        redis.signal(signal.SIGCONT)
        redis.flush()
        until(lambda: redis.hints("deliveries"))


def test_a_simulation_that_was_asked_for_or_lost_its_worker_gets_one_hint(
    world: World, db_url: str, redis: Redis
) -> None:
    redis.start()
    with world.store.begin() as unit:
        unit.conn.execute(
            text(
                "INSERT INTO simulation (tenant_id, id, policy_id, state, actor, lease_until) VALUES"
                " (1, :a, :b, 'running', 'test', clock_timestamp() + interval '1 h'),"
                " (1, :b, :a, 'done', 'test', NULL)"
            ),
            {"a": uuid4(), "b": uuid4()},
        )
    with leading(relay_of(world, db_url, redis, sweep=0.01)):
        time.sleep(0.5)
        assert redis.hints("simulations") == 0
        with world.store.begin() as unit:
            unit.conn.execute(text("UPDATE simulation SET lease_until = clock_timestamp() WHERE state = 'running'"))
        until(lambda: redis.hints("simulations"))
        time.sleep(0.5)
        assert redis.hints("simulations") == 1


def test_a_worker_asks_for_nothing_but_the_queues_of_hints(redis: Redis) -> None:
    broker = make_broker(redis.url)
    actors = declare(broker, None)
    worker = dramatiq.Worker(broker, worker_threads=1)
    worker.start()
    try:
        assert worker.consumers.keys() == actors.keys()
    finally:
        worker.stop(timeout=5_000)
        broker.close()


def test_hints_are_never_piled_up(world: World, db_url: str, redis: Redis) -> None:
    redis.start()
    for _ in range(300):
        world.send("order", world.order({"A": 1}))
    with leading(relay_of(world, db_url, redis, sweep=0.01)):
        until(lambda: redis.hints("intake"))
        time.sleep(0.5)
        assert redis.hints("intake") <= 4


def test_a_chore_that_fails_stops_neither_the_others_nor_the_hints(
    world: World, db_url: str, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_unit: Unit) -> int:
        raise AssertionError("a fault of the hub")

    monkeypatch.setattr("core.jobs.relay.expire_leases", broken)
    redis.start()
    with leading(relay_of(world, db_url, redis)):
        with world.store.begin() as unit:
            enqueue(unit, [Outgoing(world.erp, Write.PUSH_ORDER, {}, uuid4())])
        until(lambda: redis.hints("deliveries"))


def test_the_second_relay_takes_over_when_the_first_ends(world: World, db_url: str, redis: Redis) -> None:
    redis.start()
    first, second = relay_of(world, db_url, redis), relay_of(world, db_url, redis)
    with leading(first) as one:
        until(lambda: _leads(world))
        with leading(second):
            first.stop()
            one.join(30)
            redis.flush()
            delivery = lost(world)
            until(lambda: state(world, delivery) == "unknown")
            until(lambda: redis.hints("deliveries"))


def test_a_relay_whose_session_was_ended_leads_again(world: World, db_url: str, redis: Redis) -> None:
    redis.start()
    with leading(relay_of(world, db_url, redis)) as thread:
        until(lambda: _leads(world))
        world.all(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid()"
        )
        delivery = lost(world)
        until(lambda: state(world, delivery) == "unknown")
        assert thread.is_alive()
