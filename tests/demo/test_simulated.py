"""What the demo's partners can do beyond the connectors' own simulators."""

from contextlib import ExitStack
from typing import Any

import pytest
from lxml import etree

from connectors.soap_erp.envelopes import ERP, SoapFault
from console.demo.company import chance, make_company
from console.demo.control import Control
from console.demo.simulated import DemoErp, DemoShop, DemoWarehouse, spoiled
from console.demo.traffic import OPENING_TROUBLES, Pace, Traffic, person
from console.demo.troubles import SHARES, make_troubles, pick_trouble
from core.errors import Refused, Unavailable

SECRETS = {"access_token": "t", "webhook_secret": "s"}
CATALOG = [{"sku": "A", "title": "Lamp", "price": "10.00"}, {"sku": "B", "title": "Cup", "price": "4.00"}]


@pytest.fixture(scope="module")
def company():
    return make_company(7)


def new_shop(books=None, **options):
    return DemoShop(secrets=SECRETS, books=books, options={"catalog": CATALOG, "discounts": 0.0, **options})


@pytest.fixture
def start():
    """Starts simulators and stops them after the test."""
    with ExitStack() as stack:
        yield stack.enter_context


@pytest.fixture
def shop(start):
    return start(new_shop(first_number=5001))


def test_a_shop_sells_what_it_is_told_to_whom_it_is_told(shop, company):
    buyer = next(each for each in company.customers if each.company)
    lines = [{"sku": "A", "quantity": 2, "price": "9.50"}, {"sku": "Z", "quantity": 1, "price": "3.00", "title": "Odd"}]
    order = shop.shop.orders[shop.command("order", {"lines": lines, "person": person(buyer)})]
    assert order["name"] == "#5001"
    assert [(each["sku"], each["quantity"], each["price"]) for each in order["line_items"]] == [
        ("A", 2, "9.50"),
        ("Z", 1, "3.00"),
    ]
    address = order["shipping_address"]
    assert (address["company"], address["address1"], address["zip"]) == (buyer.company, buyer.street, buyer.postal_code)
    assert order["total_line_items_price"] == "22.00"


def test_a_spoiled_webhook_leaves_the_books_alone(shop, monkeypatch):
    partner = shop
    sent = []
    monkeypatch.setattr(partner, "emit", lambda topic, body, lane: sent.append((topic, body)))
    number = partner.command(
        "order", {"lines": [{"sku": "A", "quantity": 1}], "spoil": {"line_items.0.price": "10,00"}}
    )
    [created] = [body for topic, body in sent if topic == "orders/create"]
    assert created["line_items"][0]["price"] == "10,00"
    assert partner.shop.orders[number]["line_items"][0]["price"] == "10.00"
    sent.clear()
    partner.command("resend", {"order": number})
    assert [(topic, body["line_items"][0]["price"]) for topic, body in sent] == [("orders/updated", "10.00")]


def test_spoiling_copies():
    body = {"a": [{"b": 1}], "c": 2}
    assert spoiled(body, {"a.0.b": 9}) == {"a": [{"b": 9}], "c": 2}
    assert body == {"a": [{"b": 1}], "c": 2}


def test_a_cycle_count_leaves_shelves_alone_where_somebody_picks(start, monkeypatch):
    partner = start(DemoWarehouse(secrets={"api_key": "k", "webhook_secret": "s"}, options={"stock": {"A": 5, "B": 6}}))
    sent = []
    monkeypatch.setattr(partner, "emit", lambda topic, body, lane: sent.append(body["items"]))
    partner.fulfillments["1"] = {"state": "IN_PROGRESS", "external_id": "ful_1", "lines": [{"sku": "A", "quantity": 1}]}
    assert partner.command("count", {"skus": ["A", "B", "C"]}) == 1
    assert partner.command("receive", {"B": 4}) == 1
    assert sent == [[{"sku": "B", "on_hand": 6}], [{"sku": "B", "on_hand": 10}]]
    assert partner.details()["on_shelves"] == 15
    partner.fulfillments["2"] = dict(partner.fulfillments["1"])
    assert partner.details()["taken_twice"] == ["ful_1"]


def test_control_says_what_a_partner_refuses_and_that_one_is_gone():
    with new_shop() as partner:
        control = Control({"shop": partner.url})
        number = control.ask("shop", "order", {"lines": [{"sku": "A", "quantity": 1}]})
        assert control.ask("shop", "book", {"order": number})["canceled"] is False
        assert control.state("shop")["orders"] == 1
        control.ask("shop", "cancel", {"order": number})
        with pytest.raises(Refused, match="canceled already"):
            control.ask("shop", "cancel", {"order": number})
    with pytest.raises(Unavailable, match="does not answer"):
        control.ask("shop", "order")
    control.close()


def test_troubles_have_causes(company):
    troubles = make_troubles(company)
    order = {"lines": [{"sku": "A", "quantity": 1}], "person": person(company.customers[0])}
    rng = chance(7, "troubles")
    known = {item.sku for item in company.items}
    assert troubles.spoil("alias", order, rng)["lines"][0]["sku"] not in known
    assert troubles.spoil("address", order, rng)["person"]["street"] == ""
    assert troubles.spoil("typo", order, rng)["spoil"] == {"line_items.0.price": "0.99"}
    assert troubles.spoil("sold_out", order, rng)["lines"][0]["sku"] in {item.sku for item in troubles.sold_out}
    assert troubles.spoil("not_in_erp", order, rng)["lines"][0]["sku"] in {item.sku for item in troubles.not_in_erp}
    assert order["lines"] == [{"sku": "A", "quantity": 1}]
    with pytest.raises(ValueError, match="no trouble called"):
        troubles.spoil("weather", order, rng)


def test_most_orders_are_fine():
    rng = chance(7, "picked")
    picked = [pick_trouble(rng) for _ in range(20_000)]
    assert {each for each in picked if each} == set(SHARES)
    assert 0.02 < sum(each is not None for each in picked) / len(picked) < 0.04
    assert not any(pick_trouble(rng, 0.0) for _ in range(1_000))


class Books:
    """Partners that only write down what they are asked."""

    urls = ()

    def __init__(self):
        self.asked = []

    def ask(self, name, command, body=None):
        self.asked.append((name, command, body))
        return {"canceled": False, "fulfilled": None, "lines": [[1, 2, 2]]} if command == "book" else len(self.asked)


def test_business_ends_when_its_orders_are_placed(company):
    books: Any = Books()
    pace = Pace(orders=80, per_second=2_000.0, patience=(0.0, 0.01))
    traffic = Traffic(company, make_troubles(company), books, pace)
    traffic.run()
    assert traffic.done.is_set()
    assert len(traffic.placed) == 80
    assert traffic.failures == []
    commands = [command for _, command, _ in books.asked]
    assert commands.count("order") == 80
    assert books.asked[0][:2] == ("erp", "options")
    assert [each.trouble for each in traffic.placed][5:32:3] == list(OPENING_TROUBLES)
    assert {"edit", "cancel"} & set(commands)


def test_an_erp_refuses_articles_it_does_not_have(start):
    partner = start(DemoErp(secrets={"password": "p"}, options={"unknown_skus": ["A"]}))
    request = etree.fromstring(f'<ChangeSalesOrder xmlns="{ERP}"><Line><Sku>A</Sku></Line></ChangeSalesOrder>')
    with pytest.raises(SoapFault, match="Article A does not exist") as fault:
        partner.perform(request)
    assert fault.value.code == "ITEM_UNKNOWN"
    assert partner.command("options", {"unknown_skus": []}) == {"unknown_skus": []}


def test_a_shop_takes_an_order_into_its_books_without_telling(start):
    other, shop = start(new_shop(first_number=7001)), start(new_shop())
    order = other.place_order([{"sku": "A", "quantity": 2}])
    told = dict(shop.webhooks.topics)
    assert shop.command("adopt", order) == order["id"]
    assert shop.command("adopt", {**order, "line_items": []}) == order["id"]
    assert dict(shop.webhooks.topics) in (told, {**told, "inventory_levels/update": 1})
    works = shop.admin.fulfillment_state({"id": f"gid://shopify/Order/{order['id']}"})["order"]["fulfillmentOrders"]
    assert [each["lineItems"]["nodes"][0]["remainingQuantity"] for each in works["nodes"]] == [2]
