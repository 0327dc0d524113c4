"""A million random operations on stock under kill -9, judged as a history: `crossdock bench histories`.

Sixteen client processes reserve, release, expire, count, transfer, sell kits and lots, change statuses, and place, edit
and cancel orders, all on a dozen positions, one of them under a cap. Clients and PostgreSQL are killed with SIGKILL at
random moments and started again. Then the judge looks for an order of the operations that explains every answer given
(see benchmarks/stock_history/judge.py), and at the books. Exits 1 when it finds none. With `--plant` a bug is put into
the clients: the judge must find it.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.common import report, rng
from benchmarks.running import forget_environment, sizes, time_limit
from benchmarks.stock_history.calls import read_logs
from benchmarks.stock_history.judge import judge
from benchmarks.stock_history.plants import PLANTS
from benchmarks.stock_history.world import seed
from console.servers.supervisor import Supervisor
from core.store import migrate
from core.store.engine import open_engine

ROOT = Path(__file__).resolve().parents[1]
CALLED = re.compile(rb'"n": (\d+), "t0"')
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


def main(argv: list[str] | None = None) -> None:
    """Run, print one JSON object, and exit 1 when a rule was broken."""
    parser = argparse.ArgumentParser(prog="crossdock bench histories", description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000, help="in all")
    parser.add_argument("--clients", type=int, default=16, help="client processes")
    parser.add_argument("--client-kills", type=int, default=60, help="clients killed")
    parser.add_argument("--database-kills", type=int, default=12, help="times PostgreSQL is killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plant", choices=PLANTS, default="none", help="a bug for the judge to find")
    options = sizes(parser, argv, operations=2_400, clients=6, client_kills=3, database_kills=1, limit=280)
    forget_environment()
    with tempfile.TemporaryDirectory(prefix="crossdock-history-") as folder, time_limit(options.limit):
        found = run(options, Path(folder))
    report("histories", seed=options.seed, plant=options.plant, clients=options.clients, **found)
    if found["broken"]:
        raise SystemExit(1)


def run(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Let the clients run under kills and return the figures and the verdict."""
    supervisor = Supervisor(folder / "data", lambda _urls: [], redis_url="redis://127.0.0.1:9/0", keep_ballast=False)
    url = supervisor.start().database
    try:
        engine = open_engine(url)
        migrate.upgrade(engine)
        engine.dispose()
        seed(url)
        began = time.monotonic()
        crowd = Crowd(options, folder, url)
        killer = threading.Thread(target=hurt, args=(options, crowd, supervisor), daemon=True)
        killer.start()
        crowd.wait()
        killer.join()
        seconds = time.monotonic() - began
        operations = read_logs(sorted(folder.glob("client-*.log")))
        engine = open_engine(url)
        # The judge thinks for minutes between two statements: no transaction may wait for it.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("SET statement_timeout = 0")
            verdict = judge(conn, operations)
            deadlocks = conn.exec_driver_sql(DEADLOCKS).scalar_one()
        engine.dispose()
    finally:
        crowd.stop()
        supervisor.stop()
    if deadlocks:
        verdict.object("deadlocks", str(deadlocks))
    number = sum(each.size for each in operations.values())
    return {
        "operations": number,
        "transactions": len(operations),
        "seconds": round(seconds, 1),
        "per_second": round(number / seconds, 1),
        "killed": dict(crowd.killed),
        "counts": dict(sorted(verdict.counts.items())),
        "broken": dict(verdict.wrong),
        "told": verdict.told,
    }


@dataclass
class Crowd:
    """The client processes; a killed one is followed by another until all operations are done."""

    options: argparse.Namespace
    folder: Path
    url: str
    killed: dict[str, int] = field(default_factory=lambda: {"clients": 0, "postgres": 0})
    _running: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    _lives: dict[int, int] = field(default_factory=dict)
    _read: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for place in range(self.options.clients):
            self._start(place)

    def _done(self, place: int) -> int:
        """Return how many operations the lives of one client have called; what was read before is not read again."""
        for log in self.folder.glob(f"client-{place}-*.log"):
            read, operations = self._read.get(log, (0, 0))
            with log.open("rb") as stream:
                stream.seek(read)
                fresh = stream.read()
            fresh = fresh[: fresh.rfind(b"\n") + 1]
            self._read[log] = read + len(fresh), operations + sum(map(int, CALLED.findall(fresh)))
        return sum(operations for log, (_, operations) in self._read.items() if log.name.startswith(f"client-{place}-"))

    def _start(self, place: int) -> None:
        share = self.options.operations // self.options.clients
        left = share - self._done(place)
        if left <= 0:
            return
        life = self._lives[place] = self._lives.get(place, -1) + 1
        log = self.folder / f"client-{place}-{life}.log"
        words = [self.url, place, life, self.options.seed, left, log, self.options.plant]
        self._running[place] = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.stock_history.client", *map(str, words)], cwd=ROOT
        )

    def kill(self, chance: float) -> None:
        """Kill one client that runs and start its successor."""
        with self._lock:
            alive = sorted(place for place, each in self._running.items() if each.poll() is None)
            if not alive:
                return
            place = alive[int(chance * len(alive))]
            self._running[place].send_signal(signal.SIGKILL)
            self._running[place].wait()
            self.killed["clients"] += 1
            self._start(place)

    @property
    def part_done(self) -> float:
        """How much of the history is written, between 0 and 1."""
        done = sum(self._done(place) for place in range(self.options.clients))
        return done / int(self.options.operations)

    @property
    def busy(self) -> bool:
        """Whether any client still runs."""
        with self._lock:
            return any(each.poll() is None for each in self._running.values())

    def wait(self) -> None:
        """Return when all clients are done.

        Raises:
            RuntimeError: one ended with an error.
        """
        while self.busy:
            time.sleep(0.1)
        failed = [place for place, each in self._running.items() if each.returncode not in (0, -signal.SIGKILL)]
        if failed:
            raise RuntimeError(f"clients {failed} failed")

    def stop(self) -> None:
        """End what still runs."""
        for each in self._running.values():
            each.kill()
            each.wait()


def hurt(options: argparse.Namespace, crowd: Crowd, supervisor: Supervisor) -> None:
    """Deal the blows, spread over the history by how much of it is done."""
    dice = rng(options.seed + 99)
    blows = ["clients"] * options.client_kills + ["postgres"] * options.database_kills
    dice.shuffle(blows)
    for number, what in enumerate(blows):
        while crowd.busy and crowd.part_done < 0.9 * (number + 1) / (len(blows) + 1):
            time.sleep(0.2)
        if not crowd.busy:
            return
        if what == "clients":
            crowd.kill(dice.random())
        elif (pid := supervisor.pids().get("postgres")) is not None:
            os.kill(pid, signal.SIGKILL)
            crowd.killed["postgres"] += 1


if __name__ == "__main__":
    main()
