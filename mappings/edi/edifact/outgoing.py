"""Writing whole interchanges: headers from what they say, counts and references from what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydifact import Segment

from mappings.edi.edifact.envelope import Party, read_time
from mappings.edi.edifact.segments import ReadSegment
from mappings.edi.edifact.writer import UnwritableError, Writer

LONGEST_REFERENCE = 14
LONG_DATE = 8
"""Digits of a date with its century, which syntax version 4 has."""


@dataclass(frozen=True, slots=True)
class OutMessage:
    """A message to write: what its UNH says, and the segments between UNH and UNT."""

    reference: str
    type: str
    version: str
    release: str
    segments: Iterable[Segment]
    agency: str = "UN"
    association: str = ""
    access: str = ""


@dataclass(frozen=True, slots=True)
class OutGroup:
    """A functional group to write: what its UNG says, and its messages, all of one type."""

    type: str
    sender: Party
    recipient: Party
    prepared: datetime
    reference: str
    version: str
    release: str
    messages: Iterable[OutMessage]
    agency: str = "UN"


@dataclass(frozen=True, slots=True)
class OutInterchange:
    """What a UNB says; see `InterchangeHeader` for the fields."""

    sender: Party
    recipient: Party
    prepared: datetime
    reference: str
    application: str = ""
    priority: str = ""
    ack_requested: bool = False
    agreement: str = ""
    test: bool = False


def interchange(
    writer: Writer, header: OutInterchange, content: Iterable[OutMessage] | Iterable[OutGroup]
) -> Iterator[bytes]:
    """Yield the bytes of an interchange, segment by segment.

    Args:
        writer: knows how segments are written.
        header: of the interchange.
        content: its messages, or its groups.

    Raises:
        UnwritableError: a reference is empty or too long, groups and messages are mixed, or a segment is unfit.
    """
    _check(header.reference, "interchange")
    yield writer.advice()
    yield writer.segment(
        _segment(
            "UNB",
            [writer.charset.name, writer.version],
            _party(header.sender),
            _party(header.recipient),
            _time(header.prepared, writer.version),
            header.reference,
            "",
            header.application,
            header.priority,
            "1" if header.ack_requested else "",
            header.agreement,
            "1" if header.test else "",
        )
    )
    count, grouped = 0, False
    for each in content:
        if count and isinstance(each, OutGroup) != grouped:
            raise UnwritableError("Groups and messages cannot be mixed in one interchange.", fix="Write two.")
        count, grouped = count + 1, isinstance(each, OutGroup)
        yield from _group(writer, each) if isinstance(each, OutGroup) else _message(writer, each)
    if not count:
        raise UnwritableError("An interchange without messages cannot be written.", fix="Give it a message.")
    yield writer.segment(_segment("UNZ", str(count), header.reference))


def _group(writer: Writer, group: OutGroup) -> Iterator[bytes]:
    _check(group.reference, "group")
    yield writer.segment(
        _segment(
            "UNG",
            group.type,
            _party(group.sender),
            _party(group.recipient),
            _time(group.prepared, writer.version),
            group.reference,
            group.agency,
            [group.version, group.release],
        )
    )
    count = 0
    for message in group.messages:
        count += 1
        yield from _message(writer, message)
    if not count:
        raise UnwritableError("A group without messages cannot be written.", fix="Give it a message.")
    yield writer.segment(_segment("UNE", str(count), group.reference))


def _message(writer: Writer, message: OutMessage) -> Iterator[bytes]:
    _check(message.reference, "message")
    kind = [message.type, message.version, message.release, message.agency, message.association]
    yield writer.segment(_segment("UNH", message.reference, kind, message.access))
    count = 2
    for segment in message.segments:
        yield writer.segment(segment)
        count += 1
    yield writer.segment(_segment("UNT", str(count), message.reference))


def again(segments: Iterable[ReadSegment], opened: Callable[[ReadSegment | None], Writer]) -> Iterator[bytes]:
    """Yield the bytes of segments that were read, with what a trailer counts and repeats made right.

    Args:
        segments: of any number of interchanges, UNB to UNZ.
        opened: returns the writer of an interchange by its UNB, or by None for messages without one.
    """
    writer: Writer | None = None
    open_: dict[str, tuple[str, int]] = {}
    groups = messages = 0
    for position, segment in enumerate(segments):
        tag, elements = segment.tag, segment.elements
        if tag == "UNB":
            writer = opened(segment)
            yield writer.advice()
            said = elements[0] if elements and isinstance(elements[0], list) else []
            elements = [
                [writer.charset.name, writer.version, *said[2:]],
                *elements[1:3],
                *_dated(segment, writer.version),
            ]
            open_, groups, messages = {"UNZ": (segment.value(5), 0)}, 0, 0
        elif tag == "UNG":
            open_["UNE"], groups = (segment.value(5), messages), groups + 1
            if writer is not None:
                elements = [*elements[:3], *_dated(segment, writer.version)]
        elif tag == "UNH":
            open_["UNT"], messages = (segment.value(1), position), messages + 1
        elif tag in open_:
            reference, since = open_.pop(tag)
            counted = {"UNT": position - since + 1, "UNE": messages - since, "UNZ": groups or messages}[tag]
            elements = [str(counted), reference, *elements[2:]]
        if writer is None:
            writer = opened(None)
        made = ReadSegment(tag, elements)
        made.nest(segment.nesting)
        yield writer.segment(made)


def _segment(tag: str, *elements: Any) -> ReadSegment:
    kept = [_trimmed(each) for each in elements]
    while kept and not kept[-1]:
        kept.pop()
    return ReadSegment(tag, kept)


def _trimmed(element: Any) -> Any:
    if not isinstance(element, list):
        return element
    while len(element) > 1 and not element[-1]:
        element.pop()
    return element if len(element) > 1 else element[0]


def _party(party: Party) -> list[str]:
    return [party.id, party.qualifier, party.internal]


def _time(when: datetime, version: str) -> list[str]:
    return [when.strftime("%Y%m%d" if version == "4" else "%y%m%d"), when.strftime("%H%M")]


def _dated(header: ReadSegment, version: str) -> list[Any]:
    """Return the elements of a header from its time on, the date in the form of a syntax version."""
    day, clock = header.value(4), header.value(4, 2)
    when = read_time(day, clock)
    if when is None or (len(day) == LONG_DATE) is (version == "4"):
        return header.elements[3:]
    return [[_time(when, version)[0], clock], *header.elements[4:]]


def _check(reference: str, what: str) -> None:
    if not 0 < len(reference) <= LONGEST_REFERENCE:
        raise UnwritableError(
            f"{reference!r} is no {what} reference.",
            fix=f"A reference has 1 to {LONGEST_REFERENCE} characters.",
        )
