"""A map of a shop's order reads the vendor's own documented samples and recorded shapes."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.domain.documents import check_document
from core.errors import MappingError
from mappings.document import load_map

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora"
pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif(not CORPORA.is_dir(), reason="the third-party samples in ../shared/corpora are not here"),
]

ADDRESS = """{name: name, company: company, line1: address1, line2: address2, city: city, region: province_code,
    postal_code: zip, phone: phone, country: {path: country_code, as: country, on_invalid: hold.bad_address}}"""
MAP = load_map(
    f"""
map: order
from: json
fields:
  external_id: {{path: admin_graphql_api_id, as: {{gid: {{kind: Order}}}}, required: true}}
  number: name
  placed_at: {{first_of: [processed_at, created_at], as: datetime, required: true}}
  currency: {{path: currency, codes: iso_currency}}
  tags: {{path: tags, as: split}}
  note: note
  buyer:
    from: customer
    fields: {{name: {{concat: [first_name, last_name]}}, email: {{first_of: [$.email, email]}}, external_id: id}}
  ship_to: {{from: shipping_address, fields: {ADDRESS}}}
  bill_to: {{from: billing_address, fields: {ADDRESS}}}
  lines:
    each: line_items
    where: quantity > `0`
    fields:
      external_id: {{path: admin_graphql_api_id, as: {{gid: {{kind: LineItem}}}}}}
      sku: {{path: sku, on_missing: hold.unmapped_sku}}
      title: title
      quantity: {{path: quantity, as: quantity}}
      unit_price: {{path: price_set.shop_money.amount, as: money, on_missing: hold.missing_price}}
      discount: {{path: "discount_allocations[].amount", as: sum}}
      tax_included: $.taxes_included
      taxes:
        each: tax_lines
        fields: {{title: title, rate: {{path: rate, as: number}}, amount: {{path: price, as: money}}}}
  charges:
    each: shipping_lines
    fields: {{kind: {{const: shipping}}, title: title, amount: {{path: price, as: money}}}}
  totals: {{fields: {{grand: {{path: total_price, as: money}}, tax: {{path: total_tax, as: money}}}}}}
  canceled_at: {{path: cancelled_at, as: datetime}}
"""
)


def samples(pattern: str) -> list[Path]:
    return sorted((CORPORA / "shopify-webhooks").glob(pattern))


def sample(name: str) -> bytes:
    path = CORPORA / "shopify-webhooks" / "metadatas" / "2026-04" / "orders" / f"{name}.json"
    return json.dumps(json.loads(path.read_bytes())["response"]).encode()


def test_the_documented_order_is_read_to_the_cent() -> None:
    result = MAP.read_one(sample("create"))
    found = result.canonical
    assert result.holds == []
    # The sample's number id has lost its last digits to a JSON double; the global id has not.
    assert found["external_id"] == "820982911946154508"
    assert found["placed_at"] == datetime(2022, 1, 1, tzinfo=UTC)
    assert found["buyer"] == {"name": "John Smith", "email": "jon@example.com", "external_id": "115310627314723950"}
    assert found["ship_to"]["country"] == "US"
    assert found["tags"] == ["tag1", "tag2"]
    assert [(line["sku"], line["quantity"], line["unit_price"]) for line in found["lines"]] == [
        ("SKU2006-001", Decimal(1), Decimal("89.99")),
        ("LENS-PROTECT-2YR", Decimal(1), Decimal("19.99")),
        ("CASE-LEATHER-PREM", Decimal(1), Decimal("24.99")),
        ("SKU2006-020", Decimal(1), Decimal("159.99")),
        ("SKU2006-035", Decimal(1), Decimal("119.99")),
    ]
    assert sum(line["quantity"] * line["unit_price"] for line in found["lines"]) == Decimal("414.95")
    assert found["charges"] == [{"kind": "shipping", "title": "Generic Shipping", "amount": Decimal("10.00")}]
    assert found["totals"] == {"grand": Decimal("404.95"), "tax": Decimal("0.00")}
    assert check_document("order", found)["type"] == "b2c"


@pytest.mark.parametrize("name", ["create", "updated", "cancelled", "partially_fulfilled"])
def test_every_documented_order_is_a_canonical_order(name: str) -> None:
    result = MAP.read_one(sample(name))
    loaded = check_document("order", result.canonical)
    assert loaded["external_id"] == "820982911946154508"
    assert len(loaded["lines"]) >= 1


def test_every_other_document_is_refused_with_a_reason() -> None:
    """Placeholder texts, other topics: read as an order or refused, never anything else."""
    refused: list[str] = []
    read = 0
    for path in [*samples("metadatas/**/*.json"), *samples("exemplars/**/*.json")]:
        document: Any = json.loads(path.read_bytes())
        data = json.dumps(document.get("response") if "metadatas" in path.parts else document).encode()
        try:
            MAP.read_one(data)
            read += 1
        except MappingError as error:
            refused.append(error.what)
    assert (read, len(refused)) == (4, len(samples("metadatas/**/*.json")) + len(samples("exemplars/**/*.json")) - 4)
    assert all("map:" in reason or "not an object" in reason for reason in refused)


def test_the_unmapped_report_names_what_the_map_leaves_out() -> None:
    document = next(MAP.documents(sample("create"))).value
    unmapped = MAP.unmapped(document)
    assert {"financial_status", "line_items[].grams", "shipping_lines[].source"} <= set(unmapped)
    assert not {"name", "line_items[].sku", "shipping_address.zip"} & set(unmapped)
