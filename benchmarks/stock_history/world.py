"""The small company whose stock is fought over: what there is, and how much."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from benchmarks.common import open_bench_hub
from core.jobs.hub import Hub
from core.services import catalog, connections
from core.services.protecting import set_rule
from core.services.stock import count_stock, set_on_hand
from core.store import schema as t

NODES = ("N1", "N2")
PLAIN = ("HOT", "A", "B")
# Reserved only for the shop, which may be promised so many of it at once, over both nodes together.
CAPPED, CAP = "C", Decimal(60)
LOTS = "L"
# Of the kit the shop may be promised so many at once, over both nodes together.
KIT_CAP = Decimal(25)
KIT, PARTS = "KIT", {"A": Decimal(2), "B": Decimal(1)}
UNITS = Decimal(240)


def seed(url: str) -> None:
    """Write nodes, items, stock, the rule and the kit."""
    hub = open_bench_hub(url, pool=1)
    with hub.store.begin() as unit:
        for name in ("shop", "market"):
            connections.add_connection(
                unit, hub.connectors, hub.box, name=name, connector="shopify",
                settings={"shop_domain": f"{name}.myshopify.com", "location_id": "1", "base_url": "http://127.0.0.1:9"},
                secrets={"access_token": "bench", "webhook_secret": "bench"},
            )  # fmt: skip
        nodes = [catalog.upsert_node(unit, {"code": code, "name": code, "country": "DE"}) for code in NODES]
        items = catalog.upsert_items(
            unit,
            [
                *({"sku": sku, "title": sku, "price": Decimal(10)} for sku in (*PLAIN, CAPPED)),
                {"sku": LOTS, "title": LOTS, "tracking": "lot"},
                {"sku": KIT, "title": KIT, "components": [{"sku": sku, "units": each} for sku, each in PARTS.items()]},
            ],
        )
        stocked = [items[sku] for sku in (*PLAIN, CAPPED)]
        set_on_hand(unit, {(item, node): UNITS for item in stocked for node in nodes}, None, "receipt")
        for node in NODES:
            lots = [
                {"sku": LOTS, "on_hand": UNITS / 2, "lot": lot, "expires_on": unit.now.date() + timedelta(days=days)}
                for lot, days in (("EARLY", 10), ("LATE", 90))
            ]
            count_stock(unit, {"node": node, "as_of": unit.now, "items": lots})
        set_rule(unit, connection="shop", kind="cap", quantity=CAP, sku=CAPPED)
        set_rule(unit, connection="shop", kind="cap", quantity=KIT_CAP, sku=KIT)
    hub.store.engine.dispose()


def names(hub: Hub) -> tuple[dict[str, UUID], dict[str, UUID], dict[str, UUID]]:
    """Return the ids of items, nodes and connections by name."""
    with hub.store.read() as conn:
        return (
            dict(conn.execute(t.item.select().with_only_columns(t.item.c.sku, t.item.c.id)).all()),
            dict(conn.execute(t.node.select().with_only_columns(t.node.c.code, t.node.c.id)).all()),
            dict(conn.execute(t.connection.select().with_only_columns(t.connection.c.name, t.connection.c.id)).all()),
        )
