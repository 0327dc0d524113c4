"""The Admin API of a simulated shop: one method per operation the connector sends, answered from the shop's books.

It knows operations by name instead of reading GraphQL, so that the demo needs no GraphQL library. The tests hold it
to the real schema: they run every operation it answers through graphql-core and compare.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.sdk.simulation.books import Books
from connectors.shopify.simulated import fulfilling, views
from connectors.shopify.simulated.inventory import Effect, Inventory
from connectors.shopify.simulated.shop import RuleBroken, Shop
from connectors.shopify.simulated.views import gid, number_of, page

Json = dict[str, Any]
SINCE = re.compile(r"updated_at:>='([^']+)'")
SCOPES = (
    "read_customers",
    "read_locations",
    "read_orders",
    "read_products",
    "write_inventory",
    "write_merchant_managed_fulfillment_orders",
)
# Operation -> cost points asked for, by its variables; Shopify counts about one per object a query may return.
COSTS: Mapping[str, Callable[[Json], int]] = {
    "Orders": lambda v: v["first"] * (v["lines"] * 6 + 20),
    "OrderLines": lambda v: v["lines"] * 6 + 2,
    "Variants": lambda v: v["first"] * 5 + 2,
    "InventoryLevels": lambda v: v["first"] * 3 + 2,
    "FulfillmentState": lambda _v: 770,
    "InventoryAvailable": lambda v: len(v["ids"]) * 3,
    "InventorySet": lambda _v: 10,
    "FulfillmentCreate": lambda _v: 10,
    "FulfillmentOrderMove": lambda _v: 210,
    "OrderRefunds": lambda _v: 251,
}


class Admin:
    """Answers operations; the caller holds the shop's lock.

    Args:
        effect: counts what happened.
        repeat: counts what was recognized as having happened.
        books: keep the keys of what was done once.
    """

    def __init__(self, shop: Shop, domain: str, effect: Effect, repeat: Callable[[str], None], books: Books) -> None:
        self.shop, self.domain, self.effect = shop, domain, effect
        inventory = Inventory(shop, effect, repeat, books)
        self.operations: Mapping[str, Callable[[Json], Json]] = {
            "Check": self.check,
            "Orders": self.orders,
            "OrderLines": self.order_lines,
            "OrderRefunds": self.order_refunds,
            "RefundLines": self.refund_lines,
            "Variants": self.variants,
            "FulfillmentState": self.fulfillment_state,
            "FulfillmentOrderLines": self.fulfillment_order_lines,
            "FulfillmentLines": self.fulfillment_lines,
            "FulfillmentCreate": self.fulfillment_create,
            "FulfillmentOrderMove": self.fulfillment_order_move,
            "InventoryItems": inventory.items,
            "InventoryAvailable": inventory.available,
            "InventoryLevels": inventory.levels,
            "InventorySet": inventory.set,
        }

    def check(self, _variables: Json) -> Json:
        """Who we are and what the app may do."""
        return {
            "shop": {
                "name": self.domain.split(".")[0].replace("-", " ").title(),
                "myshopifyDomain": self.domain,
                "currencyCode": self.shop.terms.currency,
                "ianaTimezone": "Europe/Berlin",
            },
            "currentAppInstallation": {"accessScopes": [{"handle": each} for each in SCOPES]},
        }

    def orders(self, variables: Json) -> Json:
        """Orders changed since a time, oldest change first."""
        since = SINCE.search(variables["query"])
        limit = datetime.fromisoformat(since[1]) if since else None
        found = [
            each
            for each in self.shop.orders.values()
            if not limit or datetime.fromisoformat(each["updated_at"]) >= limit
        ]
        found.sort(key=changed)
        lines = variables["lines"]
        return {
            "orders": page(
                found, variables["first"], variables.get("after"), lambda each: views.order(each, lines), changed
            )
        }

    def order_lines(self, variables: Json) -> Json:
        """Further lines of an order."""
        order = self.shop.orders.get(number_of(variables["id"]))
        if order is None:
            return {"order": None}
        lines = page(order["line_items"], variables["lines"], variables.get("after"), views.order_line, views.line_key)
        return {"order": {"id": variables["id"], "lineItems": lines}}

    def order_refunds(self, variables: Json) -> Json:
        """Refunds of an order."""
        order = self.shop.orders.get(number_of(variables["id"]))
        found = order["refunds"] if order else []
        refunds = [{"id": gid("Refund", each["id"])} for each in found]
        return {"order": {"id": variables["id"], "refunds": refunds} if order else None}

    def refund_lines(self, variables: Json) -> Json:
        """Lines of a refund."""
        number = number_of(variables["id"])
        refund = next(r for order in self.shop.orders.values() for r in order["refunds"] if r["id"] == number)
        lines = page(
            refund["refund_line_items"],
            100,
            variables.get("after"),
            lambda each: {
                "quantity": each["quantity"],
                "restockType": each["restock_type"].upper(),
                "lineItem": {"id": gid("LineItem", each["line_item_id"])},
            },
            lambda each: f"{each['id']:030d}",
        )
        return {"refund": {"id": variables["id"], "refundLineItems": lines}}

    def variants(self, variables: Json) -> Json:
        """The catalog."""
        listed = self.shop.listed_at
        since = SINCE.search(variables.get("query") or "")
        newer = not since or datetime.fromisoformat(listed) >= datetime.fromisoformat(since[1])
        found = page(
            self.shop.catalog if newer else [],
            variables["first"],
            variables.get("after"),
            lambda each: views.variant(each, listed),
            lambda each: f"{each.variant_id:030d}",
        )
        return {"productVariants": found}

    def fulfillment_state(self, variables: Json) -> Json:
        """Fulfillments and fulfillment orders of an order."""
        order = self.shop.orders.get(number_of(variables["id"]))
        if order is None:
            return {"order": None}
        works = [self.shop.work[each] for each in self.shop.work_of[order["id"]]]
        shown = page(
            works,
            5,
            variables.get("after"),
            lambda each: views.fulfillment_order(each, 20),
            lambda each: f"{each.id:030d}",
        )
        return {
            "order": {
                "id": variables["id"],
                "name": order["name"],
                "cancelledAt": views.zulu(order["cancelled_at"]) if order["cancelled_at"] else None,
                "fulfillments": [views.fulfillment(each) for each in order["fulfillments"][:50]],
                "fulfillmentOrders": shown,
            }
        }

    def fulfillment_order_lines(self, variables: Json) -> Json:
        """Further lines of a fulfillment order."""
        work = self.shop.work[number_of(variables["id"])]
        lines = views.work_lines(work, 100, variables.get("after"))
        return {"fulfillmentOrder": {"id": variables["id"], "lineItems": lines}}

    def fulfillment_lines(self, variables: Json) -> Json:
        """Units of a fulfillment."""
        found = self.shop.fulfillments[number_of(variables["id"])]
        lines = page(
            found["line_items"],
            100,
            variables.get("after"),
            lambda each: {"quantity": each["quantity"], "lineItem": {"id": gid("LineItem", each["id"])}},
            views.line_key,
        )
        return {"fulfillment": {"id": variables["id"], "fulfillmentLineItems": lines}}

    def fulfillment_create(self, variables: Json) -> Json:
        """Ship."""
        asked = variables["fulfillment"]
        wanted: dict[int, list[tuple[int, int]] | None] = {}
        for each in asked["lineItemsByFulfillmentOrder"]:
            lines = each.get("fulfillmentOrderLineItems")
            wanted[number_of(each["fulfillmentOrderId"])] = lines and [
                (number_of(line["id"]), line["quantity"]) for line in lines
            ]
        tracking = asked.get("trackingInfo") or {}
        try:
            found = fulfilling.fulfill(self.shop, wanted, tracking)
        except RuleBroken as broken:
            errors = [{"field": ["fulfillment"], "message": str(broken)}]
            return {"fulfillmentCreate": {"fulfillment": None, "userErrors": errors}}
        named = ",".join(found["tracking_numbers"])
        self.effect("fulfillment", f"{found['order_id']}/{found['location_id']}/{named}")
        shown = {"id": gid("Fulfillment", found["id"]), "name": found["name"], "status": "SUCCESS"}
        return {"fulfillmentCreate": {"fulfillment": shown, "userErrors": []}}

    def fulfillment_order_move(self, variables: Json) -> Json:
        """Give work to another location."""
        lines = variables.get("fulfillmentOrderLineItems")
        chosen = lines and [(number_of(each["id"]), each["quantity"]) for each in lines]
        try:
            work = fulfilling.move(self.shop, number_of(variables["id"]), number_of(variables["newLocationId"]), chosen)
        except RuleBroken as broken:
            errors = [{"field": ["id"], "message": str(broken)}]
            return {"fulfillmentOrderMove": {"movedFulfillmentOrder": None, "userErrors": errors}}
        self.effect("move", f"{work.id}/{work.location}")
        moved: Json = {"id": gid("FulfillmentOrder", work.id), "status": work.status}
        moved["lineItems"] = views.work_lines(work, 100, None)
        return {"fulfillmentOrderMove": {"movedFulfillmentOrder": moved, "userErrors": []}}


def changed(order: Json) -> str:
    """Return the place of an order among those sorted by their last change."""
    return f"{views.zulu(order['updated_at'])}|{order['id']:030d}"
