"""Connections, messages and deliveries as the API shows them; never a secret, and raw bytes only when asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select

from core.domain.ids import kind_of, parse_id, public_id
from core.domain.states import DeliveryState, MessageState
from core.domain.vocabulary import Mode, Via, Write
from core.errors import NotFound
from core.store import schema as t
from core.store.read.page import (
    Json,
    Listed,
    Slice,
    joined,
    only,
    require_named,
    row_of,
    rows_by_id,
    rows_by_text,
    since,
)
from core.store.read.text import instant, ref
from core.store.unit import DEFAULT_TENANT

_c, _m, _d, _a = t.connection.c, t.message.c, t.delivery.c, t.attempt.c
_PAUSED = (_c.paused_until > func.clock_timestamp()).label("paused")
_CONNECTIONS = select(t.connection, _PAUSED)
_MESSAGES = select(
    *(column for column in _m if column.name not in ("body", "headers", "lease_until", "lease_token")),
    func.length(_m.body).label("size"),
    _c.name,
).outerjoin(t.connection, joined(t.message, t.connection, _m.connection_id))
_DELIVERIES = select(
    *(column for column in _d if column.name not in ("payload", "lease_until", "lease_token")), _c.name
).outerjoin(t.connection, joined(t.delivery, t.connection, _d.connection_id))


def list_connections(
    conn: Connection,
    piece: Slice,
    *,
    connector: Sequence[str] = (),
    mode: Sequence[str] = (),
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of connections by name."""
    query = only(_CONNECTIONS, t.connection, tenant, connector=(_c.connector, connector), mode=(_c.mode, mode, Mode))
    rows, after = rows_by_text(conn, query, [_c.name], piece)
    return Listed([_connection(row) for row in rows], after)


def read_connection(conn: Connection, name: str, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one connection by its name or id (`con_…`).

    Raises:
        NotFound: there is no such connection.
    """
    key = _c.id == parse_id("connection", name) if kind_of(name) == "connection" else _c.name == name
    row = conn.execute(_CONNECTIONS.where(_c.tenant_id == tenant, key)).one_or_none()
    if row is None:
        raise NotFound(f"There is no connection {name[:130]!r}.")
    waiting = conn.execute(
        select(_d.state, func.count().label("number"))
        .where(_d.tenant_id == tenant, _d.connection_id == row.id, _d.state.in_(("due", "waiting", "unknown", "dead")))
        .group_by(_d.state)
    )
    return {**_connection(row), "deliveries": {each.state: each.number for each in waiting}}


def _connection(row: Row[Any]) -> Json:
    return {
        "id": public_id("connection", row.id),
        "name": row.name,
        "connector": row.connector,
        "label": row.label,
        "mode": row.mode,
        "settings": row.settings,
        "has_secrets": row.secrets is not None,
        "secrets_rotated_at": instant(row.secrets_rotated_at),
        "paused": bool(row.paused),
        "paused_until": instant(row.paused_until) if row.paused else None,
        "pause_reason": row.pause_reason if row.paused else None,
        "failures": row.failures,
        "created_at": instant(row.created_at),
        "version": row.version,
    }


def list_messages(
    conn: Connection,
    piece: Slice,
    *,
    state: Sequence[str] = (),
    connection: str | None = None,
    topic: str | None = None,
    via: Sequence[str] = (),
    order_id: UUID | None = None,
    received_since: datetime | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of messages, newest first."""
    require_named(conn, t.connection, _c.name, connection, tenant)
    query = only(
        _MESSAGES,
        t.message,
        tenant,
        state=(_m.state, state, MessageState),
        connection=(_c.name, connection),
        topic=(_m.topic, topic),
        via=(_m.via, via, Via),
        order=(_m.order_id, order_id),
    )
    rows, after = rows_by_id(conn, since(query, _m.received_at, received_since), _m.id, piece)
    return Listed([_message(row) for row in rows], after)


def read_message(conn: Connection, message_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one message without its bytes.

    Raises:
        NotFound: there is no such message.
    """
    row = row_of(conn, _MESSAGES.add_columns(_m.headers), _m.id, message_id, "message", tenant)
    return {**_message(row), "headers": row.headers}


def read_raw(conn: Connection, message_id: UUID, tenant: int = DEFAULT_TENANT) -> Row[Any]:
    """Return the row of a message with its bytes, for reading it again.

    Raises:
        NotFound: there is no such message.
    """
    row = row_of(conn, select(t.message), _m.id, message_id, "message", tenant)
    return row


def _message(row: Row[Any]) -> Json:
    return {
        "id": public_id("message", row.id),
        "connection": row.name,
        "topic": row.topic,
        "via": row.via,
        "state": row.state,
        "outcome": row.outcome,
        "error": row.error,
        "order": ref("order", row.order_id),
        "dedupe_key": row.dedupe_key,
        "source_id": row.source_id,
        "repeats": row.repeats,
        "attempts": row.attempts,
        "content_type": row.content_type,
        "size": row.size,
        "occurred_at": instant(row.occurred_at),
        "received_at": instant(row.received_at),
        "finished_at": instant(row.finished_at),
    }


def list_deliveries(
    conn: Connection,
    piece: Slice,
    *,
    state: Sequence[str] = (),
    connection: str | None = None,
    kind: Sequence[str] = (),
    order_id: UUID | None = None,
    fulfillment_id: UUID | None = None,
    created_since: datetime | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of deliveries, newest first."""
    require_named(conn, t.connection, _c.name, connection, tenant)
    query = only(
        _DELIVERIES,
        t.delivery,
        tenant,
        state=(_d.state, state, DeliveryState),
        connection=(_c.name, connection),
        kind=(_d.kind, kind, Write),
        order=(_d.order_id, order_id),
        fulfillment=(_d.fulfillment_id, fulfillment_id),
    )
    rows, after = rows_by_id(conn, since(query, _d.created_at, created_since), _d.id, piece)
    return Listed([_delivery(row) for row in rows], after)


def read_delivery(conn: Connection, delivery_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one delivery with its payload and its attempts.

    Raises:
        NotFound: there is no such delivery.
    """
    row = row_of(conn, _DELIVERIES.add_columns(_d.payload), _d.id, delivery_id, "delivery", tenant)
    return {**_delivery(row), "payload": row.payload, "tries": _attempts(conn, [delivery_id], tenant)[delivery_id]}


def _attempts(conn: Connection, ids: list[UUID], tenant: int) -> dict[UUID, list[Json]]:
    found: defaultdict[UUID, list[Json]] = defaultdict(list)
    for row in conn.execute(
        select(t.attempt).where(_a.tenant_id == tenant, _a.delivery_id == func.any(ids)).order_by(_a.number, _a.id)
    ):
        found[row.delivery_id].append(
            {
                "id": public_id("attempt", row.id),
                "number": row.number,
                "outcome": row.outcome,
                "started_at": instant(row.started_at),
                "duration_ms": row.duration_ms,
                "exchanges": row.exchanges or [],
                "error": row.error,
            }
        )
    return found


def _delivery(row: Row[Any]) -> Json:
    return {
        "id": public_id("delivery", row.id),
        "connection": row.name,
        "kind": row.kind,
        "lane": row.lane,
        "state": row.state,
        "outcome": row.outcome,
        "error": row.error,
        "order": ref("order", row.order_id),
        "fulfillment": ref("fulfillment", row.fulfillment_id),
        "shipment": ref("shipment", row.shipment_id),
        "reference": row.reference,
        "attempts": row.attempts,
        "priority": row.priority,
        "run_at": instant(row.run_at),
        "created_at": instant(row.created_at),
        "finished_at": instant(row.finished_at),
    }
