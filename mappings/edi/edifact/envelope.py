"""What the headers of interchanges, groups and messages say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from mappings.edi.edifact.opening import Opening
from mappings.edi.edifact.segments import ReadSegment

CENTURY = 70
"""Years of two digits below it are of this century, as ISO 9735 leaves it to the partners."""
DATE = re.compile(r"(?P<year>\d{2}|\d{4})(?P<month>\d{2})(?P<day>\d{2})\Z")
TIME = re.compile(r"(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})?\Z")


@dataclass(frozen=True, slots=True)
class Party:
    """Sender or recipient: identification (0004, 0010), its qualifier (0007) and an internal address (0008, 0014)."""

    id: str
    qualifier: str = ""
    internal: str = ""


@dataclass(frozen=True, slots=True)
class InterchangeHeader:
    """UNB.

    Args:
        opening: service characters, character set and syntax version.
        syntax: identifier (0001) as it was written.
        sender: S002.
        recipient: S003.
        prepared: S004, in the sender's own time; None when it is no date.
        reference: control reference (0020).
        application: reference (0026).
        priority: 0029.
        ack_requested: whether 0031 is 1.
        agreement: 0032.
        test: whether 0035 is 1.
        segment: the UNB itself.
    """

    opening: Opening
    syntax: str
    sender: Party
    recipient: Party
    prepared: datetime | None
    reference: str
    application: str
    priority: str
    ack_requested: bool
    agreement: str
    test: bool
    segment: ReadSegment


@dataclass(frozen=True, slots=True)
class GroupHeader:
    """UNG: message type (0038), parties, time, reference (0048), agency (0051), version, release, and the segment."""

    type: str
    sender: Party
    recipient: Party
    prepared: datetime | None
    reference: str
    agency: str
    version: str
    release: str
    segment: ReadSegment


@dataclass(frozen=True, slots=True)
class MessageHeader:
    """UNH: reference (0062), S009, common access reference (0068), and the segment."""

    reference: str
    type: str
    version: str
    release: str
    agency: str
    association: str
    access: str
    segment: ReadSegment


def read_unb(segment: ReadSegment, opening: Opening) -> InterchangeHeader:
    """Return what a UNB says."""
    value = segment.value
    return InterchangeHeader(
        opening=opening,
        syntax=value(1),
        sender=_party(segment, 2),
        recipient=_party(segment, 3),
        prepared=read_time(value(4), value(4, 2)),
        reference=value(5),
        application=value(7),
        priority=value(8),
        ack_requested=value(9) == "1",
        agreement=value(10),
        test=value(11) == "1",
        segment=segment,
    )


def read_ung(segment: ReadSegment) -> GroupHeader:
    """Return what a UNG says."""
    value = segment.value
    return GroupHeader(
        type=value(1),
        sender=_party(segment, 2),
        recipient=_party(segment, 3),
        prepared=read_time(value(4), value(4, 2)),
        reference=value(5),
        agency=value(6),
        version=value(7),
        release=value(7, 2),
        segment=segment,
    )


def read_unh(segment: ReadSegment) -> MessageHeader:
    """Return what a UNH says."""
    value = segment.value
    return MessageHeader(
        reference=value(1),
        type=value(2),
        version=value(2, 2),
        release=value(2, 3),
        agency=value(2, 4),
        association=value(2, 5),
        access=value(3),
        segment=segment,
    )


def _party(segment: ReadSegment, element: int) -> Party:
    return Party(segment.value(element), segment.value(element, 2), segment.value(element, 3))


def read_time(date: str, time: str) -> datetime | None:
    """Return the time of a header: YYMMDD or YYYYMMDD, HHMM or HHMMSS; None when it is none."""
    day, clock = DATE.match(date), TIME.match(time or "0000")
    if day is None or clock is None:
        return None
    year = int(day["year"])
    if len(day["year"]) == 2:
        year += 2000 if year < CENTURY else 1900
    try:
        return datetime(  # noqa: DTZ001 - headers name no zone
            year,
            int(day["month"]),
            int(day["day"]),
            int(clock["hour"]),
            int(clock["minute"]),
            int(clock["second"] or 0),
        )
    except ValueError:
        return None
