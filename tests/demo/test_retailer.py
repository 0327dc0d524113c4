"""The demo's retailer: his account, what he orders, and his part in the traffic of a demo that people watch."""

from pathlib import Path

import pytest
from sqlalchemy import text

from connectors.edi.connector import Connector
from connectors.edi.inbound import terms_of
from connectors.edi.partnerfile import PartnerFile
from connectors.edi.simulator import Partner
from connectors.edi.trying import opened
from connectors.sdk.registry import Registry
from console.demo.company import chance, make_company
from console.demo.partner_process import kind_of
from console.demo.partners import Tempo, make_accounts
from console.demo.retailer import RETAILER, TERMS, next_order, retailer_account
from console.demo.seeding import seed
from console.demo.traffic import Pace, Traffic
from console.demo.troubles import make_troubles
from core.services.agreements import terms_of as agreed_with
from core.services.secretbox import SecretBox
from core.store.unit import Store
from mappings.edi.acks.judging import judge


def test_his_orders_are_what_the_profile_takes(tmp_path: Path) -> None:
    account = retailer_account(tmp_path / "files", 1)
    company = make_company(7)
    with opened(PartnerFile(RETAILER, None, account.settings, TERMS)) as connector:
        assert isinstance(connector, Connector)
        with Partner(options=account.options) as partner:
            name = partner.command("order", next_order(company.items, 3, chance(7, "retailer")))
        body = (tmp_path / "files" / "inbox" / name).read_bytes()
        [judged] = judge(body, terms_of(connector.profile))
        [message] = judged.findings.messages()
        assert (judged.findings.rejected, message.accepted) == (False, True)
        [found] = connector.map("x12/850.004010").read_bytes(judged.bodies[0])
        assert found.result is not None
        order = found.result.canonical
    known = {item.sku for item in company.items}
    assert (order["external_id"], order["currency"], order["type"]) == ("4500012004", "EUR", "b2b")
    assert {line["sku"] for line in order["lines"]} <= known


def test_he_is_seeded_with_his_terms(store: Store, tmp_path: Path) -> None:
    company = make_company(7)
    stock = dict(list(company.targets.items())[:20])
    accounts = [*make_accounts(company, {}, stock, Tempo()), retailer_account(tmp_path / "files", 1)]
    seeded = seed(store, Registry(), SecretBox("k" * 44), "k" * 44, company, accounts, None, stock)
    with store.read() as conn:
        terms = agreed_with(conn, seeded.known.connections[RETAILER])
        [row] = conn.execute(text("SELECT settings FROM connection WHERE name = :n"), {"n": RETAILER})
    assert terms is not None
    assert terms["seller"]["name"] == "Fjord & Pine"
    assert "base_url" not in row.settings


class Asked:
    """Control that notes what partners are asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def ask(self, name: str, command: str, body: object = None) -> int:
        self.asked.append((name, command))
        return len(self.asked)


@pytest.mark.parametrize("retailer", [None, RETAILER])
def test_he_orders_only_where_there_is_one(retailer: str | None) -> None:
    company, asked = make_company(7), Asked()
    traffic = Traffic(company, make_troubles(company), asked, Pace(orders=0), (), retailer)  # type: ignore[arg-type]
    traffic._begin()
    for _, _, errand, awaited in sorted(traffic._errands):
        if not awaited and "_order_by_edi" in repr(errand):
            errand()
    assert [each for each in asked.asked if each[1] == "order"] == ([(RETAILER, "order")] if retailer else [])


def test_only_his_process_loads_edi() -> None:
    assert kind_of("edi") is Partner
    assert kind_of("rest-wms").__name__ == "DemoWarehouse"
