"""The deliveries screen: what goes out, newest first, and one delivery with its attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, func, literal, select

from core.store import schema as t

COUNT_LIMIT = 10_000
TABS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "all": ("All", ()),
    "dead": ("Dead", ("dead",)),
    "unfinished": ("Under way", ("due", "sending", "waiting", "unknown")),
    "delivered": ("Delivered", ("delivered",)),
    "declined": ("Declined", ("declined",)),
    "superseded": ("Superseded", ("superseded",)),
}


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """What narrows the deliveries list; every field is one parameter of the address."""

    tab: str = "all"
    connection: str = ""
    kind: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery without its content."""

    id: UUID
    connection: str
    connector: str
    kind: str
    state: str
    lane: str
    attempts: int
    run_at: datetime
    created_at: datetime
    finished_at: datetime | None
    outcome: str | None
    reference: str | None
    error: Mapping[str, Any] | None
    order_id: UUID | None
    order_number: str | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try; `exchanges` are the redacted requests and answers."""

    id: UUID
    number: int
    outcome: str
    started_at: datetime
    duration_ms: int
    exchanges: Any
    error: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """One delivery with its content, its attempts and what blocks its lane."""

    row: DeliveryRow
    payload: Any
    attempts: tuple[Attempt, ...]
    blocked_by: UUID | None


def _conditions(tenant: int, wanted: DeliveryFilter) -> list[ColumnElement[bool]]:
    d, c, o = t.delivery.c, t.connection.c, t.orders.c
    found: list[ColumnElement[bool]] = [d.tenant_id == tenant]
    if states := TABS[wanted.tab][1]:
        found.append(d.state.in_(states))
    if wanted.connection:
        found.append(d.connection_id.in_(select(c.id).where(c.tenant_id == tenant, c.name == wanted.connection)))
    if wanted.kind:
        found.append(d.kind == wanted.kind)
    if wanted.text:
        numbered = select(o.id).where(o.tenant_id == tenant, o.number.in_([wanted.text, f"#{wanted.text}"]))
        found.append(d.order_id.in_(numbered))
    return found


def _rows() -> Any:
    d, c, o = t.delivery.c, t.connection.c, t.orders.c
    return (
        select(
            d.id, c.name.label("connection"), c.connector, d.kind, d.state, d.lane, d.attempts, d.run_at,
            d.created_at, d.finished_at, d.outcome, d.reference, d.error, d.order_id,
            func.coalesce(o.number, o.external_id).label("order_number"),
        )
        .join(t.connection, and_(c.tenant_id == d.tenant_id, c.id == d.connection_id))
        .outerjoin(t.orders, and_(o.tenant_id == d.tenant_id, o.id == d.order_id))
    )  # fmt: skip


def page(
    conn: Connection,
    tenant: int,
    wanted: DeliveryFilter,
    *,
    before: UUID | None = None,
    newest: UUID | None = None,
    limit: int = 50,
) -> tuple[list[DeliveryRow], UUID | None]:
    """Return deliveries, newest first, and where the next page begins; bounds as in the orders list."""
    query = _rows().where(*_conditions(tenant, wanted))
    if before:
        query = query.where(t.delivery.c.id < before)
    if newest:
        query = query.where(t.delivery.c.id <= newest)
    found = [DeliveryRow(*row) for row in conn.execute(query.order_by(t.delivery.c.id.desc()).limit(limit + 1))]
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def newer(conn: Connection, tenant: int, wanted: DeliveryFilter, than: UUID) -> int:
    """Return how many deliveries of the list came after a given one."""
    query = select(func.count()).where(*_conditions(tenant, wanted), t.delivery.c.id > than)
    return int(conn.execute(query).scalar_one())


def total(conn: Connection, tenant: int, wanted: DeliveryFilter) -> int:
    """Return how many deliveries the filter finds; COUNT_LIMIT + 1 stands for more than COUNT_LIMIT."""
    some = select(literal(1)).select_from(t.delivery).where(*_conditions(tenant, wanted)).limit(COUNT_LIMIT + 1)
    return int(conn.execute(select(func.count()).select_from(some.subquery())).scalar_one())


def tab_counts(conn: Connection, tenant: int, wanted: DeliveryFilter) -> dict[str, int]:
    """Return how many deliveries each tab holds, each at most COUNT_LIMIT + 1."""
    return {tab: total(conn, tenant, replace(wanted, tab=tab)) for tab in TABS}


def one(conn: Connection, tenant: int, delivery_id: UUID) -> DeliveryPage | None:
    """Return a delivery whole, or None when there is none of that id."""
    d, a = t.delivery.c, t.attempt.c
    row = conn.execute(_rows().where(d.tenant_id == tenant, d.id == delivery_id)).one_or_none()
    if row is None:
        return None
    me = conn.execute(
        select(d.payload, d.seq, d.lane, d.connection_id).where(d.tenant_id == tenant, d.id == delivery_id)
    ).one()
    tries = conn.execute(
        select(a.id, a.number, a.outcome, a.started_at, a.duration_ms, a.exchanges, a.error)
        .where(a.tenant_id == tenant, a.delivery_id == delivery_id)
        .order_by(a.id)
    )
    blocker = None
    if row.state in TABS["unfinished"][1]:
        blocker = conn.execute(
            select(d.id)
            .where(d.tenant_id == tenant, d.connection_id == me.connection_id, d.lane == me.lane)
            .where(d.seq < me.seq, d.state.in_(TABS["unfinished"][1]))
            .order_by(d.seq)
            .limit(1)
        ).scalar_one_or_none()
    return DeliveryPage(DeliveryRow(*row), me.payload, tuple(Attempt(*attempt) for attempt in tries), blocker)
