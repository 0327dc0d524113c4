"""A document as its segments, each with what is wrong at it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from connectors.edi.inbound import segments_of
from core.store.read.page import Json
from mappings.edi.acks.judging import judge
from mappings.edi.x12.header import Unreadable, read_header

MOST = 2_000
SEPARATORS = {"x12": ("*", ">"), "edifact": ("+", ":")}


@dataclass(slots=True)
class Shown:
    """One segment.

    Args:
        number: in its message, from 1.
        tag: of the segment.
        text: its elements.
        problems: what is wrong here.
    """

    number: int
    tag: str
    text: str
    problems: list[str] = field(default_factory=list)


def lined(text: str) -> str:
    """Return the text of a file with each segment on a line of its own; what is no EDI stays as it is."""
    found = text.lstrip("\ufeff \r\n")
    release = ""
    if found.startswith("ISA"):
        try:
            terminator = read_header(found.encode()).delimiters.terminator
        except Unreadable:
            return text
    elif found.startswith(("UNA", "UNB")):
        release, terminator = (found[6], found[8]) if found.startswith("UNA") and len(found) > 8 else ("?", "'")
    else:
        return text
    if not terminator.strip():
        return text
    released = f"{re.escape(release)}." if release.strip() else "(?!)"
    return re.sub(
        rf"({released})|{re.escape(terminator)}(?![\r\n]|\Z)", lambda cut: cut[1] or f"{terminator}\n", text, flags=re.S
    )


def segments_of_document(body: bytes, row: Json) -> list[Shown]:
    """Return the segments of a document.

    Args:
        body: of the document in its envelope, or of the whole file it came in.
        row: the document as lists show it.
    """
    own = _own(body, row)
    if own is None:
        return []
    element, component = SEPARATORS[row["syntax"]]
    shown = []
    for number, each in enumerate(segments_of(own)[:MOST], 1):
        parts = element.join(_text(one, component) for one in each.elements)
        shown.append(Shown(number, each.tag, parts))
    for problem in row["problems"]:
        place = problem.get("position")
        at = int(place) if str(place or "").isdigit() else 1
        said = problem["text"] if problem.get("code") is None else f"{problem['text']} ({problem['code']})"
        if shown:
            shown[min(max(at, 1), len(shown)) - 1].problems.append(said)
    return shown


def _own(body: bytes, row: Json) -> bytes | None:
    if row["message"]:
        return body
    for judged in judge(body):
        if judged.findings.reference == row["interchange_reference"] and row["position"] < len(judged.bodies):
            return judged.bodies[row["position"]]
    return None


def _text(value: Any, component: str) -> str:
    if isinstance(value, str):
        return value
    return component.join(each if isinstance(each, str) else component.join(each) for each in value)
