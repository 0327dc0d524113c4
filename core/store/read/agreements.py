"""What was agreed with trading partners, as people read it: terms, prices, packs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from core.domain.money import plain
from core.store import schema as t
from core.store.read.page import Json, joined
from core.store.read.text import instant
from core.store.unit import DEFAULT_TENANT


def all_terms(conn: Connection, tenant: int = DEFAULT_TENANT) -> Iterator[Json]:
    """Yield who we have terms of trade with, and the times in them."""
    c = t.trade_terms.c
    rows = conn.execute(
        select(t.trade_terms, t.connection.c.name)
        .join(t.connection, joined(t.trade_terms, t.connection, c.connection_id))
        .where(c.tenant_id == tenant)
        .order_by(t.connection.c.name)
    )
    for row in rows:
        body: Json = row.body
        yield {
            "connection": row.name,
            "seller": body["seller"].get("name"),
            "respond_within_hours": body["respond_within_hours"],
            "advise_within_hours": body["advise_within_hours"],
            "accept_within_hours": body.get("accept_within_hours"),
            "rules": len(body.get("rules") or ()),
            "updated_at": instant(row.updated_at),
        }


def all_prices(conn: Connection, connection_id: UUID, sku: str | None, tenant: int = DEFAULT_TENANT) -> Iterator[Json]:
    """Yield the prices agreed with a partner by item, currency, day and quantity."""
    c = t.partner_price.c
    query = (
        select(t.partner_price, t.item.c.sku)
        .join(t.item, joined(t.partner_price, t.item, c.item_id))
        .where(c.tenant_id == tenant, c.connection_id == connection_id)
        .order_by(t.item.c.sku, c.currency, c.valid_from, c.from_quantity)
    )
    for row in conn.execute(query if sku is None else query.where(t.item.c.sku == sku)):
        yield {
            "sku": row.sku,
            "price": plain(row.price),
            "currency": row.currency,
            "from_quantity": plain(row.from_quantity),
            "valid_from": row.valid_from.isoformat(),
            "valid_to": row.valid_to.isoformat() if row.valid_to else None,
        }


def all_packs(conn: Connection, sku: str | None, tenant: int = DEFAULT_TENANT) -> Iterator[Json]:
    """Yield how many units the packs of items hold."""
    c = t.item_pack.c
    query: Any = (
        select(t.item_pack, t.item.c.sku)
        .join(t.item, joined(t.item_pack, t.item, c.item_id))
        .where(c.tenant_id == tenant)
        .order_by(t.item.c.sku, c.unit)
    )
    for row in conn.execute(query if sku is None else query.where(t.item.c.sku == sku)):
        yield {"sku": row.sku, "unit": row.unit, "units": plain(row.units), "gtin": row.gtin}
