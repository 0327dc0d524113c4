"""Business answers to partners' documents, owed in the transaction that finishes their messages."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from core.domain.cases import ORDER_AGAIN
from core.domain.ids import parse_id
from core.domain.vocabulary import Write
from core.errors import CrossdockError
from core.jobs.hub import Hub
from core.jobs.reading import Read
from core.ports.connectors import Json
from core.ports.partners import DOCUMENT_HEADER, TEST_HEADER, AnswersDocuments
from core.services.edi_rejecting import note_answered
from core.services.outbox import Outgoing, enqueue
from core.store import schema as t
from core.store.unit import Unit

ACCEPTED, REFUSED = ("applied",), ("quarantined",)


def owe_answers(hub: Hub, unit: Unit, reads: Sequence[Read]) -> None:
    """Write the business answers that partners want to documents which were applied, or refused for their content.

    Args:
        hub: opens connectors; their profiles say who wants which answers.
        unit: the running transaction.
        reads: messages as they were finished; those that are tried again later get no answer yet.
    """
    owed = [
        (read, read.row.headers[DOCUMENT_HEADER])
        for read in reads
        if DOCUMENT_HEADER in (read.row.headers or {}) and read.later is None and _counts(read)
    ]
    asked = {each: _answering(hub, unit, each) for each in {read.row.connection_id for read, _ in owed}}
    wanted = [
        (read, document)
        for read, document in owed
        if (connector := asked[read.row.connection_id]) is not None
        and connector.wants_answer(read.row.topic, accepted=read.state in ACCEPTED)
    ]
    rows = _documents(unit, [parse_id("edi_document", document) for _, document in wanted])
    writes = []
    for read, document in wanted:
        row = rows[parse_id("edi_document", document)]
        answer = {"document": document, **row, "accepted": read.state in ACCEPTED, "reasons": _reasons(read.error)}
        lane = f"edi_document:{document.partition('_')[2]}"
        writes.append(Outgoing(read.row.connection_id, Write.ANSWER_DOCUMENT, answer, None, lane=lane))
    enqueue(unit, writes)
    if rows:
        note_answered(unit, list(rows))


def _counts(read: Read) -> bool:
    """Return whether something became of a document: tests are not worked on, and what differs is not decided yet."""
    undecided = read.error is not None and read.error.error_code == ORDER_AGAIN.code
    return read.state in (*ACCEPTED, *REFUSED) and TEST_HEADER not in read.row.headers and not undecided


def _answering(hub: Hub, unit: Unit, connection_id: UUID) -> AnswersDocuments | None:
    """Return the connector that answers documents, None where the connection does not or is not switched on."""
    known = hub.facts.get(unit.conn, unit.tenant).connections.get(connection_id)
    if known is None or not known.takes(Write.ANSWER_DOCUMENT):
        return None
    try:
        connector = hub.connector(unit, connection_id)
    except CrossdockError:
        return None  # its settings do not fit, which a case says
    return connector if isinstance(connector, AnswersDocuments) else None


def _documents(unit: Unit, ids: Sequence[UUID]) -> dict[UUID, Json]:
    c = t.edi_document.c
    query = select(c.id, c.kind, c.number, c.reference, c.group_reference).where(
        c.tenant_id == unit.tenant, c.id.in_(list(ids))
    )
    return {
        row.id: {"kind": row.kind, "number": row.number, "reference": row.reference, "group": row.group_reference}
        for row in (unit.conn.execute(query) if ids else ())
    }


def _reasons(error: CrossdockError | None) -> list[Json]:
    return [] if error is None else [{"code": error.error_code, "text": error.what}]
