"""Rules, supply, transfers, carriers, closures, scores and disruptions of a seeded company, all invented."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, text

from core.services.disruptions import add_disruption, change_node
from core.services.protecting import set_rule
from core.services.supplying import expect_supply, receive_supply
from core.services.tariffs import write_rates, write_service
from core.services.transfer_receipts import receive_transfer
from core.services.transfers import send_transfer
from core.store import schema as t
from core.store.unit import Unit
from tests.console.rows import Company
from webhooks.api.routingbodies import RateBody, ServiceBody

FREE = text("""
SELECT i.sku FROM stock_position p JOIN item i ON i.id = p.item_id
WHERE p.node_id = :n AND p.on_hand - p.allocated - p.reserved - p.safety >= 12 ORDER BY i.sku LIMIT 2
""")
SERVICES: tuple[dict[str, Any], ...] = (
    {"carrier": "Nordpost", "service": "parcel", "label": "Parcel", "cutoff": "16:30", "transit_days": {"*": 2},
     "on_time": "0.94", "nodes": ["HAM", "MMA"]},
    {"carrier": "Nordpost", "service": "express", "label": "Express", "level": "express", "cutoff": "18:00",
     "transit_days": {"*": 1}, "on_time": "0.98", "max_weight_g": 20000},
    {"carrier": "Kuriera", "service": "standard", "cutoff": "15:00", "pickup_limit": 120,
     "transit_days": {"1": 1, "2": 3}},
)  # fmt: skip
SCORES = (
    ("carrier", "nordpost", "", "on_time", 0.93, 0.90, 0.95, 412),
    ("carrier", "nordpost", "", "days", 1.9, None, None, 412),
    ("carrier", "nordpost", "service parcel", "on_time", 0.92, 0.88, 0.95, 300),
    ("carrier", "nordpost", "lane DE>DK", "on_time", 0.89, 0.81, 0.94, 88),
    ("node", "HAM", "", "accepted", 0.99, 0.97, 1.0, 520), ("node", "HAM", "", "hours", 7.5, None, None, 508),
)  # fmt: skip


def write_logistics(unit: Unit, company: Company) -> None:
    """Write it all as people and partners would."""
    sku, other = unit.conn.execute(FREE, {"n": company.nodes["HAM"]}).scalars()
    set_rule(unit, connection="shopify-eu", kind="buffer", quantity=Decimal(4), sku=sku, node="HAM")
    set_rule(unit, connection="shopify-nordic", kind="floor", quantity=Decimal(20), sku=other)
    set_rule(
        unit, connection="partner-files", kind="cap", quantity=Decimal(50), valid_from=unit.now + timedelta(days=2)
    )
    for reference, days, units in (("PO-4711", -2, 40), ("PO-4712", 5, 120)):
        found = expect_supply(
            unit, sku=sku, node="HAM", reference=reference, quantity=Decimal(units), promisable=Decimal(10),
            expected_at=unit.now + timedelta(days=days),
        )  # fmt: skip
    receive_supply(unit, found, Decimal(30))
    for reference, last in (("T-0007", True), ("T-0008", False)):
        lines = [{"sku": each, "quantity": Decimal(5)} for each in (sku, other)]
        sent = send_transfer(unit, reference=reference, from_node="HAM", to_node="LYS", lines=lines,
                             expected_at=unit.now - timedelta(hours=3))  # fmt: skip
        receive_transfer(unit, sent, [{"sku": sku, "quantity": Decimal(4)}], last=last)
    for body in SERVICES:
        write_service(unit, ServiceBody().load(body))
    write_rates(unit, [
        RateBody().load({"carrier": "Nordpost", "service": service, "to_country": country, "price": price,
                         "up_to_g": grams, "currency": "EUR"})
        for service, country, price, grams in (("parcel", "DE", "4.20", 5000), ("parcel", "DK", "7.90", 5000),
                                               ("parcel", "DE", "6.10", 20000), ("express", "DE", "9.90", None))
    ])  # fmt: skip
    names = ("subject", "name", "part", "measure", "value", "low", "high", "outcomes")
    unit.conn.execute(insert(t.score), [
        {**dict(zip(names, row, strict=True)), "tenant_id": 1, "weight": 100.0, "prior": 0.9, "computed_at": unit.now}
        for row in SCORES
    ])  # fmt: skip
    unit.conn.execute(
        insert(t.node_closure).values(
            tenant_id=1, node_id=company.nodes["HAM"], day=unit.now.date() + timedelta(days=9), label="Stock-taking"
        )
    )
    change_node(unit, "POZ", {"off_until": unit.now + timedelta(hours=6), "off_reason": "Power cut"})
    add_disruption(unit, {"label": "Storm over the north", "carrier": None,
                          "area": {"latitude": 53.55, "longitude": 9.99, "km": 80.0},
                          "ends_at": unit.now + timedelta(days=1)})  # fmt: skip
