"""The reader: interchanges, groups and messages of a file as events, counts and references checked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from mappings.edi.edifact.envelope import read_unb, read_ung, read_unh
from mappings.edi.edifact.events import (
    Event,
    GroupEnd,
    GroupStart,
    InterchangeEnd,
    InterchangeStart,
    MessageEnd,
    MessageStart,
)
from mappings.edi.edifact.findings import Finding, Weight
from mappings.edi.edifact.judge import Judge
from mappings.edi.edifact.segments import ReadSegment
from mappings.edi.edifact.tokens import Tokenizer
from mappings.edi.faults import EdiFault, Level
from mappings.edi.limits import Limits, Mode

ENVELOPE = {"UNB", "UNZ", "UNG", "UNE", "UNH", "UNT", "UNO", "UNP", "UIB", "UIH", "UIT", "UIZ"}
HEADERS = ("UNB", "UNG", "UNH")
UNB_NEEDS = {2: "sender", 3: "recipient", 4: "date", 5: "control reference"}
UNH_NEEDS = {1: "reference", 2: "type"}


class Reader:
    """Reads a file once.

    Args:
        source: opened for bytes, or bytes.
        mode: what happens to what the standard does not know.
        limits: of what the file may take.
    """

    def __init__(self, source: BinaryIO | bytes, *, mode: Mode = Mode.TOLERANT, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._tokens = Tokenizer(source, self._limits)
        self._judge = Judge(mode, self._limits)
        self._open = False
        self._passing: str | None = None
        self._stray = False
        self._messages = self._grouped = self._groups = 0
        self._last = ReadSegment("UNB", [])
        self._held: list[Finding] = []

    def events(self) -> Iterator[Event]:
        """Yield the events of the file in their order.

        A fault comes before the end of what it belongs to. Nothing a partner sent makes this raise.
        """
        judge, tokens = self._judge, self._tokens
        seen = False
        for each in tokens.segments():
            if type(each) is ReadSegment:
                if each.tag not in ENVELOPE and judge.message is not None:
                    judge.position += 1
                    yield each
                else:
                    seen = True
                    yield from self._envelope(each)
                self._last = each
            else:
                yield from self._finding(each)  # type: ignore[arg-type]
        if self._open:
            yield from self._close_interchange(None)
        yield from self._release()
        if not seen:
            found = Finding(Weight.INTERCHANGE, "not-edifact", "2", "There is no EDIFACT interchange in the file.", 0)
            yield from judge.finding(found)

    def _finding(self, found: Finding) -> Iterator[EdiFault]:
        """Yield a finding's fault now, or keep it until what it belongs to has begun."""
        if self._passing is not None and found.tag not in HEADERS:
            return
        if not self._open or found.tag in HEADERS:
            if len(self._held) < self._limits.faults:
                self._held.append(found)
            return
        yield from self._judge.finding(found)
        if found.counted and self._judge.message is not None:
            self._judge.position += 1

    def _release(self) -> Iterator[EdiFault]:
        held, self._held = self._held, []
        for found in held:
            yield from self._judge.finding(found)

    def _envelope(self, segment: ReadSegment) -> Iterator[Event]:
        """Yield what a segment means that is not in a message, or ends one."""
        judge, tag = self._judge, segment.tag
        if tag in ("UNB", "UIB"):
            yield from self._open_interchange(segment)
        elif self._passing is not None and tag not in ("UNZ", "UNH", "UNG", "UNE", "UIZ"):
            if tag == self._passing:
                self._passing = None
        elif self._passing == "UIZ":
            if tag == "UIZ":
                yield from self._close_interchange(None)
        elif tag in ("UNG", "UNH", "UNO"):
            yield from self._open_part(segment)
        elif tag == "UNT" and judge.message is not None:
            yield from self._close_message(segment)
        elif tag == "UNE" and judge.group is not None:
            yield from self._close_group(segment)
        elif tag == "UNZ" and self._open:
            yield from self._close_interchange(segment)
        elif not self._stray:
            self._stray = True
            yield from judge.fault(
                "stray",
                "33",
                f"The segment {tag} stands outside of any message.",
                segment,
                Level.GROUP if judge.group else Level.INTERCHANGE,
            )

    def _open_interchange(self, segment: ReadSegment) -> Iterator[Event]:
        judge = self._judge
        if self._open:
            yield from self._close_interchange(None)
        judge.fresh(Level.INTERCHANGE)
        self._messages = self._grouped = self._groups = 0
        self._open, self._stray, self._passing = True, False, None
        judge.interchange = read_unb(segment, self._tokens.opening)
        yield InterchangeStart(judge.interchange)
        yield from self._release()
        if segment.tag == "UIB":
            text = "Interactive EDI (UIB) is not supported; the interchange was passed over."
            yield from judge.fault("interactive", "47", text, segment, Level.INTERCHANGE)
            self._passing = "UIZ"
            return
        for element, what in UNB_NEEDS.items():
            if not segment.value(element):
                text = f"The interchange header names no {what}."
                yield from judge.fault("missing", "13", text, segment, Level.INTERCHANGE, element=element, small=True)
        if segment.value(4) and judge.interchange.prepared is None:
            text = f"{segment.value(4)!r} {segment.value(4, 2)!r} is no date and time."
            yield from judge.fault("date", "12", text, segment, Level.INTERCHANGE, element=4, small=True)

    def _open_part(self, segment: ReadSegment) -> Iterator[Event]:
        """Begin a group, a message or a package."""
        judge, tag = self._judge, segment.tag
        self._passing, self._stray = None, False
        if judge.message is not None:
            yield from self._close_message(None)
        if tag == "UNG" and judge.group is not None:
            yield from self._close_group(None)
        if not self._open:
            judge.fresh(Level.INTERCHANGE)
            self._messages = self._grouped = self._groups = 0
            self._open, judge.interchange = True, None
            yield InterchangeStart(None)
            text = "The file has messages without an interchange header (UNB)."
            yield from judge.fault("no-interchange", "13", text, segment, Level.INTERCHANGE, small=True)
        if tag == "UNG":
            judge.fresh(Level.GROUP)
            self._groups += 1
            self._grouped = 0
            judge.group = read_ung(segment)
            yield GroupStart(judge.group)
            yield from self._release()
            return
        self._messages += 1
        self._grouped += judge.group is not None
        if tag == "UNO":
            text = "Packages with objects (UNO) are not supported; the package was passed over."
            yield from judge.fault("package", "47", text, segment, judge.around)
            self._passing = "UNP"
            return
        judge.fresh(Level.MESSAGE)
        judge.message, judge.position = read_unh(segment), 1
        yield MessageStart(judge.message)
        yield from self._release()
        for element, what in UNH_NEEDS.items():
            if not segment.value(element):
                text = f"The message header names no {what} of the message."
                yield from judge.fault("missing", "13", text, segment, Level.MESSAGE, element=element)

    def _close_message(self, segment: ReadSegment | None) -> Iterator[Event]:
        judge = self._judge
        header = judge.message
        assert header is not None
        if segment is None:
            yield from self._unclosed("message", "UNT", Level.MESSAGE)
        else:
            judge.position += 1
            yield from self._trailer(segment, judge.position, "segments", header.reference, Level.MESSAGE)
        end = (segment or self._last).end
        rejected = Level.MESSAGE in judge.rejected
        yield MessageEnd(header, segment, judge.position, rejected, header.segment.offset, end)
        judge.message, judge.position = None, 0

    def _close_group(self, segment: ReadSegment | None) -> Iterator[Event]:
        judge = self._judge
        if judge.message is not None:
            yield from self._close_message(None)
        header = judge.group
        assert header is not None
        self._stray = False
        if segment is None:
            yield from self._unclosed("group", "UNE", Level.GROUP)
        else:
            yield from self._trailer(segment, self._grouped, "messages", header.reference, Level.GROUP)
        yield GroupEnd(header, segment, self._grouped, Level.GROUP in judge.rejected)
        judge.group, self._grouped = None, 0

    def _close_interchange(self, segment: ReadSegment | None) -> Iterator[Event]:
        judge = self._judge
        if judge.message is not None:
            yield from self._close_message(None)
        if judge.group is not None:
            yield from self._close_group(None)
        header = judge.interchange
        if segment is not None:
            what = "groups" if self._groups else "messages"
            count = self._groups or self._messages
            reference = header.reference if header else None
            yield from self._trailer(segment, count, what, reference, Level.INTERCHANGE)
            if not count:
                yield from judge.fault("empty", "32", "The interchange is empty.", segment, Level.INTERCHANGE)
        elif header is not None and self._passing != "UIZ":
            yield from self._unclosed("interchange", "UNZ", Level.INTERCHANGE)
        yield InterchangeEnd(header, segment, self._messages, self._groups, Level.INTERCHANGE in judge.rejected)
        judge.interchange, self._open, self._passing = None, False, None

    def _unclosed(self, what: str, tag: str, level: Level) -> Iterator[EdiFault]:
        text = f"The {what} is not closed: its {tag} is missing."
        yield from self._judge.fault("unclosed", "13", text, self._last, level)

    def _trailer(
        self, segment: ReadSegment, count: int, what: str, reference: str | None, level: Level
    ) -> Iterator[EdiFault]:
        """Yield what is wrong with the count and the reference of a trailer.

        Args:
            segment: UNT, UNE or UNZ.
            count: of what came.
            what: is counted.
            reference: of the header; None when there was none.
            level: that is closed.
        """
        judge, said = self._judge, segment.value(1)
        if not said:
            text = f"The end of the {level} does not say how many {what} there are."
            yield from judge.fault("missing", "13", text, segment, level, element=1)
        elif not (said.isascii() and said.isdigit() and len(said.lstrip("0")) < 19 and int(said) == count):
            text = f"The {level} says it has {said[:20]} {what}, but {count} came."
            yield from judge.fault("count-wrong", "29", text, segment, level, element=1)
        given = segment.value(2)
        if not given:
            text = f"The end of the {level} does not repeat its reference."
            yield from judge.fault("missing", "13", text, segment, level, element=2)
        elif reference is not None and given != reference:
            text = f"The {level} begins with reference {reference[:35]!r} and ends with {given[:35]!r}."
            yield from judge.fault("reference-differs", "28", text, segment, level, element=2)
