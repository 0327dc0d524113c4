"""What a map cannot say of Shopify's documents: sums over parts, units by line, one money table for two dialects.

Each function changes a parsed document in place, before its map reads it, and leaves what it does not understand as
it is: the map names what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from mappings.faults import Unfit
from mappings.numbers import EXACT, exact

Json = dict[str, Any]
# A GTIN has one of these lengths; other barcodes are the shop's own.
GTIN_LENGTHS = frozenset([8, 12, 13, 14])
GRAMS = {
    "GRAMS": Decimal(1),
    "KILOGRAMS": Decimal(1000),
    "OUNCES": Decimal("28.349523125"),
    "POUNDS": Decimal("453.59237"),
}
ONLY_VARIANT = "Default Title"


def objects(value: Any) -> list[Json]:
    """Return the objects in a list; nothing when it is none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def at(value: Any, *names: str) -> Any:
    """Return what lies at a path of names, None when the way ends."""
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def shop(bag: Any) -> Any:
    """Return the amount in shop money of a money bag."""
    return at(bag, "shop_money", "amount") or at(bag, "shopMoney", "amount")


def positive(amount: Any) -> bool:
    """Return whether there is an amount above zero; what is no number is left for the map to name."""
    if amount is None:
        return False
    try:
        return exact(amount) > 0
    except Unfit:
        return True


def whole(value: Any) -> int | None:
    """Return a count, None when it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def webhook_order(order: Json) -> None:
    """Prepare an order as webhooks carry it."""
    tips = [line for line in objects(order.get("line_items")) if is_tip(line)]
    if tips:
        order["line_items"] = [line for line in order["line_items"] if not any(line is tip for tip in tips)]
    lines = objects(order.get("line_items"))
    returned = returned_units(
        (at(entry, "line_item_id"), entry.get("restock_type"), entry.get("quantity"))
        for refund in objects(order.get("refunds"))
        for entry in objects(refund.get("refund_line_items"))
    )
    for number, line in enumerate(lines, 1):
        count(line, number, line.get("current_quantity"), returned.get(line.get("id"), 0))
        allocations = line.get("discount_allocations")
        if isinstance(allocations, list):
            line["discounts"] = [each.get("amount") for each in objects(allocations)]
        elif line.get("total_discount") is not None:
            line["discounts"] = [line["total_discount"]]
    order["kind"] = "b2b" if order.get("company") else "b2c"
    order["charges"] = list(webhook_charges(order))
    gateways = order.get("payment_gateway_names")
    money_state(order, order.get("financial_status"), gateways, order.get("total_price"), order.get("currency"))
    stated = order.get("total_line_items_price")
    listed = [stated] if stated is not None and not tips else extended(lines, lambda line: line.get("price"))
    totals(order, listed, lines, order.get("total_tax"), order.get("total_price"))


def listed_order(order: Json) -> None:
    """Prepare an order as the Admin API lists it."""
    lines = objects(at(order, "lineItems", "nodes"))
    returned = returned_units(
        (at(entry, "lineItem", "id"), str(entry.get("restockType")).lower(), entry.get("quantity"))
        for refund in objects(order.get("refunds"))
        for entry in objects(at(refund, "refundLineItems", "nodes"))
    )
    for number, line in enumerate(lines, 1):
        count(line, number, line.get("currentQuantity"), returned.get(line.get("id"), 0))
        line["discounts"] = [shop(each.get("allocatedAmountSet")) for each in objects(line.get("discountAllocations"))]
    order["kind"] = "b2b" if at(order, "purchasingEntity", "__typename") == "PurchasingCompany" else "b2c"
    order["charges"] = list(listed_charges(order))
    status = order.get("displayFinancialStatus")
    total = shop(order.get("totalPriceSet"))
    gateways = order.get("paymentGatewayNames")
    money_state(
        order, status.lower() if isinstance(status, str) else status, gateways, total, order.get("currencyCode")
    )
    listed = extended(lines, lambda line: shop(line.get("originalUnitPriceSet")))
    totals(order, listed, lines, shop(order.get("totalTaxSet")), total)


def is_tip(line: Json) -> bool:
    """Return whether a line is a tip, which is money and no goods."""
    return bool(line.get("tip") or line.get("tip_payment_gateway"))


def returned_units(entries: Iterator[tuple[Any, Any, Any]]) -> dict[Any, int]:
    """Return per line the units that came back after they had left; they were not taken off the order."""
    found: dict[Any, int] = {}
    for line, restock, quantity in entries:
        units = whole(quantity)
        if restock == "return" and units and isinstance(line, str | int):
            found[line] = found.get(line, 0) + units
    return found


def count(line: Json, number: int, current: Any, returned: int) -> None:
    """Put position and removed units on a line: what was ordered, is no longer wanted and did not come back."""
    line["position"] = number
    ordered, wanted = whole(line.get("quantity")), whole(current)
    if ordered is not None and wanted is not None:
        line["removed"] = max(ordered - wanted - returned, 0)


def webhook_charges(order: Json) -> Iterator[Json]:
    """Yield everything to pay that is no goods."""
    for line in objects(order.get("shipping_lines")):
        if line.get("is_removed"):
            continue
        amount = line.get("discounted_price")
        taxes = [tax.get("price") for tax in objects(line.get("tax_lines"))]
        yield charge("shipping", line.get("title"), line.get("price") if amount is None else amount, taxes)
    duties, fees = shop(order.get("original_total_duties_set")), shop(order.get("original_total_additional_fees_set"))
    yield from other_charges(order.get("total_tip_received"), None if order.get("duties_included") else duties, fees)


def listed_charges(order: Json) -> Iterator[Json]:
    """Yield everything to pay that is no goods."""
    for line in objects(at(order, "shippingLines", "nodes")):
        taxes = [shop(tax.get("priceSet")) for tax in objects(line.get("taxLines"))]
        yield charge("shipping", line.get("title"), shop(line.get("discountedPriceSet")), taxes)
    duties, fees = shop(order.get("originalTotalDutiesSet")), shop(order.get("originalTotalAdditionalFeesSet"))
    tip = shop(order.get("totalTipReceivedSet"))
    yield from other_charges(tip, None if order.get("dutiesIncluded") else duties, fees)


def other_charges(tip: Any, duties: Any, fees: Any) -> Iterator[Json]:
    """Yield the charges that are above zero."""
    for kind, title, amount in (("tip", "Tip", tip), ("duty", "Duties", duties), ("fee", "Additional fees", fees)):
        if positive(amount):
            yield charge(kind, title, amount, [])


def charge(kind: str, title: Any, amount: Any, taxes: list[Any]) -> Json:
    """Return one charge as the maps read it."""
    return {"kind": kind, "title": title, "amount": amount, "taxes": taxes}


def money_state(order: Json, status: Any, gateways: Any, total: Any, currency: Any) -> None:
    """Put what the shop says of the order's money on it: the state of the whole total."""
    if not status or total is None:
        order["payments"] = []
        return
    names = ", ".join(str(each) for each in gateways) if isinstance(gateways, list) else None
    order["payments"] = [{"kind": status, "gateway": names, "amount": total, "currency": currency}]


def totals(order: Json, listed: list[Any] | None, lines: list[Json], tax: Any, grand: Any) -> None:
    """Put the totals on an order: shipping is counted after its discount, so only discounts of lines are left."""
    order["totals"] = {
        "lines": listed,
        "discount": [each for line in lines for each in line.get("discounts", ())],
        "charges": [each["amount"] for each in order["charges"]],
        "tax": tax,
        "grand": grand,
    }


def extended(lines: list[Json], price: Callable[[Json], Any]) -> list[Any] | None:
    """Return unit price times quantity of every line; None when one of them cannot be told."""
    try:
        return [EXACT.multiply(exact(price(line)), exact(line.get("quantity"))) for line in lines]
    except Unfit:
        return None


def refund(document: Json) -> None:
    """Prepare a refund: the money that really went back, in the currency it went back in."""
    paid = [each for each in objects(document.get("transactions")) if each.get("kind") == "refund"]
    paid = [each for each in paid if each.get("status") in (None, "success")]
    document["amounts"] = [each.get("amount") for each in paid]
    document["currency"] = next((each["currency"] for each in paid if each.get("currency")), None)


def inventory_level(document: Json) -> None:
    """Prepare an inventory level: the document is the one level in it."""
    document["levels"] = [dict(document)]


def webhook_product(product: Json) -> None:
    """Prepare a product: its variants with a SKU, each with its codes."""
    kept = [each for each in objects(product.get("variants")) if text_in(each.get("sku"))]
    for variant in kept:
        variant["title"] = full_title(product.get("title"), variant.get("title"))
        variant["active"] = product.get("status", "active") == "active"
        variant["gtin"] = gtin(variant.get("barcode"))
        variant["references"] = references(variant.get("id"), variant.get("inventory_item_id"))
    product["variants"] = kept


def listed_variant(variant: Json) -> None:
    """Prepare a variant as the Admin API lists it."""
    if not text_in(variant.get("sku")):
        variant["variants"] = []
        return
    found = dict(variant)
    found["title"] = full_title(at(variant, "product", "title"), variant.get("title"))
    found["active"] = at(variant, "product", "status") == "ACTIVE"
    found["gtin"] = gtin(variant.get("barcode"))
    found["grams"] = grams(at(variant, "inventoryItem", "measurement", "weight"))
    found["references"] = references(number_of(variant.get("id")), number_of(at(variant, "inventoryItem", "id")))
    variant["variants"] = [found]


def text_in(value: Any) -> bool:
    """Return whether there is text."""
    return isinstance(value, str) and bool(value.strip())


def full_title(product: Any, variant: Any) -> Any:
    """Return the title a person knows the variant by."""
    if not text_in(variant) or variant == ONLY_VARIANT:
        return product
    return f"{product} - {variant}" if text_in(product) else variant


def references(variant: Any, inventory_item: Any) -> list[Json]:
    """Return the codes Shopify uses for a variant; the product's id is no code of one item."""
    named = (("shopify_variant", variant), ("shopify_inventory_item", inventory_item))
    return [{"scheme": scheme, "code": code} for scheme, code in named if code is not None]


def number_of(gid: Any) -> str | None:
    """Return the number in a global id."""
    return gid.rsplit("/", 1)[-1].partition("?")[0] if isinstance(gid, str) and gid.startswith("gid://") else None


def gtin(barcode: Any) -> str | None:
    """Return a barcode that is a GTIN by length and check digit (GS1 General Specifications 7.9), else None."""
    text = barcode.strip() if isinstance(barcode, str) else ""
    if len(text) not in GTIN_LENGTHS or not (text.isascii() and text.isdigit()):
        return None
    weighed = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(text)))
    return text if weighed % 10 == 0 else None


def grams(weight: Any) -> int | None:
    """Return a weight in whole grams, None when it is zero or in a unit we do not know."""
    factor, value = GRAMS.get(at(weight, "unit") or ""), at(weight, "value")
    try:
        found = int((exact(value) * factor).to_integral_value()) if factor is not None else 0
    except Unfit:
        return None
    return found or None
