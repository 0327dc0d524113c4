"""An order as Shopify's orders/* webhooks carry it: every key of the real body, every value invented.

`order_payload` is pure: the same arguments give the same order. Benchmarks and tests use it without a simulator.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.shopify.simulated.catalog import Product
from connectors.shopify.simulated.money import CENT, ZERO, Money, Terms, recount, tax_lines
from connectors.shopify.simulated.people import Person, invented

Json = dict[str, Any]
ORDER, LINE, SHIPPING = 820_982_911_900_000_000, 866_550_311_000_000_000, 271_878_346_000_000_000
FREE_FROM = Decimal("60.00")
RATE = Decimal("4.90")
DISCOUNT = Decimal("0.10")


def order_payload(
    rng: random.Random,
    catalog: Sequence[Product],
    *,
    number: int,
    at: datetime,
    terms: Terms | None = None,
    lines: Sequence[tuple[Product, int]] | None = None,
    person: Person | None = None,
) -> Json:
    """Return a whole orders/create body.

    Args:
        rng: all chance comes from here.
        number: of the order, unique in the shop; ids are made of it.
        at: when it is placed; Shopify tells whole seconds with the shop's offset.
        lines: what is bought; chosen from the catalog when left out.
        person: who buys; invented when left out.
    """
    terms = terms or Terms()
    buyer = person or invented(rng, terms.country)
    bought = list(lines) if lines else [(each, rng.choice((1, 1, 1, 2, 3))) for each in sample(rng, catalog)]
    reduced = rng.random() < terms.discounts
    token = f"{rng.getrandbits(128):032x}"
    money = Money(terms.currency)
    made = [line(terms, money, number, place, each, units, reduced) for place, (each, units) in enumerate(bought)]
    when = at.replace(microsecond=0).isoformat()
    address = buyer.address()
    order: Json = {
        "id": ORDER + number,
        "admin_graphql_api_id": f"gid://shopify/Order/{ORDER + number}",
        "app_id": 580111,
        "browser_ip": "203.0.113.7",
        "buyer_accepts_marketing": False,
        "cancel_reason": None,
        "cancelled_at": None,
        "cart_token": token[:16],
        "checkout_id": 37_111_111_000_000 + number,
        "checkout_token": token,
        "client_details": {
            "accept_language": "de",
            "browser_height": None,
            "browser_ip": "203.0.113.7",
            "browser_width": None,
            "session_hash": None,
            "user_agent": "Mozilla/5.0",
        },
        "closed_at": None,
        "company": None,
        "confirmation_number": token[:9].upper(),
        "confirmed": True,
        "contact_email": buyer.email,
        "created_at": when,
        "currency": terms.currency,
        "customer_locale": "de",
        "device_id": None,
        "discount_codes": [],
        "duties_included": False,
        "email": buyer.email,
        "estimated_taxes": False,
        "financial_status": "paid",
        "fulfillment_status": None,
        "landing_site": "/",
        "landing_site_ref": None,
        "location_id": None,
        "merchant_business_entity_id": "MTU0ODM4MDAwOQ",
        "merchant_of_record_app_id": None,
        "name": f"#{number}",
        "note": None,
        "note_attributes": [],
        "number": number - 1000,
        "order_number": number,
        "order_status_url": f"https://{terms.shop}/orders/{token}/authenticate",
        "original_total_additional_fees_set": None,
        "original_total_duties_set": None,
        "payment_gateway_names": ["shopify_payments"],
        "phone": None,
        "po_number": None,
        "presentment_currency": terms.currency,
        "processed_at": when,
        "reference": None,
        "referring_site": None,
        "source_identifier": None,
        "source_name": "web",
        "source_url": None,
        "tags": "",
        "tax_exempt": False,
        "taxes_included": terms.taxes_included,
        "test": False,
        "token": token,
        "total_cash_rounding_payment_adjustment_set": money.bag(ZERO),
        "total_cash_rounding_refund_adjustment_set": money.bag(ZERO),
        "total_outstanding": "0.00",
        "total_tip_received": "0.00",
        "total_weight": sum(each.grams * units for each, units in bought),
        "updated_at": when,
        "user_id": None,
        "billing_address": address,
        "customer": buyer.customer(terms.currency, when),
        "discount_applications": [],
        "fulfillments": [],
        "line_item_groups": [],
        "line_items": made,
        "payment_terms": None,
        "refunds": [],
        "returns": [],
        "shipping_address": dict(address),
        "shipping_lines": [],
        "tax_lines": [],
    }
    if reduced:
        code = "WELCOME10"
        total = sum((Decimal(each["discount_allocations"][0]["amount"]) for each in made), ZERO)
        order["discount_codes"] = [{"code": code, "amount": f"{total:.2f}", "type": "percentage"}]
        order["discount_applications"] = [
            {
                "target_type": "line_item",
                "type": "discount_code",
                "value": "10.0",
                "value_type": "percentage",
                "allocation_method": "across",
                "target_selection": "all",
                "code": code,
            }
        ]
    goods = sum((Decimal(each["price"]) * each["quantity"] for each in made), ZERO)
    order["shipping_lines"] = [shipping_line(terms, money, number, ZERO if goods >= FREE_FROM else RATE)]
    recount(order)
    return order


def sample(rng: random.Random, catalog: Sequence[Product]) -> list[Product]:
    """Return one to four products, the first ones more often: a few sell most."""
    wanted = min(rng.choice((1, 1, 1, 2, 2, 3, 4)), len(catalog))
    found: dict[str, Product] = {}
    while len(found) < wanted:
        each = catalog[int(len(catalog) * rng.random() ** 2)]
        found[each.sku] = each
    return list(found.values())


def line(terms: Terms, money: Money, number: int, place: int, product: Product, units: int, reduced: bool) -> Json:
    """Return one line item."""
    identifier = LINE + number * 1_000 + place
    full = product.price * units
    discount = (full * DISCOUNT).quantize(CENT, ROUND_HALF_UP) if reduced else ZERO
    allocation = {"amount": f"{discount:.2f}", "amount_set": money.bag(discount), "discount_application_index": 0}
    return {
        "id": identifier,
        "admin_graphql_api_id": f"gid://shopify/LineItem/{identifier}",
        "attributed_staffs": [],
        "current_quantity": units,
        "fulfillable_quantity": units,
        "fulfillment_service": "manual",
        "fulfillment_status": None,
        "gift_card": False,
        "grams": product.grams,
        "name": product.title,
        "price": f"{product.price:.2f}",
        "price_set": money.bag(product.price),
        "product_exists": True,
        "product_id": product.product_id,
        "properties": [],
        "quantity": units,
        "requires_shipping": True,
        "sales_line_item_group_id": None,
        "sku": product.sku,
        "taxable": True,
        "title": product.title,
        "total_discount": "0.00",
        "total_discount_set": money.bag(ZERO),
        "variant_id": product.variant_id,
        "variant_inventory_management": "shopify",
        "variant_title": None,
        "vendor": product.vendor,
        "tax_lines": tax_lines(terms, money, full - discount),
        "duties": [],
        "discount_allocations": [allocation] if reduced else [],
    }


def shipping_line(terms: Terms, money: Money, number: int, price: Decimal) -> Json:
    """Return the one shipping line."""
    return {
        "id": SHIPPING + number,
        "carrier_identifier": None,
        "code": "Standard",
        "current_discounted_price_set": money.bag(price),
        "discount_allocations": [],
        "discounted_price": f"{price:.2f}",
        "discounted_price_set": money.bag(price),
        "is_removed": False,
        "phone": None,
        "price": f"{price:.2f}",
        "price_set": money.bag(price),
        "requested_fulfillment_service_id": None,
        "source": "shopify",
        "tax_lines": tax_lines(terms, money, price),
        "title": "Standard",
    }
