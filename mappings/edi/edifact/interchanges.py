"""Interchanges and messages as objects that are pulled one after the other, one message in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO

from mappings.edi.edifact.envelope import GroupHeader, InterchangeHeader, MessageHeader
from mappings.edi.edifact.events import (
    Event,
    GroupEnd,
    GroupStart,
    InterchangeEnd,
    InterchangeStart,
    MessageEnd,
    MessageStart,
)
from mappings.edi.edifact.reader import Reader
from mappings.edi.edifact.segments import ReadSegment
from mappings.edi.faults import EdiFault, Kind, Level, Place
from mappings.edi.limits import Limits, Mode


@dataclass(slots=True)
class Group:
    """A functional group; `rejected` and `faults` are final once its last message was pulled."""

    header: GroupHeader
    rejected: bool = False
    faults: list[EdiFault] = field(default_factory=list)


@dataclass(slots=True)
class Message:
    """One message.

    Args:
        header: what its UNH says.
        group: it is in, if any.
        segments: from UNH to UNT, as far as they could be made.
        faults: found in it.
        rejected: whether one of them takes it away.
        start: offset of UNH in the file: with `end` the message's own bytes.
        end: offset behind UNT.
    """

    header: MessageHeader
    group: Group | None
    segments: list[ReadSegment] = field(default_factory=list)
    faults: list[EdiFault] = field(default_factory=list)
    rejected: bool = False
    start: int = 0
    end: int = 0


class Interchange:
    """One interchange of a file; `rejected`, `faults` and `groups` are final once its messages were pulled.

    Args:
        header: what its UNB says; None for messages without UNB, and for a file without EDIFACT.
        events: of the reader, behind the beginning of the interchange.
        limits: of a message in memory.
    """

    def __init__(self, header: InterchangeHeader | None, events: Iterator[Event], limits: Limits) -> None:
        self.header = header
        self.faults: list[EdiFault] = []
        self.groups: list[Group] = []
        self.rejected = False
        self.trailer: ReadSegment | None = None
        self._events = events
        self._limits = limits
        self._over = False
        # Here and not in `messages`: whoever stops in the middle of a group may go on, or to the next interchange.
        self._group: Group | None = None

    def messages(self) -> Iterator[Message]:
        """Yield the messages, also those that are rejected; go on with the next, whatever was wrong with one."""
        message: Message | None = None
        events, most = self._events, self._limits.message
        while not self._over:
            each = next(events, None)
            if type(each) is ReadSegment and message is not None and len(message.segments) < most:
                # Almost all of them.
                message.segments.append(each)
                continue
            match each:
                case ReadSegment():
                    assert message is not None
                    self._too_long(message, each)
                case MessageStart(header):
                    message = Message(header, self._group, [header.segment])
                case MessageEnd():
                    assert message is not None
                    if each.segment is not None:
                        message.segments.append(each.segment)
                    message.rejected = message.rejected or each.rejected
                    message.start, message.end = each.start, each.end
                    yield message
                    message = None
                case GroupStart(header):
                    self._group = Group(header)
                    if len(self.groups) < self._limits.groups:
                        self.groups.append(self._group)
                case GroupEnd():
                    assert self._group is not None
                    self._group.rejected = each.rejected
                    self._group = None
                case InterchangeEnd():
                    self.rejected, self.trailer, self._over = each.rejected, each.segment, True
                case EdiFault():
                    self._fault(each, message)
                case None:
                    self._over = True

    def _too_long(self, message: Message, segment: ReadSegment) -> None:
        if not message.rejected:
            message.rejected = True
            header = self.header
            place = Place(
                segment.offset,
                segment.number,
                segment.tag,
                interchange=header.reference if header else None,
                message=message.header.reference,
            )
            text = f"The message has more than {self._limits.message} segments; the rest of it was passed over."
            message.faults.append(EdiFault(Kind.ERROR, "message-too-long", "35", text, place, Level.MESSAGE))

    def _fault(self, fault: EdiFault, message: Message | None) -> None:
        group = self._group
        owner: Message | Group | Interchange = message or group or self
        if fault.rejects is Level.INTERCHANGE:
            owner = self
        elif fault.rejects is Level.GROUP and group is not None:
            owner = group
        owner.faults.append(fault)


def read(
    source: BinaryIO | bytes, *, mode: Mode = Mode.TOLERANT, limits: Limits | None = None
) -> Iterator[Interchange]:
    """Yield the interchanges of a file; asking for the next one passes over what was not pulled of the last.

    What stands in the file outside of interchanges is said in a last one without header and without messages.

    Args:
        source: opened for bytes, or bytes.
        mode: tolerant or strict.
        limits: of what the file may take.
    """
    bounds = limits or Limits()
    events = Reader(source, mode=mode, limits=bounds).events()
    outside: list[EdiFault] = []
    for each in events:
        if isinstance(each, InterchangeStart):
            found = Interchange(each.header, events, bounds)
            yield found
            for _ in found.messages():
                pass
        elif isinstance(each, EdiFault):
            outside.append(each)
    if outside:
        last = Interchange(None, iter(()), replace(bounds))
        last.faults, last.rejected = outside, any(each.rejects is not None for each in outside)
        yield last
