"""Interchanges of trading partners and the documents in these, as the API and the console show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, case, func, select

from core.domain.ids import public_id
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, joined, only, require_named, row_of, rows_by_id
from core.store.read.text import instant, ref
from core.store.unit import DEFAULT_TENANT

DIRECTIONS = ("in", "out")
DOCUMENT_STATES = ("made", "sent", "received", "accepted", "answered", "refused", "replaced", "taken",
                   "quarantined", "discarded")  # fmt: skip
# Documents of one value that are fetched by their ids.
MOST_NAMED = 1_000
INTERCHANGE_STATES = ("made", "sent", "taken", "refused", "repeated", "quarantined")
_i, _d, _k = t.interchange.c, t.edi_document.c, t.edi_key.c
_INTERCHANGES = select(t.interchange, t.connection.c.name.label("connection_name")).join(
    t.connection, joined(t.interchange, t.connection, _i.connection_id)
)
# His syntax was taken; what he says may not be. The work on its message tells.
_STATE = case(
    ((_d.state == "taken") & t.message.c.state.in_(["quarantined", "discarded"]), t.message.c.state), else_=_d.state
)
# Bodies can be large, and lists do not show them.
_LISTED = select(
    *(each for each in t.interchange.c if each.name not in ("body", "findings")),
    t.connection.c.name.label("connection_name"),
).join(t.connection, joined(t.interchange, t.connection, _i.connection_id))
_DOCUMENTS = (
    select(
        t.edi_document,
        t.connection.c.name.label("connection_name"),
        _i.reference.label("interchange_reference"),
        _i.syntax,
        _i.test,
        _i.delivery_id,
        t.message.c.state.label("message_state"),
        _STATE.label("shown"),
        t.message.c.outcome,
        func.coalesce(_d.order_id, t.message.c.order_id).label("about"),
    )
    .join(t.connection, joined(t.edi_document, t.connection, _d.connection_id))
    .join(t.interchange, joined(t.edi_document, t.interchange, _d.interchange_id))
    .outerjoin(t.message, joined(t.edi_document, t.message, _d.message_id))
)


def list_interchanges(
    conn: Connection,
    piece: Slice,
    *,
    partner: str | None = None,
    direction: str | None = None,
    state: Sequence[str] = (),
    reference: str | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of interchanges, newest first."""
    require_named(conn, t.connection, t.connection.c.name, partner, tenant)
    query = only(
        _LISTED,
        t.interchange,
        tenant,
        partner=(t.connection.c.name, partner),
        direction=(_i.direction, [direction] if direction else [], DIRECTIONS),
        state=(_i.state, list(state), INTERCHANGE_STATES),
        reference=(_i.reference, reference),
    )
    rows, after = rows_by_id(conn, query, _i.id, piece)
    return Listed([_interchange(row) for row in rows], after)


def read_interchange(conn: Connection, interchange_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one interchange with its documents.

    Raises:
        NotFound: there is no such interchange.
    """
    row = row_of(conn, _INTERCHANGES, _i.id, interchange_id, "interchange", tenant)
    documents = conn.execute(
        _DOCUMENTS.where(_d.tenant_id == tenant, _d.interchange_id == interchange_id).order_by(_d.position)
    )
    later = conn.execute(
        select(_i.id).where(_i.tenant_id == tenant, _i.replaces_id == interchange_id).order_by(_i.id)
    ).scalars()
    found = row.findings or {}
    return {
        **_interchange(row),
        "problems": [each["text"] for each in found.get("problems", [])],
        "answers": found.get("answers"),
        "replaced_by": [public_id("interchange", each) for each in later],
        "documents": [_document(each) for each in documents],
    }


def raw_interchange(conn: Connection, interchange_id: UUID, tenant: int = DEFAULT_TENANT) -> bytes:
    """Return the bytes an interchange left as, or of the file it came in.

    Raises:
        NotFound: there is no such interchange.
    """
    query = select(_i.id, case((_i.body.is_not(None), _i.body), else_=t.message.c.body).label("body")).outerjoin(
        t.message, joined(t.interchange, t.message, _i.message_id)
    )
    return bytes(row_of(conn, query, _i.id, interchange_id, "interchange", tenant).body or b"")


def _interchange(row: Row[Any]) -> Json:
    return {
        "id": public_id("interchange", row.id),
        "partner": row.connection_name,
        "direction": row.direction,
        "syntax": row.syntax,
        "sender": row.sender,
        "recipient": row.recipient,
        "reference": row.reference,
        "test": row.test,
        "state": row.state,
        "messages": row.messages,
        "name": row.name,
        "message": ref("message", row.message_id),
        "delivery": ref("delivery", row.delivery_id),
        "duplicate_of": ref("interchange", row.duplicate_of),
        "replaces": ref("interchange", row.replaces_id),
        "answer_due_at": instant(row.answer_due_at),
        "answered_at": instant(row.answered_at),
        "answered_by": ref("interchange", row.answered_by),
        "at": instant(row.at),
    }


def list_documents(
    conn: Connection,
    piece: Slice,
    *,
    partner: str | None = None,
    direction: str | None = None,
    kind: Sequence[str] = (),
    state: Sequence[str] = (),
    find: str | None = None,
    silent: bool = False,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of documents, newest first.

    Args:
        find: an order number, SSCC, GLN or control reference, whole and in any case.
        silent: only those whose answer is overdue.
    """
    require_named(conn, t.connection, t.connection.c.name, partner, tenant)
    query = only(
        _DOCUMENTS,
        t.edi_document,
        tenant,
        partner=(t.connection.c.name, partner),
        direction=(_d.direction, [direction] if direction else [], DIRECTIONS),
        kind=(_d.kind, list(kind)),
        state=(_STATE, list(state), DOCUMENT_STATES),
    )
    if find:
        query = query.where(_d.id.in_(_bearing(conn, find, tenant)))
    if silent:
        query = query.where(_d.alarmed_at.is_not(None), _d.due_at.is_not(None))
    rows, after = rows_by_id(conn, query, _d.id, piece)
    return Listed([_document(row) for row in rows], after)


def _bearing(conn: Connection, find: str, tenant: int) -> Any:
    """Return the documents that bear a value: their ids where there are few, so that a page costs one look-up."""
    named = select(_k.document_id).where(_k.tenant_id == tenant, _k.value == find.strip().upper())
    few = list(conn.execute(named.distinct().limit(MOST_NAMED + 1)).scalars())
    # A value that many bear is met soon on the way through the newest.
    return few if len(few) <= MOST_NAMED else named


def read_document(conn: Connection, document_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one document with what it can be found by.

    Raises:
        NotFound: there is no such document.
    """
    row = row_of(conn, _DOCUMENTS, _d.id, document_id, "edi_document", tenant, called="EDI document")
    keys = conn.execute(
        select(_k.kind, _k.value)
        .where(_k.tenant_id == tenant, _k.document_id == document_id)
        .order_by(_k.kind, _k.value)
        .limit(200)
    )
    return {**_document(row), "keys": [{"kind": each.kind, "value": each.value} for each in keys]}


def raw_document(conn: Connection, document_id: UUID, tenant: int = DEFAULT_TENANT) -> bytes:
    """Return the bytes of a document in its envelope; of one that was not worked on, those of its whole file.

    Raises:
        NotFound: there is no such document.
    """
    query = (
        select(_d.id, _d.interchange_id, t.message.c.body)
        .outerjoin(t.message, joined(t.edi_document, t.message, _d.message_id))
    )  # fmt: skip
    row = row_of(conn, query, _d.id, document_id, "edi_document", tenant, called="EDI document")
    return bytes(row.body) if row.body is not None else raw_interchange(conn, row.interchange_id, tenant)


def _document(row: Row[Any]) -> Json:
    return {
        "id": public_id("edi_document", row.id),
        "partner": row.connection_name,
        "interchange": public_id("interchange", row.interchange_id),
        "interchange_reference": row.interchange_reference,
        "direction": row.direction,
        "syntax": row.syntax,
        "kind": row.kind,
        "number": row.number,
        "reference": row.reference,
        "group_reference": row.group_reference,
        "test": row.test,
        "state": row.shown,
        "position": row.position,
        "message": ref("message", row.message_id),
        "message_state": row.message_state,
        "outcome": row.outcome,
        "delivery": ref("delivery", row.delivery_id),
        "order": ref("order", row.about),
        "duplicate_of": ref("edi_document", row.duplicate_of),
        "problems": row.problems,
        "sent_at": instant(row.sent_at),
        "received_at": instant(row.received_at),
        "accepted_at": instant(row.accepted_at),
        "answered_at": instant(row.answered_at),
        "due_at": instant(row.due_at),
        "at": instant(row.at),
    }
