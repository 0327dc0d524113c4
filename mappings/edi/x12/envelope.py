"""The state of one interchange while it is read: which group and set are open, what was counted, what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mappings.edi.faults import EdiFault, Kind, Level, Place, shown
from mappings.edi.x12.events import Acknowledgment, Event, Group, GroupEnd, Interchange, InterchangeEnd, TransactionSet
from mappings.edi.x12.segments import Segment
from mappings.edi.x12.verdicts import VERDICTS

# Segments of the interchange's own services stand between ISA and the first GS.
SERVICES = frozenset({"TA1", "TA3", "ISB", "ISE"})
REFERENCE = re.compile(r"[0-9]{1,9}\Z")
VERSION, ENVELOPE_VERSION = re.compile(r"[0-9]{6}"), re.compile(r"00[2-9][0-9]{2}\Z")
SET_TYPE = re.compile(r"[0-9]{3}\Z")


def number(text: str) -> int | None:
    """Return a stated count, None where it is none."""
    try:
        return int(text) if len(text) <= 10 else None
    except ValueError:
        return None


class Envelope:
    """Takes the segments of one interchange that open and close its levels.

    Args:
        max_set: bytes of the largest transaction set that is kept.
    """

    def __init__(self, interchange: Interchange, header: Segment, max_set: int, *, strict: bool = False) -> None:
        self.interchange, self.max_set, self.strict = interchange, max_set, strict
        self.faults: list[EdiFault] = []
        self.withheld = False
        self.group: Group | None = None
        self.groups = 0
        self.group_references: set[str] = set()
        self.group_faults: list[EdiFault] = []
        self.current: TransactionSet | None = None
        self.shed_segments = 0
        self.sets = self.accepted = 0
        self.set_references: set[str] = set()
        self.last = header
        self.trailer: Segment | None = None
        self.all_sets = 0

    def fault(self, key: str, segment: Segment, *parts: object, element: int | None = None) -> EdiFault:
        """Return a fault of the table, at a segment."""
        verdict = VERDICTS[key]
        texts = [shown(str(each)) for each in parts]
        current = self.current if verdict.level is Level.MESSAGE else None
        place = Place(
            segment.offset,
            segment.number,
            segment.tag,
            self.interchange.reference,
            self.group.reference if self.group and verdict.level is not Level.INTERCHANGE else None,
            current.reference if current else None,
            len(current.segments) + self.shed_segments if current else None,
            element,
        )
        text = verdict.text.format(*texts)
        value = segment.value(element) if element else None
        return EdiFault(
            Kind.ERROR, key.partition(":")[2], verdict.code, text, place, verdict.level, shown(value) if value else None
        )

    def put(self, segments: list[Segment]) -> Iterator[Event]:
        """Put segments that neither open nor close a level into the open transaction set."""
        if self.current is not None:
            self.current.segments += segments
        else:
            for each in segments:
                yield from self.take(each)

    def take(self, segment: Segment) -> Iterator[Event]:
        """Take a segment that opens or closes something, or that stands where nothing is open."""
        self.last = segment
        tag = segment.tag
        if tag == "ST":
            yield from self.close_set()
            self.open_set(segment)
        elif tag == "SE":
            if self.current is None:
                self.outside(self.group_faults, "group:trailer-without-header", segment)
            else:
                self.current.segments.append(segment)
                yield from self.close_set(segment)
        elif tag == "GS":
            yield from self.close_group()
            yield self.open_group(segment)
        elif tag == "GE":
            yield from self.close_set()
            if self.group is None:
                self.outside(self.faults, "interchange:trailer-without-header", segment)
            yield from self.close_group(segment)
        elif tag == "IEA":
            yield from self.close_group()
            self.close(segment)
        elif tag == "TA1" and self.group is None:
            yield Acknowledgment(segment, self.interchange)
        elif self.group is not None:
            self.outside(self.group_faults, "group:segment-outside", segment)
        elif tag not in SERVICES:
            self.outside(self.faults, "interchange:segment-outside", segment)

    def outside(self, faults: list[EdiFault], key: str, segment: Segment) -> None:
        """Say once that segments stand where nothing is open."""
        name = key.partition(":")[2]
        if not any(each.name == name for each in faults):
            faults.append(self.fault(key, segment, segment.tag))

    def compare(self, faults: list[EdiFault], key: str, trailer: Segment, reference: str) -> None:
        """Say that a trailer names another reference; blanks around it are tolerated."""
        named = trailer.value(2)
        if named != reference:
            found = self.fault(key, trailer, reference, named, element=2)
            same = named.strip() == reference.strip() and not self.strict
            faults.append(tolerated(found) if same else found)

    def open_group(self, segment: Segment) -> Group:
        """Begin a group."""
        self.group = Group(segment, self.interchange)
        self.groups += 1
        self.sets = self.accepted = 0
        self.set_references = set()
        reference = self.group.reference
        if not REFERENCE.match(reference):
            self.group_faults.append(self.fault("group:reference-invalid", segment, reference or "nothing", element=6))
        if reference in self.group_references:
            self.group_faults.append(self.fault("group:reference-duplicate", segment, reference, element=6))
        self.group_references.add(reference)
        version, own = self.interchange.version, self.group.version.strip()
        # ISA12 is GS08 without what is behind the release: 00401 of 004010VICS. Most partners never look at it.
        if VERSION.match(own) and ENVELOPE_VERSION.match(version) and not own.startswith(version):
            found = self.fault("group:version-differs", segment, own, version, element=8)
            if self.strict:
                self.group_faults.append(found)
            elif not any(each.name == found.name for each in self.faults):
                self.faults.append(tolerated(found))
        return self.group

    def open_set(self, segment: Segment) -> None:
        """Begin a transaction set."""
        self.current = current = TransactionSet(self.interchange, self.group, [segment])
        self.shed_segments = 0
        reference = current.reference
        if self.group is None:
            current.faults.append(self.fault("set:outside-group", segment, reference))
        if not SET_TYPE.match(current.code):
            current.faults.append(self.fault("set:type-missing", segment, current.code or "nothing", element=1))
        if not reference:
            current.faults.append(self.fault("set:reference-missing", segment, element=2))
        elif reference in self.set_references:
            current.faults.append(self.fault("set:reference-duplicate", segment, reference, element=2))
        self.set_references.add(reference)

    def close_set(self, trailer: Segment | None = None) -> Iterator[Event]:
        """Yield the open transaction set."""
        current = self.current
        if current is None:
            return
        self.shed()
        if trailer is None:
            current.faults.append(self.fault("set:trailer-missing", self.last, current.reference))
        else:
            self.compare(current.faults, "set:reference-wrong", trailer, current.reference)
            counted = len(current.segments) + self.shed_segments
            if number(trailer.value(1)) != counted:
                wrong = self.fault("set:count-wrong", trailer, trailer.value(1) or "nothing", counted, element=1)
                current.faults.append(wrong)
        self.current = None
        self.sets += 1
        self.all_sets += 1
        self.accepted += not current.rejected
        if not self.withheld:
            yield current

    def shed(self) -> None:
        """Let go of what was read of a transaction set that is too large to be held."""
        current = self.current
        if current is None or current.segments[-1].offset - current.segments[0].offset <= self.max_set:
            return
        if not any(each.name == "too-large" for each in current.faults):
            current.faults.append(self.fault("set:too-large", current.segments[-1], current.reference, self.max_set))
        self.shed_segments += len(current.segments) - 1
        del current.segments[1:]

    def close_group(self, trailer: Segment | None = None) -> Iterator[Event]:
        """Yield the open transaction set and the open group."""
        yield from self.close_set()
        group = self.group
        if group is None:
            return
        stated = None
        if trailer is None:
            self.group_faults.append(self.fault("group:trailer-missing", self.last, group.reference))
        else:
            stated = number(trailer.value(1))
            self.compare(self.group_faults, "group:reference-wrong", trailer, group.reference)
            if stated != self.sets:
                wrong = self.fault("group:count-wrong", trailer, trailer.value(1) or "nothing", self.sets, element=1)
                self.group_faults.append(wrong)
        yield GroupEnd(group, stated, self.sets, self.accepted, tuple(self.group_faults), trailer)
        self.group = None
        self.group_faults = []
        self.sets = self.accepted = 0
        self.set_references = set()

    def close(self, trailer: Segment) -> None:
        """Compare IEA with what came."""
        self.trailer = trailer
        self.compare(self.faults, "interchange:reference-wrong", trailer, self.interchange.reference)
        if number(trailer.value(1)) != self.groups:
            wrong_count = ("interchange:count-wrong", trailer, trailer.value(1) or "nothing", self.groups)
            self.faults.append(self.fault(*wrong_count, element=1))

    def end(self) -> Iterator[Event]:
        """Yield what is still open, and the end of the interchange."""
        yield from self.close_group()
        if self.trailer is None:
            self.faults.append(self.fault("interchange:trailer-missing", self.last, self.interchange.reference))
        faults = (*self.faults, *self.group_faults)
        yield InterchangeEnd(self.interchange, faults, self.groups, self.all_sets, self.trailer)


def tolerated(fault: EdiFault) -> EdiFault:
    """Return a fault as something that a tolerant reader reads over."""
    return EdiFault(Kind.TOLERANCE, fault.name, fault.code, fault.text, fault.place, None, fault.value)
