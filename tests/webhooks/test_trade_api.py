"""Terms of trade, papers, packages, labels and chargebacks over the API."""

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from config.settings import Settings
from core.errors import Declined, Rejected
from core.store.unit import Store
from tests.core.trade_world import TERMS, TradeWorld, line
from tests.webhooks.conftest import Client
from webhooks.app import create_app
from webhooks.runtime import EXTENSION, Runtime


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store, rules=[{"check": "gtin_on_every_line", "fee": "10.00", "code": "ITEM-01"}])


@pytest.fixture
def app(world: TradeWorld, tmp_path: Path) -> Iterator[Flask]:
    made = create_app(Runtime(Settings(data_dir=tmp_path), world.store, world.partners, "a test's secret key"))
    yield made
    made.extensions[EXTENSION].runtime.stopping.set()


def test_terms_prices_and_packs_are_set_and_shown(api: Client) -> None:
    assert api.get("/connections/shop/terms").status_code == 404
    shown = api.call("PUT", "/connections/shop/terms", json=TERMS).get_json()["terms"]
    assert (shown["respond_within_hours"], shown["seller"]["gln"]) == (24, "4012345000009")
    assert api.get("/connections/shop/terms").get_json()["terms"] == shown
    refused = api.call("PUT", "/connections/shop/terms", json={**TERMS, "seller": {"gln": "4012345000008"}})
    assert refused.status_code == 422
    assert refused.get_json()["errors"][0]["path"] == "seller.gln"
    price = {"sku": "A", "price": "9.50", "currency": "EUR", "valid_from": "2026-01-01"}
    assert api.post("/connections/shop/prices", {"prices": [price]}).get_json() == {"written": 1}
    assert api.post("/packs", {"packs": [{"sku": "A", "unit": "CT", "units": "12"}]}).get_json() == {"written": 1}
    assert api.post("/packs", {"packs": [{"sku": "NOPE", "unit": "CT", "units": "12"}]}).status_code == 422


def test_papers_packages_labels_and_chargebacks(api: Client, world: TradeWorld, tmp_path: Path) -> None:
    order = world.buy(line("A", 2, "120.00", unit="CT", gtin="4006381333931"), line("B", 1, "5.00"))
    world.settle()
    shipment = world.ship(order)
    world.settle()
    shown = f"shp_{shipment.id.hex}"
    [package] = api.get(f"/shipments/{shown}/packages").get_json()["data"]
    assert [(each["sku"], each["quantity"]) for each in package["contents"]] == [("A", "24"), ("B", "1")]
    [advice] = api.get(f"/papers?kind=despatch_advice&order=ord_{order.id.hex}").get_json()["data"]
    assert (advice["state"], advice["checks"][0]["detail"]) == ("kept_back", "lines 2 have no GTIN")
    sent = api.post(f"/papers/{advice['id']}/send").get_json()
    assert sent["state"] == "waiting"
    assert api.post(f"/papers/{advice['id']}/send").status_code == 409
    assert api.get(f"/papers/{advice['id']}").get_json() == sent

    zpl = api.post(f"/shipments/{shown}/labels", {"format": "zpl"}).get_json()
    assert zpl["ssccs"] == [package["sscc"]]
    assert f"^FD(00){package['sscc']}^FS" in zpl["content"]
    pdf = api.post(f"/shipments/{shown}/labels", {}).get_json()
    assert b64decode(pdf["content"]).startswith(b"%PDF-")

    [bill] = api.get("/papers?kind=invoice&state=kept_back").get_json()["data"]
    api.post(f"/papers/{bill['id']}/send")
    paid = {"invoice": bill["number"], "paid": "270.00", "deductions": [{"code": "ITEM-01", "amount": "10.00"}]}
    world.send("remittance", {"external_id": "R1", "currency": "EUR", "invoices": [paid]}, world.retailer)
    world.drain()
    [kept] = api.get("/chargebacks?connection=retailer").get_json()["data"]
    assert (kept["rule"], kept["amount"], kept["state"]) == ("gtin_on_every_line", "10.00", "open")
    assert [each["kind"] for each in kept["trace"]] == ["order_response", "despatch_advice", "invoice"]
    assert kept["trace"][1]["failed"] == ["gtin_on_every_line"]
    disputed = api.post(f"/chargebacks/{kept['id']}/state", {"state": "disputed", "note": "sent in time"}).get_json()
    assert (disputed["state"], disputed["note"]) == ("disputed", "sent in time")
    assert api.get(f"/chargebacks/{kept['id']}").get_json() == disputed
    assert (tmp_path / "sscc.json").exists() is False  # the number was taken by the process that made the papers


def test_a_paper_whose_delivery_died_has_failed_and_is_sent_again(api: Client, world: TradeWorld) -> None:
    world.buy(line("A", 1, "120.00", unit="CT", gtin="4006381333931"))
    world.settle()
    [paper] = api.get("/papers?state=waiting").get_json()["data"]
    partner = world.partners.partners["retailer"]
    partner.script = [Rejected("The retailer has no such department.", code="OUT-REJECTED-422")]
    world.deliver(world.retailer)
    failed = api.get("/papers?state=failed").get_json()["data"]
    assert [(each["id"], each["sent_at"], each["failure"]["code"]) for each in failed] == [
        (paper["id"], None, "OUT-REJECTED-422")
    ]
    assert api.get("/papers?state=sent").get_json()["data"] == []
    again = api.post(f"/papers/{paper['id']}/send").get_json()
    assert (again["state"], again["delivery"], again["failure"]) == ("waiting", paper["delivery"], None)
    assert world.all("SELECT 1 FROM exception_case WHERE code = 'DLV-DEAD-502' AND state = 'open'") == []
    world.deliver(world.retailer)
    shown = api.get(f"/papers/{paper['id']}").get_json()
    assert (shown["state"], shown["sent_at"] is not None, len(partner.order)) == ("sent", True, 1)
    refused = api.post(f"/papers/{paper['id']}/send")
    assert (refused.status_code, refused.get_json()["code"]) == (409, "PAPER-SENT-409")
    assert api.get("/papers?state=lost").status_code == 422


def test_a_paper_the_partner_declined_goes_out_by_a_delivery_of_its_own(api: Client, world: TradeWorld) -> None:
    world.buy(line("A", 1, "120.00", unit="CT", gtin="4006381333931"))
    world.settle()
    world.partners.partners["retailer"].script = [Declined("Too late.", code="OUT-DECLINED-409")]
    world.deliver(world.retailer)
    [paper] = api.get("/papers?state=failed").get_json()["data"]
    again = api.post(f"/papers/{paper['id']}/send").get_json()
    assert again["state"] == "waiting"
    assert again["delivery"] != paper["delivery"]
    world.deliver(world.retailer)
    assert api.get(f"/papers/{paper['id']}").get_json()["state"] == "sent"
