"""Fjord & Pine, home goods: everything that can be known of it before the first order, made from one seed."""

from __future__ import annotations

import bisect
import itertools
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from console.demo.goods import Item, make_items
from console.demo.people import Customer, make_customers
from console.demo.places import SITES, Site

NAME = "Fjord & Pine"


@dataclass(frozen=True, slots=True)
class Channel:
    """A shop: its account, its domain, where most of its buyers live, its part of the orders."""

    connection: str
    label: str
    domain: str
    country: str
    tax_rate: str
    countries: frozenset[str]
    share: float


CHANNELS = (
    Channel("shopify-eu", "Shopify EU", "fjord-and-pine-eu.myshopify.com", "DE", "0.19",
            frozenset(["DE", "NL", "FR", "PL", "AT", "BE", "IT", "ES"]), 0.72),
    Channel("shopify-nordic", "Shopify Nordic", "fjord-and-pine-nordic.myshopify.com", "DK", "0.25",
            frozenset(["SE", "DK"]), 0.28),
)  # fmt: skip


@dataclass(frozen=True)
class Company:
    """The company.

    Args:
        seed: it was made from.
        items: best seller first.
        customers: in the order of their numbers.
        targets: (SKU, node code) -> units kept in stock.
    """

    seed: int
    items: Sequence[Item]
    customers: Sequence[Customer]
    targets: Mapping[tuple[str, str], int]
    sites: Sequence[Site] = SITES
    channels: Sequence[Channel] = CHANNELS
    _pulls: dict[str, tuple[list[Customer], list[float]]] = field(default_factory=dict, repr=False, compare=False)

    def as_bytes(self) -> bytes:
        """Return all of it as JSON; the same seed gives the same bytes."""
        document: dict[str, Any] = {
            "name": NAME,
            "seed": self.seed,
            "sites": [asdict(site) for site in self.sites],
            "channels": [{**asdict(each), "countries": sorted(each.countries)} for each in self.channels],
            "items": [asdict(item) for item in self.items],
            "customers": [asdict(customer) for customer in self.customers],
            "targets": [[sku, node, units] for (sku, node), units in sorted(self.targets.items())],
        }
        return orjson.dumps(document)

    def pick_item(self, rng: random.Random) -> Item:
        """Return an item; a few sell most."""
        return self.items[int(len(self.items) * rng.random() ** 2)]

    def pick_items(self, rng: random.Random) -> list[Item]:
        """Return what one order holds: mostly one or two different items."""
        wanted = min(rng.choices((1, 2, 3, 4, 5), (52, 26, 13, 6, 3))[0], len(self.items))
        found: dict[str, Item] = {}
        while len(found) < wanted:
            item = self.pick_item(rng)
            found[item.sku] = item
        return list(found.values())

    def pick_channel(self, rng: random.Random) -> Channel:
        """Return a shop, by its part of the orders."""
        return rng.choices(self.channels, [each.share for each in self.channels])[0]

    def pick_customer(self, rng: random.Random, channel: Channel) -> Customer:
        """Return a buyer of a shop; faithful ones more often."""
        if channel.connection not in self._pulls:
            buyers = [each for each in self.customers if each.country in channel.countries]
            self._pulls[channel.connection] = buyers, list(itertools.accumulate(each.pull for each in buyers))
        buyers, sums = self._pulls[channel.connection]
        return buyers[bisect.bisect_right(sums, rng.random() * sums[-1], hi=len(buyers) - 1)]


def chance(seed: int, part: str) -> random.Random:
    """Return the source of chance of one part of the demo, so that a change to one leaves the others as they were."""
    return random.Random(f"{seed}/{part}")  # noqa: S311 - repeatable chance is meant


def make_company(seed: int) -> Company:
    """Return the company of a seed."""
    items = make_items(chance(seed, "items"))
    customers = make_customers(chance(seed, "customers"))
    return Company(seed, items, customers, _targets(chance(seed, "stock"), items))


def _targets(rng: random.Random, items: Sequence[Item]) -> dict[tuple[str, str], int]:
    """Return the units kept of each item at each node: in proportion to how it sells, everything in Hamburg."""
    targets = {}
    for place, item in enumerate(items):
        # The share of sales of the item at this place, from the same law that picks items.
        share = ((place + 1) / len(items)) ** 0.5 - (place / len(items)) ** 0.5
        units = 24 + 30_000 * share
        for site in SITES:
            if place < site.share * len(items):
                targets[item.sku, site.code] = max(3, round(units * site.weight * rng.uniform(0.8, 1.2)))
    return targets
