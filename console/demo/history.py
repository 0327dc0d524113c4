"""Ninety days of business, played through: who bought what, which node shipped it, when it arrived.

Pure: the same company, end and length give the same history. Stock is carried along order by order, so that nothing is
ever shipped that was not there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain

from console.demo.company import Channel, Company, chance
from console.demo.goods import Item
from console.demo.people import Customer
from console.demo.places import SITES
from console.demo.rhythm import DAILY_ORDERS, moments
from core.routing.geography import MIDDLE, distance_km

DAYS = 90
# The demo's clock runs ahead, so orders come in faster than a company of this size has them. The last days are played
# livelier, so that yesterday and the minutes since the start fit into one picture.
LIVELY_DAYS, LIVELIER = 2, 20
RESTOCK, RESTOCK_LIVELY = timedelta(days=1), timedelta(hours=2)
FREE_SHIPPING_FROM = Decimal(60)
SHIPPING = Decimal("4.90")
CENT = Decimal("0.01")
CANCELED, HELD, RETURNED, LOST, SENT_BACK, DISTURBED = 0.03, 0.035, 0.03, 0.004, 0.006, 0.01
UNITS = ((1, 2, 3, 4, 6), (70, 19, 6, 3, 2))
# (SKU, node code)
Place = tuple[str, str]


@dataclass(slots=True)
class PastLine:
    """Units of one item; `nodes` says how many came from where."""

    item: Item
    units: int
    nodes: dict[str, int]
    returned: int = 0


@dataclass(slots=True)
class PastParcel:
    """What left one node; `facts` are (carrier's status, time)."""

    node: str
    carrier: str
    tracking: str
    shipped_at: datetime
    facts: list[tuple[str, datetime]]

    @property
    def state(self) -> str:
        """Where it is."""
        return self.facts[-1][0]


@dataclass(slots=True)
class PastOrder:
    """An order and what became of it; without parcels it was canceled."""

    number: int
    channel: Channel
    customer: Customer
    placed_at: datetime
    lines: list[PastLine]
    parcels: list[PastParcel] = field(default_factory=list)
    canceled_at: datetime | None = None
    held: tuple[str, str, datetime] | None = None

    @property
    def goods(self) -> Decimal:
        """What the lines come to, taxes included."""
        return sum((Decimal(line.item.price) * line.units for line in self.lines), Decimal(0))

    @property
    def shipping(self) -> Decimal:
        """What delivery costs the buyer."""
        return Decimal(0) if self.goods >= FREE_SHIPPING_FROM else SHIPPING

    @property
    def accepted_at(self) -> datetime:
        """When it could go on."""
        return self.held[2] if self.held else self.placed_at + timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Supply:
    """Units that arrived at a node."""

    at: datetime
    place: Place
    units: int


@dataclass(slots=True)
class History:
    """Everything that happened, and what is on the shelves at its end."""

    start: datetime
    end: datetime
    orders: list[PastOrder]
    supplies: list[Supply]
    stock: dict[Place, int]


def tax_in(amount: Decimal, rate: str) -> Decimal:
    """Return the tax contained in an amount."""
    return (amount - amount / (1 + Decimal(rate))).quantize(CENT, ROUND_HALF_UP)


def nearest_sites() -> dict[str, list[str]]:
    """Return for each country the node codes, cheapest way first."""
    found = {}
    for country, middle in MIDDLE.items():
        costs = sorted(
            (
                float(site.shipment_cost)
                + float(site.distance_cost) * distance_km((site.latitude, site.longitude), middle) / 100,
                site.code,
            )
            for site in SITES
        )
        found[country] = [code for _, code in costs]
    return found


def play(
    company: Company,
    end: datetime,
    *,
    days: int = DAYS,
    daily: float = DAILY_ORDERS,
    empty: Collection[str] = (),
) -> History:
    """Return the history of a company.

    Args:
        end: nothing happens after it.
        days: how far back it goes.
        daily: orders on an average day at the end.
        empty: SKUs that no node ever had.
    """
    return _Player(company, end, days, empty).play(daily)


class _Player:
    def __init__(self, company: Company, end: datetime, days: int, empty: Collection[str]) -> None:
        self.company, self.end, self.start = company, end, end - timedelta(days=days)
        self.rng = chance(company.seed, "history")
        self.sites = nearest_sites()
        self.carriers = {site.code: site.carrier for site in SITES}
        self.targets = {place: 0 if place[0] in empty else units for place, units in company.targets.items()}
        self.free = dict(self.targets)
        self.supplies = [Supply(self.start, place, units) for place, units in self.targets.items() if units]
        self.next_supply = self.start + timedelta(days=1)
        self.parcels = 0

    def play(self, daily: float) -> History:
        orders = []
        lively = max(self.start, self.end - timedelta(days=LIVELY_DAYS))
        quiet = moments(self.rng, self.start, lively, daily)
        for number, at in enumerate(chain(quiet, moments(self.rng, lively, self.end, daily * LIVELIER)), 1_001):
            self.restock_until(at, lively)
            order = self.order(number, at)
            if order is not None:
                orders.append(order)
        self.restock_until(self.end, lively)
        return History(self.start, self.end, orders, self.supplies, self.free)

    def restock_until(self, at: datetime, lively: datetime) -> None:
        """Have every supply come that is due by then."""
        while self.next_supply <= at:
            self.restock(self.next_supply)
            self.next_supply += RESTOCK if self.next_supply < lively else RESTOCK_LIVELY

    def restock(self, at: datetime) -> None:
        """Fill up what has sold to less than half."""
        for place, units in self.targets.items():
            if self.free[place] * 2 < units:
                self.supplies.append(Supply(at, place, units - self.free[place]))
                self.free[place] = units

    def order(self, number: int, at: datetime) -> PastOrder | None:
        rng = self.rng
        channel = self.company.pick_channel(rng)
        customer = self.company.pick_customer(rng, channel)
        lines = self.taken(customer.country, [(item, rng.choices(*UNITS)[0]) for item in self.company.pick_items(rng)])
        if not lines:
            return None
        order = PastOrder(number, channel, customer, at, lines)
        if rng.random() < HELD:
            kind, detail = rng.choice((("bad_address", "no line1"), ("unmapped_sku", f"{lines[0].item.sku}-X")))
            order.held = kind, detail, self.within(at, rng.uniform(300, 5_400))
        if rng.random() < CANCELED:
            order.canceled_at = self.within(order.accepted_at, rng.uniform(200, 3_600))
            for line in lines:
                for node, units in line.nodes.items():
                    self.free[line.item.sku, node] += units
            return order
        nodes = list(dict.fromkeys(node for line in lines for node in line.nodes))
        order.parcels = [self.parcel(order, node) for node in nodes]
        if all(parcel.state == "delivered" for parcel in order.parcels) and rng.random() < RETURNED:
            line = rng.choice(lines)
            line.returned = rng.randint(1, line.units)
        return order

    def taken(self, country: str, wanted: Sequence[tuple[Item, int]]) -> list[PastLine]:
        """Take units from the shelves: all from one node where one has all, else line by line; what is out is left."""
        sites = self.sites[country]
        for code in sites:
            if all(self.free.get((item.sku, code), 0) >= units for item, units in wanted):
                return [self.line(item, units, code) for item, units in wanted]
        found = []
        for item, units in wanted:
            having = [each for each in sites if self.free.get((item.sku, each), 0) >= units]
            if having:
                found.append(self.line(item, units, having[0]))
        return found

    def line(self, item: Item, units: int, code: str) -> PastLine:
        self.free[item.sku, code] -= units
        return PastLine(item, units, {code: units})

    def within(self, at: datetime, seconds: float) -> datetime:
        """Return a time after another and before the end."""
        later = at + timedelta(seconds=seconds)
        return later if later < self.end else at + (self.end - at) * self.rng.uniform(0.3, 0.9)

    def parcel(self, order: PastOrder, node: str) -> PastParcel:
        rng = self.rng
        self.parcels += 1
        shipped = self.within(order.accepted_at, rng.lognormvariate(9.2, 0.5))
        facts = [("handed_over", shipped)]
        facts += [each for each in self.way(order, node, shipped) if each[1] < self.end]
        return PastParcel(node, self.carriers[node], f"{node}{order.number:07d}{self.parcels:06d}", shipped, facts)

    def way(self, order: PastOrder, node: str, shipped: datetime) -> Iterator[tuple[str, datetime]]:
        """Yield the carrier's facts: one to four days, farther ways longer; a few go wrong."""
        rng = self.rng
        far = self.sites[order.customer.country].index(node)
        transit = timedelta(hours=rng.uniform(18, 40) + far * rng.uniform(4, 14))
        yield "in_transit", shipped + timedelta(hours=rng.uniform(2, 8))
        fate = rng.random()
        if fate < LOST:
            yield "lost", shipped + timedelta(days=9)
            return
        if fate < LOST + SENT_BACK:
            yield "returned_to_sender", shipped + timedelta(days=7)
            return
        if fate < LOST + SENT_BACK + DISTURBED:
            yield "disturbed", shipped + transit * 0.5
            transit += timedelta(days=2)
        yield "out_for_delivery", shipped + transit * 0.9
        yield "delivered", shipped + transit
