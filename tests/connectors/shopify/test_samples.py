"""What becomes of every sample Shopify and its client libraries publish: accepted, ignored or refused, each by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import CrossdockError
from tests.connectors.shopify.conftest import Normalize

pytestmark = pytest.mark.corpora

SERVICE = (
    "ignore It concerns apps registered as a fulfillment service; the hub is none, its nodes answer to it directly."
)
NO_SKU = "ignore No variant of the product has a SKU; there is nothing the hub could stock or sell."
MOVED = "ignore Shopify has moved its fulfillment order; its location is read when a shipment is pushed."
ROUTED = "ignore Shopify has chosen a location; the hub sources the order itself and reads this choice when it ships."
# The placeholder values of the exemplars are no currency, no amount and no restock type.
NO_CURRENCY = "MAP-CODE-404 currency"
NO_PRICE = "MAP-FIELD-422 variants[0].price"

DOCUMENTED = {
    "app/uninstalled": "connection_revoked The shop has uninstalled the app.",
    "customers/data_request": "privacy_request data_request 191167 299938,280263,220458",
    "customers/redact": "privacy_request customer_redact 191167 299938,280263,220458",
    "fulfillment_orders/cancellation_request_rejected": SERVICE,
    "fulfillment_orders/cancellation_request_submitted": SERVICE,
    "fulfillment_orders/fulfillment_request_submitted": SERVICE,
    "fulfillment_orders/fulfillment_service_failed_to_complete": SERVICE,
    "fulfillment_orders/hold_released": "ignore Shopify has released its hold; shipments are taken again.",
    "fulfillment_orders/line_items_prepared_for_pickup": (
        "ignore Pickup was prepared in Shopify; the hub hears of goods from the node."
    ),
    "fulfillment_orders/moved": MOVED,
    "fulfillment_orders/order_routing_complete": ROUTED,
    "fulfillment_orders/placed_on_hold": (
        "ignore Shopify holds its fulfillment order; "
        "a shipment pushed meanwhile is refused by name until it is released."
    ),
    "fulfillment_orders/rescheduled": (
        "ignore Shopify has scheduled its fulfillment order; the hub ships by its own promise."
    ),
    "fulfillment_orders/split": (
        "ignore Shopify has split its fulfillment order; its parts are read when a shipment is pushed."
    ),
    # The documentation's sample is an empty object.
    "inventory_levels/update": "MAP-FIELD-422 updated_at",
    # The documentation rounds ids through a binary float; what a body says is taken as it is.
    "orders/cancelled": "order 820982911946154500 5 404.95 USD",
    "orders/create": "order 820982911946154500 5 404.95 USD",
    "orders/updated": "order 820982911946154500 5 404.95 USD",
    "products/create": NO_SKU,
    "products/update": NO_SKU,
    "refunds/create": "refund 890088186047892400 820982911946154500 5 85.00",
}
EXEMPLARS = {
    "2023-10/orders/1": ("orders/updated", NO_CURRENCY),
    "2023-10/orders/2": ("orders/updated", NO_CURRENCY),
    "2023-10/products/1": ("products/update", NO_PRICE),
    "2023-10/products/2": ("products/update", NO_SKU),
    "2023-10/products/3": ("products/update", NO_PRICE),
    "2025-04/inventory_levels/1": ("inventory_levels/update", "channel_stock shopify_inventory_item 123 at 123: 123"),
    "2025-04/orders/1": ("orders/updated", NO_CURRENCY),
    "2025-04/orders/2": (
        "orders/edited",
        "ignore It carries only the change; orders/updated, sent for the same edit, carries the order as it is now.",
    ),
    "2025-04/orders/3": (
        "orders/risk_assessment_changed",
        "ignore Shopify has no document for topic orders/risk_assessment_changed.",
    ),
    "2025-04/products/1": ("products/update", NO_PRICE),
    "2025-04/refunds/1": ("refunds/create", "MAP-CODE-404 refund_line_items[0].restock_type"),
}
OURS = frozenset(each.partition("/")[0] for each in DOCUMENTED) - {"app", "customers"}
# File -> topic it would come as, key the resource stands under, outcome.
REST = {
    "go/carrier_service": ("carrier_services/update", None, "ignore"),
    "go/customer": ("customers/data_request", None, "privacy_request data_request 1 "),
    "go/customer_address": ("customer_addresses/update", None, "ignore"),
    "go/customer_addresses": ("customer_addresses/update", None, "ignore"),
    "go/customer_tags": ("customer.tags_added", None, "ignore"),
    "go/draft_orders": ("orders/create", "draft_orders", "MAP-FIELD-422 line_items[0].id"),
    "go/fulfillment": ("fulfillments/create", None, "ignore"),
    "go/fulfillment_accept": ("fulfillment_orders/fulfillment_request_accepted", None, SERVICE),
    "go/fulfillment_order": ("fulfillment_orders/order_routing_complete", None, ROUTED),
    "go/fulfillment_order_move": ("fulfillment_orders/moved", None, MOVED),
    "go/fulfillment_service": ("fulfillment_services/update", None, "ignore"),
    "go/fulfillment_services": ("fulfillment_services/update", None, "ignore"),
    "go/inventory_item": ("inventory_items/update", None, "ignore"),
    "go/inventory_level": (
        "inventory_levels/update",
        "inventory_level",
        "channel_stock shopify_inventory_item 808950810 at 905684977: 6",
    ),
    "go/location": ("locations/update", None, "ignore"),
    "go/locations": ("locations/update", None, "ignore"),
    "go/order": ("orders/updated", "order", "order 123456 2 10.00 USD"),
    "go/order_risk": ("orders/risk_assessment_changed", None, "ignore"),
    "go/orders": ("orders/updated", "orders", "order 123456 2 10.00 USD"),
    "go/product_listing": ("products/update", "product_listing", "item IPOD2009BLACK"),
    "go/transaction": ("order_transactions/create", None, "ignore"),
    "go/transactions": ("order_transactions/create", None, "ignore"),
    "go/webhook": ("webhooks/update", None, "ignore"),
    "go/webhooks": ("webhooks/update", None, "ignore"),
    "python/carrier_service": ("carrier_services/update", None, "ignore"),
    "python/customer": ("customers/redact", None, "privacy_request customer_redact 207119551 "),
    "python/draft_order": ("orders/create", "draft_order", "MAP-FIELD-422 line_items[0].id"),
    "python/fulfillment_service": ("fulfillment_services/update", None, "ignore"),
    "python/inventory_level": (
        "inventory_levels/update",
        "inventory_level",
        "channel_stock shopify_inventory_item 808950810 at 905684977: 6",
    ),
    "python/location": ("locations/update", None, "ignore"),
    "python/locations": ("locations/update", None, "ignore"),
    "python/order": ("orders/updated", "order", "order 450789469 3 409.94 USD"),
    "python/order_risk": ("orders/risk_assessment_changed", None, "ignore"),
    "python/order_risks": ("orders/risk_assessment_changed", None, "ignore"),
    "python/refund": ("refunds/create", "refund", "refund 509562969 450789469 2 209.00"),
    "python/refund_calculate": ("refunds/create", "refund", "MAP-FIELD-422 id"),
    "python/shipping_zones": ("shipping_zones/update", None, "ignore"),
    "python/transactions": ("order_transactions/create", None, "ignore"),
    "python/variants": (
        "products/update",
        None,
        "item IPOD2008PINK,IPOD2008RED,IPOD2008GREEN,IPOD2008BLACK",
    ),
}
PARTS = {
    "orderlineitems/properties_empty_object": "MAP-FIELD-422 line_items[0].id",
    "orderlineitems/properties_invalid2": "MAP-FIELD-422 line_items[0].id",
    "orderlineitems/valid": "order 123456 1 10.00 USD",
    "shippinglines/requested_fulfillment_service_id_invalid": (
        "MAP-SYNTAX-422 The input is not JSON: Expecting value at line 42, column 1."
    ),
    "shippinglines/requested_fulfillment_service_id_null": "order 123456 2 10.00 USD",
    "shippinglines/requested_fulfillment_service_id_number": "order 123456 2 10.00 USD",
    "shippinglines/valid": "order 123456 2 10.00 USD",
}


def outcome(normalize: Normalize, topic: str, body: Any) -> str:
    """Return what became of a sample in a line: type and substance, or error code and the field that is wrong."""
    try:
        (found,) = normalize(topic, body)
    except CrossdockError as error:
        place = error.data.get("document_path")
        return f"{error.error_code} {place or error.what}"
    assert list(found.holds) == []
    said = found.body
    match str(found.type):
        case "order":
            told = f"{said['external_id']} {len(said['lines'])} {said['totals']['grand']} {said['currency']}"
        case "refund":
            told = f"{said['external_id']} {said['order_external_id']} {len(said['lines'])} {said['amount']}"
        case "item":
            told = ",".join(each["sku"] for each in said["items"])
        case "channel_stock":
            (each,) = said["items"]
            told = f"{each['scheme']} {each['code']} at {each['location']}: {each['available']}"
        case "privacy_request":
            told = f"{said['kind']} {said['customer_external_id']} {','.join(said.get('orders') or ())}"
        case _:
            told = said["reason"]
    return f"{found.type} {told}"


def test_documented_webhooks(corpora: Path, normalize: Normalize) -> None:
    found = {}
    for path in sorted((corpora / "shopify-webhooks" / "metadatas" / "2026-04").glob("*/*.json")):
        topic = f"{path.parent.name}/{path.stem}"
        said = outcome(normalize, topic, json.loads(path.read_bytes())["response"])
        if said == f"ignore Shopify has no document for topic {topic}.":
            assert topic not in DOCUMENTED
            continue
        found[topic] = said
    assert found == DOCUMENTED


def test_exemplars(corpora: Path, normalize: Normalize) -> None:
    folder = corpora / "shopify-webhooks" / "exemplars"
    there = {str(path.relative_to(folder).with_suffix("")): path for path in folder.glob("*/*/*.json")}
    ours = {name for name in there if name.split("/")[1] in OURS}
    assert ours == set(EXEMPLARS)
    found = {name: outcome(normalize, EXEMPLARS[name][0], there[name].read_bytes()) for name in ours}
    assert found == {name: said for name, (_, said) in EXEMPLARS.items()}


def test_rest_fixtures(corpora: Path, normalize: Normalize) -> None:
    folder = corpora / "shopify-rest-fixtures"
    there = {f"{path.parent.name}/{path.stem}": path for path in folder.glob("*/*.json")}
    assert set(there) == set(REST)
    found = {}
    for name, (topic, key, wanted) in REST.items():
        body = json.loads(there[name].read_bytes())
        body = body[key] if key else body
        said = outcome(normalize, topic, body[0] if key and isinstance(body, list) else body)
        unknown = f"ignore Shopify has no document for topic {topic}."
        found[name] = "ignore" if wanted == "ignore" and said == unknown else said
    assert found == {name: wanted for name, (_, _, wanted) in REST.items()}


def test_parts_of_orders(corpora: Path, normalize: Normalize) -> None:
    """Lines and shipping lines, broken JSON among them, each inside an order that is good by itself."""
    folder = corpora / "shopify-rest-fixtures" / "go"
    order = json.loads((folder / "order.json").read_bytes())["order"]
    there = {f"{path.parent.name}/{path.stem}": path for path in folder.glob("*/*.json")}
    assert set(there) == set(PARTS)
    found = {}
    for name, path in there.items():
        key = "line_items" if name.startswith("orderlineitems") else "shipping_lines"
        whole = json.dumps({**order, key: ["the part"]}).encode()
        found[name] = outcome(normalize, "orders/updated", whole.replace(b'"the part"', path.read_bytes()))
    assert found == PARTS


def test_ids_beyond_a_binary_float_stay_exact(normalize: Normalize, corpora: Path) -> None:
    """Shopify's documentation states the real id beside the rounded one."""
    path = corpora / "shopify-webhooks" / "metadatas" / "2026-04" / "orders" / "create.json"
    sample = json.loads(path.read_bytes())["response"]
    exact = sample["admin_graphql_api_id"].rsplit("/", 1)[1]
    assert exact == "820982911946154508"
    assert float(exact) == float(sample["id"])
    (order,) = normalize("orders/create", {**sample, "id": int(exact)})
    assert order.body["external_id"] == exact
