"""The demo's partners: the connectors' simulators, with the commands that the demo's traffic and scenarios need."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from lxml import etree

from connectors.rest_wms.simulator import OPEN
from connectors.rest_wms.simulator import Partner as WarehouseSimulator
from connectors.sdk.simulator import Simulator
from connectors.shopify.simulated import ledger
from connectors.shopify.simulated.catalog import Product
from connectors.shopify.simulated.people import Person
from connectors.shopify.simulator import Partner as ShopSimulator
from connectors.soap_erp.envelopes import ERP, SoapFault
from connectors.soap_erp.simulator import Partner as ErpSimulator

Json = dict[str, Any]
# Numbers of products that are in no catalog begin here.
UNLISTED = 900_000


@dataclass(frozen=True, slots=True)
class Buyer(Person):
    """A person, or somebody who buys for a firm."""

    company: str | None = None

    def address(self) -> Json:
        """Return the address as Shopify writes it."""
        # The name of the class is spelled out: a dataclass with slots is another one than the compiler saw.
        return {**Person.address(self), "company": self.company}


class DemoShop(ShopSimulator):
    """A shop that sells what it is told, to whom it is told.

    Command `order`: `lines` of {sku, quantity, price?, title?}, `person`, `at`, and `spoil` of {path: value} for what
    is wrong in the webhook though not in the shop's books. Command `resend` tells of an order as the books have it;
    `adopt` takes an order into the books that somebody else tells the hub of.
    Options `first_number`: the number of the first order; `discounts`: share of orders with a discount code.
    """

    defaults: ClassVar[Mapping[str, Any]] = {**ShopSimulator.defaults, "first_number": 1_001, "discounts": 0.15}

    def __init__(self, **given: Any) -> None:
        self._spoil: Mapping[str, Any] = {}
        super().__init__(**given)
        self.shop.terms = replace(self.shop.terms, discounts=float(self.options["discounts"]))
        # A shop that was started before goes on after its last order.
        self.shop.numbers["order"] = max(self.shop.numbers["order"], int(self.options["first_number"]) - 1)

    def _emit(self, topic: str, body: Json, lane: str) -> None:
        if self._spoil and topic == "orders/create":
            body = spoiled(body, self._spoil)
        super()._emit(topic, body, lane)

    def _command(self, name: str, body: Json) -> Any:
        with self.lock:
            if name == "order":
                return self._sell(body)
            if name == "adopt":
                return self._adopt(body)
            if name == "resend":
                order = self.shop.orders[int(body["order"])]
                self.shop.touch(order)
                self._emit("orders/updated", order, str(order["id"]))
                return order["updated_at"]
            if name == "book":
                order = self.shop.orders[int(body["order"])]
                return {
                    "canceled": order["cancel_reason"] is not None,
                    "fulfilled": order["fulfillment_status"],
                    "lines": [[each["id"], each["current_quantity"], each["quantity"]] for each in order["line_items"]],
                }
        return super()._command(name, body)

    def _sell(self, body: Json) -> int:
        lines = [(self._product(each), int(each["quantity"])) for each in body.get("lines") or ()]
        person = Buyer(**body["person"]) if body.get("person") else None
        at = datetime.fromisoformat(body["at"]) if body.get("at") else None
        self._spoil = body.get("spoil") or {}
        try:
            return int(self.shop.place(lines or None, person, at)["id"])
        finally:
            self._spoil = {}

    def _adopt(self, order: Json) -> int:
        """Know an order by its document; one that is known already stays as it is."""
        number = int(order["id"])
        if number not in self.shop.orders:
            self.shop.enter({**order, "fulfillments": [], "refunds": []})
            ledger.keep(self.shop, self.books, "orders/create", order, str(number))
        return number

    def _product(self, line: Json) -> Product:
        """Return what a line sells: from the catalog, at its own price where it has one, or something unlisted."""
        sku = str(line["sku"])
        product = self.shop.by_sku.get(sku)
        if product is None:
            number = UNLISTED + sum(ord(sign) * (place + 7) for place, sign in enumerate(sku))
            product = Product(sku=sku, title=str(line.get("title") or sku), price=Decimal(0), number=number)
        return replace(product, price=Decimal(str(line["price"]))) if line.get("price") is not None else product


def spoiled(body: Json, changes: Mapping[str, Any]) -> Json:
    """Return a copy of a document with the values at some dotted paths replaced."""
    found = copy.deepcopy(body)
    for path, value in changes.items():
        *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        inner: Any = found
        for step in steps:
            inner = inner[step]
        inner[last] = value
    return found


class DemoWarehouse(WarehouseSimulator):
    """A warehouse that can be asked to count some shelves, to take goods in, and to pass on what a carrier says.

    Command `count`: only `skus` that nobody is picking, as a cycle count does; command `receive`: {sku: units};
    command `track`: one carrier's fact as the protocol has it.
    """

    def command(self, name: str, body: Any) -> Any:
        """Do what the demo asks for."""
        if name == "count" and body:
            with self.lock:
                return self._count_shelves([str(each) for each in body["skus"]])
        if name == "receive":
            with self.lock:
                for sku, units in body.items():
                    self._shelve(sku, self.stock.get(sku, 0) + units)
                return self._count_shelves(sorted(body))
        if name == "track":
            return self.emit("tracking.updated", body, lane=str(body["tracking_number"]))
        return super().command(name, body)

    def _count_shelves(self, skus: list[str]) -> int:
        picked = {line["sku"] for each in self.fulfillments.values() if each["state"] in OPEN for line in each["lines"]}
        items = [{"sku": sku, "on_hand": self.stock[sku]} for sku in skus if sku in self.stock and sku not in picked]
        if items:
            self.emit("stock.counted", {"as_of": datetime.now(UTC).isoformat(), "items": items}, lane="stock")
        return len(items)

    def details(self) -> dict[str, Any]:
        """Return the state of the work, what is on the shelves, and work that was taken on twice."""
        with self.lock:
            asked = Counter(each["external_id"] for each in self.fulfillments.values())
            return {
                **super().details(),
                "negative": sorted(sku for sku, units in self.stock.items() if units < 0),
                "on_shelves": sum(self.stock.values()),
                "taken_twice": sorted(each for each, times in asked.items() if times > 1),
            }


class DemoErp(ErpSimulator):
    """An ERP that refuses orders with articles it does not have: option `unknown_skus`."""

    defaults: ClassVar[Mapping[str, Any]] = {**ErpSimulator.defaults, "unknown_skus": (), "stock": ()}

    def perform(self, request: etree._Element) -> etree._Element:
        """Do what a request asks for, unless it names an unknown article."""
        named = {(each.text or "").strip() for each in request.iter(f"{{{ERP}}}Sku")}
        unknown = sorted(named & set(self.options["unknown_skus"]))
        if unknown:
            raise SoapFault("ITEM_UNKNOWN", f"Article {unknown[0]} does not exist.")
        return super().perform(request)


KINDS: Mapping[str, type[Simulator]] = {"shopify": DemoShop, "rest-wms": DemoWarehouse, "soap-erp": DemoErp}
