"""The books of a simulated shop on file: what a change touched is kept, and a new life goes on from it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from connectors.sdk.simulation.books import Books
from connectors.shopify.simulated import catalog
from connectors.shopify.simulated.shop import Shop, WorkLine, WorkOrder

Json = dict[str, Any]


def keep(shop: Shop, books: Books, topic: str, body: Json, lane: str) -> None:
    """Keep what a webhook tells of: every change of an order or a level ends with one."""
    if topic == "inventory_levels/update":
        key = (body["inventory_item_id"], body["location_id"])
        books.put("level", f"{key[0]} {key[1]}", shop.levels[key])
    elif lane.isdecimal():
        number = int(lane)
        works = [asdict(shop.work[each]) for each in shop.work_of[number]]
        books.put("order", lane, {"order": shop.orders[number], "work": works})
        books.put("shop_numbers", "", shop.numbers)


def reopen(shop: Shop, books: Books) -> None:
    """Give a new shop the books of an earlier life."""
    for _, rows in books.read("catalog"):
        shop.stock_catalog(catalog.given(rows))
    for _, numbers in books.read("shop_numbers"):
        shop.numbers.update(numbers)
    for key, (units, at) in books.read("level"):
        item, _, place = key.partition(" ")
        shop.levels[int(item), int(place)] = (units, at)
    for key, kept in books.read("order"):
        order = shop.orders[int(key)] = kept["order"]
        works = [WorkOrder(**{**each, "lines": [WorkLine(**line) for line in each["lines"]]}) for each in kept["work"]]
        shop.work.update((each.id, each) for each in works)
        shop.work_of[int(key)] = [each.id for each in works]
        shop.fulfillments.update((each["id"], each) for each in order["fulfillments"])
