"""From a file to interchanges as the core keeps them, and to the acknowledgement that is owed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors.edi.documents import incoming_document, is_xml, refuse_file
from connectors.edi.envelope import Content
from connectors.edi.profile import Profile
from core.errors import MappingError
from core.ports.partners import IncomingDocument, IncomingInterchange, Verdict
from mappings.edi.acks.answers import answers, sentence
from mappings.edi.acks.business import business_answer
from mappings.edi.acks.contrl import contrl, wants_contrl
from mappings.edi.acks.findings import ANSWERS, InterchangeFindings, MessageFindings
from mappings.edi.acks.judging import judge
from mappings.edi.acks.terms import Judged, Terms
from mappings.edi.acks.x12 import acknowledge_group, groups_to_answer, ta1, wants_ta1
from mappings.edi.edifact.interchanges import read as read_edifact
from mappings.edi.keys import keys_of
from mappings.edi.x12.events import Acknowledgment, TransactionSet
from mappings.edi.x12.reader import X12Reader
from mappings.edi.x12.segments import Segment
from mappings.edi.xml.answers import ANSWERS as XML_ANSWERS
from mappings.edi.xml.schemas import Schemas

# Orders: the same number again is the same order. A change comes again and again under one.
UNIQUE = frozenset({"ORDERS", "850"})
# Business answers to papers of ours; they are read here and need no map.
BUSINESS = frozenset({"824", "APERAK"}) | XML_ANSWERS


def terms_of(profile: Profile, schemas: Schemas | None = None, counts: Callable[[str], bool] | None = None) -> Terms:
    """Return how the partner's files are judged.

    Args:
        schemas: that XML documents are checked with.
        counts: whether control totals of a kind of message are compared with what came; all are by default.
    """
    return Terms(
        mode=profile.mode,
        agreed=lambda kind: kind in BUSINESS or bool(profile.incoming(kind)),
        sender=profile.theirs.every,
        recipient=profile.ours.every,
        sender_qualifiers=profile.theirs.qualifiers,
        recipient_qualifiers=profile.ours.qualifiers,
        counts=counts,
        schemas=schemas,
        schemas_required=profile.schemas_required,
        test=profile.test,
    )


def unpacked(body: bytes, profile: Profile, terms: Terms | None = None) -> Iterator[IncomingInterchange]:
    """Yield the interchanges of a file.

    Args:
        terms: by which they are judged; what the profile alone says by default.

    Raises:
        MappingError: it is too large, or no EDI at all; of an XML document, it is not this partner's.
    """
    if len(body) > profile.max_bytes:
        raise MappingError(
            f"The file is larger than {profile.max_bytes} bytes.",
            fix="Raise reading.max_bytes of the partner's profile, or have him send less at once.",
            code="EDI-SIZE-413",
        )
    nothing = True
    for judged in judge(body, terms or terms_of(profile)):
        found = judged.findings
        if is_xml(found.syntax):
            refuse_file(judged)
        if found.reference or found.groups:
            nothing = False
            yield _interchange(judged, profile)
    if nothing:
        raise MappingError(
            "The file holds no interchange.",
            why="It has no UNB or ISA segment that can be read, and is no XML.",
            fix="Ask the partner what it is; `crossdock edi check FILE` says where reading ends.",
            code="EDI-SYNTAX-415",
        )


def _interchange(judged: Judged, profile: Profile) -> IncomingInterchange:
    found = judged.findings
    digest = hashlib.sha256(found.reference.encode())
    documents = []
    for group in found.groups:
        for message in group.messages:
            body = judged.bodies[message.position]
            digest.update(body)
            accepted = message.accepted and not group.problems and not found.rejected
            if is_xml(found.syntax):
                documents.append(incoming_document(message, body, profile))
                continue
            documents.append(_document(message, body, group.reference or None, accepted, profile))
    return IncomingInterchange(
        syntax=found.syntax, sender=_party(found.sender), recipient=_party(found.recipient),
        reference=found.reference, test=found.test, sha256=digest.hexdigest(), rejected=found.rejected,
        findings=found.as_dict(), groups=sum(each.kind is not None for each in found.groups), documents=documents,
        numbered=found.syntax != "ubl" or not any(each.unique for each in documents),
        anew=is_xml(found.syntax),
    )  # fmt: skip


def _party(party: tuple[str, str, str]) -> str:
    return ":".join(each for each in party if each)


def _document(
    message: MessageFindings, body: bytes, group: str | None, accepted: bool, profile: Profile
) -> IncomingDocument:
    segments = segments_of(body)
    number, keys = keys_of(message.kind, segments)
    verdicts: list[Verdict] = []
    if accepted and message.kind in ANSWERS:
        for each in answers(message.kind, segments):
            told = [{**reason, "text": sentence(reason)} for reason in each.reasons]
            verdicts.append(
                Verdict(each.level, each.verdict, each.interchange, each.group, each.message, each.kind, "", told)
            )
    elif accepted and message.kind in BUSINESS and not profile.incoming(message.kind):
        verdicts = [
            Verdict("business", each.verdict, kind=each.kind, number=each.number, reasons=each.reasons)
            for each in business_answer(message.kind, segments)
        ]
    return IncomingDocument(
        kind=message.kind, reference=message.reference, number=number, body=body, group_reference=group,
        accepted=accepted, applies=message.kind not in ANSWERS and bool(profile.incoming(message.kind)),
        unique=message.kind in UNIQUE, keys=keys, verdicts=verdicts,
        problems=[
            {name: getattr(each, name) for name in ("code", "text", "tag", "position", "element", "component", "value")}
            for each in message.problems
        ],
    )  # fmt: skip


def segments_of(body: bytes) -> Sequence[Any]:
    """Return the segments of the one message in a body, from UNH to UNT or ST to SE; a TA1 is all there is of one."""
    if b"ISA" in body[:400] and b"UNB" not in body[:40]:
        for event in X12Reader(body):
            if isinstance(event, TransactionSet):
                return event.segments
            if isinstance(event, Acknowledgment):
                return [event.segment]
        return []
    for interchange in read_edifact(body):
        for message in interchange.messages():
            return message.segments
    return []


def owed(findings: InterchangeFindings, profile: Profile) -> bool:
    """Return whether an interchange is owed an acknowledgement."""
    if is_xml(findings.syntax):
        return False
    if findings.syntax == "edifact":
        return wants_contrl(findings, profile.contrl)
    functional = profile.functional != "never" and bool(groups_to_answer(findings))
    return functional or wants_ta1(findings, profile.ta1)


def acknowledgement(findings: InterchangeFindings, profile: Profile) -> tuple[list[Content], Segment | None]:
    """Return the messages of an acknowledgement, and the TA1 that goes with them."""
    if findings.syntax == "edifact":
        return [Content("CONTRL", contrl(findings), tuple(profile.edifact.contrl.split(":")))], None
    marks = profile.x12.delimiters.all()
    contents = []
    if profile.functional != "never":
        for group in groups_to_answer(findings):
            body = acknowledge_group(group, profile.functional, marks)
            # The ids of GS swapped: we answer as whom he wrote to, to whom he wrote as (A1).
            contents.append(Content(profile.functional, body, group=(group.recipient, group.sender)))
    note = ta1(findings) if wants_ta1(findings, profile.ta1) else None
    return contents, note


def read_findings(given: Mapping[str, Any]) -> InterchangeFindings:
    """Return findings that were stored."""
    return InterchangeFindings.from_dict(given)
