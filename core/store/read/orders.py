"""The canonical order as everybody outside the core sees it: what was sent, and what the hub knows about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select

from core.domain.ids import public_id
from core.domain.states import ReservationState
from core.errors import NotFound
from core.store import schema as t
from core.store.read.text import ZERO, amounts, instant, money, quantity, ref
from core.store.unit import DEFAULT_TENANT

Json = dict[str, Any]
# Parts of the order nothing in the core computes with; kept in `orders.body` as they were sent.
TEXTS = (
    "service_level", "pickup_node", "partial_shipment_allowed", "note", "references", "ship_not_before",
    "ship_not_after", "deliver_not_before", "deliver_not_after",
)  # fmt: skip
PARTY = ("name", "email", "phone", "company", "vat_id", "gln", "external_id")
ADDRESS = (
    "name",
    "company",
    "line1",
    "line2",
    "city",
    "region",
    "postal_code",
    "country",
    "phone",
    "gln",
    "external_id",
)
PARTS = {"buyer": PARTY, "seller": PARTY, "ship_to": ADDRESS, "bill_to": ADDRESS}
TOTALS = ("lines", "discount", "charges", "tax", "grand")
ACTIVE = "active"


# Of a bundle it is the item it is of that goes.
INSTEAD = """
SELECT i.id, coalesce(b.sku, i.sku) AS sku, coalesce(k.units, 1) AS units FROM item i
LEFT JOIN item b ON b.tenant_id = i.tenant_id AND b.id = i.bundle_of
LEFT JOIN kit_component k ON k.tenant_id = i.tenant_id AND k.kit_id = i.id AND k.component_id = i.bundle_of
     AND k.ended_at IS NULL
WHERE i.tenant_id = %s AND i.id = ANY(%b::uuid[])
"""
EXISTING = """
SELECT o.id, o.connection_id, o.external_id FROM unnest(%b::uuid[], %s::text[]) AS w(connection_id, external_id)
JOIN orders o ON o.connection_id = w.connection_id AND o.external_id = w.external_id WHERE o.tenant_id = %s
"""


def existing_orders(
    conn: Connection, keys: Collection[tuple[UUID, str]], tenant: int = DEFAULT_TENANT
) -> dict[tuple[UUID, str], UUID]:
    """Return the orders the hub has for these (connection, external id), without locking them."""
    if not keys:
        return {}
    found = conn.exec_driver_sql(EXISTING, ([c for c, _ in keys], [e for _, e in keys], tenant))
    return {(row.connection_id, row.external_id): row.id for row in found}


def read_order(conn: Connection, order_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one order as the API shows it.

    Raises:
        NotFound: there is no such order.
    """
    found = read_orders(conn, [order_id], tenant)
    if not found:
        raise NotFound(f"There is no order {public_id('order', order_id)}.")
    return found[0]


def read_orders(conn: Connection, ids: Sequence[UUID], tenant: int = DEFAULT_TENANT) -> list[Json]:
    """Return orders as the API shows them, in the order of `ids`; ids nobody has are left out."""
    if not ids:
        return []
    wanted = list(ids)
    rows = conn.execute(
        select(t.orders, t.connection.c.name.label("connection_name"))
        .outerjoin(
            t.connection,
            (t.connection.c.tenant_id == t.orders.c.tenant_id) & (t.connection.c.id == t.orders.c.connection_id),
        )
        .where(t.orders.c.tenant_id == tenant, t.orders.c.id == func.any(wanted))
    ).all()
    booked = _booked(conn, wanted, tenant)
    lines = _by_order(conn, t.order_line, wanted, tenant, (t.order_line.c.position, t.order_line.c.id))
    holds = _by_order(conn, t.hold, wanted, tenant, (t.hold.c.id,))
    work = _ids_by_order(conn, t.fulfillment_order, wanted, tenant)
    parcels = _ids_by_order(conn, t.shipment, wanted, tenant)
    instead = _instead(conn, [line for each in lines.values() for line in each], tenant)
    found = {
        row.id: _order(row, lines[row.id], booked, instead, holds[row.id], work[row.id], parcels[row.id])
        for row in rows
    }
    return [found[order_id] for order_id in dict.fromkeys(wanted) if order_id in found]


def _by_order(conn: Connection, table: Any, ids: list[UUID], tenant: int, sort: Any) -> Mapping[UUID, list[Row[Any]]]:
    found: defaultdict[UUID, list[Row[Any]]] = defaultdict(list)
    for row in conn.execute(
        select(table).where(table.c.tenant_id == tenant, table.c.order_id == func.any(ids)).order_by(*sort)
    ):
        found[row.order_id].append(row)
    return found


def _instead(conn: Connection, lines: Sequence[Row[Any]], tenant: int) -> Mapping[UUID, tuple[str, Decimal]]:
    """Return the SKU of what goes instead, and its units for one, by line, of lines with a substitute."""
    swapped = {line.item_id for line in lines if line.substituted_item_id is not None}
    if not swapped:
        return {}
    rows = conn.exec_driver_sql(INSTEAD, (tenant, list(swapped)))
    skus = {row.id: (row.sku, row.units) for row in rows}
    return {line.id: skus[line.item_id] for line in lines if line.substituted_item_id is not None}


def _ids_by_order(conn: Connection, table: Any, ids: list[UUID], tenant: int) -> Mapping[UUID, list[UUID]]:
    found: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for row in conn.execute(
        select(table.c.order_id, table.c.id)
        .where(table.c.tenant_id == tenant, table.c.order_id == func.any(ids))
        .order_by(table.c.id)
    ):
        found[row.order_id].append(row.id)
    return found


def _booked(conn: Connection, ids: list[UUID], tenant: int) -> Mapping[tuple[UUID, str], Any]:
    r = t.reservation
    return {
        (row.line_id, row.state): row.units
        for row in conn.execute(
            select(r.c.line_id, r.c.state, func.sum(r.c.quantity / r.c.per_unit).label("units"))
            .where(
                r.c.tenant_id == tenant,
                r.c.order_id == func.any(ids),
                ~r.c.follows,
                r.c.state.in_([ReservationState.HELD, ReservationState.ALLOCATED]),
            )
            .group_by(r.c.line_id, r.c.state)
        )
    }


def _order(
    row: Row[Any],
    lines: list[Row[Any]],
    booked: Mapping[tuple[UUID, str], Any],
    instead: Mapping[UUID, tuple[str, Decimal]],
    holds: list[Row[Any]],
    work: list[UUID],
    parcels: list[UUID],
) -> Json:
    body: Json = row.body
    currency: str = row.currency
    return {
        "id": public_id("order", row.id),
        "state": row.state,
        "phase": row.phase,
        "version": row.version,
        "connection": row.connection_name,
        "external_id": row.external_id,
        "number": row.number,
        "type": row.type,
        "placed_at": instant(row.placed_at),
        "currency": currency,
        "requested_ship_date": _day(row.requested_ship_date),
        "requested_delivery_date": _day(row.requested_delivery_date),
        **{name: body.get(name) for name in TEXTS},
        **{part: _filled(body.get(part), names) for part, names in PARTS.items()},
        "tags": body.get("tags") or [],
        "lines": [_line(line, booked, instead, currency) for line in lines],
        "charges": [amounts(each, ("amount", "tax"), currency) for each in body.get("charges") or []],
        "payments": [
            amounts(each, ("amount",), each.get("currency") or currency) for each in body.get("payments") or []
        ],
        "totals": None
        if (totals := _filled(body.get("totals"), TOTALS)) is None
        else amounts(totals, TOTALS, currency),
        "source_version": row.source_version,
        "source_updated_at": instant(row.source_updated_at),
        "holds": [_hold(each) for each in holds if each.state == ACTIVE],
        "fulfillment_orders": [public_id("fulfillment", each) for each in work],
        "shipments": [public_id("shipment", each) for each in parcels],
        "decision": ref("decision", row.decision_id),
        "accepted_at": instant(row.accepted_at),
        "shipped_at": instant(row.shipped_at),
        "completed_at": instant(row.completed_at),
        "canceled_at": instant(row.canceled_at),
        "created_at": instant(row.created_at),
        "updated_at": instant(row.updated_at),
    }


def _line(
    row: Row[Any],
    booked: Mapping[tuple[UUID, str], Any],
    instead: Mapping[UUID, tuple[str, Decimal]],
    currency: str,
) -> Json:
    return {
        "id": public_id("line", row.id),
        "external_id": row.external_id,
        "position": row.position,
        "sku": row.sku,
        "substitute": instead[row.id][0] if row.id in instead else None,
        "substitute_ratio": quantity(instead[row.id][1]) if row.id in instead else None,
        "item_ref": row.item_ref,
        "title": row.title,
        "quantity": quantity(row.quantity),
        "unit": row.unit,
        "unit_price": money(row.unit_price, currency),
        "discount": money(row.discount, currency),
        "taxes": [amounts(each, ("amount",), currency) for each in row.taxes or []],
        "tax_included": row.tax_included,
        "requires_shipping": row.ships,
        "open": quantity(row.quantity - row.canceled - row.shipped),
        "reserved": quantity(booked.get((row.id, ReservationState.HELD), ZERO)),
        "allocated": quantity(booked.get((row.id, ReservationState.ALLOCATED), ZERO)),
        "shipped": quantity(row.shipped),
        "delivered": quantity(row.delivered),
        "canceled": quantity(row.canceled),
        "returned": quantity(row.returned),
    }


def _hold(row: Row[Any]) -> Json:
    return {
        "id": public_id("hold", row.id),
        "kind": row.kind,
        "line": ref("line", row.line_id),
        "detail": row.detail,
        "created_at": instant(row.created_at),
    }


def _filled(part: Json | None, names: tuple[str, ...]) -> Json | None:
    """Return a part with every field it may have; those not sent are null."""
    return None if part is None else {**dict.fromkeys(names), **part}


def _day(value: Any) -> str | None:
    return None if value is None else value.isoformat()
