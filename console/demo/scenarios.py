"""Breaking something on purpose in a demo that runs, and mending it again where that is the partner's part."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from console.demo.company import CHANNELS, Company
from console.demo.control import Control
from console.demo.places import SITES
from console.demo.traffic import person
from console.demo.troubles import make_troubles

Json = dict[str, Any]
Say = Callable[[str], None]
SHOP = CHANNELS[0].connection
OUTAGE_SECONDS = 60.0
PRICE = "line_items.0.price"
NOTHING: Mapping[str, float] = {
    "rate_limit": 0, "unavailable": 0, "duplicate": 0, "reorder": 0, "late": 0, "drop": 0, "error": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """What a scenario acts on.

    Args:
        units: SKU and units that are available now of the items, by SKU.
        seconds: how long an outage lasts.
        wait: stands between its beginning and its end.
    """

    company: Company
    control: Control
    units: Mapping[str, int]
    say: Say
    seconds: float = OUTAGE_SECONDS
    wait: Callable[[float], None] = time.sleep

    def order(self, number: int, lines: list[Json], **more: Any) -> int:
        """Have the shop sell something to the customer of a number; return the shop's order id."""
        buyers = [each for each in self.company.customers if each.country in CHANNELS[0].countries]
        body = {"lines": lines, "person": person(buyers[number % len(buyers)]), **more}
        return int(self.control.ask(SHOP, "order", body))


@contextmanager
def faults(stage: Stage, names: tuple[str, ...], **values: float) -> Iterator[None]:
    """Have partners fail for the length of a block, whatever ends it."""
    try:
        for name in names:
            stage.control.ask(name, "faults", values)
        yield
    finally:
        for name in names:
            stage.control.ask(name, "faults", {each: NOTHING[each] for each in values if each in NOTHING})


def erp_429(stage: Stage) -> str:
    """The ERP answers 429 to everything, asks for five seconds each time, and comes back."""
    with faults(stage, ("erp",), rate_limit=1.0, retry_after=5.0):
        stage.say(
            f"The ERP answers 429 for {stage.seconds:g} s: its deliveries wait in order, nothing else slows down."
        )
        stage.wait(stage.seconds)
    return "The ERP takes calls again; its backlog drains by itself."


def wms_outage(stage: Stage) -> str:
    """The warehouse system of Hamburg answers 503 to everything, then comes back."""
    with faults(stage, ("wms-hamburg",), unavailable=1.0, retry_after=2.0):
        stage.say(f"WMS Hamburg is down for {stage.seconds:g} s: its breaker opens, the other nodes go on.")
        stage.wait(stage.seconds)
    return "WMS Hamburg is up again; what waited is delivered once."


def oversell_race(stage: Stage) -> str:
    """Twenty people more than there are units buy the same item at the same moment."""
    sku, units = min(((sku, n) for sku, n in stage.units.items() if n >= 10), key=lambda each: each[1])
    buyers = units + 20
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: stage.order(number, [{"sku": sku, "quantity": 1}]), range(buyers)))
    return f"{buyers} orders for {units} units of {sku}: {units} are allocated, 20 are backordered, none is oversold."


def bad_mapping(stage: Stage) -> str:
    """An app of the shop writes prices with a decimal comma: the webhooks cannot be read, until it is mended."""
    items = stage.company.items[:5]
    orders = [
        stage.order(number, [{"sku": each.sku, "quantity": 1}], spoil={PRICE: each.price.replace(".", ",")})
        for number, each in enumerate(items)
    ]
    stage.say("Five orders came with a decimal comma in the price: they are quarantined, each with its bytes.")
    stage.wait(min(stage.seconds, 20.0))
    for order in orders:
        stage.control.ask(SHOP, "resend", {"order": order})
    return "The app is mended and has sent the five orders again: they went through. Discard the unreadable messages."


def duplicate_storm(stage: Stage) -> str:
    """Every webhook of shop and warehouses comes twice and out of order."""
    names = (*(channel.connection for channel in CHANNELS), *(site.connection for site in SITES))
    with faults(stage, names, duplicate=1.0, reorder=0.5, reorder_seconds=2.0):
        stage.say(f"For {stage.seconds:g} s every webhook comes twice, half of them out of order.")
        for number in range(10):
            stage.order(number, [{"sku": stage.company.items[number].sku, "quantity": 1}])
        stage.wait(stage.seconds)
    return "The storm is over: repeats are counted on the first message, nothing was done twice."


def price_typo(stage: Stage) -> str:
    """A price is mistyped in five orders: their lines no longer add up to what was paid."""
    for number, item in enumerate(stage.company.items[5:10]):
        stage.order(number, [{"sku": item.sku, "quantity": 1}], spoil={PRICE: "0.99"})
    return "Five orders are held because their totals do not add up; accept the stated totals, or have them sent again."


def sku_alias(stage: Stage) -> str:
    """The shop sells an item under a code nobody has told the hub."""
    item = make_troubles(stage.company).aliased[0]
    line = {"sku": f"{item.sku}-2", "quantity": 1, "price": item.price, "title": item.title}
    for number in range(4):
        stage.order(number, [line])
    return f"Four orders wait for {item.sku}-2: say that it means {item.sku}, and all four go on."


def restock(stage: Stage) -> str:
    """What is sold out arrives in Hamburg."""
    skus = {item.sku: 60 for item in make_troubles(stage.company).sold_out}
    stage.control.ask("wms-hamburg", "receive", skus)
    return f"60 units each of {', '.join(skus)} arrived in Hamburg: backorders for them are filled."


def erp_articles(stage: Stage) -> str:
    """Somebody creates the missing articles in the ERP: what it refused can be sent again."""
    stage.control.ask("erp", "options", {"unknown_skus": []})
    return "The ERP has all articles now: send again what it refused, and its exceptions go away."


SCENARIOS: Mapping[str, Callable[[Stage], str]] = {
    "erp-429": erp_429,
    "wms-outage": wms_outage,
    "oversell-race": oversell_race,
    "bad-mapping": bad_mapping,
    "duplicate-storm": duplicate_storm,
    "price-typo": price_typo,
    "sku-alias": sku_alias,
    "restock": restock,
    "erp-articles": erp_articles,
}
