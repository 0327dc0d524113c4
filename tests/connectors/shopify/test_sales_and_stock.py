"""A shop that reports its stock at every sale: the hub hears of the stock before it hears of the order."""

import json
from decimal import Decimal
from typing import Any

import pytest

from connectors.sdk.registry import Registry
from connectors.shopify.simulator import Partner
from core.domain.ids import uuid7
from core.domain.vocabulary import Via
from core.jobs.deliver import deliver
from core.jobs.hub import Hub, Pace
from core.jobs.intake import drain_messages
from core.ports.connectors import InboundRecord
from core.services import catalog, connections, stock
from core.services.channel_stock import plan_pushes
from core.services.drift import end_doubts
from core.services.intake import Intake
from core.services.secretbox import SecretBox
from core.store.unit import Store
from tests.connectors.shopify.conftest import SECRETS, SETTINGS

UNITS = 40


class Company:
    """A hub that sells what the simulated shop sells, and the calls the shop has made and the hub not yet got."""

    def __init__(self, store: Store, partner: Partner) -> None:
        self.hub, self.partner = Hub(store, Registry(), SecretBox("a test's secret key"), Pace()), partner
        self.calls: list[tuple[str, bytes]] = []
        partner.shop.emit = lambda topic, body, lane: self.calls.append((topic, json.dumps(body).encode()))
        with store.begin() as unit:
            self.shop = connections.add_connection(
                unit, self.hub.connectors, self.hub.box, name="shop", connector="shopify",
                settings={**SETTINGS, "base_url": partner.url}, secrets=SECRETS,
            )  # fmt: skip
            sold = [
                {"sku": each.sku, "title": each.sku, "references": [
                    {"scheme": "shopify_inventory_item", "code": str(each.inventory_item_id)}]}
                for each in partner.shop.catalog
            ]  # fmt: skip
            items = catalog.upsert_items(unit, sold, self.shop)
            node = catalog.upsert_node(unit, {"code": "HAM", "name": "HAM", "country": "DE"})
            stock.set_on_hand(unit, {(item, node): Decimal(UNITS) for item in items.values()}, None, "receipt")

    def push(self) -> None:
        """Tell the shop what has changed."""
        with self.hub.store.begin() as unit:
            plan_pushes(unit, self.hub.facts.get(unit.conn, 1))
        deliver(self.hub, self.shop)

    def hear(self, topic: str) -> int:
        """Take in the calls of one topic and return how many there were."""
        heard = [each for each in self.calls if each[0] == topic]
        self.calls = [each for each in self.calls if each[0] != topic]
        records = [InboundRecord(topic, uuid7().hex, body) for _, body in heard]
        if records:
            Intake(self.hub.store).accept(self.shop, records, Via.WEBHOOK)
        while drain_messages(self.hub):
            pass
        return len(records)

    def count(self, sql: str) -> Any:
        """Return one figure."""
        with self.hub.store.read() as conn:
            return conn.exec_driver_sql(sql).scalar_one()


@pytest.fixture
def company(store: Store, partner: Partner) -> Company:
    found = Company(store, partner)
    found.push()
    return found


def test_every_sale_reports_its_stock_first_and_none_is_drift(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = company.partner.shop.catalog[0]
    monkeypatch.setattr(company.partner.shop, "stamp", lambda: "2099-01-01T00:00:00+00:00")
    company.hear("inventory_levels/update")
    for sale in range(1, 4):
        company.partner.shop.place([(product, 2)])
        assert company.hear("inventory_levels/update") == 1
        assert company.count("SELECT count(*) FROM listing WHERE doubted_at IS NOT NULL") == 1
        assert company.count("SELECT count(*) FROM listing WHERE dirty_at IS NOT NULL") == 0
        assert company.hear("orders/create") == 1
        company.push()
        assert company.partner.details()["available"][product.sku] == UNITS - 2 * sale
        assert company.count("SELECT count(*) FROM listing WHERE doubted_at IS NOT NULL") == 0
    with company.hub.store.begin() as unit:
        assert end_doubts(unit, company.hub.facts.get(unit.conn, 1), grace=0) == 0
    assert company.count("SELECT count(*) FROM exception_case WHERE code = 'STOCK-DRIFT-001'") == 0


def test_a_figure_somebody_else_wrote_is_drift_and_put_right(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    product = company.partner.shop.catalog[0]
    monkeypatch.setattr(company.partner.shop, "stamp", lambda: "2099-01-01T00:00:00+00:00")
    company.hear("inventory_levels/update")
    company.partner.shop.set_level((product.inventory_item_id, company.partner.shop.locations[0]), 7)
    company.hear("inventory_levels/update")
    with company.hub.store.begin() as unit:
        assert end_doubts(unit, company.hub.facts.get(unit.conn, 1), grace=0) == 1
    company.push()
    assert company.partner.details()["available"][product.sku] == UNITS
    company.hear("inventory_levels/update")
    assert company.count("SELECT state FROM exception_case WHERE code = 'STOCK-DRIFT-001'") == "superseded"
