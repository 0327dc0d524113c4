"""What a reader yields: the beginning and end of each level, segments of messages, and faults."""

from __future__ import annotations

from dataclasses import dataclass

from mappings.edi.edifact.envelope import GroupHeader, InterchangeHeader, MessageHeader
from mappings.edi.edifact.segments import ReadSegment
from mappings.edi.faults import EdiFault


@dataclass(frozen=True, slots=True)
class InterchangeStart:
    """An interchange begins; without header where messages came without UNB."""

    header: InterchangeHeader | None


@dataclass(frozen=True, slots=True)
class GroupStart:
    """A functional group begins."""

    header: GroupHeader


@dataclass(frozen=True, slots=True)
class MessageStart:
    """A message begins; its UNH is in the header."""

    header: MessageHeader


@dataclass(frozen=True, slots=True)
class MessageEnd:
    """A message ends.

    Args:
        header: of the message.
        segment: UNT, None when it is missing.
        count: segments that came, UNH and UNT included.
        rejected: whether one of its faults takes it away.
        start: offset of UNH in the file.
        end: offset behind UNT, or where the message broke off.
    """

    header: MessageHeader
    segment: ReadSegment | None
    count: int
    rejected: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class GroupEnd:
    """A functional group ends; `segment` is UNE, None when it is missing."""

    header: GroupHeader
    segment: ReadSegment | None
    messages: int
    rejected: bool


@dataclass(frozen=True, slots=True)
class InterchangeEnd:
    """An interchange ends; `segment` is UNZ, None when it is missing. Messages of groups are counted too."""

    header: InterchangeHeader | None
    segment: ReadSegment | None
    messages: int
    groups: int
    rejected: bool


Event = InterchangeStart | GroupStart | MessageStart | ReadSegment | MessageEnd | GroupEnd | InterchangeEnd | EdiFault
