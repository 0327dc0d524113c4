"""Fulfillment orders, shipments and tracking events as the API shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, and_, func, select

from core.domain.ids import public_id
from core.domain.states import TRACKING_RANK, FulfillmentState, ShipmentState
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, joined, only, require_named, row_of, rows_by_id, since
from core.store.read.received import received_of
from core.store.read.text import instant, quantity, ref
from core.store.unit import DEFAULT_TENANT

_f, _s, _e = t.fulfillment_order.c, t.shipment.c, t.tracking_event.c
_WORK = (
    select(
        t.fulfillment_order,
        t.node.c.code,
        t.orders.c.number.label("order_number"),
        t.orders.c.external_id.label("order_external_id"),
        t.connection.c.name.label("connection_name"),
    )
    .join(t.node, joined(t.fulfillment_order, t.node, _f.node_id))
    .join(t.orders, joined(t.fulfillment_order, t.orders, _f.order_id))
    .outerjoin(t.connection, joined(t.fulfillment_order, t.connection, _f.connection_id))
)
_PARCELS = select(t.shipment, t.node.c.code).join(t.node, joined(t.shipment, t.node, _s.node_id))


def list_fulfillments(
    conn: Connection,
    piece: Slice,
    *,
    state: Sequence[str] = (),
    node: Sequence[str] = (),
    order_id: UUID | None = None,
    number: str | None = None,
    reference: str | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of fulfillment orders, newest first."""
    require_named(conn, t.node, t.node.c.code, node, tenant)
    query = only(
        _WORK,
        t.fulfillment_order,
        tenant,
        state=(_f.state, state, FulfillmentState),
        node=(t.node.c.code, node),
        order=(_f.order_id, order_id),
        number=(_f.number, number),
        reference=(_f.reference, reference),
    )
    rows, after = rows_by_id(conn, query, _f.id, piece)
    return Listed(_fulfillments(conn, rows, tenant), after)


def read_fulfillment(conn: Connection, fulfillment_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one fulfillment order.

    Raises:
        NotFound: there is no such fulfillment order.
    """
    rows = [row_of(conn, _WORK, _f.id, fulfillment_id, "fulfillment", tenant, called="fulfillment order")]
    return _fulfillments(conn, rows, tenant)[0]


def _fulfillments(conn: Connection, rows: Sequence[Row[Any]], tenant: int) -> list[Json]:
    ids = [row.id for row in rows]
    lines: defaultdict[UUID, list[Json]] = defaultdict(list)
    parcels: defaultdict[UUID, list[str]] = defaultdict(list)
    fl = t.fulfillment_line.c
    if ids:
        # A bundle is shown, as its node is told it, in units of the item it is of.
        single, part = t.item.alias(), t.kit_component.c
        per_unit = func.coalesce(part.units, 1).label("per_unit")
        sku = func.coalesce(single.c.sku, t.item.c.sku).label("sku")
        unit = func.coalesce(single.c.unit, t.order_line.c.unit).label("unit")
        for line in conn.execute(
            select(t.fulfillment_line, sku, t.order_line.c.title, unit, per_unit)
            .join(t.item, joined(t.fulfillment_line, t.item, fl.item_id))
            .outerjoin(single, and_(single.c.tenant_id == fl.tenant_id, single.c.id == t.item.c.bundle_of))
            .outerjoin(
                t.kit_component,
                and_(
                    part.tenant_id == fl.tenant_id,
                    part.kit_id == t.item.c.id,
                    part.component_id == t.item.c.bundle_of,
                    part.ended_at.is_(None),
                ),
            )
            .join(t.order_line, joined(t.fulfillment_line, t.order_line, fl.line_id))
            .where(fl.tenant_id == tenant, fl.fulfillment_id == func.any(ids))
            .order_by(t.order_line.c.position, fl.id)
        ):
            lines[line.fulfillment_id].append(
                {
                    "id": public_id("fulfillment_line", line.id),
                    "line": public_id("line", line.line_id),
                    "sku": line.sku,
                    "title": line.title,
                    "unit": line.unit,
                    "quantity": quantity(line.quantity * line.per_unit),
                    "open": quantity((line.quantity - line.shipped - line.canceled) * line.per_unit),
                    "shipped": quantity(line.shipped * line.per_unit),
                    "canceled": quantity(line.canceled * line.per_unit),
                }
            )
        for parcel in conn.execute(
            select(_s.id, _s.fulfillment_id)
            .where(_s.tenant_id == tenant, _s.fulfillment_id == func.any(ids))
            .order_by(_s.id)
        ):
            parcels[parcel.fulfillment_id].append(public_id("shipment", parcel.id))
    return [
        {
            "id": public_id("fulfillment", row.id),
            "number": row.number,
            "state": row.state,
            "order": public_id("order", row.order_id),
            "order_number": row.order_number or row.order_external_id,
            "node": row.code,
            "connection": row.connection_name,
            "reference": row.reference,
            "reason": row.reason,
            "decision": ref("decision", row.decision_id),
            "carrier": row.carrier,
            "service": row.service,
            "ship_on": None if row.ship_on is None else row.ship_on.isoformat(),
            "arrive_on": None if row.arrive_on is None else row.arrive_on.isoformat(),
            "lines": lines[row.id],
            "shipments": parcels[row.id],
            "created_at": instant(row.created_at),
            "release_at": instant(row.release_at),
            "released_at": instant(row.released_at),
            "finished_at": instant(row.finished_at),
            "updated_at": instant(row.updated_at),
            "version": row.version,
        }
        for row in rows
    ]


def list_shipments(
    conn: Connection,
    piece: Slice,
    *,
    state: Sequence[str] = (),
    node: Sequence[str] = (),
    order_id: UUID | None = None,
    fulfillment_id: UUID | None = None,
    tracking: str | None = None,
    carrier: str | None = None,
    shipped_since: datetime | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of shipments, newest first."""
    require_named(conn, t.node, t.node.c.code, node, tenant)
    query = only(
        _PARCELS,
        t.shipment,
        tenant,
        state=(_s.state, state, ShipmentState),
        node=(t.node.c.code, node),
        order=(_s.order_id, order_id),
        fulfillment=(_s.fulfillment_id, fulfillment_id),
        tracking=(_s.tracking_number, tracking),
        carrier=(_s.carrier, carrier),
    )
    rows, after = rows_by_id(conn, since(query, _s.shipped_at, shipped_since), _s.id, piece)
    return Listed(_shipments(conn, rows, tenant), after)


def read_shipment(conn: Connection, shipment_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one shipment.

    Raises:
        NotFound: there is no such shipment.
    """
    rows = [row_of(conn, _PARCELS, _s.id, shipment_id, "shipment", tenant)]
    return _shipments(conn, rows, tenant)[0]


def _shipments(conn: Connection, rows: Sequence[Row[Any]], tenant: int) -> list[Json]:
    ids = [row.id for row in rows]
    lines: defaultdict[UUID, list[Json]] = defaultdict(list)
    facts: defaultdict[UUID, list[Json]] = defaultdict(list)
    serials: defaultdict[tuple[UUID, UUID], list[str]] = defaultdict(list)
    sl, ss = t.shipment_line.c, t.shipment_serial.c
    if ids:
        query = select(t.shipment_serial).where(ss.tenant_id == tenant, ss.shipment_id == func.any(ids))
        for each in conn.execute(query.order_by(ss.serial)):
            serials[each.shipment_id, each.line_id].append(each.serial)
        for line in conn.execute(
            select(t.shipment_line, t.order_line.c.sku, t.order_line.c.external_id)
            .join(t.order_line, joined(t.shipment_line, t.order_line, sl.line_id))
            .where(sl.tenant_id == tenant, sl.shipment_id == func.any(ids))
            .order_by(t.order_line.c.position, sl.line_id)
        ):
            lines[line.shipment_id].append(
                {
                    "line": public_id("line", line.line_id),
                    "external_id": line.external_id,
                    "sku": line.sku,
                    "quantity": quantity(line.quantity),
                    "serials": serials[line.shipment_id, line.line_id],
                }
            )
        for fact in conn.execute(
            select(t.tracking_event)
            .where(_e.tenant_id == tenant, _e.shipment_id == func.any(ids))
            .order_by(_e.occurred_at, _e.id)
        ):
            facts[fact.shipment_id].append(_fact(fact))
    received = received_of(conn, ids, tenant)
    return [
        {
            "id": public_id("shipment", row.id),
            "number": row.number,
            "external_id": row.external_id,
            "state": row.state,
            "order": public_id("order", row.order_id),
            "fulfillment": public_id("fulfillment", row.fulfillment_id),
            "node": row.code,
            "carrier": row.carrier,
            "service": row.service,
            "tracking_number": row.tracking_number,
            "tracking_url": row.tracking_url,
            "packages": row.packages or [],
            "lines": lines[row.id],
            "tracking": facts[row.id],
            "received": received.get(row.id, []),
            "state_at": instant(row.state_at),
            "shipped_at": instant(row.shipped_at),
            "delivered_at": instant(row.delivered_at),
            "created_at": instant(row.created_at),
            "version": row.version,
        }
        for row in rows
    ]


def list_tracking(
    conn: Connection,
    piece: Slice,
    *,
    shipment_id: UUID | None = None,
    tracking: str | None = None,
    status: Sequence[str] = (),
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of tracking events, the newest received first."""
    query = only(
        select(t.tracking_event, _s.tracking_number).join(
            t.shipment, joined(t.tracking_event, t.shipment, _e.shipment_id)
        ),
        t.tracking_event,
        tenant,
        shipment=(_e.shipment_id, shipment_id),
        status=(_e.status, status, TRACKING_RANK),
        tracking=(_s.tracking_number, tracking),
    )
    rows, after = rows_by_id(conn, query, _e.id, piece)
    return Listed(
        [
            {
                **_fact(row),
                "shipment": public_id("shipment", row.shipment_id),
                "tracking_number": row.tracking_number,
            }
            for row in rows
        ],
        after,
    )


def _fact(row: Row[Any]) -> Json:
    return {
        "id": public_id("tracking", row.id),
        "status": row.status,
        "occurred_at": instant(row.occurred_at),
        "location": row.location,
        "detail": row.detail,
        "created_at": instant(row.created_at),
    }
