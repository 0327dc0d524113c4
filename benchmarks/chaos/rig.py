"""A whole hub as `crossdock up` runs it, with simulated partners in processes of their own, and ways to hurt it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from benchmarks.chaos.plan import ENVIRONMENT, FLUSH, Plan
from benchmarks.common import rng
from config.settings import Settings, load_settings
from connectors.sdk.registry import Registry
from console.cli.launching import answers
from console.demo.company import Company, make_company
from console.demo.control import Control
from console.demo.partners import FAST, Account, free_ports, make_accounts, services
from console.demo.seeding import seed
from console.servers.state import State, read_state
from console.wiring import locate, secret_key_of
from core.services.secretbox import SecretBox
from core.store.engine import open_engine
from core.store.unit import Store

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90.0


class Rig:
    """The hub and its partners.

    Args:
        folder: for the hub's data, the partners' descriptions and the logs.
        plan: what will be done to it.
        environment: settings beside or instead of those of every run.
    """

    def __init__(self, folder: Path, plan: Plan, environment: dict[str, str] | None = None) -> None:
        self.plan = plan
        self.data = folder / "data"
        self._folder = folder
        [port] = free_ports(1)
        own = {"CROSSDOCK_DATA_DIR": str(self.data), "CROSSDOCK_PORT": str(port), **ENVIRONMENT, **(environment or {})}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CROSSDOCK_")}
        self._environment = {**inherited, **own, "PYTHONPATH": str(ROOT)}
        self.settings: Settings = load_settings(own)
        self.company = small_company(plan)
        self.stock = shelves(plan, self.company)
        self.accounts: list[Account] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._store: Store | None = None

    # -- life

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the hub, write the company into it, start its partners, and have them misbehave."""
        self.start_hub()
        self.accounts = make_accounts(self.company, {}, self.stock, replace(FAST, reject=0.02, short=0.02, split=0.0))
        for account in self.accounts:
            if account.connector != "shopify":
                # A partner that takes everything it is sent: what it counts shows whether the hub looked first.
                account.options["idempotent"] = False
        pepper = secret_key_of(self.settings)
        seed(self.store, Registry(), SecretBox(pepper), pepper, self.company, self.accounts, None, self.stock)
        for service in services(self.accounts, self.settings.base_url, self._folder / "partners", self.plan.seed):
            process = self._spawn(service.name, list(service.argv))
            assert service.ready is not None
            self.wait(service.ready, START_SECONDS, process)
        self.misbehave(self.plan.faults)

    def start_hub(self) -> None:
        """Start `crossdock up` and wait until it is ready."""
        hub = self._spawn("hub", [sys.executable, "-P", "-m", "console.cli.main", "up"])
        self.wait(lambda: answers(self.settings.host, self.settings.port, "/readyz"), START_SECONDS, hub)

    def kill_hub(self) -> None:
        """Kill the supervisor with SIGKILL; the kernel ends its children with it."""
        os.kill(self.state.supervisor, signal.SIGKILL)
        self._processes[0].wait(30)
        del self._processes[0]

    def _spawn(self, name: str, argv: list[str]) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                argv, cwd=ROOT, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes.insert(0 if name == "hub" else len(self._processes), process)
        return process

    def wait(self, ready: Callable[[], bool], seconds: float, process: subprocess.Popen[bytes] | None = None) -> None:
        """Wait until something is so.

        Raises:
            TimeoutError: it did not become so, or the process has ended; with the end of the hub's log.
        """
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end or (process is not None and process.poll() is not None):
                log = (self._folder / "hub.log").read_text(errors="replace")
                raise TimeoutError(f"not ready within {seconds} s; the hub's log ends:\n{log[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop everything that was started here."""
        if self._store is not None:
            self._store.engine.dispose()
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self._processes):
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # -- looking

    @property
    def store(self) -> Store:
        """The hub's database, by a session of this process."""
        if self._store is None:
            url = locate(self.settings).database_url
            assert url is not None
            self._store = Store(open_engine(url, pool_size=1, reports=True))
        return self._store

    @property
    def state(self) -> State:
        """What the supervisor says runs now."""
        found = read_state(self.data)
        if found is None:
            raise RuntimeError("The hub's supervisor has ended.")
        return found

    def control(self) -> Control:
        """Return the partners' back doors."""
        return Control({each.name: each.url for each in self.accounts})

    def log(self, name: str = "hub") -> str:
        """Return what a process of this rig has written."""
        return (self._folder / f"{name}.log").read_text(errors="replace")

    # -- hurting

    def misbehave(self, faults: dict[str, float]) -> None:
        """Set what all partners do wrong."""
        control = self.control()
        for account in self.accounts:
            control.ask(account.name, "faults", faults)

    def hurt(self, what: str) -> bool:
        """Kill the process of a role with SIGKILL, or flush Redis; return whether there was something to hurt."""
        if what == FLUSH:
            return self.flush()
        pid = self.state.parts[what].pid
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def flush(self) -> bool:
        """Empty Redis."""
        url = self.state.redis
        assert url is not None
        try:
            with redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
                client.flushall()
        except redis.RedisError:
            return False
        return True


def small_company(plan: Plan) -> Company:
    """Return the demo's company with only its best sellers."""
    whole = make_company(plan.seed)
    items = whole.items[: plan.items]
    skus = {item.sku for item in items}
    return replace(whole, items=items, targets={key: n for key, n in whole.targets.items() if key[0] in skus})


def shelves(plan: Plan, company: Company) -> dict[tuple[str, str], int]:
    """Return units by (SKU, node): nine tenths of what will be asked for, so that the last units are fought over."""
    dice = rng(plan.seed)
    demand = plan.orders * UNITS_PER_ORDER * 0.9 / len(company.items)
    places: dict[str, list[str]] = {}
    for sku, node in company.targets:
        places.setdefault(sku, []).append(node)
    return {
        (sku, node): max(1, round(demand / len(nodes) * dice.uniform(0.6, 1.4)))
        for sku, nodes in places.items()
        for node in nodes
    }


# Lines and units of the load's orders, see benchmarks.chaos.load.
UNITS_PER_ORDER = 2.6
