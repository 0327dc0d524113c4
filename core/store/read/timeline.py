"""What happened to an order, in one line of time: events, messages, deliveries, decisions, changes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from core.domain.ids import PREFIXES, public_id
from core.store import schema as t
from core.store.read.page import Json, joined
from core.store.read.text import instant, ref
from core.store.unit import DEFAULT_TENANT

# More than this of one kind are cut from the far end: nobody reads further, and the lists have all of them.
MOST = 500


def read_timeline(conn: Connection, order_id: UUID, tenant: int = DEFAULT_TENANT) -> list[Json]:
    """Return what happened to an order, oldest first."""
    found = [
        *_events(conn, order_id, tenant),
        *_messages(conn, order_id, tenant),
        *_deliveries(conn, order_id, tenant),
        *_decisions(conn, order_id, tenant),
        *_changes(conn, order_id, tenant),
    ]
    found.sort(key=lambda pair: pair[0])
    return [entry for _, entry in found]


def subject_id(subject: str, value: UUID) -> str:
    """Return the public id of an event's or member's subject; plain where its kind has no prefix."""
    return public_id(subject, value) if subject in PREFIXES else str(value)


def _entry(at: Any, kind: str, name: str, **more: Any) -> tuple[Any, Json]:
    blank = dict.fromkeys(("id", "state", "connection", "actor", "cause", "outcome"))
    return at, {"at": instant(at), "kind": kind, "name": name, "data": {}, **blank, **more}


def _events(conn: Connection, order_id: UUID, tenant: int) -> list[tuple[Any, Json]]:
    e = t.event.c
    query = select(t.event).where(e.tenant_id == tenant, e.order_id == order_id).order_by(e.seq.desc()).limit(MOST)
    return [
        _entry(
            row.at,
            "event",
            row.type,
            id=subject_id(row.subject, row.subject_id),
            actor=row.actor,
            cause=row.cause,
            data=row.data,
        )
        for row in conn.execute(query)
    ]


def _messages(conn: Connection, order_id: UUID, tenant: int) -> list[tuple[Any, Json]]:
    m = t.message.c
    query = (
        select(m.id, m.topic, m.state, m.outcome, m.received_at, m.via, m.repeats, m.error, t.connection.c.name)
        .outerjoin(t.connection, joined(t.message, t.connection, m.connection_id))
        .where(m.tenant_id == tenant, m.order_id == order_id)
        .order_by(m.id.desc())
        .limit(MOST)
    )
    return [
        _entry(
            row.received_at,
            "message",
            row.topic,
            id=public_id("message", row.id),
            state=row.state,
            connection=row.name,
            outcome=row.outcome,
            data={"via": row.via, "repeats": row.repeats, "error": row.error},
        )
        for row in conn.execute(query)
    ]


def _deliveries(conn: Connection, order_id: UUID, tenant: int) -> list[tuple[Any, Json]]:
    d = t.delivery.c
    query = (
        select(d.id, d.kind, d.state, d.outcome, d.created_at, d.finished_at, d.attempts, d.reference, d.error)
        .add_columns(t.connection.c.name)
        .outerjoin(t.connection, joined(t.delivery, t.connection, d.connection_id))
        .where(d.tenant_id == tenant, d.order_id == order_id)
        .order_by(d.id.desc())
        .limit(MOST)
    )
    return [
        _entry(
            row.finished_at or row.created_at,
            "delivery",
            row.kind,
            id=public_id("delivery", row.id),
            state=row.state,
            connection=row.name,
            outcome=row.outcome,
            data={
                "created_at": instant(row.created_at),
                "attempts": row.attempts,
                "reference": row.reference,
                "error": row.error,
            },
        )
        for row in conn.execute(query)
    ]


def _decisions(conn: Connection, order_id: UUID, tenant: int) -> list[tuple[Any, Json]]:
    d = t.decision.c
    query = (
        select(d.id, d.kind, d.policy, d.choice, d.bound, d.actor, d.at)
        .where(d.tenant_id == tenant, d.order_id == order_id)
        .order_by(d.id.desc())
        .limit(MOST)
    )
    return [
        _entry(
            row.at,
            "decision",
            row.kind,
            id=public_id("decision", row.id),
            actor=row.actor,
            data={"policy": row.policy, "choice": row.choice, "bound": row.bound},
        )
        for row in conn.execute(query)
    ]


def _changes(conn: Connection, order_id: UUID, tenant: int) -> list[tuple[Any, Json]]:
    c = t.change_set.c
    query = select(t.change_set).where(c.tenant_id == tenant, c.order_id == order_id).order_by(c.id.desc()).limit(MOST)
    return [
        _entry(
            row.created_at,
            "change",
            row.kind,
            id=ref("change", row.id),
            state=row.state,
            actor=row.actor,
            cause=row.reason,
            outcome=row.answer,
            data={"changes": row.changes, "answered_at": instant(row.answered_at)},
        )
        for row in conn.execute(query)
    ]
