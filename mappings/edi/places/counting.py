"""Control totals: how many lines a message says it has, and how many it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mappings.edi.faults import EdiFault, Kind, Level, Place
from mappings.edi.grammar.check import own_place
from mappings.edi.grammar.model import Grammar, Standard
from mappings.edi.places.drafts import SegmentDraft
from mappings.edi.places.reading import pick

LINES = "2"
"""Code of CNT that counts the LIN segments."""
X12_LINES = {
    "810": "IT1",
    "846": "LIN",
    "850": "PO1",
    "852": "LIN",
    "855": "PO1",
    "856": "HL",
    "860": "POC",
    "865": "POC",
}
"""What CTT01 counts in each transaction set."""
KNOWN = "control total"
"""What a grammar remembers its control total by; no tag is like it."""
CODE = "29"
"""EDIFACT 0085 of a control count that differs."""


def count_tag(grammar: Grammar) -> tuple[str, str] | None:
    """Return the tag of the control total and of what it counts; None for a message without."""
    known = grammar.quick.get(KNOWN, KNOWN)
    if known is KNOWN:
        known = grammar.quick[KNOWN] = found_count(grammar)
    found: tuple[str, str] | None = known
    return found


def found_count(grammar: Grammar) -> tuple[str, str] | None:
    """Return what `count_tag` returns, looked up in the structure."""
    tags = {each.name for each in grammar.root.nodes}
    if grammar.standard is Standard.X12:
        lines = X12_LINES.get(grammar.message)
        return ("CTT", lines) if lines and "CTT" in tags else None
    return ("CNT", "LIN") if "CNT" in tags and "LIN" in grammar.tags() else None


def add_count(grammar: Grammar, drafts: list[SegmentDraft], segments: Sequence[Any], make: Callable[[], Any]) -> None:
    """Write the number of lines into the control totals of a message in the making.

    Args:
        drafts: of the totals, one more is added where none is of the lines.
        segments: of the message before them.
        make: returns a draft of the total.
    """
    found = count_tag(grammar)
    if found is None:
        return
    total = str(sum(each.tag == found[1] for each in segments))
    if grammar.standard is Standard.X12:
        if not drafts:
            drafts.append(make())
        drafts[0].parts[0, 0] = total
        return
    own = next((each for each in drafts if each.parts.get((0, 0)) == LINES), None)
    if own is None:
        own = make()
        drafts.append(own)
    own.parts[0, 0], own.parts[0, 1] = LINES, total


def count_faults(grammar: Grammar, segments: Sequence[Any], place: Callable[[int], Place] | None) -> list[EdiFault]:
    """Return what is wrong with the control totals of a message."""
    tags = count_tag(grammar)
    if tags is None:
        return []
    faults = []
    for index in range(len(segments) - 1, -1, -1):
        segment = segments[index]
        if segment.tag != tags[0]:
            continue
        x12 = grammar.standard is Standard.X12
        if not x12 and pick(segment.elements, 0, 0) != LINES:
            continue
        said = pick(segment.elements, 0, 0 if x12 else 1)
        total = sum(each.tag == tags[1] for each in segments)
        if not is_number(said) or int(said) != total:
            at = place(index) if place else own_place(segments, index)
            text = f"{tags[0]} says {said or 'nothing'} where {total} {tags[1]} came."
            code = "7" if x12 else CODE
            faults.append(EdiFault(Kind.ERROR, "lines-count-wrong", code, text, at, Level.MESSAGE, said[:40]))
    return faults


def is_number(text: str) -> bool:
    """Return whether text is a whole number that is short enough to be a count."""
    return text.isascii() and text.isdigit() and len(text) < 19
