"""The demo as one thing: seeds the company, starts hub and partners, does business, and counts what came of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from sqlalchemy import text

from console.cli.launching import make_supervisor, migrate_schema
from console.demo import scorecard, seeding
from console.demo.company import Company, make_company
from console.demo.control import Control
from console.demo.csvdata import InputData, read_folder
from console.demo.csvrun import InputTraffic, company_of, currency_options, told
from console.demo.history import History, play
from console.demo.partners import FAST, Account, Tempo, free_ports, make_accounts, services
from console.demo.places import SITES
from console.demo.retailer import RETAILER, retailer_account
from console.demo.traffic import Pace, Parcel, Placed, Traffic
from console.demo.troubles import make_troubles
from console.servers.datadir import write_private
from core.errors import NotFound
from core.store.unit import DEFAULT_TENANT

if TYPE_CHECKING:
    from config.settings import Settings
    from console.servers.supervisor import Service, Supervisor
    from core.store.unit import Store

STATE_FILE, KEY_FILE, FOLDER = "demo.json", "demo.key", "demo"
ON_THE_WAY = ("handed_over", "in_transit", "out_for_delivery", "disturbed")


class Business(Protocol):
    """Something that places orders in the shops until it is done."""

    placed: list[Placed]
    failures: list[str]
    done: threading.Event

    def run(self) -> None:
        """Place orders; blocks."""

    def stop(self) -> None:
        """End `run` soon."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for."""

    seed: int = 7
    orders: int | None = None
    speed: float = 60.0
    exits: bool = False
    folder: Path | None = None


@dataclass
class Demo:
    """One demo from start to stop.

    Args:
        settings: of the hub, with a port that is free.
        plan: what was asked for.
        say: receives one sentence for the person at the terminal.
        step: receives (what is ready, seconds it took).
    """

    settings: Settings
    plan: Plan
    say: Callable[[str], None]
    step: Callable[[str, float], None]
    company: Company = field(init=False)
    data: InputData | None = None
    accounts: list[Account] = field(default_factory=list)
    history: History | None = None
    stock: dict[tuple[str, str], int] = field(default_factory=dict)
    _mark: float = field(default_factory=time.monotonic)

    def supervisor(self) -> Supervisor:
        """Return the supervisor of hub and partners, not started yet."""
        if self.plan.folder is None:
            self.company = make_company(self.plan.seed)
        else:
            self.data = read_folder(self.plan.folder)
            self.company = company_of(self.data, self.plan.seed)
            for sentence in told(self.data):
                self.say(sentence)
        return make_supervisor(self.settings, say=self.say, prepare=self._seed, more=self._partners)

    def _took(self, what: str) -> None:
        now = time.monotonic()
        self.step(what, now - self._mark)
        self._mark = now

    # -- before the first service starts

    def _seed(self, located: Settings) -> None:
        from connectors.sdk.registry import Registry
        from console.wiring import secret_key_of
        from core.services.secretbox import SecretBox
        from core.store.engine import open_engine
        from core.store.unit import Store

        migrate_schema(located)
        self._took("PostgreSQL and Redis · schema at head")
        assert located.database_url is not None
        engine = open_engine(located.database_url, pool_size=1)
        try:
            if seeding.make_room(engine):
                self.say("The data of the last demo made room for this one.")
            self._prepare()
            pepper = secret_key_of(located)
            seeded = seeding.seed(
                Store(engine), Registry(), SecretBox(pepper), pepper, self.company, self.accounts, self.history,
                self.stock,
            )  # fmt: skip
        finally:
            engine.dispose()
        write_private(located.data_dir / KEY_FILE, seeded.key + "\n")
        state = {"seed": self.plan.seed, "partners": {each.name: each.url for each in self.accounts}}
        write_private(located.data_dir / STATE_FILE, orjson.dumps(state).decode() + "\n")
        days = f" · {(self.history.end - self.history.start).days} days" if self.history else ""
        self._took(
            f"Seed {self.plan.seed}: {len(self.company.items):,} SKUs · {len(SITES)} nodes · "
            f"{len(self.accounts)} connections · {seeded.orders:,} orders{days}"
        )

    def _prepare(self) -> None:
        """Settle what is on the shelves and who the partners are."""
        first: dict[str, int] = {}
        if self.data is None:
            sold_out = {item.sku for item in make_troubles(self.company).sold_out}
            self.history = play(self.company, datetime.now(UTC), empty=sold_out)
            self.stock = self.history.stock
            first = dict.fromkeys(
                (each.connection for each in self.company.channels), self.history.orders[-1].number + 1
            )
        else:
            self.stock = dict(self.company.targets)
        self.accounts = make_accounts(self.company, first, self.stock, FAST if self.plan.exits else Tempo())
        if self._trades:
            root = self.settings.data_dir.resolve() / FOLDER / RETAILER
            self.accounts.append(retailer_account(root, free_ports(1)[0]))
        if self.data is not None:
            for account in self.accounts:
                if account.connector == "shopify":
                    account.options.update(currency_options(self.data))

    @property
    def _trades(self) -> bool:
        """Whether a retailer orders by EDI beside the shops: not where orders are counted to their end."""
        return self.data is None and not self.plan.exits

    # -- the partners

    def _partners(self, located: Settings) -> list[Service]:
        # Called before the hub's own services start, so the time of both is told together.
        return services(self.accounts, located.base_url, located.data_dir / FOLDER, self.plan.seed)

    def started(self) -> None:
        """Say that all processes are up."""
        self._took(f"Web, {self.settings.workers} workers, relay, {len({a.process for a in self.accounts})} partners")

    # -- business

    def control(self) -> Control:
        """Return the partners' back doors."""
        return Control({each.name: each.url for each in self.accounts})

    def traffic(self, control: Control) -> Business:
        """Return the business, not running yet."""
        if self.data is not None:
            return InputTraffic(self.company, self.data, control)
        fast = Pace(self.plan.orders, self.plan.speed, 20.0, (0.2, 4.0))
        pace = fast if self.plan.exits else Pace(self.plan.orders, self.plan.speed)
        retailer = RETAILER if self._trades else None
        return Traffic(self.company, make_troubles(self.company), control, pace, self._parcels(), retailer)

    def _parcels(self) -> list[Parcel]:
        if self.history is None or self.plan.exits:
            return []
        accounts = {site.code: site.connection for site in SITES}
        return [
            Parcel(accounts[parcel.node], parcel.carrier, parcel.tracking)
            for order in self.history.orders
            for parcel in order.parcels
            if parcel.state in ON_THE_WAY
        ]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a run may take: seconds without any progress, and looks a second apart."""

    still: float = 90.0
    look: float = 1.0


def run_to_end(
    store: Store,
    control: Control,
    traffic: Business,
    since: datetime,
    shelves: Mapping[str, Decimal],
    tell: Callable[[scorecard.Progress], None],
    patience: Patience = Patience(),
) -> scorecard.Score:
    """Place the orders, wait until each is settled and every partner idle, and return the summary.

    It ends as well when nothing has moved for a while: then the summary says what is not settled.
    """
    business = threading.Thread(target=traffic.run, name="traffic", daemon=True)
    business.start()
    seen: Any = None
    moved = settled = time.monotonic()
    until = datetime.now(UTC)
    while True:
        time.sleep(patience.look)
        found = scorecard.progress(store, traffic.placed, since)
        tell(found)
        if found != seen:
            seen, moved = found, time.monotonic()
            until = datetime.now(UTC)
        if traffic.done.is_set() and found.settled and scorecard.partners_idle(control):
            # What came last may have caused more.
            if (
                time.monotonic() - settled > 2 * patience.look
                and scorecard.progress(store, traffic.placed, since) == found
            ):
                break
        else:
            settled = time.monotonic()
        if time.monotonic() - moved > patience.still:
            break
    traffic.stop()
    business.join(timeout=30)
    return scorecard.score(store, control, traffic.placed, since, until, shelves)


def running_demo(settings: Settings) -> tuple[Company, Control]:
    """Return company and partners of the demo that runs on a data folder.

    Raises:
        NotFound: none does.
    """
    path: Path = settings.data_dir / STATE_FILE
    if not path.is_file():
        raise NotFound(
            f"No demo runs on {settings.data_dir}.", fix="Start one with `crossdock demo`.", code="DEMO-DOWN-404"
        )
    state = orjson.loads(path.read_bytes())
    return make_company(state["seed"]), Control(state["partners"])


def partner_of(settings: Settings, connection: str) -> Control | None:
    """Return the simulated partner of a connection in the demo that runs on a data folder, None outside a demo."""
    from console.servers.state import read_state

    path: Path = settings.data_dir / STATE_FILE
    if not path.is_file() or read_state(settings.data_dir) is None:
        return None
    urls = orjson.loads(path.read_bytes())["partners"]
    return Control({connection: urls[connection]}) if connection in urls else None


def available_units(store: Store) -> dict[str, int]:
    """Return the units that can still be promised, by SKU."""
    with store.read() as conn:
        rows = conn.execute(
            text(
                "SELECT i.sku, sum(p.on_hand - p.safety - p.uncertain - p.reserved - p.allocated) AS units"
                " FROM stock_position p JOIN item i ON i.tenant_id = p.tenant_id AND i.id = p.item_id"
                " WHERE p.tenant_id = :t GROUP BY i.sku"
            ),
            {"t": DEFAULT_TENANT},
        )
        return {row.sku: int(row.units) for row in rows}
