"""Dates and times that cannot be, in what a reader yields: named at their element, whichever map reads them later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from mappings.edi.acks.judging import shipped
from mappings.edi.dates import PERIODS, edifact_moment
from mappings.edi.faults import EdiFault, Kind, Level, Place, shown
from mappings.edi.forms import FORMS
from mappings.edi.grammar.codes import FAULTS
from mappings.edi.grammar.elements import PATTERNS
from mappings.edi.grammar.model import Grammar
from mappings.edi.limits import Mode
from mappings.faults import Unfit

Json = dict[str, Any]
NAMES = {"DT": "date-invalid", "TM": "time-invalid"}
CENTURY = 2000


def with_dates(lines: Iterable[Json], syntax: str, mode: Mode) -> Iterator[Json]:
    """Yield what a reader yields, and behind each segment a fault for every date or time in it that cannot be.

    Elements are known to be dates by the shipped grammar of their message; in EDIFACT by DTM, whatever the message.

    Args:
        lines: objects as `read_lines` of the syntax yields them.
        syntax: edifact or x12.
        mode: a strict reader rejects the message for it, a tolerant one says it.
    """
    grammar: Grammar | None = None
    where: dict[str, str | None] = {"interchange": None, "group": None, "message": None}
    position = 0
    for line in lines:
        yield line
        what = line["what"]
        if what in where:
            where = {**where, what: line.get("reference"), **({"message": None} if what != "message" else {})}
            if what == "message":
                version = f"{line.get('version')}{line.get('release')}" if syntax == "edifact" else line["version"][:6]
                grammar, position = shipped(syntax, str(line.get("type")), version), 0
        elif what == "message_end":
            where, grammar = {**where, "message": None}, None
        elif what == "segment" and where["message"] is not None:
            position += 1
            for name, element, component, value in _wrong(line, syntax, grammar):
                place = Place(
                    line["offset"], line["number"], line["tag"], where["interchange"], where["group"], where["message"],
                    position, element, component,
                )  # fmt: skip
                yield {"what": "fault", **_fault(name, syntax, mode, place, value).public()}


def _wrong(line: Json, syntax: str, grammar: Grammar | None) -> Iterator[tuple[str, int, int | None, str]]:
    """Yield (fault, element, component, value) of what cannot be in a segment."""
    if syntax == "edifact":
        if line["tag"] == "DTM" and line["elements"] and _impossible_moment(line["elements"][0]):
            yield "date-invalid", 1, 2, line["elements"][0][1]
        return
    known = grammar.segments.get(line["tag"]) if grammar is not None else None
    for element, (use, value) in enumerate(zip(known.uses if known else (), line["elements"], strict=False), 1):
        kind = use.type.kind if use.type is not None else ""
        if kind in NAMES and isinstance(value, str) and value and not _possible(kind, value):
            yield NAMES[kind], element, None, value


def _possible(kind: str, value: str) -> bool:
    if not PATTERNS[kind][0].match(value):
        return False
    if kind == "DT":
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


def _fault(name: str, syntax: str, mode: Mode, place: Place, value: str) -> EdiFault:
    x12, edifact, text = FAULTS[name]
    element = f"{place.tag}{place.element:02}" + (f"-{place.component}" if place.component else "")
    said = f"{text.format(element).rstrip('.')}: {shown(value)}."
    strict = mode is Mode.STRICT
    return EdiFault(
        Kind.ERROR if strict else Kind.TOLERANCE, name, x12 if syntax == "x12" else edifact, said, place,
        Level.MESSAGE if strict else None, shown(value),
    )  # fmt: skip
