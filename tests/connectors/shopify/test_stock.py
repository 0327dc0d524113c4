"""Stock against the simulated shop: absolute, once per key, and one bad item stops only itself."""

import pytest

from connectors.sdk.simulation.faults import Faults
from connectors.shopify.connector import Connector
from connectors.shopify.simulated import catalog
from connectors.shopify.simulator import Partner
from core.errors import OutcomeUnknown, Rejected, Transient
from tests.connectors.shopify.conftest import Open
from tests.connectors.shopify.pushes import stock

HERE = 655441491


@pytest.fixture
def shop(partner: Partner, open_shop: Open) -> Connector:
    return open_shop(partner.url)


def shown(partner: Partner) -> dict[str, int]:
    """Return what the shop shows where it is not zero."""
    return {sku: units for sku, units in partner.details()["available"].items() if units}


def test_stock_is_set_to_what_the_hub_says(partner: Partner, shop: Connector) -> None:
    first, second, *_ = partner.shop.catalog
    receipt = shop.push_stock(stock([first, second], 7))
    assert shown(partner) == {first.sku: 7, second.sku: 7}
    assert receipt.reference == "70000000"
    assert receipt.detail == {"items": 2}
    assert sum(partner.calls.values()) == 1


def test_the_same_figures_are_set_once_and_newer_ones_again(partner: Partner, shop: Connector) -> None:
    products = partner.shop.catalog[:2]
    shop.push_stock(stock(products, 7))
    shop.push_stock(stock(products, 7))
    assert partner.total == 1
    assert partner.repeats["inventory_set"] == 1
    shop.push_stock(stock(products, 6))
    assert shown(partner) == {each.sku: 6 for each in products}
    assert partner.total == 2
    # The shop already shows it: done, although there is no adjustment to name.
    assert shop.push_stock(stock(products, 6, reference="dlv_10")).reference is None
    assert partner.doubles == {}


def test_a_lost_reply_is_found_by_the_figures(partner: Partner, shop: Connector) -> None:
    products = partner.shop.catalog[:3]
    push = stock(products, 4)
    assert shop.find_by_reference(push) is None
    partner.fault_reads, partner.faults = False, Faults(drop=1.0)
    with pytest.raises(OutcomeUnknown):
        shop.push_stock(push)
    partner.faults = Faults()
    found = shop.find_by_reference(push)
    assert found is not None
    assert found.detail == {"found": True, "items": 3}
    shop.push_stock(push)
    assert partner.total == 1
    assert partner.doubles == {}


def test_more_than_250_items_go_in_several_calls(partner: Partner, shop: Connector) -> None:
    rows = [{"sku": f"S-{number}", "title": "Cup", "price": "1.00"} for number in range(260)]
    partner.shop.stock_catalog(catalog.given(rows))
    receipt = shop.push_stock(stock(partner.shop.catalog, 3))
    assert receipt.detail == {"items": 260}
    assert shown(partner) == {f"S-{number}": 3 for number in range(260)}
    assert partner.total == 2
    assert shop.find_by_reference(stock(partner.shop.catalog, 3)) is not None


def test_items_without_code_are_found_by_sku(partner: Partner, shop: Connector) -> None:
    rows = [{"sku": "IT'S \\ odd", "title": "Odd", "price": "1.00"}, {"sku": "PLAIN", "title": "Even", "price": "1.00"}]
    partner.shop.stock_catalog(catalog.given(rows))
    shop.push_stock(stock(partner.shop.catalog, 9, references=False))
    assert shown(partner) == {"IT'S \\ odd": 9, "PLAIN": 9}


def test_refused_items_stop_only_themselves(partner: Partner, shop: Connector) -> None:
    known, other = partner.shop.catalog[:2]
    gone = catalog.Product("GONE", "Gone", known.price, 999_999)
    push = stock([known, gone, other], 5)
    push.payload["items"] += stock([catalog.Product("NOWHERE", "?", known.price, 1)], 1, references=False).payload[
        "items"
    ]
    push.payload["items"] += stock([partner.shop.catalog[2]], "2.5").payload["items"]
    with pytest.raises(Rejected) as refused:
        shop.push_stock(push)
    assert refused.value.error_code == "SHOPIFY-STOCK-422"
    assert [each["sku"] for each in refused.value.data["items"]] == ["NOWHERE", partner.shop.catalog[2].sku, "GONE"]
    assert shown(partner) == {known.sku: 5, other.sku: 5}


def test_a_wrong_location_is_named_as_such(partner: Partner, open_shop: Open) -> None:
    shop = open_shop(partner.url, location_id="1")
    with pytest.raises(Rejected) as refused:
        shop.push_stock(stock(partner.shop.catalog[:1], 5))
    assert refused.value.error_code == "SHOPIFY-USER-422"
    (error,) = refused.value.data["errors"]
    assert (error["code"], error["field"]) == ("INVALID_LOCATION", "input.quantities.0.locationId")
    assert shown(partner) == {}


def test_a_key_whose_first_try_still_runs_is_tried_later(partner: Partner, shop: Connector) -> None:
    answers = ["IDEMPOTENCY_CONCURRENT_REQUEST"]
    real = partner.admin.operations["InventorySet"]

    def busy(variables: dict[str, object]) -> dict[str, object]:
        if not answers:
            return real(variables)
        error = {"field": None, "code": answers.pop(), "message": "This request is currently in progress."}
        return {"inventorySetQuantities": {"inventoryAdjustmentGroup": None, "userErrors": [error]}}

    partner.admin.operations = {**partner.admin.operations, "InventorySet": busy}
    push = stock(partner.shop.catalog[:1], 5)
    with pytest.raises(Transient):
        shop.push_stock(push)
    # A key whose first try failed is spent; another is taken.
    answers.append("IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED")
    shop.push_stock(push)
    assert shown(partner) == {partner.shop.catalog[0].sku: 5}
