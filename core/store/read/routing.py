"""Carriers' services, rates, substitutes and disruptions as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, or_, select

from core.domain.ids import kind_of, parse_id, public_id
from core.errors import NotFound
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, joined, only, row_of, rows_by_id, rows_by_text
from core.store.read.text import instant, money, quantity
from core.store.unit import DEFAULT_TENANT

_c, _r, _d, _s = t.carrier_service.c, t.rate.c, t.disruption.c, t.substitute.c


def list_services(
    conn: Connection,
    piece: Slice,
    *,
    carrier: Sequence[str] = (),
    active: bool | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of services by carrier and name."""
    query = only(
        select(t.carrier_service), t.carrier_service, tenant, carrier=(_c.carrier, carrier), active=(_c.active, active)
    )
    rows, after = rows_by_text(conn, query, [_c.carrier, _c.service], piece)
    return Listed([_service(row) for row in rows], after)


def read_service(conn: Connection, name: str, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one service by its id (`svc_…`) or as `carrier/service`.

    Raises:
        NotFound: there is no such service.
    """
    carrier, _, service = name.partition("/")
    if kind_of(name) == "service":
        key = _c.id == parse_id("service", name)
    else:
        key = (_c.carrier == carrier) & (_c.service == service)
    row = conn.execute(select(t.carrier_service).where(_c.tenant_id == tenant, key)).one_or_none()
    if row is None:
        raise NotFound(f"There is no service {name[:130]!r}.", fix="Write it as carrier/service, or as svc_….")
    return _service(row)


def _service(row: Row[Any]) -> Json:
    return {
        "id": public_id("service", row.id),
        "carrier": row.carrier,
        "service": row.service,
        "label": row.label,
        "level": row.level,
        "nodes": row.nodes,
        "connections": row.connections,
        "cutoff": None if row.cutoff is None else row.cutoff.strftime("%H:%M"),
        "pickup_limit": row.pickup_limit,
        "transit_days": row.transit_days,
        "on_time": quantity(row.on_time),
        "carbon_g": row.carbon_g,
        "carbon_g_kg_km": quantity(row.carbon_g_kg_km),
        "max_weight_g": row.max_weight_g,
        "hazmat": row.hazmat,
        "storage": row.storage,
        "active": row.active,
        "created_at": instant(row.created_at),
        "version": row.version,
    }


def list_rates(
    conn: Connection,
    piece: Slice,
    *,
    carrier: str | None = None,
    service: str | None = None,
    to_country: str | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of rates, the newest first."""
    query = only(
        select(t.rate, _c.carrier, _c.service).join(
            t.carrier_service, joined(t.rate, t.carrier_service, _r.service_id)
        ),
        t.rate,
        tenant,
        carrier=(_c.carrier, carrier),
        service=(_c.service, service),
        to_country=(_r.to_country, to_country),
    )
    rows, after = rows_by_id(conn, query, _r.id, piece)
    return Listed([_rate(row) for row in rows], after)


def _rate(row: Row[Any]) -> Json:
    return {
        "carrier": row.carrier,
        "service": row.service,
        "zone": row.zone,
        "from_country": row.from_country or None,
        "from_postal": row.from_postal or None,
        "to_country": row.to_country or None,
        "to_postal": row.to_postal or None,
        "up_to_g": row.up_to_g,
        "price": money(row.price, row.currency),
        "per_kg": money(row.per_kg, row.currency),
        "currency": row.currency,
        "valid_from": None if row.valid_from is None else row.valid_from.isoformat(),
        "valid_to": None if row.valid_to is None else row.valid_to.isoformat(),
        "created_at": instant(row.created_at),
    }


def list_substitutes(conn: Connection, piece: Slice, *, sku: str | None = None, tenant: int = DEFAULT_TENANT) -> Listed:
    """Return a page of approved substitutes by item and substitute."""
    item, other = t.item.alias("item"), t.item.alias("other")
    sold, instead = item.c.sku.label("sku"), other.c.sku.label("substitute")
    query = (
        select(t.substitute, sold, instead)
        .join(item, (item.c.tenant_id == _s.tenant_id) & (item.c.id == _s.item_id))
        .join(other, (other.c.tenant_id == _s.tenant_id) & (other.c.id == _s.substitute_id))
    )
    rows, after = rows_by_text(
        conn, only(query, t.substitute, tenant, sku=(item.c.sku, sku)), [item.c.sku, other.c.sku], piece
    )
    return Listed([_substitute(row) for row in rows], after)


def _substitute(row: Row[Any]) -> Json:
    return {
        "sku": row.sku,
        "substitute": row.substitute,
        "ratio": quantity(row.ratio),
        "rank": row.rank,
        "connections": row.connections,
        "approved_by": row.approved_by,
        "active": row.active,
        "created_at": instant(row.created_at),
        "version": row.version,
    }


def list_disruptions(
    conn: Connection, piece: Slice, *, active: bool | None = None, tenant: int = DEFAULT_TENANT
) -> Listed:
    """Return a page of disruptions, the newest first; `active` are those that are not over."""
    query = only(select(t.disruption), t.disruption, tenant)
    if active is not None:
        going_on = or_(_d.ends_at.is_(None), _d.ends_at > func.clock_timestamp())
        query = query.where(going_on if active else ~going_on)
    rows, after = rows_by_id(conn, query, _d.id, piece)
    return Listed([_disruption(row) for row in rows], after)


def read_disruption(conn: Connection, disruption_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one disruption.

    Raises:
        NotFound: there is no such disruption.
    """
    row = row_of(conn, select(t.disruption), _d.id, disruption_id, "disruption", tenant)
    return _disruption(row)


def _disruption(row: Row[Any]) -> Json:
    return {
        "id": public_id("disruption", row.id),
        "label": row.label,
        "area": row.area,
        "carrier": row.carrier,
        "starts_at": instant(row.starts_at),
        "ends_at": instant(row.ends_at),
        "actor": row.actor,
        "created_at": instant(row.created_at),
        "version": row.version,
    }
