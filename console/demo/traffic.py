"""Business going on: people buy, change their minds and send things back; warehouses count; now and then it goes wrong.

Everything is done at the partners, through their simulators; the hub hears of it as it would from real ones.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import structlog

from console.demo.company import Company, chance
from console.demo.control import Control
from console.demo.history import UNITS
from console.demo.people import Customer
from console.demo.places import SITES
from console.demo.retailer import GAPS, OPENS, next_order
from console.demo.rhythm import rate
from console.demo.troubles import Troubles, pick_trouble
from core.errors import CrossdockError

log = structlog.get_logger()
Json = dict[str, Any]
EDITED, CANCELED, REFUNDED = 0.02, 0.025, 0.02
# Simulated business starts at this hour, when people are awake.
OPENING_HOUR = 9
# The doors open with a queue, so that there is something to see at once.
OPENING_RUSH = 40
COUNT_EVERY, COUNTED_SHELVES = 5.0, 15
OPENING_TROUBLES = ("alias", "alias", "alias", "address", "address", "typo", "not_in_erp", "sold_out", "sold_out")


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that a shop took."""

    connection: str
    external_id: str
    trouble: str | None


@dataclass(frozen=True, slots=True)
class Parcel:
    """A parcel of the history that is still on its way."""

    connection: str
    carrier: str
    tracking: str


@dataclass(slots=True)
class Pace:
    """How business goes.

    Args:
        orders: after so many orders no more are placed; None goes on for ever.
        speed: simulated seconds in one real second.
        per_second: orders a second whatever the hour, instead of the curve of the day.
        patience: seconds until people change their minds.
        troubles: factor on how often something goes wrong; 0 leaves everything smooth.
    """

    orders: int | None = None
    speed: float = 60.0
    per_second: float | None = None
    patience: tuple[float, float] = (3.0, 40.0)
    troubles: float = 1.0


@dataclass(slots=True)
class Traffic:
    """One company's business; `run` blocks, `placed` may be read meanwhile."""

    company: Company
    troubles: Troubles
    control: Control
    pace: Pace
    parcels: Sequence[Parcel] = ()
    # The account that orders by EDI, if any does.
    retailer: str | None = None
    placed: list[Placed] = field(default_factory=list)
    # Orders that a partner would not take, and errands that failed: what the traffic itself could not do.
    failures: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    # (when, number, errand, whether it is an order's: business ends when only the others are left)
    _errands: list[tuple[float, int, Callable[[], None], bool]] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)
    _rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        """Prepare chance."""
        self._rng = chance(self.company.seed, "traffic")

    # -- the business

    def run(self) -> None:
        """Do business until the orders are placed and the errands done, or until `stop`."""
        try:
            self._begin()
            next_order = time.monotonic()
            while not self.stopping.is_set():
                selling = self.pace.orders is None or len(self.placed) < self.pace.orders
                if not selling and not any(each[3] for each in self._errands):
                    break
                now = time.monotonic()
                if selling and next_order <= now:
                    self._try(partial(self.sell, self._trouble()))
                    next_order = max(next_order + self._gap(), now - 1.0)
                elif self._errands and self._errands[0][0] <= now:
                    self._try(heapq.heappop(self._errands)[2])
                else:
                    due = [each for each in (next_order if selling else None, self._first_errand()) if each is not None]
                    self.stopping.wait(min(max(min(due) - now, 0.0), 1.0))
        finally:
            self.done.set()

    def stop(self) -> None:
        """End `run` soon."""
        self.stopping.set()

    def _begin(self) -> None:
        self._try(
            lambda: self.control.ask(
                "erp", "options", {"unknown_skus": [item.sku for item in self.troubles.not_in_erp]}
            )
        )
        for place, site in enumerate(SITES):
            self._later(COUNT_EVERY * (place + 1), partial(self._count, site.code), awaited=False)
        # Parcels of the past arrive in the order they left.
        for place, parcel in enumerate(self.parcels):
            self._later(5.0 + place * 86_400 / self.pace.speed / 40, partial(self._deliver, parcel), awaited=False)

        if self.retailer is not None:
            self._later(OPENS, partial(self._order_by_edi, self.retailer, 0), awaited=False)

    def _order_by_edi(self, retailer: str, number: int) -> None:
        self._later(self._rng.uniform(*GAPS), partial(self._order_by_edi, retailer, number + 1), awaited=False)
        spared = {item.sku for item in (*self.troubles.sold_out, *self.troubles.not_in_erp)}
        items = [item for item in self.company.items if item.sku not in spared]
        self.control.ask(retailer, "order", next_order(items, number, self._rng))

    def _trouble(self) -> str | None:
        if not self.pace.troubles:
            return None
        place = len(self.placed) - 5
        # The first orders are fine; then each kind of trouble shows up, so that the queue is never empty for long.
        if 0 <= place < 3 * len(OPENING_TROUBLES) and place % 3 == 0 and (self.pace.orders or 100) >= 60:
            return OPENING_TROUBLES[place // 3]
        return pick_trouble(self._rng, self.pace.troubles)

    def _gap(self) -> float:
        if self.pace.per_second is not None:
            return 1 / self.pace.per_second
        gap = self._rng.expovariate(rate(self.clock()) * self.pace.speed)
        return min(gap, 1.2 if len(self.placed) < OPENING_RUSH else 15.0)

    def clock(self) -> datetime:
        """Return what time it is in the demo."""
        today = datetime.now(UTC).replace(hour=OPENING_HOUR, minute=0, second=0, microsecond=0)
        return today + timedelta(seconds=(time.monotonic() - self._opened) * self.pace.speed)

    _opened: float = field(default_factory=time.monotonic)

    def sell(self, trouble: str | None = None) -> Placed:
        """Have somebody buy something.

        Raises:
            CrossdockError: the shop does not take it.
        """
        rng = self._rng
        channel = self.company.pick_channel(rng)
        customer = self.company.pick_customer(rng, channel)
        spared = {item.sku for item in (*self.troubles.sold_out, *self.troubles.not_in_erp)}
        items = [item for item in self.company.pick_items(rng) if item.sku not in spared]
        lines = [{"sku": item.sku, "quantity": rng.choices(*UNITS)[0]} for item in items or self.company.items[:1]]
        body: Json = {"lines": lines, "person": person(customer)}
        if trouble:
            body = self.troubles.spoil(trouble, body, rng)
        placed = Placed(channel.connection, str(self.control.ask(channel.connection, "order", body)), trouble)
        self.placed.append(placed)
        if not trouble:
            self._second_thoughts(placed)
        return placed

    def _second_thoughts(self, placed: Placed) -> None:
        fate = self._rng.random()
        wait = self._rng.uniform(*self.pace.patience)
        if fate < EDITED:
            self._later(wait, partial(self._edit, placed))
        elif fate < EDITED + CANCELED:
            self._later(wait, lambda: self._ask_shop(placed, "cancel", reason="customer"))
        elif fate < EDITED + CANCELED + REFUNDED:
            self._later(wait * 2, partial(self._refund, placed))

    # -- errands

    def _later(self, seconds: float, errand: Callable[[], None], *, awaited: bool = True) -> None:
        heapq.heappush(self._errands, (time.monotonic() + seconds, next(self._numbers), errand, awaited))

    def _first_errand(self) -> float | None:
        return self._errands[0][0] if self._errands else None

    def _try(self, errand: Callable[[], object]) -> None:
        try:
            errand()
        except CrossdockError as error:
            if not self.stopping.is_set():
                self.failures.append(error.what)
                log.info("demo.errand_refused", what=error.what)

    def _ask_shop(self, placed: Placed, command: str, **more: Any) -> Any:
        return self.control.ask(placed.connection, command, {"order": int(placed.external_id), **more})

    def _edit(self, placed: Placed) -> None:
        """Want fewer of the first line of which there is more than one."""
        book = self._ask_shop(placed, "book")
        line = next((each for each in book["lines"] if each[1] > 1), None)
        if line is not None and book["fulfilled"] is None and not book["canceled"]:
            self._ask_shop(placed, "edit", line=line[0], quantity=line[1] - 1)

    def _refund(self, placed: Placed) -> None:
        """Send one unit back once it has been shipped; before that, take one off the order."""
        book = self._ask_shop(placed, "book")
        if book["canceled"]:
            return
        wanted = [{"line": book["lines"][0][0], "quantity": 1}]
        self._ask_shop(placed, "refund", lines=wanted, restock="return" if book["fulfilled"] else "cancel")

    def _count(self, node: str) -> None:
        site = next(site for site in SITES if site.code == node)
        kept = [sku for sku, code in self.company.targets if code == node]
        self.control.ask(site.connection, "count", {"skus": self._rng.sample(kept, min(COUNTED_SHELVES, len(kept)))})
        self._later(COUNT_EVERY * len(SITES), partial(self._count, node), awaited=False)

    def _deliver(self, parcel: Parcel) -> None:
        fact = {
            "id": f"{parcel.tracking}-end",
            "shipment_id": parcel.tracking,
            "tracking_number": parcel.tracking,
            "carrier": parcel.carrier,
            "status": "DELIVERED",
            "at": datetime.now(UTC).isoformat(),
            "location": "At the door",
        }
        self.control.ask(parcel.connection, "track", fact)


def person(customer: Customer) -> Json:
    """Return a customer as the shop's `order` command takes them."""
    return {
        "number": customer.number,
        "first": customer.first,
        "last": customer.last,
        "street": customer.street,
        "city": customer.city,
        "postal_code": customer.postal_code,
        "country": customer.country,
        "company": customer.company,
    }
