"""A refund as refunds/create carries it, from a simulated shop."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connectors.shopify.simulated.money import Money

Json = dict[str, Any]


def refund_line(
    number: int, place: int | None, money: Money, line: Json, units: int, amount: Decimal, restock: str
) -> Json:
    """Return one line of a refund."""
    return {
        "id": number,
        "line_item": {name: value for name, value in line.items() if name != "attributed_staffs"},
        "line_item_id": line["id"],
        "location_id": place,
        "quantity": units,
        "restock_type": restock,
        "subtotal": float(amount),
        "subtotal_set": money.bag(amount),
        "total_tax": 0.0,
        "total_tax_set": money.bag(Decimal(0)),
    }


def refund_body(number: int, money: Money, order: Json, lines: list[Json], amount: Decimal) -> Json:
    """Return a refund as refunds/create carries it."""
    at = order["updated_at"]
    transaction = {
        "id": number + 400_000_000_000,
        "admin_graphql_api_id": f"gid://shopify/OrderTransaction/{number + 400_000_000_000}",
        "order_id": order["id"],
        "kind": "refund",
        "gateway": "shopify_payments",
        "status": "success",
        "message": None,
        "created_at": at,
        "test": False,
        "authorization": None,
        "location_id": None,
        "user_id": None,
        "parent_id": None,
        "processed_at": at,
        "device_id": None,
        "error_code": None,
        "source_name": "web",
        "receipt": {},
        "amount": f"{amount:.2f}",
        "currency": order["currency"],
        "payment_id": f"{order['name']}.1",
        "manual_payment_gateway": False,
        "amount_rounding": None,
    }
    return {
        "id": number,
        "admin_graphql_api_id": f"gid://shopify/Refund/{number}",
        "created_at": at,
        "duties": [],
        "note": None,
        "order_adjustments": [],
        "order_id": order["id"],
        "processed_at": at,
        "refund_line_items": lines,
        "refund_shipping_lines": [],
        "restock": True,
        "return": None,
        "total_duties_set": money.bag(Decimal(0)),
        "transactions": [transaction],
        "user_id": None,
    }
