"""Orders in and orders made: totals to the cent, units taken off, late and shuffled events, Shopify's own shape."""

import copy
import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.shopify import shaping
from connectors.shopify.simulated import catalog, fulfilling
from connectors.shopify.simulated.money import Terms
from connectors.shopify.simulated.orders import order_payload
from connectors.shopify.simulator import Partner
from core.domain.vocabulary import HoldKind
from core.services.validation import check_order
from tests.connectors.shopify.conftest import SECRETS, Normalize

CATALOG = catalog.invented()
AT = datetime(2026, 11, 3, 9, 41, tzinfo=UTC)


def made(seed: int, **terms: Any) -> dict[str, Any]:
    """Return an order made of a seed."""
    return order_payload(random.Random(seed), CATALOG, number=1_001 + seed, at=AT, terms=Terms(**terms))


def total_stops(order: dict[str, Any]) -> list[str]:
    """Return what the core holds against the totals of a canonical order."""
    stops = check_order(order, [None] * len(order["lines"]))
    return [stop.detail for stop in stops if stop.kind is HoldKind.TOTALS_MISMATCH]


def test_the_same_seed_makes_the_same_order() -> None:
    assert made(7) == made(7)
    assert made(7) != made(8)


@pytest.mark.corpora
def test_an_order_has_every_key_of_a_real_one(corpora: Path) -> None:
    sample = corpora / "shopify-webhooks" / "metadatas" / "2026-04" / "orders" / "create.json"
    real = json.loads(sample.read_bytes())["response"]
    order = made(1)
    assert set(real) - set(order) == set()
    # Recorded bodies have these two as well.
    assert set(order) - set(real) == {"checkout_id", "company"}
    for part in ("line_items", "shipping_lines"):
        assert set(order[part][0]) == set(real[part][0])
    assert set(order["customer"]) == set(real["customer"])
    inferred = json.loads(
        (corpora / "shopify-webhooks" / "schemas" / "2026-04" / "orders" / "create.json").read_bytes()
    )
    # The schema is inferred from American orders: elsewhere there is no province, and nobody has to have a telephone.
    wrong = {str(each.path[-1]) for each in jsonschema.Draft202012Validator(inferred).iter_errors(order)}
    assert wrong <= {"phone", "province", "province_code"}


@pytest.mark.parametrize(
    "terms",
    [
        {"taxes_included": True, "discounts": 0.5},
        {"taxes_included": False, "tax_rate": Decimal("0.0725"), "currency": "USD", "country": "US", "discounts": 0.5},
    ],
)
def test_totals_hold_to_the_cent(normalize: Normalize, terms: dict[str, Any]) -> None:
    for seed in range(150):
        order = made(seed, **terms)
        (found,) = normalize("orders/create", order)
        assert found.holds == ()
        assert total_stops(found.body) == []
        stated = found.body["totals"]
        lines = found.body["lines"]
        assert stated["lines"] == sum(each["quantity"] * each["unit_price"] for each in lines)
        assert stated["discount"] == sum(each["discount"] for each in lines)
        assert stated["charges"] == sum(each["amount"] for each in found.body["charges"])
        assert stated["grand"] == Decimal(order["total_price"])


def test_a_wrong_total_is_noticed(normalize: Normalize) -> None:
    order = made(3)
    order["total_price"] = f"{Decimal(order['total_price']) + Decimal('0.01'):.2f}"
    (found,) = normalize("orders/create", order)
    assert len(total_stops(found.body)) == 1


def test_everything_money_can_be(normalize: Normalize) -> None:
    """Free shipping by code, a removed shipping line, tip line, duties, fees, a line given away, in yen."""
    order = made(5, currency="JPY", discounts=0.0)
    line = order["line_items"][0]
    order["line_items"] = [
        {**line, "id": 1, "quantity": 2, "current_quantity": 2, "price": "1000", "tax_lines": []},
        {
            **line,
            "id": 2,
            "quantity": 1,
            "current_quantity": 1,
            "price": "300",
            "tax_lines": [],
            "discount_allocations": [{"amount": "200"}, {"amount": "100"}],
        },
        {**line, "id": 3, "quantity": 1, "current_quantity": 1, "price": "50", "tax_lines": [], "tip": {"x": "y"}},
    ]
    shipping = order["shipping_lines"][0]
    order["shipping_lines"] = [
        {**shipping, "price": "500", "discounted_price": "0", "tax_lines": []},
        {**shipping, "id": 9, "price": "800", "discounted_price": "800", "is_removed": True},
    ]
    bag = {"shop_money": {"amount": "70", "currency_code": "JPY"}}
    order |= {
        "total_tip_received": "50",
        "original_total_duties_set": bag,
        "original_total_additional_fees_set": {"shop_money": {"amount": "30", "currency_code": "JPY"}},
        "total_line_items_price": "2300",
        "total_discounts": "800",
        "total_tax": "0",
        "total_price": "2150",
    }
    (found,) = normalize("orders/create", order)
    assert [each["external_id"] for each in found.body["lines"]] == ["1", "2"]
    assert [(each["kind"], each["amount"]) for each in found.body["charges"]] == [
        ("shipping", 0),
        ("tip", 50),
        ("duty", 70),
        ("fee", 30),
    ]
    assert found.body["totals"] == {"lines": 2300, "discount": 300, "charges": 150, "tax": 0, "grand": 2150}
    assert total_stops(found.body) == []


def test_old_bodies_state_their_discount_once(normalize: Normalize) -> None:
    order = made(5, discounts=0.0)
    for line in order["line_items"]:
        del line["discount_allocations"], line["current_quantity"]
    order["total_discounts"] = "1.00"
    order["total_price"] = f"{Decimal(order['total_price']) - 1:.2f}"
    (found,) = normalize("orders/create", order)
    assert found.body["totals"]["discount"] == 1
    assert all("removed" not in each for each in found.body["lines"])
    assert total_stops(found.body) == []


def test_returned_units_were_not_taken_off(normalize: Normalize) -> None:
    partner = Partner(secrets=SECRETS)
    try:
        product = partner.shop.catalog[0]
        order = partner.place_order([{"sku": product.sku, "quantity": 5}])
        line = order["line_items"][0]
        partner.edit_order(order["id"], line["id"], 4)
        work = partner.shop.work[partner.shop.work_of[order["id"]][0]]
        fulfilling.fulfill(partner.shop, {work.id: [(work.lines[0].id, 3)]}, {"number": "T"})
        partner.refund_order(order["id"], [{"line": line["id"], "quantity": 2}], "return")
        partner.refund_order(order["id"], [{"line": line["id"], "quantity": 1}], "cancel")
        assert line["current_quantity"] == 1
        (found,) = normalize("orders/updated", order)
    finally:
        partner.discard()
    # One edited away, one canceled by refund; the two that came back had been shipped.
    assert [(each["quantity"], each["removed"]) for each in found.body["lines"]] == [(5, 2)]
    assert total_stops(found.body) == []


def test_the_newest_picture_wins_whatever_the_order_of_events(normalize: Normalize) -> None:
    """Shuffled, late and doubled events: `source_updated_at` alone says which one is the order as it is."""
    sent: list[tuple[str, dict[str, Any]]] = []
    partner = Partner(secrets=SECRETS)
    try:
        partner.shop.emit = lambda topic, body, _lane: sent.append((topic, copy.deepcopy(body)))
        order = partner.place_order([{"sku": partner.shop.catalog[0].sku, "quantity": 4}])
        line = order["line_items"][0]
        for wanted in (3, 2, 1):
            partner.edit_order(order["id"], line["id"], wanted)
        partner.cancel_order(order["id"])
    finally:
        partner.discard()
    pictures = [each for each in sent if each[0] in {"orders/create", "orders/updated", "orders/cancelled"}]
    assert len(pictures) == 6
    for seed in range(20):
        shuffled = pictures * 2
        random.Random(seed).shuffle(shuffled)
        found = [normalize(topic, body)[0].body for topic, body in shuffled]
        newest = max(found, key=lambda each: each["source_updated_at"])
        assert newest["canceled_at"] is not None
        assert [each["removed"] for each in newest["lines"]] == [4]
        # Every state but the last, told twice when canceled, has its own time.
        assert len({each["source_updated_at"] for each in found}) == 5


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = sorted(made(1))


@settings(max_examples=150, deadline=None)
@given(key=st.sampled_from(KEYS), junk=JUNK)
def test_shaping_takes_whatever_comes(key: str, junk: Any) -> None:
    """What shaping does not understand it leaves to the map, which names it; it raises nothing itself."""
    order = made(1)
    order[key] = junk
    shaping.webhook_order(order)
    assert set(order) >= {"charges", "payments", "totals"}


@settings(max_examples=150, deadline=None)
@given(
    body=JUNK, key=st.sampled_from(["lineItems", "shippingLines", "currencyCode", "refunds", "totalPriceSet", "tags"])
)
def test_shaping_of_listed_orders_takes_whatever_comes(body: Any, key: str) -> None:
    order: dict[str, Any] = {"currencyCode": "EUR", key: body}
    shaping.listed_order(order)
    assert set(order) >= {"charges", "payments", "totals"}
