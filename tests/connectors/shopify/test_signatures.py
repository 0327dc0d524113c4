"""The webhook door against vectors of Shopify's own libraries, and what the connection refuses."""

import base64
import hmac
import json
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.shopify.simulator import Partner
from core.errors import InputError, SignatureRefused
from core.ports.connectors import WebhookRequest
from tests.connectors.shopify.conftest import RECEIVED, SECRETS, Open

BODY = b'{"id":820982911900001001}'
SENT = RECEIVED - timedelta(seconds=20)


def request(body: bytes = BODY, **changed: str | None) -> WebhookRequest:
    """Return an authentic call, with headers changed or left out."""
    digest = hmac.digest(SECRETS["webhook_secret"].encode(), body, "sha256")
    headers: dict[str, str | None] = {
        "content-type": "application/json",
        "x-shopify-topic": "orders/create",
        "x-shopify-hmac-sha256": base64.b64encode(digest).decode(),
        "x-shopify-shop-domain": "fjord-pottery.myshopify.com",
        "x-shopify-webhook-id": "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043",
        "x-shopify-event-id": "98880550-7158-44d4-b7cd-2c97c8a091b5",
        "x-shopify-triggered-at": SENT.isoformat().replace("+00:00", "123456789Z").replace("40123", "40.123"),
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    return WebhookRequest({name: value for name, value in headers.items() if value is not None}, body, RECEIVED)


@pytest.mark.corpora
def test_vectors_of_shopifys_libraries(corpora: Path, open_shop: Open) -> None:
    vectors = json.loads((corpora / "webhook-signatures" / "vectors.json").read_bytes())["shopify"]
    webhooks = [each for each in vectors if each["kind"] == "webhook"]
    assert len(webhooks) == 7
    assert {each["secret"] for each in webhooks} == {SECRETS["webhook_secret"]}
    shop = open_shop()
    for vector in webhooks:
        call = request(vector["body"].encode(), x_shopify_hmac_sha256=vector["header_x_shopify_hmac_sha256"])
        if vector["valid"]:
            assert shop.verify_webhook(call).body == vector["body"].encode()
            continue
        with pytest.raises(SignatureRefused):
            shop.verify_webhook(call)


def test_what_is_kept_of_a_call(open_shop: Open) -> None:
    record = open_shop().verify_webhook(request())
    assert record.topic == "orders/create"
    assert record.dedupe_key == "orders/create:98880550-7158-44d4-b7cd-2c97c8a091b5"
    assert record.occurred_at is not None
    assert record.occurred_at.replace(microsecond=0) == SENT
    assert record.body == BODY
    assert "x-shopify-hmac-sha256" not in record.headers


def test_an_event_is_the_same_on_every_delivery_but_not_under_every_topic(open_shop: Open) -> None:
    shop = open_shop()
    first = shop.verify_webhook(request()).dedupe_key
    assert shop.verify_webhook(request(x_shopify_webhook_id="another")).dedupe_key == first
    assert shop.verify_webhook(request(x_shopify_topic="orders/updated")).dedupe_key != first


def test_without_event_id_the_delivery_id_counts(open_shop: Open) -> None:
    found = open_shop().verify_webhook(request(x_shopify_event_id=None))
    assert found.dedupe_key == "orders/create:b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"x_shopify_hmac_sha256": None}, "HOOK-UNSIGNED-401"),
        ({"x_shopify_hmac_sha256": "bm90IGEgZGlnZXN0"}, "HOOK-SIGNATURE-401"),
        ({"x_shopify_shop_domain": "somebody-else.myshopify.com"}, "HOOK-SHOP-401"),
        ({"x_shopify_triggered_at": (RECEIVED - timedelta(days=2, seconds=1)).isoformat()}, "HOOK-STALE-401"),
        ({"x_shopify_triggered_at": (RECEIVED + timedelta(days=2, seconds=1)).isoformat()}, "HOOK-FUTURE-401"),
        ({"x_shopify_triggered_at": None}, "HOOK-UNTIMED-401"),
    ],
)
def test_calls_that_are_refused(open_shop: Open, changed: dict[str, str | None], code: str) -> None:
    with pytest.raises(SignatureRefused) as refused:
        open_shop().verify_webhook(request(BODY, **changed))
    assert refused.value.error_code == code


def test_a_call_a_day_late_is_taken(open_shop: Open) -> None:
    late = (RECEIVED - timedelta(days=1)).isoformat()
    assert open_shop().verify_webhook(request(x_shopify_triggered_at=late)).topic == "orders/create"


def test_a_call_without_topic_says_so(open_shop: Open) -> None:
    with pytest.raises(InputError) as refused:
        open_shop().verify_webhook(request(x_shopify_topic=None))
    assert refused.value.error_code == "HOOK-TOPIC-400"


def test_the_simulator_signs_as_shopify_does(open_shop: Open) -> None:
    partner = Partner(secrets=SECRETS)
    try:
        first = partner.signed_headers("orders/create", BODY, "delivery-1", "event-1")
        again = partner.signed_headers("orders/create", BODY, "delivery-2", "event-1")
    finally:
        partner.discard()
    assert first["X-Shopify-Triggered-At"] == again["X-Shopify-Triggered-At"]
    assert first["X-Shopify-API-Version"] == "2026-10"
    lower = {name.lower(): value for name, value in first.items()}
    at = lower["x-shopify-triggered-at"]
    shop = open_shop()
    record = shop.verify_webhook(WebhookRequest(lower, BODY, received_at=RECEIVED.fromisoformat(at)))
    assert record.dedupe_key == "orders/create:event-1"
