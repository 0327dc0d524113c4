"""What a simulated shop sells: products with one variant each, with codes of Shopify's size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# Shopify's ids are larger than a binary float can hold exactly.
PRODUCT, VARIANT, INVENTORY_ITEM = 788_032_119_600_000_000, 642_667_041_400_000_000, 808_950_810_700_000_000
NAMES = ("Mug", "Bowl", "Plate", "Vase", "Lamp", "Clock", "Frame", "Tray", "Candle", "Cushion")
COLORS = ("green", "blue", "sand", "black")


@dataclass(frozen=True, slots=True)
class Product:
    """One variant on sale; its product has no other."""

    sku: str
    title: str
    price: Decimal
    number: int
    grams: int = 400
    vendor: str = "Fjord Pottery"
    barcode: str | None = None

    @property
    def product_id(self) -> int:
        """The product's id."""
        return PRODUCT + self.number

    @property
    def variant_id(self) -> int:
        """The variant's id."""
        return VARIANT + self.number

    @property
    def inventory_item_id(self) -> int:
        """The inventory item's id."""
        return INVENTORY_ITEM + self.number


def invented(count: int = 40) -> list[Product]:
    """Return a small invented catalog."""
    return [
        Product(
            sku=f"FP-{NAMES[number % 10].upper()}-{number:04d}",
            title=f"{NAMES[number % 10]} {COLORS[number // 10 % 4]}",
            price=Decimal(490 + 350 * (number % 17)) / 100,
            number=number + 1,
            grams=150 + 50 * (number % 12),
        )
        for number in range(count)
    ]


def given(rows: Iterable[Mapping[str, Any]]) -> list[Product]:
    """Return a catalog from rows with sku, title, price and, where known, grams, vendor and gtin."""
    return [
        Product(
            sku=str(row["sku"]),
            title=str(row.get("title") or row["sku"]),
            price=Decimal(str(row["price"])),
            number=number,
            grams=int(row.get("weight_g") or row.get("grams") or 400),
            vendor=str(row.get("vendor") or "Fjord Pottery"),
            barcode=row.get("gtin") or row.get("barcode"),
        )
        for number, row in enumerate(rows, 1)
    ]


def product_document(product: Product, at: str) -> dict[str, Any]:
    """Return a product as the products/* webhooks carry it."""
    gid = f"gid://shopify/ProductVariant/{product.variant_id}"
    return {
        "admin_graphql_api_id": f"gid://shopify/Product/{product.product_id}",
        "body_html": f"<p>{product.title}</p>",
        "created_at": at,
        "handle": product.sku.lower(),
        "id": product.product_id,
        "product_type": "Home",
        "published_at": at,
        "template_suffix": None,
        "title": product.title,
        "updated_at": at,
        "vendor": product.vendor,
        "status": "active",
        "published_scope": "web",
        "tags": "",
        "variants": [
            {
                "admin_graphql_api_id": gid,
                "barcode": product.barcode,
                "compare_at_price": None,
                "created_at": at,
                "id": product.variant_id,
                "inventory_policy": "deny",
                "position": 1,
                "price": f"{product.price:.2f}",
                "product_id": product.product_id,
                "sku": product.sku,
                "taxable": True,
                "title": "Default Title",
                "updated_at": at,
                "option1": "Default Title",
                "option2": None,
                "option3": None,
                "image_id": None,
                "inventory_item_id": product.inventory_item_id,
                "inventory_quantity": 0,
                "old_inventory_quantity": 0,
            }
        ],
        "options": [
            {
                "name": "Title",
                "id": product.product_id + 500_000,
                "product_id": product.product_id,
                "position": 1,
                "values": ["Default Title"],
            }
        ],
        "images": [],
        "image": None,
        "media": [],
        "variant_gids": [{"admin_graphql_api_id": gid, "updated_at": at}],
        "has_variants_that_requires_components": False,
        "category": None,
    }
