"""A simulated shop's records as the Admin API shows them: the fields that the connector's operations select."""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.shopify.simulated.catalog import Product
from connectors.shopify.simulated.shop import WorkOrder

Json = dict[str, Any]


def gid(kind: str, number: int) -> str:
    """Return a global id."""
    return f"gid://shopify/{kind}/{number}"


def number_of(text: str) -> int:
    """Return the number in a global id."""
    return int(text.rsplit("/", 1)[-1])


def zulu(text: str) -> str:
    """Return a time in UTC with Z."""
    return datetime.fromisoformat(text).astimezone(UTC).isoformat().replace("+00:00", "Z")


def bag(amount: Any) -> Json:
    """Return an amount as a money bag, without the trailing zeros that the Admin API leaves out."""
    text = str(amount)
    if "." in text:
        text = text.rstrip("0")
        text = f"{text}0" if text.endswith(".") else text
    return {"shopMoney": {"amount": text}}


def page(
    members: Sequence[Any], first: int, after: str | None, show: Callable[[Any], Json], key: Callable[[Any], str]
) -> Json:
    """Return one page of a connection.

    Args:
        members: in the order of their keys; a cursor is the key of the last one shown, so it survives changes.
    """
    start = bisect_right(members, base64.b64decode(after).decode(), key=key) if after else 0
    shown = members[start : start + first]
    more = start + first < len(members)
    end = base64.b64encode(key(shown[-1]).encode()).decode() if shown else None
    return {"pageInfo": {"hasNextPage": more, "endCursor": end}, "nodes": [show(each) for each in shown]}


def address(found: Json | None) -> Json | None:
    """Return a mailing address."""
    if found is None:
        return None
    return {
        "name": found["name"],
        "company": found["company"],
        "address1": found["address1"],
        "address2": found["address2"],
        "city": found["city"],
        "province": found["province"],
        "provinceCode": found["province_code"],
        "zip": found["zip"],
        "countryCodeV2": found["country_code"],
        "phone": found["phone"],
    }


def customer(found: Json | None) -> Json | None:
    """Return a customer."""
    if found is None:
        return None
    return {
        "id": gid("Customer", found["id"]),
        "firstName": found["first_name"],
        "lastName": found["last_name"],
        "defaultEmailAddress": {"emailAddress": found["email"]} if found["email"] else None,
        "defaultPhoneNumber": {"phoneNumber": found["phone"]} if found["phone"] else None,
    }


def order_line(line: Json) -> Json:
    """Return a line item."""
    return {
        "id": gid("LineItem", line["id"]),
        "sku": line["sku"],
        "name": line["name"],
        "quantity": line["quantity"],
        "currentQuantity": line["current_quantity"],
        "requiresShipping": line["requires_shipping"],
        "variant": {"id": gid("ProductVariant", line["variant_id"])} if line["variant_id"] else None,
        "originalUnitPriceSet": bag(line["price"]),
        "discountAllocations": [{"allocatedAmountSet": bag(each["amount"])} for each in line["discount_allocations"]],
        "taxLines": [
            {"title": each["title"], "rate": each["rate"], "priceSet": bag(each["price"])} for each in line["tax_lines"]
        ],
    }


def line_key(line: Json) -> str:
    """Return the key of a line item in its order."""
    return f"{line['id']:030d}"


def order(found: Json, lines: int) -> Json:
    """Return an order with its first lines."""
    status = found["financial_status"]
    return {
        "id": gid("Order", found["id"]),
        "name": found["name"],
        "createdAt": zulu(found["created_at"]),
        "processedAt": zulu(found["processed_at"]),
        "updatedAt": zulu(found["updated_at"]),
        "cancelledAt": zulu(found["cancelled_at"]) if found["cancelled_at"] else None,
        "cancelReason": found["cancel_reason"].upper() if found["cancel_reason"] else None,
        "currencyCode": found["currency"],
        "taxesIncluded": found["taxes_included"],
        "dutiesIncluded": found["duties_included"],
        "displayFinancialStatus": status.upper() if status else None,
        "paymentGatewayNames": found["payment_gateway_names"],
        "email": found["email"],
        "phone": found["phone"],
        "note": found["note"],
        "tags": [each.strip() for each in found["tags"].split(",") if each.strip()],
        "totalPriceSet": bag(found["total_price"]),
        "totalTaxSet": bag(found["total_tax"]),
        "totalTipReceivedSet": bag(found["total_tip_received"]),
        "originalTotalDutiesSet": None,
        "originalTotalAdditionalFeesSet": None,
        "purchasingEntity": {"__typename": "PurchasingCompany" if found["company"] else "Customer"},
        "customer": customer(found["customer"]),
        "billingAddress": address(found["billing_address"]),
        "shippingAddress": address(found["shipping_address"]),
        "shippingLines": {
            "nodes": [
                {
                    "title": each["title"],
                    "originalPriceSet": bag(each["price"]),
                    "discountedPriceSet": bag(each["discounted_price"]),
                    "taxLines": [{"priceSet": bag(tax["price"])} for tax in each["tax_lines"]],
                }
                for each in found["shipping_lines"]
            ]
        },
        "lineItems": page(found["line_items"], lines, None, order_line, line_key),
    }


def fulfillment_order(work: WorkOrder, lines: int) -> Json:
    """Return a fulfillment order with its first lines."""
    return {
        "id": gid("FulfillmentOrder", work.id),
        "status": work.status,
        "assignedLocation": {"location": {"id": gid("Location", work.location)}},
        "supportedActions": [{"action": each} for each in work.actions],
        "lineItems": work_lines(work, lines, None),
    }


def work_lines(work: WorkOrder, first: int, after: str | None) -> Json:
    """Return lines of a fulfillment order."""
    return page(
        work.lines,
        first,
        after,
        lambda each: {
            "id": gid("FulfillmentOrderLineItem", each.id),
            "remainingQuantity": each.left,
            "lineItem": {"id": gid("LineItem", each.line_item)},
        },
        lambda each: f"{each.id:030d}",
    )


def fulfillment(found: Json) -> Json:
    """Return a fulfillment with its tracking numbers."""
    return {
        "id": gid("Fulfillment", found["id"]),
        "name": found["name"],
        "status": found["status"].upper(),
        "trackingInfo": [{"number": each} for each in found["tracking_numbers"]],
    }


def variant(product: Product, listed_at: str) -> Json:
    """Return a variant with its product and inventory item."""
    return {
        "id": gid("ProductVariant", product.variant_id),
        "sku": product.sku,
        "title": "Default Title",
        "barcode": product.barcode,
        "price": f"{product.price:.2f}",
        "updatedAt": zulu(listed_at),
        "inventoryPolicy": "DENY",
        "product": {
            "id": gid("Product", product.product_id),
            "title": product.title,
            "status": "ACTIVE",
            "vendor": product.vendor,
            "productType": "Home",
        },
        "inventoryItem": {
            "id": gid("InventoryItem", product.inventory_item_id),
            "tracked": True,
            "measurement": {"weight": {"unit": "GRAMS", "value": float(product.grams)}},
        },
    }
