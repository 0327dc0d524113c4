"""Control totals: how many lines a message says it has, and how many it has. Nobody else judges them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mappings.edi.grammar.elements import Report
from mappings.edi.grammar.model import Grammar, Standard

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


def check_counts(grammar: Grammar, segments: Sequence[Any], report: Report) -> None:
    """Report control totals that say otherwise than what came.

    Args:
        segments: of the whole message.
        report: called with the fault's name, the index, the parts of its sentence, and the place within the segment.
    """
    tags = count_tag(grammar)
    if tags is None:
        return
    total, counted = tags
    for index, segment in enumerate(segments):
        if segment.tag != total:
            continue
        elements = segment.elements
        if grammar.standard is Standard.X12:
            said, where = value_of(elements, 0), {"element": 1}
        elif value_of(elements, 0) == LINES:
            said, where = value_of(elements, 1), {"element": 1, "component": 2}
        else:
            continue
        came = sum(each.tag == counted for each in segments)
        if not is_number(said) or int(said) != came:
            report("lines-count-wrong", index, total, said or "nothing", came, counted, **where)


def value_of(elements: Sequence[Any], component: int) -> str:
    """Return a component of the first element, empty when it is not there; of a repeated one that of the first."""
    first = elements[0] if elements else ""
    if type(first) not in (str, list):
        first = first[0] if first else ""
    parts = [first] if isinstance(first, str) else first
    return str(parts[component]) if component < len(parts) else ""


def is_number(text: str) -> bool:
    """Return whether text is a whole number that is short enough to be a count."""
    return text.isascii() and text.isdigit() and len(text) < 19
