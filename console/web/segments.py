"""A document as its segments, or elements of XML, each with what is wrong at it."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from connectors.edi.documents import is_xml
from connectors.edi.inbound import segments_of
from core.store.read.page import Json
from mappings.edi.acks.judging import judge
from mappings.edi.limits import Mode
from mappings.edi.x12.header import Unreadable, read_header
from mappings.edi.xml.lines import read_lines

MOST = 2_000
SEPARATORS = {"x12": ("*", ">"), "edifact": ("+", ":")}


@dataclass(slots=True)
class Shown:
    """One segment, or one element of XML.

    Args:
        number: in its message, from 1; of XML the line.
        tag: of the segment or element.
        text: its elements; of XML its text and attributes.
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
    if is_xml(row["syntax"]):
        return _elements(own, row)
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


def _elements(body: bytes, row: Json) -> list[Shown]:
    shown: list[Shown] = []
    for line in islice(read_lines(io.BytesIO(body), Mode.TOLERANT), MOST):
        if line["what"] == "element":
            attributes = [f"{name}={value}" for name, value in line["attributes"].items()]
            name = "\N{NO-BREAK SPACE}" * 2 * line["depth"] + line["name"]
            shown.append(Shown(line["line"], name, " ".join([line["text"] or "", *attributes]).strip()))
    for problem in row["problems"]:
        at = int(problem.get("line") or 1)
        # The last element that begins at this line or before it.
        found = [each for each in shown if each.number <= at]
        for each in found[-1:] or shown[:1]:
            each.problems.append(problem["text"])
    return shown


def _own(body: bytes, row: Json) -> bytes | None:
    if row["message"]:
        return body
    for judged in judge(body):
        named = is_xml(judged.findings.syntax) or judged.findings.reference == row["interchange_reference"]
        if named and row["position"] < len(judged.bodies):
            return judged.bodies[row["position"]]
    return None


def _text(value: Any, component: str) -> str:
    if isinstance(value, str):
        return value
    return component.join(each if isinstance(each, str) else component.join(each) for each in value)
