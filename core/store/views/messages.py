"""The messages screen: what came in, newest first, and one message with its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, and_, func, literal, select

from core.store import schema as t

COUNT_LIMIT = 10_000
TABS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "all": ("All", ()),
    "quarantined": ("Quarantined", ("quarantined",)),
    "underway": ("Under way", ("received", "normalized")),
    "applied": ("Applied", ("applied",)),
    "duplicate": ("Duplicate", ("duplicate",)),
    "ignored": ("Ignored", ("ignored",)),
    "discarded": ("Discarded", ("discarded",)),
}


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """What narrows the messages list; every field is one parameter of the address."""

    tab: str = "all"
    connection: str = ""
    topic: str = ""
    since: datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One message without its bytes."""

    id: UUID
    connection: str
    connector: str
    topic: str
    via: str
    state: str
    received_at: datetime
    finished_at: datetime | None
    attempts: int
    repeats: int
    size: int
    outcome: str | None
    error: Mapping[str, Any] | None
    order_id: UUID | None
    order_number: str | None


@dataclass(frozen=True, slots=True)
class MessagePage:
    """One message with everything that was kept of it."""

    row: MessageRow
    dedupe_key: str
    source_id: str | None
    occurred_at: datetime | None
    headers: Mapping[str, Any]
    content_type: str
    body: bytes


def _conditions(tenant: int, wanted: MessageFilter) -> list[ColumnElement[bool]]:
    m, c, o = t.message.c, t.connection.c, t.orders.c
    found: list[ColumnElement[bool]] = [m.tenant_id == tenant]
    if states := TABS[wanted.tab][1]:
        found.append(m.state.in_(states))
    if wanted.connection:
        found.append(m.connection_id.in_(select(c.id).where(c.tenant_id == tenant, c.name == wanted.connection)))
    if wanted.topic:
        found.append(m.topic == wanted.topic)
    if wanted.since:
        found.append(m.received_at >= wanted.since)
    if wanted.text:
        accounts = select(c.id).where(c.tenant_id == tenant)
        numbered = select(o.id).where(o.tenant_id == tenant, o.number.in_([wanted.text, f"#{wanted.text}"]))
        by_order = select(m.id).where(m.tenant_id == tenant, m.order_id.in_(numbered))
        by_key = select(m.id).where(m.tenant_id == tenant, m.connection_id.in_(accounts), m.dedupe_key == wanted.text)
        found.append(m.id.in_(by_order.union(by_key)))
    return found


def _rows() -> Any:
    m, c, o = t.message.c, t.connection.c, t.orders.c
    return (
        select(
            m.id, c.name.label("connection"), c.connector, m.topic, m.via, m.state, m.received_at, m.finished_at,
            m.attempts, m.repeats, func.octet_length(m.body).label("size"), m.outcome, m.error, m.order_id,
            func.coalesce(o.number, o.external_id).label("order_number"),
        )
        .join(t.connection, and_(c.tenant_id == m.tenant_id, c.id == m.connection_id))
        .outerjoin(t.orders, and_(o.tenant_id == m.tenant_id, o.id == m.order_id))
    )  # fmt: skip


def page(
    conn: Connection,
    tenant: int,
    wanted: MessageFilter,
    *,
    before: UUID | None = None,
    newest: UUID | None = None,
    limit: int = 50,
) -> tuple[list[MessageRow], UUID | None]:
    """Return messages, newest first, and where the next page begins; bounds as in the orders list."""
    query = _rows().where(*_conditions(tenant, wanted))
    if before:
        query = query.where(t.message.c.id < before)
    if newest:
        query = query.where(t.message.c.id <= newest)
    found = [MessageRow(*row) for row in conn.execute(query.order_by(t.message.c.id.desc()).limit(limit + 1))]
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def newer(conn: Connection, tenant: int, wanted: MessageFilter, than: UUID) -> int:
    """Return how many messages of the list came after a given one."""
    query = select(func.count()).where(*_conditions(tenant, wanted), t.message.c.id > than)
    return int(conn.execute(query).scalar_one())


def total(conn: Connection, tenant: int, wanted: MessageFilter) -> int:
    """Return how many messages the filter finds; COUNT_LIMIT + 1 stands for more than COUNT_LIMIT."""
    some = select(literal(1)).select_from(t.message).where(*_conditions(tenant, wanted)).limit(COUNT_LIMIT + 1)
    return int(conn.execute(select(func.count()).select_from(some.subquery())).scalar_one())


def tab_counts(conn: Connection, tenant: int, wanted: MessageFilter) -> dict[str, int]:
    """Return how many messages each tab holds, each at most COUNT_LIMIT + 1."""
    found = {}
    for tab in TABS:
        found[tab] = total(conn, tenant, MessageFilter(tab, wanted.connection, wanted.topic, wanted.since))
    return found


def topics(conn: Connection, tenant: int, connection: str) -> list[str]:
    """Return the topics among the newest messages of a connection, for the filter."""
    m = t.message.c
    recent = select(m.topic).where(*_conditions(tenant, MessageFilter(connection=connection)))
    recent = recent.order_by(m.id.desc()).limit(2_000)
    return sorted(conn.execute(select(recent.subquery().c.topic).distinct()).scalars())


def one(conn: Connection, tenant: int, message_id: UUID) -> MessagePage | None:
    """Return a message whole, or None when there is none of that id."""
    m = t.message.c
    row = conn.execute(_rows().where(m.tenant_id == tenant, m.id == message_id)).one_or_none()
    if row is None:
        return None
    rest = conn.execute(
        select(m.dedupe_key, m.source_id, m.occurred_at, m.headers, m.content_type, m.body).where(
            m.tenant_id == tenant, m.id == message_id
        )
    ).one()
    return MessagePage(MessageRow(*row), *rest)
