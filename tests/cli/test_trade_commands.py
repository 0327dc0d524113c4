"""`crossdock papers`, `terms` and `chargebacks` on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.services.paper_answers import acknowledge
from core.store.unit import Store
from tests.cli.conftest import Crossdock
from tests.core.trade_world import TERMS, TradeWorld, line


@pytest.fixture
def world(store: Store) -> TradeWorld:
    return TradeWorld(store, rules=[{"check": "gtin_on_every_line", "fee": "10.00", "code": "ITEM-01"}])


def test_papers_are_listed_and_shown_and_one_nobody_takes_stays(world: TradeWorld, crossdock: Crossdock) -> None:
    order = world.buy(line("B", 2, "5.00"))
    world.settle()
    [paper] = crossdock("papers", "list", "--order", order.number, "--json").rows
    assert (paper["kind"], paper["state"], paper["connection"]) == ("order_response", "kept_back", "retailer")
    shown = crossdock("papers", "show", paper["id"])
    assert "gtin_on_every_line" in shown.out
    assert "lines 1 have no GTIN" in shown.out
    # The connector of the test's retailer is not installed where the command runs: nothing can be sent to him.
    refused = crossdock("papers", "send", paper["id"], "--yes")
    assert refused.code != 0
    assert "PAPER-SENT-409" in refused.err
    assert crossdock("papers", "list", "--state", "kept_back", "--json").one["id"] == paper["id"]


def test_a_paper_that_was_kept_back_is_sent(world: TradeWorld, crossdock: Crossdock, monkeypatch: Any) -> None:
    monkeypatch.setattr("connectors.sdk.registry.Registry", lambda *_, **__: world.partners)
    world.buy(line("B", 2, "5.00"))
    world.settle()
    [paper] = crossdock("papers", "list", "--json").rows
    assert crossdock("papers", "send", paper["id"], "--dry-run", "--json").code == 0
    assert crossdock("papers", "list", "--state", "kept_back", "--json").one["id"] == paper["id"]
    assert crossdock("papers", "send", paper["id"], "--yes", "--json").one["state"] == "waiting"
    assert crossdock("papers", "list", "--state", "kept_back", "--json").rows == []


def test_terms_prices_and_packs_are_written_and_listed(world: TradeWorld, crossdock: Crossdock, place: Path) -> None:
    (place / "terms.json").write_text(json.dumps({**TERMS, "accept_within_hours": 4}))
    assert crossdock("terms", "set", "retailer", "terms.json", "--yes").code == 0
    [terms] = crossdock("terms", "list", "--json").rows
    assert (terms["connection"], terms["accept_within_hours"], terms["rules"]) == ("retailer", 4, 0)
    assert crossdock("terms", "show", "retailer", "--json").one["tax_rate"] == "0.19"
    assert crossdock("terms", "price", "retailer", "A", "4.20", "EUR", "--from", "2026-12-01", "--yes").code == 0
    assert crossdock("terms", "prices", "retailer", "--json").rows == [
        {"sku": "A", "price": "4.2", "currency": "EUR", "from_quantity": "0", "valid_from": "2026-12-01",
         "valid_to": None}
    ]  # fmt: skip
    assert crossdock("terms", "pack", "B", "CT", "6", "--yes").code == 0
    packs = [(each["sku"], each["unit"], each["units"]) for each in crossdock("terms", "packs", "--json").rows]
    assert packs == [("A", "CT", "12"), ("B", "CT", "6")]


def test_terms_that_do_not_fit_change_nothing(world: TradeWorld, crossdock: Crossdock, place: Path) -> None:
    (place / "terms.json").write_text('{"seller": {"gln": "123"}}')
    before = crossdock("terms", "show", "retailer", "--json").one
    refused = crossdock("terms", "set", "retailer", "terms.json", "--yes")
    assert refused.code != 0
    assert "TRADE-TERMS-422" in refused.err
    (place / "terms.json").write_text("{")
    assert "is not JSON" in crossdock("terms", "set", "retailer", "terms.json", "--yes").err
    assert crossdock("terms", "show", "retailer", "--json").one == before


def test_a_deduction_is_listed_traced_and_moved_on(world: TradeWorld, crossdock: Crossdock) -> None:
    world.ship(world.buy(line("B", 2, "5.00", gtin="4006381333931")))
    world.settle()
    world.deliver(world.retailer)
    [advice], [bill] = world.papers("despatch_advice"), world.papers("invoice")
    with world.store.begin() as unit:
        acknowledge(unit, advice.delivery_id, accepted=True, at=unit.now, warnings=["carton 1 has no weight"])
    paid = {"invoice": bill.number, "paid": "0", "deductions": [{"code": "ITEM-01", "amount": "10.00"}]}
    world.send("remittance", {"external_id": "R1", "currency": "EUR", "invoices": [paid]}, world.retailer)
    world.drain()
    [found] = crossdock("chargebacks", "list", "--state", "open", "--json").rows
    assert (found["invoice"], found["amount"], found["rule"]) == (bill.number, "10.00", "gtin_on_every_line")
    assert advice.number in crossdock("chargebacks", "show", found["id"]).out
    moved = crossdock("chargebacks", "dispute", found["id"], "--note", "It had one.", "--yes", "--json").one
    assert (moved["state"], moved["note"]) == ("disputed", "It had one.")
    assert crossdock("chargebacks", "accept", found["id"], "--yes", "--json").one["state"] == "accepted"
    shown = crossdock("papers", "list", "--kind", "despatch_advice", "--json").one
    assert shown["warnings"] == ["carton 1 has no weight"]


def test_an_order_is_refunded_and_its_credit_note_listed(
    world: TradeWorld, crossdock: Crossdock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.sdk.registry.Registry", lambda *_, **__: world.partners)
    order = world.buy(line("B", 2, "5.00", gtin="4006381333931"))
    world.settle()
    world.ship(order)
    world.settle()
    asked = (
        "orders",
        "refund",
        order.number,
        "--amount",
        "5.95",
        "--line",
        "B=1",
        "--note",
        "broken",
        "--number",
        "R-1",
    )
    tried = crossdock(*asked, "--dry-run")
    assert (tried.code, tried.out) == (0, f"Would be done: Refund R-1 of order {order.number}: 5.95 EUR.\n")
    assert world.one("SELECT count(*) AS n FROM refund").n == 0
    made = crossdock(*asked, "--yes", "--json").one
    assert (made["amount"], [each["quantity"] for each in made["lines"]]) == ("5.95", ["1"])
    assert crossdock(*asked, "--yes").out == f"Refund R-1 of order {order.number}: 5.95 EUR. It was made before.\n"
    world.settle()
    assert crossdock("papers", "list", "--kind", "credit_note", "--json").one["connection"] == "retailer"
    wrong = crossdock("orders", "refund", order.number, "--amount", "1", "--line", "B=9", "--yes")
    assert (wrong.code, "REFUND-UNITS-422" in wrong.err) == (2, True)
    assert crossdock("orders", "refund", order.number, "--line", "B", "--yes").code == 2
    assert world.one("SELECT count(*) AS n FROM refund").n == 1


def test_an_order_is_shown_with_what_its_buyer_received(world: TradeWorld, crossdock: Crossdock) -> None:
    order = world.buy(line("B", 2, "5.00", gtin="4006381333931"))
    world.settle()
    assert "Received by the buyer" not in crossdock("orders", "show", order.number).out
    shipment = world.ship(order)
    world.settle()
    [advice] = world.papers("despatch_advice")
    body = {"external_id": "RA-1", "despatch_advice": advice.number, "lines": [{"sku": "B", "accepted": "1"}]}
    world.send("receiving_advice", body, world.retailer)
    world.drain()
    shown = crossdock("orders", "show", order.number).out.split("Received by the buyer\n")[1]
    assert shown.splitlines()[1].split() == [
        "RA-1", shipment.number, "-", "1", "0", "1", "of", "B", "not", "received"
    ]  # fmt: skip
    [found] = crossdock("orders", "show", order.number, "--json").one["received"]
    assert (found["shipment"], found["accepted"], found["difference"]) == (
        f"shp_{shipment.id.hex}", "1", "1 of B not received",
    )  # fmt: skip
