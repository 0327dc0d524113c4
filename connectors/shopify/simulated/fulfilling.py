"""What a simulated shop does when fulfillments are created and fulfillment orders moved or held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.shopify.simulated.shop import RuleBroken, Shop, WorkLine, WorkOrder

Json = dict[str, Any]
# Fulfillment order id -> [(line id, units)], None for all of it.
Wanted = Mapping[int, Sequence[tuple[int, int]] | None]


def fulfill(shop: Shop, wanted: Wanted, tracking: Json) -> Json:
    """Create one fulfillment.

    Raises:
        RuleBroken: a fulfillment order is not open, lies elsewhere, or has fewer units left.
    """
    works = [open_work(shop, number) for number in wanted]
    if len({each.order for each in works}) != 1 or len({each.location for each in works}) != 1:
        raise RuleBroken("All fulfillment orders must have the same order and assigned location.")
    taken: list[tuple[WorkLine, int]] = []
    for work in works:
        chosen = wanted[work.id]
        if chosen is None:
            chosen = [(each.id, each.left) for each in work.lines if each.left]
        for line_id, units in chosen:
            line = next((each for each in work.lines if each.id == line_id), None)
            if line is None or not 0 < units <= line.left:
                raise RuleBroken("Invalid fulfillment order line item quantity requested.")
            taken.append((line, units))
    order = shop.orders[works[0].order]
    for line, units in taken:
        line.left -= units
    for work in works:
        work.status = "IN_PROGRESS" if any(each.left for each in work.lines) else "CLOSED"
    return recorded(shop, order, works[0].location, taken, tracking)


def open_work(shop: Shop, number: int) -> WorkOrder:
    """Return a fulfillment order that takes fulfillments."""
    work = shop.work.get(number)
    if work is None:
        raise RuleBroken("Fulfillment order does not exist.")
    if "CREATE_FULFILLMENT" not in work.actions:
        raise RuleBroken(f"Fulfillment order {number} has an unfulfillable status= {work.status.lower()}.")
    return work


def recorded(shop: Shop, order: Json, location: int, taken: Sequence[tuple[WorkLine, int]], tracking: Json) -> Json:
    """Book a fulfillment on its order and tell the hub."""
    shop.touch(order)
    at = order["updated_at"]
    number = shop.next("fulfillment")
    lines = []
    for work_line, units in taken:
        line = next(each for each in order["line_items"] if each["id"] == work_line.line_item)
        line["fulfillable_quantity"] -= units
        line["fulfillment_status"] = "fulfilled" if not line["fulfillable_quantity"] else "partial"
        lines.append({**line, "quantity": units})
    numbers = tracking.get("numbers") or ([tracking["number"]] if tracking.get("number") else [])
    urls = tracking.get("urls") or ([tracking["url"]] if tracking.get("url") else [])
    fulfillment = {
        "id": number,
        "admin_graphql_api_id": f"gid://shopify/Fulfillment/{number}",
        "created_at": at,
        "line_items": lines,
        "location_id": location,
        "name": f"{order['name']}.{len(order['fulfillments']) + 1}",
        "order_id": order["id"],
        "origin_address": {},
        "receipt": {},
        "service": "manual",
        "shipment_status": None,
        "status": "success",
        "tracking_company": tracking.get("company"),
        "tracking_number": numbers[0] if numbers else None,
        "tracking_numbers": numbers,
        "tracking_url": urls[0] if urls else None,
        "tracking_urls": urls,
        "updated_at": at,
    }
    order["fulfillments"].append(fulfillment)
    shop.fulfillments[number] = fulfillment
    left = any(each["fulfillable_quantity"] for each in order["line_items"])
    order["fulfillment_status"] = "partial" if left else "fulfilled"
    shop.emit("orders/updated", order, str(order["id"]))
    return fulfillment


def move(shop: Shop, number: int, location: int, chosen: Sequence[tuple[int, int]] | None) -> WorkOrder:
    """Move lines of a fulfillment order to another location; return the fulfillment order that has them now.

    Raises:
        RuleBroken: it cannot be moved.
    """
    work = shop.work.get(number)
    if work is None or "MOVE" not in work.actions or location not in shop.locations:
        raise RuleBroken("Fulfillment order can't be moved to this location.")
    wanted = dict(chosen) if chosen else {each.id: each.left for each in work.lines}
    if any(units > next((each.left for each in work.lines if each.id == line), 0) for line, units in wanted.items()):
        raise RuleBroken("Quantity is more than what is left.")
    if all(wanted.get(each.id) == each.left == each.total for each in work.lines):
        source, work.location = work.location, location
        moved = work
    else:
        source = work.location
        moved = WorkOrder(shop.next("work"), work.order, location)
        for each in work.lines:
            if units := wanted.get(each.id, 0):
                each.left -= units
                each.total -= units
                moved.lines.append(WorkLine(shop.next("line"), each.line_item, units, units))
        work.lines = [each for each in work.lines if each.total]
        if not any(each.left for each in work.lines):
            work.status = "CLOSED"
        shop.work[moved.id] = moved
        shop.work_of[work.order].append(moved.id)
    body = {
        "original_fulfillment_order": shown(work),
        "moved_fulfillment_order": shown(moved),
        "destination_location_id": f"gid://shopify/Location/{location}",
        "fulfillment_order_line_items_requested": [
            {"id": f"gid://shopify/FulfillmentOrderLineItem/{line}", "quantity": units}
            for line, units in wanted.items()
        ],
        "source_location": {"id": f"gid://shopify/Location/{source}"},
    }
    shop.emit("fulfillment_orders/moved", body, str(work.order))
    return moved


def hold(shop: Shop, order_id: int, on: bool) -> None:
    """Put the open fulfillment orders of an order on hold, or release them."""
    before, after = ("OPEN", "ON_HOLD") if on else ("ON_HOLD", "OPEN")
    topic = "fulfillment_orders/placed_on_hold" if on else "fulfillment_orders/hold_released"
    for number in shop.work_of[order_id]:
        work = shop.work[number]
        if work.status == before:
            work.status = after
            shop.emit(topic, {"fulfillment_order": shown(work)}, str(order_id))


def shown(work: WorkOrder) -> Json:
    """Return a fulfillment order as its webhooks show it."""
    return {
        "id": f"gid://shopify/FulfillmentOrder/{work.id}",
        "status": work.status.lower(),
        "assigned_location_id": f"gid://shopify/Location/{work.location}",
    }
