"""Reads a file to findings: envelopes by the readers, messages by their grammars, parties by the partner's profile.

Each message gets a body of its own: its bytes as they came, in its interchange's envelope, so that it can be mapped,
shown and mapped again without its siblings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from mappings.edi.acks.documents import judge_document
from mappings.edi.acks.findings import ANSWERS, GroupFindings, InterchangeFindings, MessageFindings, Problem, problems
from mappings.edi.acks.terms import Judged, Terms
from mappings.edi.detect import HEAD, detect
from mappings.edi.edifact import interchanges as edifact
from mappings.edi.faults import EdiFault, Kind, Place
from mappings.edi.grammar.check import check
from mappings.edi.grammar.loader import GrammarError, load_grammar
from mappings.edi.grammar.model import Grammar
from mappings.edi.x12 import events as x12
from mappings.edi.x12.reader import X12Reader
from mappings.edi.x12.segments import Segment
from mappings.edi.xml.kinds import UNKNOWN_XML, XML

SYNTAXES = ("edifact", "x12")
# Code of "this kind of message was not agreed": X12 718, EDIFACT 0085.
NOT_AGREED = {"x12": "1", "edifact": "17"}
# By syntax: segment, elements of the ids of sender and recipient, and the codes of wrong ids and wrong qualifiers.
PARTIES = {
    "x12": ("ISA", (6, 8), ("006", "008", "005", "007")),
    "edifact": ("UNB", (2, 3), ("23", "7", "23", "7")),
}
# The service messages are the same in every directory; this one is shipped.
SERVICE_VERSION = "D96A"


def judge(data: bytes, terms: Terms | None = None) -> Iterator[Judged]:
    """Yield the interchanges of a file with what became of them; nothing a partner sent raises.

    A file that is neither EDIFACT, X12 nor XML yields nothing; an XML file is one interchange with one document.

    Raises:
        InputError: a schema that is there cannot be used, or one is required and not there.
    """
    terms = terms or Terms()
    syntax = detect(data[:HEAD])
    if syntax == "edifact":
        found = _edifact(data, terms)
    elif syntax == "x12":
        found = _x12(data, terms)
    elif syntax in (*XML, UNKNOWN_XML):
        yield judge_document(data, terms)
        return
    else:
        return
    for each in found:
        _parties(each.findings, terms)
        yield each


@lru_cache(maxsize=256)
def shipped(standard: str, message: str, version: str) -> Grammar | None:
    """Return the shipped grammar of a message, None where there is none."""
    try:
        return load_grammar(standard, message, version)
    except GrammarError:
        return None


def _edifact(data: bytes, terms: Terms) -> Iterator[Judged]:
    for interchange in edifact.read(data, mode=terms.mode):
        header = interchange.header
        found = InterchangeFindings("edifact", "", ("", "", ""), ("", "", ""))
        judged = Judged(found)
        before = after = b""
        if header is not None:
            sender, recipient = header.sender, header.recipient
            found.reference, found.test, found.ack_requested = header.reference, header.test, header.ack_requested
            found.sender = (sender.qualifier, sender.id, sender.internal)
            found.recipient = (recipient.qualifier, recipient.id, recipient.internal)
            found.prepared = (header.segment.value(4), header.segment.value(4, 2))
            found.syntax_version = f"{header.syntax}:{header.opening.version}"
            marks = header.opening.delimiters
            before = marks.una().encode() + data[header.segment.offset : header.segment.end]
            after = f"UNZ{marks.element}1{marks.element}{header.reference}{marks.terminator}".encode()
        groups: dict[int, GroupFindings] = {}
        groups_read: dict[int, edifact.Group] = {}
        for message in interchange.messages():
            group = groups.get(id(message.group))
            if group is None:
                group = groups[id(message.group)] = _group(message.group)
                found.groups.append(group)
                if message.group is not None:
                    groups_read[id(message.group)] = message.group
            own = MessageFindings(
                message.header.type, message.header.reference, message.header.version, message.header.release,
                message.header.agency, message.header.association, len(judged.bodies),
            )  # fmt: skip
            version = message.header.version + message.header.release
            own.problems = problems(message.faults)
            _structure(own, "edifact", version, message.segments, terms)
            group.messages.append(own)
            # A group's envelope says nothing a map reads, so the message stands right in the interchange.
            judged.bodies.append(before + data[message.start : message.end] + after)
            judged.tolerances += _tolerated(message.faults)
        for key, read in groups_read.items():
            groups[key].problems = problems(read.faults)
            judged.tolerances += _tolerated(read.faults)
        found.problems = problems(interchange.faults)
        judged.tolerances += _tolerated(interchange.faults)
        yield judged


def _group(group: edifact.Group | None) -> GroupFindings:
    if group is None:
        return GroupFindings(None)
    head = group.header
    return GroupFindings(head.type, head.reference, head.sender.id, head.recipient.id, head.version, head.agency)


def _x12(data: bytes, terms: Terms) -> Iterator[Judged]:
    judged: Judged | None = None
    group = GroupFindings(None)
    frame = _Frame(data)
    for event in X12Reader(data, mode=terms.mode):
        match event:
            case x12.Interchange():
                sender, receiver = event.sender, event.receiver
                judged = Judged(
                    InterchangeFindings(
                        "x12", event.reference, (*sender, ""), (*receiver, ""), (event.fields[8], event.fields[9]),
                        event.version, event.test, event.acknowledgment_requested,
                    )
                )  # fmt: skip
                group = GroupFindings(None)
                frame.begin(event)
            case x12.Group():
                assert judged is not None
                value = event.segment.value
                group = GroupFindings(value(1), value(6), value(2), value(3), value(8), value(7))
                judged.findings.groups.append(group)
                frame.group = event.segment
            case x12.TransactionSet():
                assert judged is not None
                if event.group is None:
                    group = GroupFindings(None)
                    judged.findings.groups.append(group)
                own = MessageFindings(
                    event.code, event.reference, event.segments[0].value(3), position=len(judged.bodies)
                )
                own.problems = problems(event.faults)
                _structure(own, "x12", event.version[:6], event.segments, terms, event.place)
                group.messages.append(own)
                judged.bodies.append(frame.body(event.segments, event.group is not None))
                judged.tolerances += _tolerated(event.faults)
            case x12.Acknowledgment():
                assert judged is not None
                own = MessageFindings("TA1", event.reference, position=len(judged.bodies))
                if not judged.findings.groups or judged.findings.groups[0].kind is not None:
                    judged.findings.groups.insert(0, GroupFindings(None))
                judged.findings.groups[0].messages.append(own)
                judged.bodies.append(frame.body([event.segment], False))
            case x12.GroupEnd():
                group.stated, group.problems = event.stated, problems(list(event.faults))
                if judged is not None:
                    judged.tolerances += _tolerated(list(event.faults))
                group = GroupFindings(None)
                frame.group = None
            case x12.InterchangeEnd():
                judged = judged or Judged(InterchangeFindings("x12", "", ("", "", ""), ("", "", "")))
                judged.findings.problems = problems(list(event.faults))
                judged.tolerances += _tolerated(list(event.faults))
                yield judged
                judged = None


class _Frame:
    """Cuts the bytes of transaction sets out of a file and puts their interchange's envelope around them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.group: Segment | None = None

    def begin(self, event: x12.Interchange) -> None:
        marks = event.delimiters
        self.terminator, self.element = marks.terminator.encode(), marks.element
        self.reference, self.group = event.fields[12], None
        self.head = self.cut(event.segment, event.segment)

    def cut(self, first: Segment, last: Segment) -> bytes:
        end = self.data.find(self.terminator, last.offset)
        stop = len(self.data) if end < 0 else end
        return self.data[first.offset : stop] + self.terminator

    def body(self, segments: list[Segment], grouped: bool) -> bytes:
        content = self.cut(segments[0], segments[-1])
        mark, end = self.element, self.terminator
        count = 0
        if grouped and self.group is not None:
            trailer = f"GE{mark}1{mark}{self.group.value(6)}".encode() + end
            content = self.cut(self.group, self.group) + content + trailer
            count = 1
        return self.head + content + f"IEA{mark}{count}{mark}{self.reference}".encode() + end


def _structure(
    own: MessageFindings,
    standard: str,
    version: str,
    segments: Sequence[Any],
    terms: Terms,
    place: Callable[[int], Place] | None = None,
) -> None:
    """Check a message against its grammar, where its envelope was right and there is one."""
    if terms.agreed is not None and own.kind not in ANSWERS and not terms.agreed(own.kind):
        text = f"{own.kind or 'A message without type'} was not agreed with this partner."
        tag = "ST" if standard == "x12" else "UNH"
        own.problems.append(Problem("not-agreed", NOT_AGREED[standard], text, tag, 1, element=None))
        return
    if own.problems:
        return
    grammar = (terms.grammar or shipped)(standard, own.kind, directory_of(own.kind, version))
    if grammar is not None:
        counts = terms.counts is None or terms.counts(own.kind)
        found = check(grammar, segments, place, counts=counts)
        own.problems += problems(found.faults)


def directory_of(kind: str, version: str) -> str:
    """Return the version whose grammar a message is checked by: its own, but for service messages."""
    return SERVICE_VERSION if kind == "CONTRL" else version


def _tolerated(faults: list[EdiFault]) -> list[str]:
    return [each.text for each in faults if each.kind is Kind.TOLERANCE]


def _parties(found: InterchangeFindings, terms: Terms) -> None:
    """Refuse what somebody else sent, or what is meant for somebody else."""
    if found.problems:
        return
    unknown = ("is not the partner's id", "is none of our ids")
    sides = (
        ("sender", found.sender, terms.sender, terms.sender_qualifiers),
        ("recipient", found.recipient, terms.recipient, terms.recipient_qualifiers),
    )
    for at, (side, (qualifier, own, _), wanted, qualifiers) in enumerate(sides):
        tag, element, codes = PARTIES[found.syntax]
        if wanted and own not in wanted:
            text = f"The {side} {own!r} {unknown[at]}."
            found.problems.append(Problem(side, codes[at], text, tag, None, element[at]))
            return
        agreed = qualifiers.get(own) if wanted else None
        # EDIFACT need not say one, and then there is no other partner it could be.
        if agreed and qualifier and qualifier != agreed:
            text = f"The {side} {own!r} has the qualifier {qualifier!r}, agreed is {agreed!r}."
            place = (element[at] - 1, None) if tag == "ISA" else (element[at], 2)
            found.problems.append(Problem(f"{side}-qualifier", codes[at + 2], text, tag, None, *place))
            return
