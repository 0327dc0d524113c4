"""Outages one by one on a real hub: everybody recovers by themselves, without being restarted."""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from benchmarks.chaos.load import Load
from benchmarks.chaos.plan import ROLES, Plan
from benchmarks.chaos.rig import Rig
from benchmarks.chaos.run import settled
from benchmarks.chaos.verdict import breaches

pytestmark = pytest.mark.faults
PLAN = Plan(orders=12, rate=6, kills=0, trouble=0.0, settle=120, items=20)


class Running:
    """A rig without partners' faults, and the orders placed on it so far."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.placed: list[str] = []

    def trade(self, meanwhile: Callable[[], object]) -> None:
        """Place orders, have something happen in the middle of it, and check that all settles."""
        before = self.rig.state.parts
        load = Load(PLAN, self.rig.company, self.rig.control())
        load.start()
        time.sleep(0.5)
        meanwhile()
        load.join()
        assert load.failure is None
        self.placed += load.placed
        facts = settled(self.rig, self.placed, PLAN, lambda _text: None)
        assert breaches(facts) == []
        after = self.rig.state.parts
        self.restarted = {name for name in ROLES if after[name].restarts != before[name].restarts}

    def kill(self, role: str) -> None:
        self.rig.wait(lambda: self.rig.hurt(role), 30)

    def up(self, role: str, restarts: int) -> bool:
        part = self.rig.state.parts[role]
        return part.pid is not None and part.restarts >= restarts


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with (
        tempfile.TemporaryDirectory(prefix="crossdock-outage-", ignore_cleanup_errors=True) as folder,
        Rig(Path(folder), PLAN) as rig,
    ):
        yield Running(rig)


def test_postgres_killed_again_and_again_under_load(running: Running) -> None:
    def thrice() -> None:
        for _ in range(3):
            restarts = running.rig.state.parts["postgres"].restarts
            running.kill("postgres")
            running.rig.wait(lambda restarts=restarts: running.up("postgres", restarts + 1), 60)  # type: ignore[misc]
            time.sleep(0.5)

    running.trade(thrice)
    assert running.restarted == {"postgres"}


def test_redis_killed_flushed_and_hung_under_load(running: Running) -> None:
    def all_of_it() -> None:
        running.kill("redis")
        running.rig.wait(running.rig.flush, 30)
        running.rig.flush()
        pid = running.rig.state.parts["redis"].pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        time.sleep(3)
        os.kill(pid, signal.SIGCONT)

    running.trade(all_of_it)
    assert running.restarted == {"redis"}


def test_the_web_answers_while_redis_hangs(running: Running) -> None:
    pid = running.rig.state.parts["redis"].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        answer = requests.get(f"{running.rig.settings.base_url}/readyz", timeout=10)
        assert answer.status_code == 200
        running.trade(lambda: os.kill(pid, signal.SIGCONT))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert running.restarted == set()


def test_both_workers_and_the_relay_killed_at_once(running: Running) -> None:
    def massacre() -> None:
        for role in ("worker-1", "worker-2", "relay"):
            running.kill(role)

    running.trade(massacre)
    assert running.restarted == {"worker-1", "worker-2", "relay"}


def test_the_whole_hub_killed_and_started_again_keeps_everything(running: Running) -> None:
    def again() -> None:
        running.rig.kill_hub()
        running.rig.start_hub()

    running.trade(again)
    assert len(running.placed) == 5 * PLAN.orders
