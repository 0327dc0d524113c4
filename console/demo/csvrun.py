"""Running the orders of CSV files: a company made of them, a shop that sells exactly these lines, and the reckoning."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from console.demo.company import CHANNELS, Company, chance
from console.demo.control import Control
from console.demo.csvdata import InputData, InputOrder
from console.demo.goods import Item
from console.demo.people import make_customers
from console.demo.places import SITES
from console.demo.traffic import Placed, person
from core.errors import CrossdockError
from core.store.unit import DEFAULT_TENANT, Store

SHOP = CHANNELS[0].connection
ORDERS_A_SECOND = 25.0
# Without a stock column every node gets its part of what is asked for, and so much more.
SPARE_UNITS = 5
WRITTEN = """
SELECT count(DISTINCT o.id) AS orders, count(*) AS lines, coalesce(sum(l.quantity), 0) AS units,
       coalesce(sum(l.quantity * l.unit_price), 0) AS value,
       coalesce(sum(l.shipped), 0) AS shipped, coalesce(sum(l.canceled), 0) AS canceled
FROM orders o JOIN order_line l ON l.tenant_id = o.tenant_id AND l.order_id = o.id
WHERE o.tenant_id = :t AND o.created_at >= :since
"""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """What the files asked for beside what the hub has; amounts and units must be equal to the cent and the piece."""

    rows_left_out: int
    input_orders: int
    input_units: int
    input_value: Decimal
    hub_orders: int
    hub_units: int
    hub_value: Decimal
    hub_units_shipped: int
    hub_units_canceled: int
    hub_units_open: int

    @property
    def equal(self) -> bool:
        """Whether nothing was added or left out on the way."""
        return (self.input_orders, self.input_units, self.input_value) == (
            self.hub_orders,
            self.hub_units,
            self.hub_value,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, amounts as text."""
        found = {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(self).items()}
        return {"equal": self.equal, **found}


def company_of(data: InputData, seed: int) -> Company:
    """Return a company that sells what the files name, from the demo's nodes."""
    asked: dict[str, int] = {}
    for order in data.orders.values():
        for line in order.lines:
            asked[line.sku] = asked.get(line.sku, 0) + line.quantity
    items = []
    targets: dict[tuple[str, str], int] = {}
    for rank, item in enumerate(data.items.values(), 1):
        items.append(
            Item(
                item.sku, item.title or item.sku, item.gtin or "", f"{item.price or 0:.2f}", item.weight_g or 500,
                "", "", "", "", (0, 0, 0), rank,
            )
        )  # fmt: skip
        units = item.stock if item.stock is not None else asked.get(item.sku, 0) + SPARE_UNITS
        targets.update({(item.sku, node): part for node, part in shared(units).items()})
    return Company(seed, items, make_customers(chance(seed, "customers")), targets)


def shared(units: int) -> dict[str, int]:
    """Return units by node, in proportion to the nodes' weights; what is left over stays in the first."""
    total = sum(site.weight for site in SITES)
    parts = {site.code: int(units * site.weight / total) for site in SITES}
    parts[SITES[0].code] += units - sum(parts.values())
    return parts


@dataclass(slots=True)
class InputTraffic:
    """Sells the orders of the files in the shop, one after the other."""

    company: Company
    data: InputData
    control: Control
    placed: list[Placed] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)
    # Orders whose customer is in no file: their addresses are made up.
    strangers: int = 0

    def run(self) -> None:
        """Place all orders."""
        try:
            for order in self.data.orders.values():
                if self.stopping.wait(1 / ORDERS_A_SECOND):
                    return
                try:
                    number = self.control.ask(SHOP, "order", self._body(order))
                except CrossdockError as error:
                    self.failures.append(f"{order.number}: {error.what}")
                else:
                    self.placed.append(Placed(SHOP, str(number), None))
        finally:
            self.done.set()

    def stop(self) -> None:
        """End `run` soon."""
        self.stopping.set()

    def _body(self, order: InputOrder) -> dict[str, Any]:
        lines = [
            {"sku": line.sku, "quantity": line.quantity, "price": str(line.price), "title": line.title}
            for line in order.lines
        ]
        body: dict[str, Any] = {"lines": lines, "person": self._person(order)}
        if order.placed_at:
            body["at"] = order.placed_at.isoformat()
        return body

    def _person(self, order: InputOrder) -> dict[str, Any]:
        known = self.data.customers.get(order.customer or "")
        made_up = person(self._stand_in(order))
        if known is None:
            self.strangers += 1
            return {**made_up, "country": order.country or made_up["country"]}
        fields = {name: known.get(name) or "" for name in ("first", "last", "street", "city", "postal_code", "country")}
        return {"number": made_up["number"], "company": known.get("company") or None, **fields}

    def _stand_in(self, order: InputOrder) -> Any:
        rng = chance(self.company.seed, f"customer/{order.customer or order.number}")
        return rng.choice(self.company.customers)


def reckon(store: Store, data: InputData, since: datetime) -> Reckoning:
    """Return the files' figures beside those of the orders that came in since a time."""
    with store.read() as conn:
        row = conn.execute(text(WRITTEN), {"t": DEFAULT_TENANT, "since": since}).one()
    return Reckoning(
        rows_left_out=len(data.bad),
        input_orders=len(data.orders),
        input_units=data.units,
        input_value=data.value,
        hub_orders=row.orders,
        hub_units=int(row.units),
        hub_value=row.value,
        hub_units_shipped=int(row.shipped),
        hub_units_canceled=int(row.canceled),
        hub_units_open=int(row.units - row.shipped - row.canceled),
    )


def told(data: InputData, most: int = 5) -> Iterator[str]:
    """Yield sentences about what was read."""
    yield (
        f"{len(data.orders):,} orders, {data.units:,} units, {data.value:,.2f} {data.currency}; "
        f"{len(data.items):,} items, {len(data.customers):,} customers"
    )
    if data.bad:
        yield f"{len(data.bad):,} rows cannot be used:"
        yield from (f"  {each.file} row {each.row}: {each.reason}" for each in data.bad[:most])
        if len(data.bad) > most:
            yield f"  and {len(data.bad) - most:,} more"


def currency_options(data: InputData) -> dict[str, Any]:
    """Return how the shop must count so that its lines come to what the files say."""
    return {"currency": data.currency, "tax_rate": "0", "discounts": 0.0}
