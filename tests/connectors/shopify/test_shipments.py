"""Shipments against the simulated shop: taken once, found again, split, moved, late."""

from typing import Any

import pytest

from connectors.sdk.simulation.faults import Faults
from connectors.shopify.connector import Connector
from connectors.shopify.simulated import fulfilling
from connectors.shopify.simulator import Partner
from core.errors import Declined, OutcomeUnknown, Rejected, Transient
from tests.connectors.shopify.conftest import Open
from tests.connectors.shopify.pushes import shipment

HERE, SOUTH = 655441491, 655441492


@pytest.fixture
def shop(partner: Partner, open_shop: Open) -> Connector:
    return open_shop(partner.url)


def buy(partner: Partner, *quantities: int) -> dict[str, Any]:
    """Place an order with these quantities of the first products."""
    products = partner.shop.catalog
    return partner.place_order(
        [{"sku": product.sku, "quantity": units} for product, units in zip(products, quantities, strict=False)]
    )


def shipped(order: dict[str, Any]) -> list[tuple[list[str], list[tuple[int, int]]]]:
    """Return the order's fulfillments: tracking numbers, and units by line id."""
    return [
        (each["tracking_numbers"], [(line["id"], line["quantity"]) for line in each["line_items"]])
        for each in order["fulfillments"]
    ]


def test_a_shipment_becomes_a_fulfillment_with_tracking(partner: Partner, shop: Connector) -> None:
    order = buy(partner, 2, 1)
    one, two = order["line_items"]
    url = "https://track.example.com/JJD0001"
    receipt = shop.push_shipment(shipment(order, [(one, 2), (two, 1)], tracking_url=url))
    assert shipped(order) == [(["JJD0001"], [(one["id"], 2), (two["id"], 1)])]
    assert receipt.reference == str(order["fulfillments"][0]["id"])
    assert order["fulfillments"][0]["tracking_company"] == "DHL Express"
    assert order["fulfillments"][0]["tracking_url"] == url
    assert order["fulfillment_status"] == "fulfilled"
    assert partner.effects["fulfillment"] == {f"{order['id']}/{HERE}/JJD0001": 1}


def test_a_lost_reply_is_found_again_and_the_effect_happens_once(partner: Partner, shop: Connector) -> None:
    order = buy(partner, 2)
    push = shipment(order, [(order["line_items"][0], 2)])
    assert shop.find_by_reference(push) is None
    partner.fault_reads, partner.faults = False, Faults(drop=1.0)
    with pytest.raises(OutcomeUnknown):
        shop.push_shipment(push)
    partner.faults = Faults()
    found = shop.find_by_reference(push)
    assert found is not None
    assert found.reference == str(order["fulfillments"][0]["id"])
    # Even a hub that forgot to look it up writes nothing more.
    assert shop.push_shipment(push).reference == found.reference
    assert len(order["fulfillments"]) == 1
    assert partner.doubles == {}


def test_a_lost_request_is_no_effect(partner: Partner, shop: Connector) -> None:
    order = buy(partner, 1)
    push = shipment(order, [(order["line_items"][0], 1)])
    partner.faults = Faults(unavailable=1.0)
    with pytest.raises(Transient):
        shop.push_shipment(push)
    partner.faults = Faults()
    assert shop.find_by_reference(push) is None
    assert order["fulfillments"] == []


def test_parts_are_shipped_one_after_the_other(partner: Partner, shop: Connector) -> None:
    order = buy(partner, 3, 2)
    one, two = order["line_items"]
    shop.push_shipment(shipment(order, [(one, 1)], tracking="T-1", number="S-1"))
    assert order["fulfillment_status"] == "partial"
    shop.push_shipment(shipment(order, [(one, 2), (two, 2)], tracking="T-2", number="S-2"))
    assert shipped(order) == [(["T-1"], [(one["id"], 1)]), (["T-2"], [(one["id"], 2), (two["id"], 2)])]
    assert order["fulfillment_status"] == "fulfilled"


def test_without_tracking_number_the_shipment_number_is_shown(partner: Partner, shop: Connector) -> None:
    order = buy(partner, 1)
    push = shipment(order, [(order["line_items"][0], 1)], tracking=None, number="S-77", carrier=None)
    shop.push_shipment(push)
    assert order["fulfillments"][0]["tracking_numbers"] == ["S-77"]
    assert order["fulfillments"][0]["tracking_company"] is None
    assert shop.find_by_reference(push) is not None


def test_every_package_has_its_tracking_number_and_no_link(partner: Partner, shop: Connector) -> None:
    order = buy(partner, 1)
    push = shipment(
        order,
        [(order["line_items"][0], 1)],
        tracking="P-1",
        packages=["P-1", "P-2"],
        carrier="Fahrradkurier",
        tracking_url="https://track.example.com/P-1",
    )
    shop.push_shipment(push)
    found = order["fulfillments"][0]
    assert (found["tracking_numbers"], found["tracking_urls"]) == (["P-1", "P-2"], [])
    assert found["tracking_company"] == "Fahrradkurier"


def test_work_is_moved_to_the_location_of_the_node_that_shipped(partner: Partner, shop: Connector) -> None:
    order = buy(partner, 2, 1)
    line = order["line_items"][0]
    receipt = shop.push_shipment(shipment(order, [(line, 2)], node="south"))
    assert order["fulfillments"][0]["location_id"] == SOUTH
    assert receipt.detail == {}
    # The other line stays where it was.
    rest = [partner.shop.work[each] for each in partner.shop.work_of[order["id"]]]
    assert [(each.location, sum(line.left for line in each.lines)) for each in rest] == [(HERE, 1), (SOUTH, 0)]


def test_a_move_that_is_refused_does_not_hold_up_the_shipment(partner: Partner, open_shop: Open) -> None:
    shop = open_shop(partner.url, node_locations={"south": "1"})
    order = buy(partner, 1)
    receipt = shop.push_shipment(shipment(order, [(order["line_items"][0], 1)], node="south"))
    assert order["fulfillments"][0]["location_id"] == HERE
    (note,) = receipt.detail["notes"]
    assert "can't be moved" in note


def test_units_at_two_locations_become_two_fulfillments_and_half_of_them_is_made_whole(
    partner: Partner, open_shop: Open
) -> None:
    shop = open_shop(partner.url, node_locations={})
    order = buy(partner, 4)
    line = order["line_items"][0]
    work = partner.shop.work[partner.shop.work_of[order["id"]][0]]
    fulfilling.move(partner.shop, work.id, SOUTH, [(work.lines[0].id, 3)])
    push = shipment(order, [(line, 4)])
    partner.shop.work[partner.shop.work_of[order["id"]][1]].status = "ON_HOLD"
    with pytest.raises(Rejected):
        shop.push_shipment(push)
    assert shipped(order) == [(["JJD0001"], [(line["id"], 1)])]
    assert shop.find_by_reference(push) is None
    fulfilling.hold(partner.shop, order["id"], False)
    receipt = shop.push_shipment(push)
    assert shipped(order) == [(["JJD0001"], [(line["id"], 1)]), (["JJD0001"], [(line["id"], 3)])]
    assert receipt.reference == ",".join(str(each["id"]) for each in order["fulfillments"])
    assert {each["location_id"] for each in order["fulfillments"]} == {HERE, SOUTH}
    assert partner.doubles == {}


def test_an_order_on_hold_is_refused_with_what_to_do(partner: Partner, shop: Connector) -> None:
    order = buy(partner, 1)
    fulfilling.hold(partner.shop, order["id"], True)
    with pytest.raises(Rejected) as refused:
        shop.push_shipment(shipment(order, [(order["line_items"][0], 1)]))
    assert refused.value.error_code == "SHOPIFY-HOLD-423"
    assert "ON_HOLD" in str(refused.value)
    assert order["fulfillments"] == []


def test_what_is_left_is_fulfilled_and_the_rest_declined(partner: Partner, shop: Connector) -> None:
    order = buy(partner, 3)
    line = order["line_items"][0]
    partner.edit_order(order["id"], line["id"], 1)
    with pytest.raises(Declined) as declined:
        shop.push_shipment(shipment(order, [(line, 3)]))
    assert shipped(order) == [(["JJD0001"], [(line["id"], 1)])]
    assert declined.value.data["lines"] == [{"line": str(line["id"]), "shipped": 3, "not_taken": 2}]


def test_a_canceled_order_takes_nothing(partner: Partner, shop: Connector) -> None:
    order = buy(partner, 1)
    partner.cancel_order(order["id"])
    with pytest.raises(Declined, match="canceled there"):
        shop.push_shipment(shipment(order, [(order["line_items"][0], 1)]))
    assert order["fulfillments"] == []


def test_lines_from_elsewhere_are_left_out(partner: Partner, shop: Connector) -> None:
    order = buy(partner, 1)
    push = shipment(order, [(order["line_items"][0], 1)])
    push.payload["shipment"]["lines"].append(
        {"line_id": "lin_x", "external_id": None, "sku": "GIFT-BOX", "quantity": "1"}
    )
    shop.push_shipment(push)
    assert shipped(order) == [(["JJD0001"], [(order["line_items"][0]["id"], 1)])]
    push.payload["shipment"]["lines"] = push.payload["shipment"]["lines"][1:]
    assert shop.push_shipment(push).detail == {"skipped": "No line of this shipment came from the shop."}
    assert partner.total == 1


@pytest.mark.parametrize("quantity", ["1.5", "-1", "many", None])
def test_units_shopify_cannot_count_are_refused(partner: Partner, shop: Connector, quantity: str | None) -> None:
    order = buy(partner, 1)
    push = shipment(order, [(order["line_items"][0], 1)])
    push.payload["shipment"]["lines"][0]["quantity"] = quantity
    with pytest.raises(Rejected) as refused:
        shop.push_shipment(push)
    assert refused.value.error_code == "SHOPIFY-UNITS-422"
    assert partner.total == 0


def test_orders_of_another_system_are_refused(partner: Partner, shop: Connector) -> None:
    order = buy(partner, 1)
    line = order["line_items"][0]
    for wrong, code in (({**order, "id": 7}, "SHOPIFY-ORDER-404"), ({**order, "id": "SO/7"}, "SHOPIFY-ID-422")):
        with pytest.raises(Rejected) as refused:
            shop.push_shipment(shipment(wrong, [(line, 1)]))
        assert refused.value.error_code == code


def test_long_orders_are_read_page_by_page(partner: Partner, shop: Connector) -> None:
    products = partner.shop.catalog
    lines = [{"sku": each.sku, "quantity": 1} for each in products]
    order = partner.place_order(lines + lines + lines)
    push = shipment(order, [(line, 1) for line in order["line_items"]])
    assert len(order["line_items"]) == 120
    shop.push_shipment(push)
    assert len(order["fulfillments"][0]["line_items"]) == 120
    assert shop.find_by_reference(push) is not None


def test_faults_on_every_side_leave_each_shipment_once(partner: Partner, shop: Connector) -> None:
    """Replies lost, calls refused: pushed until it holds, as the hub does, each shipment is there exactly once."""
    orders = [buy(partner, 2, 1) for _ in range(15)]
    partner.faults = Faults(drop=0.2, cut=0.1, error=0.1, rate_limit=0.1, unavailable=0.1)
    for order in orders:
        push = shipment(order, [(line, line["quantity"]) for line in order["line_items"]], tracking=f"T{order['id']}")
        settled = False
        while not settled:
            try:
                shop.push_shipment(push)
                settled = True
            except OutcomeUnknown:
                settled = found_in_the_end(shop, push)
            except Transient:
                continue
    assert partner.fates["dropped_write"] + partner.fates["cut_write"] > 0
    assert [len(order["fulfillments"]) for order in orders] == [1] * 15
    assert partner.doubles == {}


def found_in_the_end(shop: Connector, push: Any) -> bool:
    """Look a push up until the look-up itself is answered."""
    while True:
        try:
            return shop.find_by_reference(push) is not None
        except Transient:
            continue
