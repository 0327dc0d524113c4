"""The screens of trade: papers with their clock, an order's papers and packages, labels, and chargebacks."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser

from console.web.context import ConsoleServices
from core.domain.checkdigits import SSCC_LENGTHS, is_key
from core.domain.ids import public_id
from core.errors import Rejected
from core.services.access import create_user
from core.services.paper_answers import acknowledge
from core.store.unit import Store
from tests.console.conftest import Site, form_token
from tests.console.rows import Company
from tests.console.site import PASSWORD, USER
from tests.console.test_browser import CHROMIUM, browser, serving, signed_in, violations
from tests.core.trade_world import TradeWorld, line
from tests.core.world import now

__all__ = ["browser"]
PALLET = [
    {"id": "c1", "parent": "p1", "contents": [{"sku": "A", "quantity": "24", "lot": "L7"}], "weight_g": 4000},
    {"id": "p1", "kind": "pallet"},
]
RULES = [{"check": "gtin_on_every_line", "block": False, "fee": "10.00", "code": "ITEM-01"}]


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store, rules=RULES, accept_within_hours=4)


@pytest.fixture
def trading(store: Store, world: TradeWorld) -> Site:
    with store.begin() as unit:
        create_user(unit, USER, "Mira Koch", PASSWORD, "operator")
        create_user(unit, "vera@example.com", "Vera Looker", PASSWORD, "viewer")
    return Site(Company(now()), store, ConsoleServices(store, world.partners, "0" * 44))


@pytest.fixture
def shipped(world: TradeWorld) -> tuple[Any, Any]:
    """An order of two cartons on a pallet that was advised, invoiced, and paid short."""
    order = world.buy(line("A", 2, "120.00", unit="CT"))
    world.settle()
    shipment = world.ship(order, packages=PALLET)
    world.settle()
    world.deliver(world.retailer)
    [advice], [bill] = world.papers("despatch_advice"), world.papers("invoice")
    with world.store.begin() as unit:
        acknowledge(unit, advice.delivery_id, accepted=True, at=unit.now, warnings=["carton 2 has no height"])
    paid = {
        "invoice": bill.number, "paid": "200.00", "deductions": [{"code": "ITEM-01", "amount": "10.00", "note": "GTIN"}]
    }  # fmt: skip
    world.send("remittance", {"external_id": "R1", "currency": "EUR", "invoices": [paid]}, world.retailer)
    world.drain()
    return order, shipment


def test_an_order_shows_its_papers_and_pack_tree(trading: Site, shipped: Any, world: TradeWorld) -> None:
    order, _ = shipped
    page = trading.client().get(f"/orders/{public_id('order', order.id)}").text
    papers = page.split('id="o-pap"')[1].split("</section>")[0]
    assert re.findall(r'/trade/papers/pap_\w+">([^<]+)<', papers) == ["Invoice", "Despatch advice", "Order response"]
    assert papers.count("warnings") == 1
    packed = page.split('id="o-pack-1"')[1].split("</section>")[0]
    assert re.findall(r'class="cd-d(\d)"', packed) == ["0", "1"]
    ssccs = re.findall(r'<td class="cd-mono">(\d{18})</td>', packed)
    assert len(ssccs) == 2
    assert all(is_key(each, SSCC_LENGTHS) for each in ssccs)
    assert "lot L7" in packed
    assert "4,000 g" in packed


def test_an_order_shows_what_its_buyer_received(trading: Site, shipped: Any, world: TradeWorld) -> None:
    order, shipment = shipped
    address = f"/orders/{public_id('order', order.id)}"
    assert 'id="o-rec"' not in trading.client().get(address).text
    [advice] = world.papers("despatch_advice")
    for name, accepted, rejected in (("RA-1", "1", "1"), ("RA-<2>", "2", "0")):
        said = {"sku": "A", "accepted": accepted, "rejected": rejected, "reason": "wet & torn"}
        body = {"external_id": name, "despatch_advice": advice.number, "received_at": "2026-11-28T09:00:00Z",
                "lines": [said]}  # fmt: skip
        world.send("receiving_advice", body, world.retailer, key=name)
        world.drain()
    card = trading.client().get(address).text.split('id="o-rec"')[1].split("</section>")[0]
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in re.findall(r"<tr>(.*?)</tr>", card)[1:]]
    assert [(row[0], row[1]) for row in rows] == [("RA-1", shipment.number), ("RA-&lt;2&gt;", shipment.number)]
    assert "1 of A not accepted (wet &amp; torn)" in card
    assert (card.count("differs"), card.count("as advised")) == (1, 1)


def test_an_order_that_is_not_b2b_has_no_papers(trading: Site, world: TradeWorld) -> None:
    order = world.buy(line("B", 1), type="b2c")
    assert 'id="o-pap"' not in trading.client().get(f"/orders/{public_id('order', order.id)}").text


def test_labels_come_from_the_pack_record_as_pdf_and_zpl(trading: Site, shipped: Any, world: TradeWorld) -> None:
    order, shipment = shipped
    client = trading.client()
    token = form_token(client.get(f"/orders/{public_id('order', order.id)}").text)
    name = public_id("shipment", shipment.id)
    zpl = client.post(f"/trade/shipments/{name}/labels/zpl", data={"csrf_token": token})
    assert (zpl.status_code, zpl.headers["Content-Disposition"]) == (200, f'attachment; filename="{name}.zpl"')
    [advice] = world.papers("despatch_advice")
    printed = dict.fromkeys(re.findall(r"\(00\)(\d{18})", zpl.text))
    assert list(printed) == [each["sscc"] for each in advice.body["packages"]]
    pdf = client.post(f"/trade/shipments/{name}/labels/pdf", data={"csrf_token": token})
    assert (pdf.content_type, pdf.data[:5]) == ("application/pdf", b"%PDF-")
    assert client.post(f"/trade/shipments/{name}/labels/doc", data={"csrf_token": token}).status_code == 404
    audited = world.all("SELECT action FROM audit_entry WHERE action = 'labels.printed'")
    assert len(audited) == 2


def test_a_viewer_prints_and_sends_nothing(trading: Site, shipped: Any, world: TradeWorld) -> None:
    order, shipment = shipped
    client = trading.client("vera@example.com")
    page = client.get(f"/orders/{public_id('order', order.id)}").text
    assert "/labels/" not in page
    token = re.findall(r'name="csrf_token" value="([^"]+)"', page)[0]
    name = public_id("shipment", shipment.id)
    refused = client.post(f"/trade/shipments/{name}/labels/zpl", data={"csrf_token": token})
    assert refused.status_code == 403
    assert world.all("SELECT 1 FROM audit_entry WHERE action = 'labels.printed'") == []


def test_papers_are_listed_by_what_became_of_them(trading: Site, shipped: Any, world: TradeWorld) -> None:
    client = trading.client()
    page = client.get("/trade/papers").text
    assert "3 of 3 papers" in page
    [advice] = world.papers("despatch_advice")
    accepted = client.get("/trade/papers?tab=accepted").text
    assert re.findall(r'cd-main-link" href="[^"]+">([^<]+)<', accepted) == [advice.number]
    assert "1 of 1 papers" in accepted
    kind = client.get("/trade/papers?kind=invoice").text
    assert "1 of 1 papers" in kind
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql("UPDATE paper SET late_at = now() WHERE kind = 'despatch_advice'")
    late = client.get("/trade/papers?tab=late").text
    assert "was late" in late


def test_a_paper_that_was_kept_back_says_why_and_is_sent(store: Store, trading: Site, world: TradeWorld) -> None:
    world.buy(line("B", 1), ship_to={"name": "S", "line1": "Weg 1", "city": "Kiel", "country": "DE",
                                     "postal_code": "24103", "gln": "4098765000001"})  # fmt: skip
    world.settle()
    [paper] = world.papers("order_response")
    client, path = trading.client(), f"/trade/papers/{public_id('paper', paper.id)}"
    page = client.get(path).text
    assert "has a wrong check digit for a GLN" in page
    assert "Gtin on every line" in page
    answer = client.post(f"{path}/send", data={"csrf_token": form_token(page)})
    assert (answer.status_code, answer.location) == (303, path)
    assert world.papers("order_response")[0].state == "sent"
    assert "Send it as it is" not in client.get(path).text


def test_a_paper_whose_delivery_died_says_so_and_is_sent_again(trading: Site, world: TradeWorld) -> None:
    world.buy(line("A", 1, "120.00", unit="CT", gtin="4006381333931"))
    world.settle()
    world.partners.partners["retailer"].script = [Rejected("The retailer has no such department.", code="OUT-X-422")]
    world.deliver(world.retailer)
    client = trading.client()
    listed = client.get("/trade/papers?tab=failed").text
    assert "1 of 1 papers" in listed
    [paper] = world.papers("order_response")
    path = f"/trade/papers/{public_id('paper', paper.id)}"
    page = client.get(path).text
    assert "The retailer has no such department." in page
    assert "Send it again" in page
    assert client.post(f"{path}/send", data={"csrf_token": form_token(page)}).location == path
    assert "Send it again" not in client.get(path).text
    world.deliver(world.retailer)
    assert "1 of 1 papers" in client.get("/trade/papers?tab=sent").text


def test_a_deduction_is_traced_and_disputed(trading: Site, shipped: Any, world: TradeWorld) -> None:
    client = trading.client()
    page = client.get("/trade/chargebacks").text
    assert "€10.00 open" in page
    [found] = re.findall(r'cd-main-link" href="([^"]+)"', page)
    shown = client.get(found).text
    assert shown.count("Gtin on every line") >= 2
    trace = shown.split('id="c-trace"')[1].split("</section>")[0]
    assert len(re.findall(r"/trade/papers/pap_", trace)) == 3
    body = {"csrf_token": form_token(shown), "state": "disputed", "note": "It had one."}
    assert client.post(f"{found}/state", data=body).status_code == 303
    row = world.one("SELECT state, note, amount FROM chargeback")
    assert tuple(row) == ("disputed", "It had one.", Decimal("10.00"))
    assert "Nothing here" in client.get("/trade/chargebacks").text
    assert client.post(f"{found}/state", data={**body, "state": "burned"}).status_code == 422


@pytest.fixture
def trading_url(trading: Site, shipped: Any) -> Iterator[str]:
    yield from serving(trading)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the console is not tried in a browser")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_screens_of_trade_are_accessible(
    browser: Browser, trading_url: str, shipped: Any, world: TradeWorld, theme: str
) -> None:
    order, _ = shipped
    [advice], chargeback = world.papers("despatch_advice"), world.one("SELECT id FROM chargeback")
    tab = signed_in(browser, trading_url, theme, width=1366)
    for path in (
        "/trade/papers", "/trade/papers?tab=late", f"/trade/papers/{public_id('paper', advice.id)}",
        "/trade/chargebacks", f"/trade/chargebacks/{public_id('chargeback', chargeback.id)}",
        f"/orders/{public_id('order', order.id)}",
    ):  # fmt: skip
        page = tab.open(path)
        found = violations(page)
        assert not found, (path, found)
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, path
    assert tab.troubles == []
    tab.page.context.close()
