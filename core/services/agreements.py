"""What was agreed with trading partners: terms, prices, and how many units packs of items hold."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from core.domain.money import plain
from core.domain.payloads import jsonable
from core.domain.trade_terms import check_terms
from core.errors import InputError
from core.ports.connectors import Json
from core.services.catalog import ANY_CONNECTION, resolve_skus
from core.store import schema as t
from core.store.unit import DEFAULT_TENANT, Unit

ZERO = Decimal(0)


def set_terms(unit: Unit, connection_id: UUID, body: Json) -> Json:
    """Write the terms of trade with the partner behind a connection and return them with their defaults.

    Raises:
        InputError: they do not fit.
    """
    terms: Json = jsonable(check_terms(body))
    statement = insert(t.trade_terms).values(tenant_id=unit.tenant, connection_id=connection_id, body=terms)
    unit.conn.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "connection_id"], set_={"body": terms, "updated_at": func.clock_timestamp()}
        )
    )
    unit.event("connection.terms_set", "connection", connection_id)
    return terms


def terms_of(conn: Connection, connection_id: UUID, tenant: int = DEFAULT_TENANT) -> Json | None:
    """Return the terms of trade of a connection with their values in their types, or None where none were agreed."""
    c = t.trade_terms.c
    found = conn.execute(
        select(c.body).where(c.tenant_id == tenant, c.connection_id == connection_id)
    ).scalar_one_or_none()
    return None if found is None else check_terms(found)


def most_units_of(unit: Unit, connections: Collection[UUID]) -> dict[UUID, Decimal]:
    """Return what one line of an order asks for at most, by connection, where its terms of trade say so."""
    c = t.trade_terms.c
    stated = c.body["most_units"].as_string()
    rows = unit.conn.execute(
        select(c.connection_id, stated.label("most")).where(
            c.tenant_id == unit.tenant, c.connection_id.in_(sorted(connections)), stated.is_not(None)
        )
    )
    return {row.connection_id: Decimal(row.most) for row in rows}


def set_pack(unit: Unit, sku: str, pack: str, units: Decimal, gtin: str | None = None) -> None:
    """Say how many units of an item one of its packs holds; `pack` is a UN/ECE Rec 20 or 21 code such as CT.

    Raises:
        InputError: there is no such item, or the number is not positive.
    """
    if units <= 0:
        raise InputError(f"A pack of {plain(units)} units of {sku} holds nothing.", code="TRADE-PACK-422")
    values = {"units": units, "gtin": gtin}
    statement = insert(t.item_pack).values(tenant_id=unit.tenant, item_id=_item(unit, sku), unit=pack, **values)
    unit.conn.execute(statement.on_conflict_do_update(index_elements=["tenant_id", "item_id", "unit"], set_=values))


def packs_of(unit: Unit, items: Collection[UUID]) -> dict[tuple[UUID, str], Decimal]:
    """Return how many units of an item one of its packs holds, by item and unit of the pack."""
    if not items:
        return {}
    p = t.item_pack.c
    rows = unit.conn.execute(
        select(p.item_id, p.unit, p.units).where(p.tenant_id == unit.tenant, p.item_id.in_(sorted(items)))
    )
    return {(row.item_id, row.unit): row.units for row in rows}


def set_price(
    unit: Unit,
    connection_id: UUID,
    sku: str,
    price: Decimal,
    currency: str,
    *,
    since: date,
    until: date | None = None,
    from_quantity: Decimal = ZERO,
) -> None:
    """Agree the price of one unit of an item with a partner, from a quantity and a day on.

    Raises:
        InputError: there is no such item, or the price is negative.
    """
    if price < 0:
        raise InputError(f"A price of {plain(price)} {currency} for {sku} is below zero.", code="TRADE-PRICE-422")
    statement = insert(t.partner_price).values(
        tenant_id=unit.tenant, connection_id=connection_id, item_id=_item(unit, sku), currency=currency,
        from_quantity=from_quantity, valid_from=since, valid_to=until, price=price,
    )  # fmt: skip
    unit.conn.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "connection_id", "item_id", "currency", "from_quantity", "valid_from"],
            set_={"valid_to": until, "price": price},
        )
    )


def _item(unit: Unit, sku: str) -> UUID:
    found = resolve_skus(unit, {(ANY_CONNECTION, sku)})
    if not found:
        raise InputError(f"No item has the SKU {sku!r}.", code="ITEM-SKU-404")
    return found[ANY_CONNECTION, sku]
