"""What a partner sent and nobody could work on, told to people: what is refused, numbers used again, stray answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.cases import EDI_DUPLICATE, EDI_REJECTED, EDI_STRAY
from core.domain.ids import public_id
from core.ports.connectors import Json
from core.ports.partners import IncomingDocument, IncomingInterchange, Verdict
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.edi_states import ever_sent
from core.services.facts import Facts
from core.store.unit import Unit

MOST_NAMED = 5
TOLD = "The acknowledgement tells the partner so."
UNTOLD = "The partner was not told: he asked for no acknowledgement of interchanges, or his profile sends none."
REFUSED_BEFORE = text(
    """
    SELECT d.id FROM edi_document d
    WHERE d.tenant_id = :t AND d.connection_id = :c AND d.direction = 'in' AND d.state = 'refused'
      AND d.id IN (SELECT k.document_id FROM edi_key k
                   WHERE k.tenant_id = :t AND k.kind = 'number' AND k.value = ANY(:upper))
      AND (d.kind, d.number) IN (SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:numbers AS text[])))
    """
)


def tell_refused(
    unit: Unit,
    facts: Facts,
    message: Row[Any],
    interchange_id: UUID,
    found: IncomingInterchange,
    ids: Sequence[UUID],
) -> None:
    """Open a case for an interchange that was refused as a whole, or for the documents of it that were.

    What a stranger sends again and again is one case. Tests are told of in their log alone.

    Args:
        unit: the running transaction.
        facts: connections.
        message: the row of the file.
        interchange_id: of the interchange.
        found: what came.
        ids: of its documents, in their order.
    """
    if found.test:
        return
    evidence = {"connection": _name(facts, message.connection_id), "reference": found.reference, "sender": found.sender}
    if found.rejected:
        problems: list[Json] = list(found.findings.get("problems") or ())
        said = "; ".join(str(each["text"]).rstrip(".") for each in problems[:MOST_NAMED])
        evidence |= {"what": f"interchange {found.reference or 'without reference'} of {found.sender}", "detail": said}
        codes = ",".join(sorted({str(each.get("code")) for each in problems}))
        print_ = f"{EDI_REJECTED.code}:{message.connection_id.hex}:{found.sender}:{found.recipient}:{codes}"[:400]
        _open(unit, message.connection_id, print_, evidence, [Member("interchange", interchange_id)])
        return
    wrong = [(document_id, each) for document_id, each in zip(ids, found.documents, strict=True) if not each.accepted]
    if wrong:
        evidence |= {
            "what": f"{', '.join(_named(each) for _, each in wrong[:MOST_NAMED])}",
            "detail": "; ".join(_why(each) for _, each in wrong[:MOST_NAMED]),
        }
        members = [Member("edi_document", document_id) for document_id, _ in wrong]
        _open(unit, message.connection_id, f"{EDI_REJECTED.code}:{interchange_id.hex}", evidence, members)


def settle_mended(unit: Unit, connection_id: UUID, documents: Sequence[IncomingDocument]) -> None:
    """End the cases of refused documents that came again under their number, and were right this time."""
    good = [each for each in documents if each.accepted and each.number]
    if not good:
        return
    before = unit.conn.execute(
        REFUSED_BEFORE,
        {
            "t": unit.tenant,
            "c": connection_id,
            "upper": [str(each.number).upper() for each in good],
            "kinds": [each.kind for each in good],
            "numbers": [each.number for each in good],
        },
    )
    settle_members(unit, "edi_document", list(before.scalars()), codes=[EDI_REJECTED.code])


def tell_stray(
    unit: Unit,
    facts: Facts,
    connection_id: UUID,
    interchange_id: UUID,
    found: IncomingInterchange,
    stray: Sequence[tuple[IncomingDocument, Verdict]],
) -> list[str]:
    """Open a case for answers to what we never sent, and return what they are about, in words."""
    never = [
        (document, verdict)
        for document, verdict in stray
        if not ever_sent(unit, connection_id, verdict, test=found.test)
    ]
    said = list(dict.fromkeys(f"{document.kind} for {_about(verdict)}" for document, verdict in never))
    # A group's message says which group.
    about = [each for each in said if not any(other.startswith(f"{each} ") for other in said)]
    if about:
        evidence = {
            "connection": _name(facts, connection_id), "reference": found.reference,
            "detail": "; ".join(about[:MOST_NAMED]), "as_test": " as a test" if found.test else "",
        }  # fmt: skip
        print_ = f"{EDI_STRAY.code}:{interchange_id.hex}"
        member = Member("interchange", interchange_id)
        open_cases(unit, [Opened(EDI_STRAY, print_, evidence, [member], connection_id=connection_id)])
    return about


def tell_duplicate(
    unit: Unit, facts: Facts, connection_id: UUID, interchange_id: UUID, found: IncomingInterchange, *, told: bool
) -> None:
    """Open a case for an interchange whose reference came before with other content.

    Args:
        unit: the running transaction.
        facts: connections.
        connection_id: whose it is.
        interchange_id: of the interchange that was set aside.
        found: what came.
        told: whether its acknowledgement tells the partner.
    """
    evidence = {
        "connection": _name(facts, connection_id), "reference": found.reference,
        "interchange": public_id("interchange", interchange_id), "told": TOLD if told else UNTOLD,
    }  # fmt: skip
    print_, member = f"{EDI_DUPLICATE.code}:{interchange_id.hex}", Member("interchange", interchange_id)
    open_cases(unit, [Opened(EDI_DUPLICATE, print_, evidence, [member], connection_id=connection_id)])


def _open(unit: Unit, connection_id: UUID, print_: str, evidence: Json, members: list[Member]) -> None:
    open_cases(unit, [Opened(EDI_REJECTED, print_, evidence, members, connection_id=connection_id)])


def _name(facts: Facts, connection_id: UUID) -> str:
    known = facts.connections.get(connection_id)
    return known.name if known else "?"


def _named(document: IncomingDocument) -> str:
    return f"{document.kind} {document.number or document.reference}".strip()


def _why(document: IncomingDocument) -> str:
    problems = [str(each["text"]).rstrip(".") for each in document.problems]
    return f"{_named(document)}: {problems[0] if problems else 'its group is wrong'}"


def _about(verdict: Verdict) -> str:
    named = (
        ("interchange", verdict.interchange), ("group", verdict.group), ("message", verdict.message),
        (verdict.kind or "document", verdict.number),
    )  # fmt: skip
    return " ".join(f"{word} {value}" for word, value in named if value) or "nothing it names"
