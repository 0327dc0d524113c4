"""Writing the company into an empty hub: accounts, catalog, nodes, stock, history, a login and a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from argon2 import PasswordHasher
from sqlalchemy import Engine, insert, text

from connectors.shopify.simulated.catalog import given as shop_catalog
from console.demo.carriers import rates, services
from console.demo.company import NAME, Company
from console.demo.history import History
from console.demo.history_rows import Known, write_history
from console.demo.partners import Account
from console.demo.places import SITES
from console.demo.retailer import TERMS
from core.domain.ids import uuid7
from core.errors import Refused
from core.ports.connectors import Connectors
from core.services.access import ADMIN, create_key
from core.services.agreements import set_terms
from core.services.catalog import list_items, upsert_items, upsert_node
from core.services.connections import FOREVER, add_connection
from core.services.secretbox import SecretBox
from core.services.tariffs import write_rates, write_service
from core.store import migrate
from core.store import schema as t
from core.store.unit import DEFAULT_TENANT, Store, Unit

# The setting that says that all of this was made up, and what the console's badge says then.
MARK, BADGE = "demo", "DEMO"
MARKED = "SELECT EXISTS (SELECT 1 FROM setting WHERE tenant_id = :t AND name = :n)"
EMAIL, PASSWORD = "demo@crossdock.local", "demo"


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was written, and the API key, which nothing can show again."""

    known: Known
    orders: int
    key: str


def make_room(engine: Engine) -> bool:
    """Empty a database that holds an earlier demo; return whether it did.

    Raises:
        Refused: it holds a hub that is no demo; nothing was changed.
    """
    with engine.connect() as conn:
        if conn.execute(text("SELECT to_regclass('setting')")).scalar_one() is None:
            return False
        marked = conn.execute(text(MARKED), {"t": DEFAULT_TENANT, "n": MARK}).scalar_one()
        used = conn.execute(
            text("SELECT EXISTS (SELECT 1 FROM connection) OR EXISTS (SELECT 1 FROM user_account)")
        ).scalar_one()
    if not marked and used:
        raise Refused(
            "The data folder holds a hub that is no demo, so the demo does not touch it.",
            fix="Choose another folder with --data-dir DIR or CROSSDOCK_DATA_DIR.",
            code="DEMO-DATA-403",
        )
    if not marked:
        return False
    with engine.begin() as conn:
        conn.execute(text("DROP SCHEMA public CASCADE"))
        conn.execute(text("CREATE SCHEMA public"))
    migrate.upgrade(engine)
    return True


def seed(
    store: Store,
    connectors: Connectors,
    box: SecretBox,
    pepper: str,
    company: Company,
    accounts: Sequence[Account],
    history: History | None,
    stock: Mapping[tuple[str, str], int],
) -> Seeded:
    """Write everything in one transaction.

    Args:
        pepper: the hub's secret key, for the API key.
        history: None begins a business today, with `stock` on the shelves.
        stock: (SKU, node code) -> units.
    """
    with store.begin(actor="demo") as unit:
        mark = {"badge": BADGE, "seed": company.seed, "company": NAME}
        unit.conn.execute(insert(t.setting).values(tenant_id=unit.tenant, name=MARK, value=mark))
        connections = {account.name: _connect(unit, connectors, box, account) for account in accounts}
        items = upsert_items(unit, [_item(item) for item in company.items])
        nodes = {site.code: upsert_node(unit, _node(site)) for site in SITES}
        for service in services():
            write_service(unit, service)
        write_rates(unit, rates())
        known = Known(items, nodes, connections, {site.code: connections[site.connection] for site in SITES})
        begun = history or History(unit.now, unit.now, [], [], dict(stock))
        orders = write_history(unit, begun, known)
        if history is None:
            _fill_shelves(unit, known, stock)
        for account in accounts:
            if account.connector == "shopify":
                _sell(unit, connections[account.name], account, items)
            elif account.connector == "edi":
                set_terms(unit, connections[account.name], TERMS)
        _login(unit)
        _, key = create_key(unit, pepper, "demo key", [ADMIN])
    return Seeded(known, orders, key)


def _connect(unit: Unit, connectors: Connectors, box: SecretBox, account: Account) -> UUID:
    connection_id = add_connection(
        unit,
        connectors,
        box,
        name=account.name,
        connector=account.connector,
        label=account.label,
        settings=account.connection_settings,
        secrets=account.secrets,
    )
    # Partners and hub agree at the start. A quarter of an hour later the polls begin; the ERP's stock is never asked
    # for, because the warehouses count it.
    unit.conn.execute(
        text(
            "UPDATE cursor SET next_at = CASE WHEN :never THEN CAST(:forever AS timestamptz)"
            " ELSE clock_timestamp() + make_interval(secs => interval_seconds) END WHERE tenant_id = :t"
            " AND connection_id = :c"
        ),
        {"t": unit.tenant, "c": connection_id, "never": account.connector == "soap-erp", "forever": FOREVER},
    )
    return connection_id


def _item(item: Any) -> dict[str, Any]:
    width, depth, height = item.box_mm
    return {
        "sku": item.sku,
        "title": item.title,
        "gtin": item.gtin or None,
        "price": item.price,
        "currency": "EUR",
        "weight_g": item.weight_g,
        "attributes": {
            "family": item.family,
            "category": item.category,
            "size": item.size,
            "look": item.look,
            "box_mm": [width, depth, height],
        },
        "references": [{"scheme": "gtin", "code": item.gtin}] if item.gtin else [],
    }


def _node(site: Any) -> dict[str, Any]:
    return {
        "code": site.code,
        "name": site.name,
        "country": site.country,
        "postal_code": site.postal_code,
        "city": site.city,
        "latitude": site.latitude,
        "longitude": site.longitude,
        "timezone": site.timezone,
        "cutoff": datetime.strptime(site.cutoff, "%H:%M").time(),  # noqa: DTZ007 - a time of day in the node's zone
        "shipment_cost": site.shipment_cost,
        "unit_cost": site.unit_cost,
        "distance_cost": site.distance_cost,
        "capacity_per_day": site.capacity,
        "connection": site.connection,
    }


def _fill_shelves(unit: Unit, known: Known, stock: Mapping[tuple[str, str], int]) -> None:
    unit.conn.exec_driver_sql(
        "INSERT INTO stock_movement (tenant_id, item_id, node_id, kind, on_hand, cause, actor)"
        " SELECT %s, item_id, node_id, 'receipt', units, 'first delivery', 'demo'"
        " FROM unnest(%s::uuid[], %s::uuid[], %s::numeric[]) AS s(item_id, node_id, units)",
        (
            unit.tenant,
            [known.items[sku] for sku, _ in stock],
            [known.nodes[node] for _, node in stock],
            list(stock.values()),
        ),
    )


def _sell(unit: Unit, connection_id: UUID, account: Account, items: Mapping[str, UUID]) -> None:
    """Have a shop list the catalog under its own ids, as importing its products would."""
    products = shop_catalog(account.options["catalog"])
    references = [
        {
            "tenant_id": unit.tenant,
            "connection_id": connection_id,
            "scheme": scheme,
            "code": str(code),
            "item_id": items[product.sku],
        }
        for product in products
        for scheme, code in (
            ("shopify_variant", product.variant_id),
            ("shopify_inventory_item", product.inventory_item_id),
        )
    ]
    unit.conn.execute(insert(t.item_reference), references)
    list_items(unit, connection_id, list(items.values()))


def _login(unit: Unit) -> None:
    # The one password that is shorter than the hub allows: it guards nothing but this made-up company.
    unit.conn.execute(
        insert(t.user_account).values(
            tenant_id=unit.tenant,
            id=uuid7(),
            email=EMAIL,
            name="Demo",
            role="admin",
            password_hash=PasswordHasher().hash(PASSWORD),
        )
    )
