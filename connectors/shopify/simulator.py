"""A simulated Shopify shop: signed webhooks out, the Admin GraphQL API in, with its cost bucket.

Options: `shop` (domain), `currency`, `country`, `tax_rate`, `taxes_included`, `catalog` (rows of sku, title, price …;
an invented one by default), `locations` (numbers; the first is where stock is counted), `bucket` and `restore` (cost
points and points a second), `inventory_events` (whether inventory_levels/update is sent).
Commands (`POST /_sim/<name>`): `order`, `orders`, `edit`, `cancel`, `refund`, `hold`, `release`, `catalog`, `product`,
`uninstall`, `privacy`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

from connectors.sdk import webhook as proof
from connectors.sdk.simulation.server import SimRequest, SimResponse
from connectors.sdk.simulator import Simulator
from connectors.shopify.simulated import catalog, fulfilling, ledger
from connectors.shopify.simulated.answers import COSTS, Admin
from connectors.shopify.simulated.money import Terms
from connectors.shopify.simulated.shop import RuleBroken, Shop
from core.domain.vocabulary import Write
from core.ports.connectors import Push

Json = dict[str, Any]
# (query, variables, data)
Witness = Callable[[str, Json, Json], None]
MOST_EXPENSIVE = 1_000
KEPT_TIMES = 50_000


class Partner(Simulator):
    """One shop. `place_order`, `edit_order`, `cancel_order` and `refund_order` are also commands."""

    folder: ClassVar[Path] = Path(__file__).parent
    defaults: ClassVar[Mapping[str, Any]] = {
        "shop": "fjord-pottery.myshopify.com",
        "currency": "EUR",
        "country": "DE",
        "tax_rate": "0.19",
        "taxes_included": True,
        "catalog": None,
        "locations": [655441491, 655441492],
        "bucket": 20_000,
        "restore": 1_000,
        "inventory_events": True,
    }
    # Tests put a function here that sees every operation with its variables and its data.
    witness: Witness | None = None

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        options = self.options
        rows = options["catalog"]
        self._triggered: dict[str, str] = {}
        self._points, self._points_at = float(options["bucket"]), time.monotonic()
        rng = random.Random(given.get("seed", 0) + self.lives)  # noqa: S311 - repeatable chance is meant
        terms = Terms(
            shop=options["shop"],
            currency=options["currency"],
            country=options["country"],
            tax_rate=Decimal(str(options["tax_rate"])),
            taxes_included=bool(options["taxes_included"]),
        )
        sold = catalog.given(rows) if rows else catalog.invented()
        self.shop = Shop(rng, sold, terms, [int(each) for each in options["locations"]], self._emit)
        ledger.reopen(self.shop, self.books)
        self.admin = Admin(self.shop, options["shop"], self.effect, self.repeat, self.books)

    # -- webhooks

    def _emit(self, topic: str, body: Json, lane: str) -> None:
        ledger.keep(self.shop, self.books, topic, body, lane)
        if topic == "inventory_levels/update" and not self.options["inventory_events"]:
            return
        self.emit(topic, body, lane=lane)

    def signed_headers(self, topic: str, body: bytes, delivery: str, event: str) -> Mapping[str, str]:
        """Return Shopify's headers; `Triggered-At` stays that of the first delivery, as Shopify's retries have it."""
        table = self.manifest.webhook
        assert table is not None
        secret = self.secrets[table.secret or ""]
        with self.lock:
            at = self._triggered.setdefault(event, datetime.now(UTC).isoformat().replace("+00:00", "Z"))
            while len(self._triggered) > KEPT_TIMES:
                del self._triggered[next(iter(self._triggered))]
        return {
            "Content-Type": "application/json",
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": proof.signature(table, secret, body, identifier=delivery, time_text=at),
            "X-Shopify-Shop-Domain": self.options["shop"],
            "X-Shopify-API-Version": self.manifest.api_version or "",
            "X-Shopify-Webhook-Id": delivery,
            "X-Shopify-Event-Id": event,
            "X-Shopify-Triggered-At": at,
        }

    # -- Admin API

    def is_write(self, request: SimRequest) -> bool:
        """Return whether an operation is a mutation."""
        return b"mutation " in request.body[:400]

    def refusal(self, status: int, code: str, message: str) -> SimResponse:
        """Return an error as Shopify words it."""
        del code
        return SimResponse(status, {"errors": message})

    def handle(self, request: SimRequest) -> SimResponse:
        """Answer one GraphQL operation and charge its cost."""
        if request.path != f"/admin/api/{self.manifest.api_version}/graphql.json" or request.method != "POST":
            return self.refusal(404, "NOT_FOUND", "Not Found")
        asked = request.json()
        name, variables = asked["operationName"], asked.get("variables") or {}
        answer = self.admin.operations.get(name)
        if answer is None or f" {name}" not in asked["query"]:
            return SimResponse(200, failed("undefinedField", f"{name} is not known here.", None))
        price = COSTS[name](variables) if name in COSTS else 10
        with self.lock:
            if price > MOST_EXPENSIVE:
                message = f"Query cost is {price}, which exceeds the single query max cost limit ({MOST_EXPENSIVE})."
                return SimResponse(200, failed("MAX_COST_EXCEEDED", message, self.cost(price, None)))
            if self.points() < price:
                return SimResponse(200, failed("THROTTLED", "Throttled", self.cost(price, None)))
            data = answer(variables)
            # What a query did not return is given back at once.
            actual = min(price, 10 + str(data).count("'id'"))
            self._points -= actual
            if self.witness is not None:
                self.witness(asked["query"], variables, data)
            return SimResponse(200, {"data": data, "extensions": {"cost": self.cost(price, actual)}})

    def points(self) -> float:
        """Return the cost points there are now."""
        now = time.monotonic()
        gained = (now - self._points_at) * self.options["restore"]
        self._points, self._points_at = min(self._points + gained, float(self.options["bucket"])), now
        return self._points

    def cost(self, asked: int, actual: int | None) -> Json:
        """Return what an answer says of cost."""
        return {
            "requestedQueryCost": asked,
            "actualQueryCost": actual,
            "throttleStatus": {
                "maximumAvailable": float(self.options["bucket"]),
                "currentlyAvailable": int(self.points()),
                "restoreRate": float(self.options["restore"]),
            },
        }

    def prepare(self, push: Push) -> None:
        """Have the order that a shipment is for."""
        if push.kind is not Write.PUSH_SHIPMENT:
            return
        lines = [each for each in push.payload["shipment"]["lines"] if each["external_id"]]
        with self.lock:
            sold = self.shop.catalog[0]
            chosen = [(self.shop.by_sku.get(each["sku"], sold), int(each["quantity"])) for each in lines]
            order = self.shop.place(chosen)
            self.shop.rename(
                order, int(push.payload["order"]["external_id"]), [int(each["external_id"]) for each in lines]
            )

    # -- what people do in the shop

    def place_order(self, lines: list[Json] | None = None) -> Json:
        """Place an order of [{sku, quantity}], or of anything; return it."""
        with self.lock:
            chosen = [(self.shop.by_sku[each["sku"]], int(each["quantity"])) for each in lines or ()]
            return self.shop.place(chosen or None)

    def edit_order(self, order: int, line: int, quantity: int) -> Json:
        """Lower the quantity of a line."""
        with self.lock:
            return self.shop.edit(order, line, quantity)

    def cancel_order(self, order: int, reason: str = "customer") -> Json:
        """Cancel what is not fulfilled."""
        with self.lock:
            return self.shop.cancel(order, reason)

    def refund_order(self, order: int, lines: list[Json], restock: str = "return") -> Json:
        """Pay units of [{line, quantity}] back."""
        with self.lock:
            return self.shop.refund(order, [(each["line"], each["quantity"]) for each in lines], restock)

    def command(self, name: str, body: Any) -> Any:
        """Do what the demo asks for.

        Raises:
            KeyError: there is no such command.
            ValueError: the shop refuses.
        """
        try:
            return self._command(name, body or {})
        except RuleBroken as broken:
            raise ValueError(str(broken)) from None

    def _command(self, name: str, body: Json) -> Any:
        with self.lock:
            if name == "order":
                return self.place_order(body.get("lines"))["id"]
            if name == "orders":
                return [self.place_order()["id"] for _ in range(int(body["count"]))]
            if name == "edit":
                return self.edit_order(body["order"], body["line"], body["quantity"])["updated_at"]
            if name == "cancel":
                return self.cancel_order(body["order"], body.get("reason", "customer"))["cancelled_at"]
            if name == "refund":
                return self.refund_order(body["order"], body["lines"], body.get("restock", "return"))["id"]
            if name in {"hold", "release"}:
                return fulfilling.hold(self.shop, body["order"], name == "hold")
            if name == "catalog":
                self.shop.stock_catalog(catalog.given(body["rows"]))
                self.books.put("catalog", "", body["rows"])
                return len(self.shop.catalog)
            if name == "product":
                product = self.shop.by_sku[body["sku"]]
                document = catalog.product_document(product, self.shop.stamp())
                return self.emit("products/update", document, lane=f"product-{product.number}")
            if name == "uninstall":
                return self.emit("app/uninstalled", {"id": 548380009, "name": self.options["shop"]}, lane="shop")
            if name == "privacy":
                return self.emit(body["topic"], body["document"], lane="privacy")
        raise KeyError(name)

    def details(self) -> dict[str, Any]:
        """Return what the shop's books say."""
        orders = self.shop.orders.values()
        return {
            "orders": len(orders),
            "canceled": sum(each["cancelled_at"] is not None for each in orders),
            "fulfilled": sum(each["fulfillment_status"] == "fulfilled" for each in orders),
            "fulfillments": len(self.shop.fulfillments),
            "available": {
                self.shop.by_item[item].sku: quantity
                for (item, place), (quantity, _) in self.shop.levels.items()
                if place == self.shop.locations[0]
            },
        }


def failed(code: str, message: str, cost: Json | None) -> Json:
    """Return an answer without data."""
    found: Json = {"errors": [{"message": message, "extensions": {"code": code}}]}
    if cost is not None:
        found["extensions"] = {"cost": cost}
    return found
