"""Lists against the simulated shop: the same order as by webhook, resumed after a cut, cheaper where too expensive."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.sdk.simulation.faults import Faults
from connectors.shopify import listing
from connectors.shopify.connector import Connector
from connectors.shopify.simulated import fulfilling
from connectors.shopify.simulator import Partner
from core.errors import Rejected, Transient
from core.ports.connectors import Document, InboundMessage, InboundRecord
from core.services.order_rows import fingerprint
from tests.connectors.shopify.conftest import RECEIVED, SECRETS, Open


@pytest.fixture
def shop(partner: Partner, open_shop: Open) -> Connector:
    return open_shop(partner.url)


def every(verb: Any, cursor: dict[str, Any] | None = None) -> tuple[list[InboundRecord], dict[str, Any], int]:
    """Return all records of a list, the cursor after them, and the number of pages."""
    records: list[InboundRecord] = []
    cursor, pages = dict(cursor or {}), 0
    while True:
        page = verb(json.loads(json.dumps(cursor)))
        records += page.records
        cursor, pages = page.cursor, pages + 1
        if not page.more:
            return records, cursor, pages


def document(shop: Connector, record: InboundRecord) -> Document:
    """Return the one document in a listed record."""
    (found,) = shop.normalize(InboundMessage(uuid.uuid4(), record.topic, record.body, "application/json", {}, RECEIVED))
    return found


@pytest.mark.parametrize(
    "options",
    [
        {"taxes_included": True, "currency": "EUR"},
        {"taxes_included": False, "currency": "USD", "country": "US", "tax_rate": "0.0725"},
    ],
)
def test_a_listed_order_is_the_order_of_its_webhook(open_shop: Open, options: dict[str, Any]) -> None:
    """Placed, edited, shipped, returned, canceled; short and longer than a page: field by field the same."""
    with Partner(secrets=SECRETS, seed=3, options=options) as partner:
        shop = open_shop(partner.url)
        orders = [partner.place_order() for _ in range(12)]
        orders.append(partner.place_order([{"sku": each.sku, "quantity": 2} for each in partner.shop.catalog[:23]]))
        for order in orders[3:6]:
            line = order["line_items"][0]
            work = partner.shop.work[partner.shop.work_of[order["id"]][0]]
            fulfilling.fulfill(partner.shop, {work.id: [(work.lines[0].id, 1)]}, {"number": "T"})
            partner.refund_order(order["id"], [{"line": line["id"], "quantity": 1}], "return")
        partner.edit_order(orders[-1]["id"], orders[-1]["line_items"][2]["id"], 1)
        for order in orders[7:9]:
            partner.cancel_order(order["id"], "fraud")
        records, _, pages = every(shop.list_orders)
        assert pages == 2
        listed = {each.source_id: document(shop, each) for each in records}
        assert set(listed) == {str(order["id"]) for order in orders}
        for order in orders:
            body = json.dumps(order).encode()
            (sent,) = shop.normalize(
                InboundMessage(uuid.uuid4(), "orders/updated", body, "application/json", {}, RECEIVED)
            )
            found = listed[str(order["id"])]
            assert found.body == sent.body
            assert found.holds == sent.holds
            # The core tells changes by this.
            assert fingerprint(found.body) == fingerprint(sent.body)
        assert sum(each.body["canceled_at"] is not None for each in listed.values() if "canceled_at" in each.body) == 2


def test_a_round_begins_where_the_last_one_ended_less_the_overlap(partner: Partner, shop: Connector) -> None:
    old = partner.place_order()
    old["updated_at"] = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    fresh = partner.place_order()
    records, cursor, _ = every(shop.list_orders)
    assert [each.source_id for each in records] == [str(old["id"]), str(fresh["id"])]
    assert cursor == {"since": datetime.fromisoformat(fresh["updated_at"]).astimezone(UTC).isoformat()}
    again, after, _ = every(shop.list_orders, cursor)
    # The overlap shows the fresh one once more, as the same message.
    assert [each.dedupe_key for each in again] == [records[1].dedupe_key]
    assert after == cursor
    later = partner.place_order()
    partner.edit_order(old["id"], old["line_items"][0]["id"], 0)
    found, _, _ = every(shop.list_orders, cursor)
    assert {each.source_id for each in found} == {str(each["id"]) for each in (old, fresh, later)}
    assert {each.dedupe_key for each in found} >= {records[1].dedupe_key}


def test_an_empty_shop_has_an_empty_list(shop: Connector) -> None:
    assert every(shop.list_orders) == ([], {}, 1)


def test_a_cut_costs_one_page(partner: Partner, shop: Connector) -> None:
    orders = [partner.place_order() for _ in range(25)]
    first = shop.list_orders({})
    assert (len(first.records), first.more) == (10, True)
    partner.faults = Faults(cut=1.0)
    with pytest.raises(Transient):
        shop.list_orders(first.cursor)
    partner.faults = Faults()
    # Another process goes on with the stored cursor, and an order changed meanwhile comes at the end.
    partner.edit_order(orders[0]["id"], orders[0]["line_items"][0]["id"], 0)
    records, _, pages = every(shop.list_orders, first.cursor)
    assert pages == 2
    seen = [each.source_id for each in (*first.records, *records)]
    assert set(seen) == {str(each["id"]) for each in orders}
    assert len(seen) == 26


def test_a_page_that_costs_too_much_is_asked_for_in_halves(
    partner: Partner, shop: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(6):
        partner.place_order()
    monkeypatch.setattr(listing, "ORDERS", 40)
    page = shop.list_orders({})
    assert len(page.records) == 6
    bodies = [json.loads(each.request["body"])["variables"]["first"] for each in shop.exchanges()]
    assert bodies == [40, 20, 10]
    monkeypatch.setattr(listing, "LINES", 300)
    with pytest.raises(Rejected) as refused:
        shop.list_orders({})
    assert refused.value.data["partner_code"] == "MAX_COST_EXCEEDED"


def test_the_catalog_becomes_items(partner: Partner, shop: Connector) -> None:
    records, cursor, _ = every(shop.list_items)
    assert len(records) == len(partner.shop.catalog) == 40
    first = partner.shop.catalog[0]
    found = document(shop, records[0])
    assert found.type == "item"
    (item,) = found.body["items"]
    assert item["sku"] == first.sku
    assert (item["title"], item["price"], item["weight_g"], item["active"]) == (
        first.title,
        first.price,
        first.grams,
        True,
    )
    assert item["references"] == [
        {"scheme": "shopify_variant", "code": str(first.variant_id)},
        {"scheme": "shopify_inventory_item", "code": str(first.inventory_item_id)},
    ]
    again, _, _ = every(shop.list_items, cursor)
    assert {each.dedupe_key for each in again} == {each.dedupe_key for each in records}


def test_what_the_shop_shows_is_listed_and_a_changed_figure_is_another_message(
    partner: Partner, shop: Connector
) -> None:
    before, cursor, _ = every(shop.list_stock)
    assert (len(before), cursor) == (40, {})
    product = partner.shop.catalog[4]
    partner.shop.set_level((product.inventory_item_id, 655441491), 12)
    after, _, _ = every(shop.list_stock)
    (changed,) = [each for each in after if each.dedupe_key not in {known.dedupe_key for known in before}]
    found = document(shop, changed).body
    assert found["items"] == [
        {
            "scheme": "shopify_inventory_item",
            "code": str(product.inventory_item_id),
            "location": "655441491",
            "available": 12,
        }
    ]
