"""Writes as the core hands them to the connector."""

from collections.abc import Iterable, Sequence
from typing import Any

from connectors.shopify.simulated.catalog import Product
from core.domain.vocabulary import Write
from core.ports.connectors import Push

Json = dict[str, Any]


def shipment(
    order: Json,
    lines: Iterable[tuple[Json, int]],
    *,
    tracking: str | None = "JJD0001",
    number: str = "S-1",
    node: str = "north",
    packages: Sequence[str] = (),
    **more: Any,
) -> Push:
    """Return a push_shipment of units of a simulated shop's order."""
    found = {
        "id": f"shp_{number}",
        "number": number,
        "node": node,
        "carrier": "dhl",
        "service": None,
        "tracking_number": tracking,
        "tracking_url": None,
        "shipped_at": "2026-11-04T15:20:00Z",
        "lines": [
            {"line_id": f"lin_{line['id']}", "external_id": str(line["id"]), "sku": line["sku"], "quantity": str(units)}
            for line, units in lines
        ],
        "packages": [{"sscc": None, "tracking_number": each, "weight_g": None} for each in packages],
        **more,
    }
    payload = {
        "shipment": found,
        "order": {"id": "ord_1", "external_id": str(order["id"]), "number": order["name"], "connection": "shop"},
        "fulfillment": {"id": "ful_1", "number": "1"},
    }
    return Push(Write.PUSH_SHIPMENT, f"dlv_{number}", payload)


def stock(products: Iterable[Product], available: Any, *, reference: str = "dlv_9", references: bool = True) -> Push:
    """Return a push_stock that gives every product the same figure."""
    items = [
        {
            "sku": each.sku,
            "available": str(available),
            "as_of": "2026-11-04T15:20:00Z",
            "references": {"shopify_inventory_item": str(each.inventory_item_id)} if references else {},
        }
        for each in products
    ]
    return Push(Write.PUSH_STOCK, reference, {"items": items})
