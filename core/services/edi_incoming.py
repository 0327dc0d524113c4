"""Interchanges that came: kept with their documents, duplicates told from new ones, acknowledgements owed.

Everything here commits at once: interchange, documents, the messages the normal intake works on, the acknowledgement
as a delivery, and what the partner said of papers of ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, select, text

from core.domain.ids import public_id, uuid7
from core.domain.vocabulary import Via, Write
from core.ports.connectors import InboundRecord, Json
from core.ports.partners import (
    DOCUMENT_HEADER,
    REPEATED_HEADER,
    TEST_HEADER,
    IncomingDocument,
    IncomingInterchange,
    Unpacks,
)
from core.services.edi_alarms import settle_mended, tell_duplicate, tell_refused, tell_stray
from core.services.edi_keys import all_keys, write_keys
from core.services.edi_repeats import first_of, write_once
from core.services.edi_states import hear
from core.services.facts import Facts
from core.services.intake import store_records
from core.services.outbox import Outgoing, enqueue
from core.store import schema as t
from core.store.bulk import as_json, copy_rows
from core.store.unit import INTAKE, Unit

TAKEN, REFUSED, REPEATED, QUARANTINED = "taken", "refused", "repeated", "quarantined"


@dataclass(slots=True)
class TakenIn:
    """What became of a file: how many interchanges and documents it had, and what was noteworthy."""

    interchanges: int = 0
    documents: int = 0
    notes: tuple[str, ...] = ()


def take_in(
    unit: Unit, facts: Facts, connector: Unpacks, message: Row[Any], found: Sequence[IncomingInterchange]
) -> TakenIn:
    """Keep the interchanges of a stored file; a file that was taken in before changes nothing.

    Args:
        unit: the running transaction.
        facts: connections.
        connector: that unpacked the file, asked what it owes.
        message: the row of the file.
        found: what was in it.
    """
    c = t.interchange.c
    before = unit.conn.execute(
        select(c.id).where(c.tenant_id == unit.tenant, c.message_id == message.id).limit(1)
    ).one_or_none()
    if before is not None:
        return TakenIn(notes=("taken in before",))
    notes: list[str] = []
    for number, each in enumerate(found):
        notes += _interchange(unit, facts, connector, message, each, number)
    return TakenIn(len(found), sum(len(each.documents) for each in found), tuple(notes))


def _interchange(
    unit: Unit, facts: Facts, connector: Unpacks, message: Row[Any], found: IncomingInterchange, number: int
) -> list[str]:
    interchange_id = uuid7()
    values: Json = {
        "tenant_id": unit.tenant, "id": interchange_id, "connection_id": message.connection_id, "direction": "in",
        "syntax": found.syntax, "sender": found.sender, "recipient": found.recipient, "reference": found.reference,
        "test": found.test, "messages": len(found.documents), "groups": found.groups, "message_id": message.id,
        "sha256": found.sha256, "findings": found.findings, "state": REFUSED if found.rejected else TAKEN,
    }  # fmt: skip
    found, written = write_once(unit, message.connection_id, values, found)
    values["reference"] = found.reference
    notes: list[str] = []
    if written:
        notes += take_documents(unit, facts, connector, message, interchange_id, found, since=message.received_at)
        if found.rejected:
            notes.append(f"interchange {found.reference or number + 1} is refused")
    else:
        first = first_of(unit, message.connection_id, found)
        same = first.sha256 == found.sha256
        values |= {"state": REPEATED if same else QUARANTINED, "duplicate_of": first.id}
        # The same content again is answered as it was the first time; other content under its number is refused.
        findings = first.findings if same else {**found.findings, "duplicate": True}
        unit.conn.execute(insert(t.interchange).values(**{**values, "findings": findings}))
        notes.append(f"interchange {found.reference} came before" + ("" if same else ", with other content"))
        owes = connector.owes(findings)
        if not same:
            tell_duplicate(unit, facts, message.connection_id, interchange_id, found, told=owes)
        if owes:
            _owe(unit, message.connection_id, interchange_id, findings, connector.answer_within, message.received_at)
    unit.event(
        "interchange.received",
        "interchange",
        interchange_id,
        {"reference": found.reference, "state": values["state"], "messages": len(found.documents)},
    )
    return notes


def take_documents(
    unit: Unit,
    facts: Facts,
    connector: Unpacks,
    message: Row[Any],
    interchange_id: UUID,
    found: IncomingInterchange,
    *,
    since: datetime,
) -> list[str]:
    """Have the messages of a kept interchange worked on and acknowledged; return what is noteworthy, in words.

    Args:
        unit: the running transaction.
        facts: connections.
        connector: that unpacked it, asked what it owes.
        message: the row of the file.
        interchange_id: of the interchange, which has no documents yet.
        found: what is in it.
        since: from when on its acknowledgement is owed.
    """
    applied = [] if found.rejected else found.documents
    ids = _documents(unit, message, interchange_id, found, applied)
    settle_mended(unit, message.connection_id, applied)
    tell_refused(unit, facts, message, interchange_id, found, ids)
    stray = [
        (each, verdict)
        for each in applied
        for verdict in each.verdicts
        if not hear(unit, facts, message.connection_id, verdict, test=found.test, by=interchange_id)
    ]
    notes = tell_stray(unit, facts, message.connection_id, interchange_id, found, stray)
    if connector.owes(found.findings):
        _owe(unit, message.connection_id, interchange_id, found.findings, connector.answer_within, since)
    return [f"{each}, which never left" for each in notes]


def _owe(unit: Unit, connection_id: UUID, interchange_id: UUID, findings: Json, within: float, received: Any) -> None:
    """Have the acknowledgement sent, and note by when it must have left (A7)."""
    name = public_id("interchange", interchange_id)
    payload = {"interchange": name, "findings": findings}
    enqueue(
        unit,
        [Outgoing(connection_id, Write.PUSH_ACKNOWLEDGEMENT, payload, None, lane=f"interchange:{interchange_id.hex}")],
    )
    c = t.interchange.c
    unit.conn.execute(
        t.interchange.update()
        .where(c.tenant_id == unit.tenant, c.id == interchange_id)
        .values(answer_due_at=received + timedelta(seconds=within))
    )


def _documents(
    unit: Unit,
    message: Row[Any],
    interchange_id: UUID,
    found: IncomingInterchange,
    applied: Sequence[IncomingDocument],
) -> list[UUID]:
    ids = [uuid7() for _ in found.documents]
    earlier = _earlier(unit, message.connection_id, [each for each in applied if each.unique and each.number])
    records, owners = [], []
    repeated: list[UUID | None] = [None] * len(ids)
    for index, each in enumerate(applied):
        if not (each.applies and (each.accepted or each.set_aside)):
            continue
        headers = {"edi-interchange": found.reference, DOCUMENT_HEADER: public_id("edi_document", ids[index])}
        if found.test:
            headers[TEST_HEADER] = "1"
        if each.accepted and each.unique and each.number in earlier:
            repeated[index] = earlier[each.number]
            headers[REPEATED_HEADER] = public_id("edi_document", earlier[each.number])
        elif each.accepted and each.unique and each.number and not found.test:
            earlier[each.number] = ids[index]
        key = f"{public_id('interchange', interchange_id)}:{index}"
        records.append(
            (
                message.connection_id,
                InboundRecord(each.kind, key, each.body, message.content_type, headers, each.reference,
                              message.occurred_at),
                Via(message.via),
            )
        )  # fmt: skip
        owners.append(index)
    messages: list[UUID | None] = [None] * len(ids)
    for index, accepted in zip(owners, store_records(unit.conn, records) if records else [], strict=True):
        messages[index] = accepted.message_id
    if records:
        unit.wake(INTAKE)
    columns = (
        "id", "connection_id", "interchange_id", "direction", "kind", "reference", "group_reference", "position",
        "number", "state", "message_id", "duplicate_of", "problems",
    )  # fmt: skip
    copy_rows(
        unit,
        t.edi_document,
        columns,
        [
            (
                ids[index], message.connection_id, interchange_id, "in", each.kind, each.reference,
                each.group_reference, index, each.number,
                TAKEN if each.accepted and not found.rejected else REFUSED,
                messages[index], repeated[index], as_json(list(each.problems)),
            )
            for index, each in enumerate(found.documents)
        ],
    )  # fmt: skip
    write_keys(unit, [(ids[index], all_keys(each, found.reference)) for index, each in enumerate(found.documents)])
    return ids


def _earlier(unit: Unit, connection_id: UUID, documents: Sequence[IncomingDocument]) -> dict[str, UUID]:
    """Return the documents of the same kinds and numbers that were worked on before (D2)."""
    if not documents:
        return {}
    rows = unit.conn.execute(
        text(
            """
            SELECT d.number, min(d.id::text) AS id FROM edi_document d
            JOIN edi_key k ON k.tenant_id = d.tenant_id AND k.document_id = d.id
            JOIN interchange i ON i.tenant_id = d.tenant_id AND i.id = d.interchange_id AND NOT i.test
            JOIN message m ON m.tenant_id = d.tenant_id AND m.id = d.message_id
             AND m.state IN ('received', 'normalized', 'applied')
            WHERE d.tenant_id = :t AND d.connection_id = :c AND d.direction = 'in' AND d.duplicate_of IS NULL
              AND k.value = ANY(:upper) AND k.kind = 'number' AND (d.kind, d.number) IN (
                  SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:numbers AS text[])))
            GROUP BY d.number
            """
        ),
        {
            "t": unit.tenant,
            "c": connection_id,
            "upper": [str(each.number).upper() for each in documents],
            "kinds": [each.kind for each in documents],
            "numbers": [each.number for each in documents],
        },
    )
    return {row.number: UUID(row.id) for row in rows}
