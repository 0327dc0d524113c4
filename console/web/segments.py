"""A document as its segments, each with what is wrong at it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from connectors.edi.inbound import segments_of
from core.store.read.page import Json
from mappings.edi.acks.judging import judge

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
