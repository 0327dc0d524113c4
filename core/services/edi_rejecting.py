"""Documents that cannot be worked on: what their partner was told of them, and how a person refuses them to him."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.ids import public_id
from core.domain.states import MESSAGE
from core.domain.vocabulary import Write
from core.domain.ways import DISCARD, REJECT, Way
from core.errors import Refused
from core.services.facts import Facts
from core.services.outbox import Outgoing, enqueue
from core.services.replaying import discard_message, live_members
from core.store.unit import Unit

# Only these have a business answer of their own: 824 and APERAK.
ANSWERED = ("x12", "edifact")
OF_MESSAGES = text(
    "SELECT d.id, d.connection_id, d.kind, d.number, d.reference, d.group_reference, d.answered_at, d.message_id,"
    " i.syntax, m.state FROM edi_document d"
    " JOIN interchange i ON i.tenant_id = d.tenant_id AND i.id = d.interchange_id"
    " JOIN message m ON m.tenant_id = d.tenant_id AND m.id = d.message_id"
    " WHERE d.tenant_id = :t AND d.message_id = ANY(:ids) ORDER BY d.id"
)
REFUSE = text(
    "UPDATE edi_document SET state = 'refused', answered_at = :now,"
    " problems = json_build_array(json_build_object('code', CAST(:code AS text), 'text', CAST(:reason AS text)))"
    " WHERE tenant_id = :t AND id = ANY(:ids)"
)
ANSWER = "UPDATE edi_document SET answered_at = %s WHERE tenant_id = %s AND id = ANY(%s::uuid[])"
BY_HAND = "REFUSED"


def what_is_known(unit: Unit, message_id: UUID) -> tuple[str, Sequence[Way]]:
    """Return what a partner knows of a document of his that is in quarantine, in words, and the ways out of it.

    Args:
        unit: the running transaction.
        message_id: of the message; one that is no partner's document has no words.
    """
    row = unit.conn.execute(OF_MESSAGES, {"t": unit.tenant, "ids": [message_id]}).one_or_none()
    if row is None:
        return "", (DISCARD,)
    if row.syntax not in ANSWERED:
        return " The partner was told nothing of it: tell him.", (DISCARD,)
    if row.answered_at is not None:
        return " The partner is told that its content is refused.", (DISCARD,)
    return " Its syntax is acknowledged, but nothing of its content is accepted, and the partner does not know.", (
        REJECT, DISCARD,
    )  # fmt: skip


def note_answered(unit: Unit, documents: Sequence[UUID]) -> None:
    """Note that partners are told what became of the content of their documents."""
    unit.conn.exec_driver_sql(ANSWER, (unit.now, unit.tenant, list(documents)))


def reject_documents(unit: Unit, facts: Facts, case: Row[Any], args: Mapping[str, Any]) -> int:
    """Tell a partner that documents of a case are refused, for a reason a person gives, and leave them undone.

    Raises:
        Refused: one has no business answer, or its connection sends none.
    """
    reason = str(args["reason"])[:500]
    messages = live_members(unit, case.id, "message")
    rows = [
        row
        for row in unit.conn.execute(OF_MESSAGES, {"t": unit.tenant, "ids": list(messages)})
        if MESSAGE.may(row.state, "discard")
    ]
    for row in rows:
        known = facts.connections.get(row.connection_id)
        if row.syntax not in ANSWERED or known is None or not known.takes(Write.ANSWER_DOCUMENT):
            why = "no standard has an answer to it" if row.syntax not in ANSWERED else "its connection sends nothing"
            raise Refused(
                f"{row.kind} {row.number or row.reference} cannot be refused to the partner by the hub.",
                why=f"It is {row.syntax}, and {why}.",
                fix="Tell him by other means, then leave it undone for a reason (`--action discard_messages`).",
                code="EDI-ANSWER-409",
            )
    enqueue(unit, [_answer(row, reason) for row in rows])
    unit.conn.execute(
        REFUSE, {"t": unit.tenant, "now": unit.now, "code": BY_HAND, "reason": reason, "ids": [row.id for row in rows]}
    )
    for row in rows:
        discard_message(unit, row.message_id, f"refused to the partner: {reason}")
    return len(rows)


def _answer(row: Row[Any], reason: str) -> Outgoing:
    answer = {
        "document": public_id("edi_document", row.id), "kind": row.kind, "number": row.number,
        "reference": row.reference, "group": row.group_reference, "accepted": False,
        "reasons": [{"code": BY_HAND, "text": reason}],
    }  # fmt: skip
    lane = f"edi_document:{row.id.hex}"
    return Outgoing(row.connection_id, Write.ANSWER_DOCUMENT, answer, None, lane=lane)
