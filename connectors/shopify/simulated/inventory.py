"""Stock in the Admin API of a simulated shop."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import orjson

from connectors.sdk.simulation.books import Books
from connectors.shopify.simulated import views
from connectors.shopify.simulated.shop import Shop
from connectors.shopify.simulated.views import gid, number_of, page

Json = dict[str, Any]
# (kind, key): an effect happened.
Effect = Callable[[str, str], None]
SKU = re.compile(r"sku:'((?:[^'\\]|\\.)*)'")


class Inventory:
    """Answers operations on stock; the caller holds the shop's lock.

    Args:
        effect: counts what happened.
        repeat: counts what was recognized as having happened.
        books: keep the keys of what was done once.
    """

    def __init__(self, shop: Shop, effect: Effect, repeat: Callable[[str], None], books: Books) -> None:
        self.shop, self.effect, self.repeat, self.books = shop, effect, repeat, books
        # Idempotency key -> what was asked, and the answer.
        self.keys: dict[str, tuple[str, Json]] = {
            key: (asked, payload) for key, (asked, payload) in books.read("inventory_key")
        }

    def items(self, variables: Json) -> Json:
        """Inventory items by SKU."""
        asked = [re.sub(r"\\(.)", r"\1", each) for each in SKU.findall(variables["query"])]
        found = [self.shop.by_sku[each] for each in asked if each in self.shop.by_sku]
        return {
            "inventoryItems": {
                "nodes": [{"id": gid("InventoryItem", each.inventory_item_id), "sku": each.sku} for each in found]
            }
        }

    def available(self, variables: Json) -> Json:
        """What is available of some items."""
        location = number_of(variables["locationId"])
        return {"nodes": [self.level(each, location) for each in variables["ids"]]}

    def level(self, item: str, location: int) -> Json | None:
        """Return one inventory item with what is available."""
        if number_of(item) not in self.shop.by_item:
            return None
        found = self.shop.levels.get((number_of(item), location))
        level = None if found is None else {"quantities": [{"quantity": found[0]}]}
        return {"__typename": "InventoryItem", "id": item, "inventoryLevel": level}

    def levels(self, variables: Json) -> Json:
        """What is available at a location."""
        location = number_of(variables["locationId"])
        members = sorted((item, level) for (item, place), level in self.shop.levels.items() if place == location)
        levels = page(
            members,
            variables["first"],
            variables.get("after"),
            lambda each: {
                "updatedAt": views.zulu(each[1][1]),
                "item": {
                    "id": gid("InventoryItem", each[0]),
                    "sku": self.shop.by_item[each[0]].sku,
                    "tracked": True,
                },
                "quantities": [{"quantity": each[1][0]}],
            },
            lambda each: f"{each[0]:030d}",
        )
        return {"location": {"id": variables["locationId"], "inventoryLevels": levels}}

    def set(self, variables: Json) -> Json:
        """Set available quantities once per idempotency key."""
        key, asked = variables["key"], orjson.dumps(variables["input"], option=orjson.OPT_SORT_KEYS).decode()
        if key in self.keys:
            before, payload = self.keys[key]
            if before != asked:
                return refused("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", ["key"], "The key was used for something else.")
            self.repeat("inventory_set")
            return {"inventorySetQuantities": payload}
        wrong = [
            each for place, entry in enumerate(variables["input"]["quantities"]) for each in self.faulty(place, entry)
        ]
        if wrong or not urlsplit(variables["input"].get("referenceDocumentUri") or "x:y").scheme:
            errors = wrong or [complaint("INVALID_REFERENCE_DOCUMENT", ["referenceDocumentUri"], "It is no URI.")]
            return {"inventorySetQuantities": {"inventoryAdjustmentGroup": None, "userErrors": errors}}
        changed_any = False
        for entry in variables["input"]["quantities"]:
            level = (number_of(entry["inventoryItemId"]), number_of(entry["locationId"]))
            changed_any |= self.shop.set_level(level, entry["quantity"])
        group = {
            "id": gid("InventoryAdjustmentGroup", 70_000_000 + len(self.keys)),
            "referenceDocumentUri": variables["input"].get("referenceDocumentUri"),
        }
        payload = {"inventoryAdjustmentGroup": group if changed_any else None, "userErrors": []}
        self.keys[key] = (asked, payload)
        self.books.put("inventory_key", key, self.keys[key])
        # By reference and figures: the same push under another key would show as a double effect.
        self.effect("inventory_set", f"{group['referenceDocumentUri']} {named(variables['input'])}")
        return {"inventorySetQuantities": payload}

    def faulty(self, place: int, entry: Json) -> list[Json]:
        """Return what is wrong with one quantity."""
        path = ["input", "quantities", str(place)]
        if number_of(entry["inventoryItemId"]) not in self.shop.by_item:
            return [complaint("INVALID_INVENTORY_ITEM", [*path, "inventoryItemId"], "The item could not be found.")]
        if number_of(entry["locationId"]) not in self.shop.locations:
            return [complaint("INVALID_LOCATION", [*path, "locationId"], "The location could not be found.")]
        if entry["quantity"] < 0:
            return [complaint("INVALID_QUANTITY_NEGATIVE", [*path, "quantity"], "The quantity can't be negative.")]
        return []


def named(asked: Json) -> str:
    """Return the figures that were set, short and the same for the same figures."""
    return hashlib.sha256(orjson.dumps(asked["quantities"], option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def complaint(code: str, path: list[str], message: str) -> Json:
    """Return a user error."""
    return {"field": path, "code": code, "message": message}


def refused(code: str, path: list[str], message: str) -> Json:
    """Return a refused inventory set."""
    errors = [complaint(code, path, message)]
    return {"inventorySetQuantities": {"inventoryAdjustmentGroup": None, "userErrors": errors}}
