"""The books of a simulated shop: orders, fulfillment orders, fulfillments, refunds and stock per location.

Nothing here speaks HTTP or GraphQL. Every change returns or records the webhooks it causes; the caller holds the lock.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from connectors.shopify.simulated.catalog import Product
from connectors.shopify.simulated.money import Money, Terms, recount
from connectors.shopify.simulated.orders import order_payload
from connectors.shopify.simulated.people import Person
from connectors.shopify.simulated.refunds import refund_body, refund_line

Json = dict[str, Any]
# (topic, body, lane)
Emit = Callable[[str, Json, str], None]
WORK, WORK_LINE, FULFILLMENT, REFUND = 6_100_000_000_000, 15_200_000_000_000, 4_700_000_000_000, 9_300_000_000_000


@dataclass(slots=True)
class WorkLine:
    """Units of a line item that a location is to fulfill."""

    id: int
    line_item: int
    total: int
    left: int


@dataclass(slots=True)
class WorkOrder:
    """A Shopify fulfillment order."""

    id: int
    order: int
    location: int
    status: str = "OPEN"
    lines: list[WorkLine] = field(default_factory=list)

    @property
    def actions(self) -> list[str]:
        """What may be done with it now."""
        return {
            "OPEN": ["CREATE_FULFILLMENT", "REPORT_PROGRESS", "MOVE", "HOLD", "SPLIT"],
            "IN_PROGRESS": ["CREATE_FULFILLMENT", "MOVE"],
            "ON_HOLD": ["RELEASE_HOLD", "HOLD", "MOVE"],
            "SCHEDULED": ["MARK_AS_OPEN"],
        }.get(self.status, [])


class RuleBroken(Exception):
    """The shop refuses an input; the text is what it says of it."""


class Shop:
    """One shop's books.

    Args:
        clock: tells now.
        emit: takes the webhooks a change causes.
    """

    def __init__(
        self,
        rng: random.Random,
        catalog: Sequence[Product],
        terms: Terms,
        locations: Sequence[int],
        emit: Emit,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.rng, self.terms, self.locations, self.emit, self.clock = rng, terms, tuple(locations), emit, clock
        self.money = Money(terms.currency)
        self.stock_catalog(catalog)
        self.orders: dict[int, Json] = {}
        self.work: dict[int, WorkOrder] = {}
        self.work_of: dict[int, list[int]] = {}
        self.fulfillments: dict[int, Json] = {}
        # Last number given out of each kind.
        self.numbers = {"order": 1_000, "work": WORK, "line": WORK_LINE, "fulfillment": FULFILLMENT, "refund": REFUND}

    def stock_catalog(self, catalog: Sequence[Product]) -> None:
        """Sell these products from now on; what is not counted yet shows nothing available."""
        self.catalog = list(catalog)
        self.by_sku = {each.sku: each for each in self.catalog}
        self.by_item = {each.inventory_item_id: each for each in self.catalog}
        self.listed_at = self.stamp()
        known: dict[tuple[int, int], tuple[int, str]] = getattr(self, "levels", {})
        self.levels = {
            (each.inventory_item_id, place): known.get((each.inventory_item_id, place), (0, self.listed_at))
            for each in self.catalog
            for place in self.locations
        }

    def next(self, kind: str) -> int:
        """Return the next number of a kind."""
        self.numbers[kind] += 1
        return self.numbers[kind]

    def stamp(self) -> str:
        """Return now as Shopify writes times: whole seconds with an offset."""
        return self.clock().replace(microsecond=0).isoformat()

    def touch(self, order: Json) -> None:
        """Give an order a later time of change; Shopify's whole seconds would make two changes in one look the same."""
        before = datetime.fromisoformat(order["updated_at"])
        now = max(self.clock().replace(microsecond=0), before + timedelta(seconds=1))
        order["updated_at"] = now.isoformat()

    def place(
        self,
        lines: Sequence[tuple[Product, int]] | None = None,
        person: Person | None = None,
        at: datetime | None = None,
    ) -> Json:
        """Take an order; its units leave the available stock of the first location."""
        number = self.next("order")
        order = order_payload(
            self.rng,
            self.catalog,
            number=number,
            at=at or self.clock(),
            terms=self.terms,
            lines=lines,
            person=person,
        )
        self.enter(order)
        self.emit("orders/create", order, str(order["id"]))
        return order

    def enter(self, order: Json) -> None:
        """Write an order into the books, with the work it makes; nobody is told."""
        self.orders[order["id"]] = order
        work = WorkOrder(self.next("work"), order["id"], self.locations[0])
        for line in order["line_items"]:
            work.lines.append(WorkLine(self.next("line"), line["id"], line["quantity"], line["quantity"]))
            self.adjust(line, -line["quantity"])
        self.work[work.id] = work
        self.work_of[order["id"]] = [work.id]

    def rename(self, order: Json, order_id: int, line_ids: Sequence[int]) -> None:
        """Give an order and its lines other ids, so that it is the one somebody already speaks of."""
        works = self.work_of.pop(order["id"])
        del self.orders[order["id"]]
        for number, line, new in zip(range(len(line_ids)), order["line_items"], line_ids, strict=True):
            line["id"], line["admin_graphql_api_id"] = new, f"gid://shopify/LineItem/{new}"
            self.work[works[0]].lines[number].line_item = new
        self.work[works[0]].order = order_id
        order["id"], order["admin_graphql_api_id"] = order_id, f"gid://shopify/Order/{order_id}"
        self.orders[order_id], self.work_of[order_id] = order, works

    def adjust(self, line: Json, units: int) -> None:
        """Change what is available of a line's item at the first location."""
        product = self.by_sku.get(line["sku"])
        if product is None or not units:
            return
        key = (product.inventory_item_id, self.locations[0])
        self.set_level(key, self.levels[key][0] + units)

    def set_level(self, key: tuple[int, int], quantity: int) -> bool:
        """Set what is available; return whether that changed anything."""
        if self.levels[key][0] == quantity:
            return False
        at = self.stamp()
        self.levels[key] = (quantity, at)
        item, location = key
        body = {
            "inventory_item_id": item,
            "location_id": location,
            "available": quantity,
            "updated_at": at,
            "admin_graphql_api_id": f"gid://shopify/InventoryLevel/{location}?inventory_item_id={item}",
        }
        self.emit("inventory_levels/update", body, f"level-{item}")
        return True

    def take_off(self, order: Json, line_id: int, units: int) -> int:
        """Take open units off an order; return how many there were."""
        line = next(each for each in order["line_items"] if each["id"] == line_id)
        units = min(units, line["fulfillable_quantity"])
        line["current_quantity"] -= units
        line["fulfillable_quantity"] -= units
        left = units
        for number in self.work_of[order["id"]]:
            work = self.work[number]
            for each in work.lines:
                if each.line_item == line_id:
                    taken = min(each.left, left)
                    each.left -= taken
                    left -= taken
            if work.status != "CLOSED" and not any(each.left for each in work.lines):
                work.status = "CLOSED"
        self.adjust(line, units)
        return units

    def edit(self, order_id: int, line_id: int, quantity: int) -> Json:
        """Lower the wanted quantity of a line."""
        order = self.orders[order_id]
        line = next(each for each in order["line_items"] if each["id"] == line_id)
        removed = self.take_off(order, line_id, line["current_quantity"] - quantity)
        if not removed:
            raise RuleBroken("Nothing of this line can be removed.")
        self.touch(order)
        recount(order)
        edit = {
            "order_edit": {
                "app_id": None,
                "committed_at": order["updated_at"],
                "created_at": order["updated_at"],
                "discounts": {"line_item": {"additions": [], "removals": []}},
                "id": 78_912_328_793_338_000 + self.next("refund") - REFUND,
                "line_items": {"additions": [], "removals": [{"id": line_id, "delta": removed}]},
                "notify_customer": False,
                "order_id": order_id,
                "shipping_lines": {"additions": [], "removals": []},
                "staff_note": "",
                "user_id": None,
            }
        }
        self.emit("orders/edited", edit, str(order_id))
        self.emit("orders/updated", order, str(order_id))
        return order

    def cancel(self, order_id: int, reason: str = "customer") -> Json:
        """Cancel what is not fulfilled of an order and pay it back."""
        order = self.orders[order_id]
        if order["cancelled_at"]:
            raise RuleBroken("The order is canceled already.")
        open_lines = [(each["id"], each["fulfillable_quantity"]) for each in order["line_items"]]
        self.refund(order_id, [entry for entry in open_lines if entry[1]], "cancel", announce=False)
        for number in self.work_of[order_id]:
            self.work[number].status = "CLOSED"
        order["cancelled_at"] = order["closed_at"] = order["updated_at"]
        order["cancel_reason"] = reason
        self.emit("orders/cancelled", order, str(order_id))
        self.emit("orders/updated", order, str(order_id))
        return order

    def refund(self, order_id: int, entries: Sequence[tuple[int, int]], restock: str, *, announce: bool = True) -> Json:
        """Pay units back: `cancel` takes open ones off, `return` and `no_restock` follow a fulfillment."""
        order = self.orders[order_id]
        made, total = [], Decimal(0)
        for line_id, units in entries:
            line = next(each for each in order["line_items"] if each["id"] == line_id)
            if restock == "cancel":
                units = self.take_off(order, line_id, units)
            else:
                units = min(units, line["current_quantity"])
                line["current_quantity"] -= units
            amount = Decimal(line["price"]) * units
            total += amount
            place = self.locations[0] if restock != "no_restock" else None
            made.append(refund_line(self.next("refund"), place, self.money, line, units, amount, restock))
        self.touch(order)
        body = refund_body(self.next("refund"), self.money, order, made, total)
        order["refunds"].append(body)
        order["financial_status"] = "partially_refunded"
        if not any(each["current_quantity"] for each in order["line_items"]):
            order["financial_status"] = "refunded"
        recount(order)
        self.emit("refunds/create", body, str(order_id))
        if announce:
            self.emit("orders/updated", order, str(order_id))
        return body
