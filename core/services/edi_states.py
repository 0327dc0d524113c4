"""What we sent, on its way: sent, technically received, syntactically accepted, answered as business (A5, A6).

Each state may have a deadline for the next. One that passes opens a case; what comes later closes it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text, update

from core.domain.cases import EDI_OWED, EDI_REFUSED, EDI_SILENT
from core.domain.ids import parse_id
from core.ports.connectors import Json, Receipt
from core.ports.partners import Verdict
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.edi_undelivered import undelivered
from core.services.facts import Facts
from core.services.paper_answers import acknowledge
from core.store import schema as t
from core.store.unit import Unit

MADE, SENT, RECEIVED, ACCEPTED, ANSWERED = "made", "sent", "received", "accepted", "answered"
REFUSED = "refused"
ORDER = (MADE, SENT, RECEIVED, ACCEPTED, ANSWERED)
WORDS = {RECEIVED: "a receipt", ACCEPTED: "a functional acknowledgement", ANSWERED: "a business answer"}
STATE_OF = {"received": RECEIVED, "accepted": ACCEPTED}
# What a verdict on a whole interchange or group is read as, for the documents in it that are not named.
OPEN = (MADE, SENT, RECEIVED)
FIND = """
SELECT d.*, i.reference AS interchange, i.delivery_id, i.test FROM edi_document d
JOIN interchange i ON i.tenant_id = d.tenant_id AND i.id = d.interchange_id
WHERE d.tenant_id = :t AND d.connection_id = :c AND d.direction = 'out' AND d.state <> 'replaced' AND {where}
ORDER BY d.id FOR UPDATE OF d
"""


def note_sent(unit: Unit, delivery_id: UUID, receipt: Receipt) -> None:
    """Note that an interchange left, and what the transport proved of its arrival; a delivery without one is none.

    What nothing was written for did not leave.
    """
    if receipt.detail.get("skipped"):
        return
    c = t.interchange.c
    row = unit.conn.execute(
        update(t.interchange)
        .where(c.tenant_id == unit.tenant, c.delivery_id == delivery_id, c.state.in_([MADE, SENT]))
        .values(state=SENT)
        .returning(c.id, c.reference, c.findings)
    ).one_or_none()
    if row is None:
        return
    proved = receipt.detail.get("received_at")
    for document in _documents(unit, "d.interchange_id = :i", i=row.id):
        _advance(unit, document, RECEIVED if proved else SENT, unit.now)
    if row.findings and row.findings.get("answers"):
        _settle_owed(unit, row.findings["answers"], row.id)
    unit.event("interchange.sent", "interchange", row.id, {"reference": row.reference})


def note_received(unit: Unit, delivery_id: UUID, at: datetime) -> bool:
    """Note that the partner proved the arrival of what a delivery carried; return whether there was such a thing."""
    found = _documents(unit, "i.delivery_id = :d", d=delivery_id)
    for document in found:
        _advance(unit, document, RECEIVED, at)
    return bool(found)


def hear(
    unit: Unit, facts: Facts, connection_id: UUID, verdict: Verdict, *, test: bool = False, by: UUID | None = None
) -> int:
    """Apply what a partner says of documents of ours and return how many it was about.

    Args:
        unit: the running transaction.
        facts: connections.
        connection_id: of the partner.
        verdict: what he says.
        test: whether he says it in a test: then it is about tests alone.
        by: the interchange he says it in.
    """
    found = [
        each for each in _documents(unit, _where(verdict), c=connection_id, **_named(verdict)) if each.test == test
    ]
    for document in found:
        if verdict.verdict == "rejected":
            _refuse(unit, facts, document, verdict)
        elif verdict.level == "business" or verdict.verdict in STATE_OF:
            _accept(unit, facts, document, verdict)
    if found and verdict.level != "business":
        _acknowledged(unit, {each.interchange_id for each in found}, by, final=verdict.verdict != "received")
    return len(found)


def ever_sent(unit: Unit, connection_id: UUID, verdict: Verdict, *, test: bool) -> bool:
    """Return whether something a verdict may be about ever left, though it may have been sent anew since."""
    query = FIND.replace("d.state <> 'replaced' AND ", "").replace("FOR UPDATE OF d", "LIMIT 1")
    query = query.replace("{where}", f"i.test = :test AND {_where(verdict)}")
    values = {"t": unit.tenant, "c": connection_id, "test": test, **_named(verdict)}
    return unit.conn.execute(text(query), values).first() is not None


def _acknowledged(unit: Unit, interchanges: set[UUID], by: UUID | None, *, final: bool) -> None:
    """Note by what interchanges of ours are acknowledged: a word on the content weighs more than "it arrived"."""
    c = t.interchange.c
    unheard = (c.answered_at.is_(None),) if not final else ()
    unit.conn.execute(
        update(t.interchange)
        .where(c.tenant_id == unit.tenant, c.id.in_(interchanges), *unheard)
        .values(answered_at=unit.now, answered_by=by)
    )


def _where(verdict: Verdict) -> str:
    if verdict.level == "business":
        return "d.number = :number AND d.kind = :kind" if verdict.kind else "d.number = :number"
    # Numbers come again when their width is used up: only the newest interchange of that number can be meant.
    newest = "(SELECT max(n.round) FROM interchange n WHERE n.tenant_id = i.tenant_id AND n.direction = 'out'"
    newest += " AND n.connection_id = i.connection_id AND n.reference = i.reference)"
    parts = []
    if verdict.interchange:
        parts.append(f"i.reference = :interchange AND i.round = {newest}")
    if verdict.group:
        parts.append("d.group_reference = :group")
    if verdict.level == "message":
        parts.append("d.reference = :message")
    return " AND ".join(parts) or "false"


def _named(verdict: Verdict) -> dict[str, str]:
    # ISA13 is written with zeros in front in one place and without in another.
    return {
        "interchange": verdict.interchange,
        "group": verdict.group,
        "message": verdict.message,
        "number": verdict.number,
        "kind": verdict.kind,
    }


def _documents(unit: Unit, where: str, *, c: UUID | None = None, **values: Any) -> Sequence[Row[Any]]:
    query = FIND if c is not None else FIND.replace("d.connection_id = :c AND ", "")
    return unit.conn.execute(text(query.format(where=where)), {"t": unit.tenant, "c": c, **values}).all()


def _accept(unit: Unit, facts: Facts, document: Row[Any], verdict: Verdict) -> None:
    """Note that a document arrived, was accepted or answered, and what that is to its paper: both go on, or neither."""
    business = verdict.level == "business"
    state = ANSWERED if business else STATE_OF[verdict.verdict]
    _advance(unit, document, state, unit.now)
    stays = document.state == REFUSED and not undelivered(document)
    if state != RECEIVED and document.delivery_id is not None and not stays:
        warnings = [str(each["text"]) for each in verdict.reasons if each.get("text")] if business else ()
        acknowledge(unit, document.delivery_id, accepted=True, at=unit.now, warnings=warnings, facts=facts)


def _advance(unit: Unit, document: Row[Any], state: str, at: datetime) -> None:
    """Move a document on; it never goes back, and what was refused stays so unless it is sent anew."""
    again = undelivered(document)
    before = MADE if again else document.state
    if before == REFUSED or ORDER.index(before) >= ORDER.index(state):
        return
    times: Json = {f"{state}_at": at} | ({} if document.sent_at else {"sent_at": at})
    if again:
        times["problems"] = []
    _write(unit, document.id, state=state, **times, **_deadline(document, state, at))
    settle_members(unit, "edi_document", [document.id], codes=[EDI_SILENT.code])
    unit.event(f"edi_document.{state}", "edi_document", document.id, {"number": document.number},
               order_id=document.order_id)  # fmt: skip


def awaited(expects: Mapping[str, Any], state: str) -> str | None:
    """Return the state that is expected next: the first later one that has a deadline."""
    return next((each for each in ORDER[ORDER.index(state) + 1 :] if expects.get(each)), None)


def _deadline(document: Row[Any], state: str, at: datetime) -> Json:
    """Return by when the next state is expected; all are counted from when the document left."""
    following = awaited(document.expects, state)
    if following is None:
        return {"due_at": None, "alarmed_at": None}
    left = document.sent_at or at
    return {"due_at": left + timedelta(seconds=float(document.expects[following])), "alarmed_at": None}


def _refuse(unit: Unit, facts: Facts, document: Row[Any], verdict: Verdict) -> None:
    reasons = [dict(each) for each in verdict.reasons]
    detail = "; ".join(str(each.get("text", "")) for each in reasons) or "no reason is given"
    if document.state == REFUSED and not reasons and not undelivered(document):
        return
    known = facts.connections.get(document.connection_id)
    _write(unit, document.id, state=REFUSED, problems=reasons, due_at=None)
    settle_members(unit, "edi_document", [document.id], codes=[EDI_SILENT.code])
    evidence = {
        "connection": known.name if known else "?",
        "kind": document.kind,
        "number": document.number or document.reference,
        "reference": document.interchange,
        "detail": detail[:800],
    }
    open_cases(
        unit,
        [
            Opened(
                EDI_REFUSED,
                f"{EDI_REFUSED.code}:{document.id.hex}",
                evidence,
                [Member("edi_document", document.id, document.order_id)],
                connection_id=document.connection_id,
            )
        ],
    )
    if document.delivery_id is not None:
        acknowledge(
            unit, document.delivery_id, accepted=False, at=unit.now, answer={"reasons": reasons, "detail": detail}
        )
    unit.event(
        "edi_document.refused", "edi_document", document.id, {"number": document.number, "detail": detail},
        order_id=document.order_id,
    )  # fmt: skip


def _write(unit: Unit, document_id: UUID, **values: Any) -> None:
    c = t.edi_document.c
    unit.conn.execute(update(t.edi_document).where(c.tenant_id == unit.tenant, c.id == document_id).values(**values))


def _settle_owed(unit: Unit, interchange: str, by: UUID) -> None:
    """Note that the acknowledgement of an interchange left."""
    interchange_id = parse_id("interchange", interchange)
    c = t.interchange.c
    unit.conn.execute(
        update(t.interchange)
        .where(c.tenant_id == unit.tenant, c.id == interchange_id, c.answered_at.is_(None))
        .values(answered_at=unit.now, answered_by=by)
    )
    settle_members(unit, "interchange", [interchange_id], codes=[EDI_OWED.code])


SILENT = """
SELECT d.*, i.reference AS interchange, c.name AS connection FROM edi_document d
JOIN interchange i ON i.tenant_id = d.tenant_id AND i.id = d.interchange_id
JOIN connection c ON c.tenant_id = d.tenant_id AND c.id = d.connection_id
WHERE d.tenant_id = :t AND d.due_at <= clock_timestamp() AND d.alarmed_at IS NULL
ORDER BY d.due_at LIMIT :limit FOR UPDATE OF d SKIP LOCKED
"""
OWED = """
SELECT i.id, i.reference, i.connection_id, i.answer_due_at, c.name AS connection FROM interchange i
JOIN connection c ON c.tenant_id = i.tenant_id AND c.id = i.connection_id
WHERE i.tenant_id = :t AND i.answered_at IS NULL AND i.answer_due_at <= clock_timestamp()
  AND NOT EXISTS (SELECT 1 FROM case_member m WHERE m.tenant_id = i.tenant_id AND m.subject = 'interchange'
                  AND m.subject_id = i.id AND m.resolved_at IS NULL)
ORDER BY i.answer_due_at LIMIT :limit
"""


def watch_answers(unit: Unit, limit: int = 200) -> int:
    """Open a case for every document that was not answered in time, and every acknowledgement that did not leave."""
    silent = unit.conn.execute(text(SILENT), {"t": unit.tenant, "limit": limit}).all()
    opened = []
    for each in silent:
        expected = awaited(each.expects, each.state) or ANSWERED
        since = getattr(each, f"{each.state}_at", None) or each.at
        evidence = {
            "connection": each.connection, "kind": each.kind, "number": each.number or each.reference,
            "reference": each.interchange, "state": each.state, "since": _clock(since),
            "expected": WORDS.get(expected, expected), "due": _clock(each.due_at),
        }  # fmt: skip
        member = Member("edi_document", each.id, each.order_id)
        opened.append(
            Opened(EDI_SILENT, f"{EDI_SILENT.code}:{each.id.hex}", evidence, [member], connection_id=each.connection_id)
        )
        _write(unit, each.id, alarmed_at=unit.now)
    owed = unit.conn.execute(text(OWED), {"t": unit.tenant, "limit": limit}).all()
    for each in owed:
        evidence = {"connection": each.connection, "reference": each.reference, "due": _clock(each.answer_due_at)}
        print_ = f"{EDI_OWED.code}:{each.id.hex}"
        opened.append(
            Opened(EDI_OWED, print_, evidence, [Member("interchange", each.id)], connection_id=each.connection_id)
        )
    open_cases(unit, opened)
    return len(opened)


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
