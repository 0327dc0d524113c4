"""What a map cannot say of Shopify's products: variants without SKU, titles in two parts, barcodes, weights, codes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from connectors.shopify.shaping import at, objects
from mappings.faults import Unfit
from mappings.numbers import exact

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
        variant["sku"] = None
        return
    variant["title"] = full_title(at(variant, "product", "title"), variant.get("title"))
    variant["active"] = at(variant, "product", "status") == "ACTIVE"
    variant["gtin"] = gtin(variant.get("barcode"))
    variant["grams"] = grams(at(variant, "inventoryItem", "measurement", "weight"))
    variant["references"] = references(number_of(variant.get("id")), number_of(at(variant, "inventoryItem", "id")))


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
