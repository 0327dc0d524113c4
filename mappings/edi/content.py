"""What messages hold, checked while a file is read: by their grammars, as acknowledgements judge them, and dates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

from mappings.edi.acks.judging import directory_of, shipped
from mappings.edi.dates import PERIODS, edifact_moment
from mappings.edi.faults import EdiFault, Kind, Level, Place, shown
from mappings.edi.forms import FORMS
from mappings.edi.grammar.check import check
from mappings.edi.grammar.codes import FAULTS
from mappings.edi.grammar.elements import PATTERNS
from mappings.edi.grammar.model import Grammar
from mappings.edi.limits import Limits, Mode
from mappings.faults import Unfit

Json = dict[str, Any]
CENTURY = 2000
TOO_LONG = {"x12": None, "edifact": "35"}


class _Repetitions(list[Any]):
    """Repetitions of an element, where a plain list holds the components of a composite."""


class _Segment(NamedTuple):
    tag: str
    elements: list[Any]
    number: int
    offset: int


def with_content(lines: Iterable[Json], syntax: str, mode: Mode, limits: Limits | None = None) -> Iterator[Json]:
    """Yield what a reader yields, and before the end of a message what is wrong with its content.

    A message whose envelope is right is checked by the shipped grammar of its kind, where there is one: structure,
    elements and control totals. Dates that are written as dates and are on no calendar are named behind their
    segment; in EDIFACT those of DTM, whatever the message.

    Args:
        lines: objects as `read_lines` of the syntax yields them.
        syntax: edifact or x12.
        mode: a strict reader rejects the message for a date that cannot be, a tolerant one says it.
        limits: of a message that is kept until its end.
    """
    most = (limits or Limits()).message
    message = _Message(syntax, None)
    for line in lines:
        what = line["what"]
        if what == "message_end" and not line["rejected"]:
            yield from ({"what": "fault", **each.public()} for each in message.faults(most))
        yield line
        if what in ("interchange", "group", "message"):
            message = message.opened(line, what)
        elif what in ("message_end", "group_end"):
            message = message.closed(what)
        elif what == "segment" and message.reference is not None:
            message.add(line, most)
            yield from ({"what": "fault", **each.public()} for each in message.dates(line, mode))


class _Message:
    """The message that is being read, in its interchange and group."""

    def __init__(self, syntax: str, interchange: str | None, group: str | None = None) -> None:
        self.syntax, self.interchange, self.group = syntax, interchange, group
        self.reference: str | None = None
        self.grammar: Grammar | None = None
        self.segments: list[_Segment] = []
        self.count = 0

    def opened(self, line: Json, what: str) -> _Message:
        """Return what is read from now on, where an interchange, group or message begins."""
        reference = line.get("reference")
        if what == "interchange":
            return _Message(self.syntax, reference)
        if what == "group":
            return _Message(self.syntax, self.interchange, reference)
        made = _Message(self.syntax, self.interchange, self.group)
        made.reference = reference or ""
        kind = str(line.get("type"))
        edifact = self.syntax == "edifact"
        version = f"{line.get('version')}{line.get('release')}" if edifact else line["version"][:6]
        made.grammar = shipped(self.syntax, kind, directory_of(kind, version))
        return made

    def closed(self, what: str) -> _Message:
        """Return what is read from now on, where a message or group ends."""
        return _Message(self.syntax, self.interchange, self.group if what == "message_end" else None)

    def add(self, line: Json, most: int) -> None:
        """Keep a segment until the message ends."""
        self.count += 1
        if self.grammar is not None and self.count <= most:
            elements = [_Repetitions(each["repeated"]) if isinstance(each, dict) else each for each in line["elements"]]
            self.segments.append(_Segment(line["tag"], elements, line["number"], line["offset"]))

    def place(self, index: int, element: int | None = None, component: int | None = None) -> Place:
        """Return the place of a segment by its index."""
        if not self.segments:
            return Place(0)
        at = self.segments[index]
        return Place(
            at.offset, at.number, at.tag, self.interchange, self.group, self.reference, index + 1, element, component
        )

    def faults(self, most: int) -> list[EdiFault]:
        """Return what its grammar says against it."""
        if self.grammar is None:
            return []
        if self.count > most:
            text = f"The message has more than {most} segments; what it holds was not checked."
            return [
                EdiFault(
                    Kind.ERROR, "message-too-long", TOO_LONG[self.syntax], text, self.place(-1), Level.MESSAGE
                )
            ]  # fmt: skip
        return check(self.grammar, self.segments, self.place).faults

    def dates(self, line: Json, mode: Mode) -> Iterator[EdiFault]:
        """Yield a fault for every date in a segment that looks like one and is on no calendar."""
        for element, component, value in _impossible(line, self.syntax, self.grammar):
            place = Place(
                line["offset"], line["number"], line["tag"], self.interchange, self.group, self.reference,
                self.count, element, component,
            )  # fmt: skip
            yield _fault(self.syntax, mode, place, value)


def _impossible(line: Json, syntax: str, grammar: Grammar | None) -> Iterator[tuple[int, int | None, str]]:
    """Yield (element, component, value) of the dates of a segment that cannot be."""
    if syntax == "edifact":
        if line["tag"] == "DTM" and line["elements"] and _impossible_moment(line["elements"][0]):
            yield 1, 2, line["elements"][0][1]
        return
    known = grammar.segments.get(line["tag"]) if grammar is not None else None
    for element, (use, value) in enumerate(zip(known.uses if known else (), line["elements"], strict=False), 1):
        if use.type is not None and use.type.kind == "DT" and isinstance(value, str) and not _on_calendar(value):
            yield element, None, value


def _on_calendar(value: str) -> bool:
    """Return whether a date can be; what is not even written as one is for the grammar to say."""
    if not PATTERNS["DT"][0].match(value):
        return True
    year = int(value[:-4]) + (CENTURY if len(value) == len("YYMMDD") else 0)
    try:
        date(year, int(value[-4:-2]), int(value[-2:]))
    except ValueError:
        return False
    return True


def _impossible_moment(composite: Any) -> bool:
    """Return whether a DTM composite has a value that its form cannot have; a form nobody knows says nothing."""
    if not isinstance(composite, list) or len(composite) < 2 or not composite[1]:
        return False
    form = composite[2] if len(composite) > 2 else ""
    if form and form not in FORMS and form not in PERIODS:
        return False
    try:
        for part in ("start", "end") if form in PERIODS else (None,):
            edifact_moment(composite, part)
    except Unfit:
        return bool(form)
    return False


def _fault(syntax: str, mode: Mode, place: Place, value: str) -> EdiFault:
    x12, edifact, text = FAULTS["date-invalid"]
    element = f"{place.tag}{place.element:02}" + (f"-{place.component}" if place.component else "")
    said = f"{text.format(element).rstrip('.')}: {shown(value)}."
    strict = mode is Mode.STRICT
    return EdiFault(
        Kind.ERROR if strict else Kind.TOLERANCE, "date-invalid", x12 if syntax == "x12" else edifact, said, place,
        Level.MESSAGE if strict else None, shown(value),
    )  # fmt: skip
