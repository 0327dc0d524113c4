"""Looks at one segment: its tag, its characters, its size."""

from __future__ import annotations

import re
from typing import Any

from mappings.edi.edifact.charsets import Charset
from mappings.edi.edifact.findings import Finding, Weight
from mappings.edi.edifact.segments import Parts, ReadSegment, Repeated
from mappings.edi.faults import shown

STARTERS = ("UNB", "UIB")
"""Tags that begin an interchange, whatever was open."""
TAG = re.compile(r"(?=[0-9]*[A-Z])[A-Z0-9]{3}\Z")
ADVICE = re.compile(r"UNA[^A-Za-z0-9]{5}")


def opens(tag: Any, text: str) -> bool:
    """Return whether a segment is the beginning of another interchange.

    Args:
        tag: as it was cut.
        text: of the whole segment.
    """
    return tag in STARTERS or ADVICE.match(text) is not None


def read_tag(tag: Any, text: str, deepest: int) -> tuple[str | None, tuple[str, ...], Finding | None]:
    """Return a tag, its indication of nesting, and what is wrong; None for what is no tag.

    Args:
        tag: as it was cut: a text, or a list when an indication of nesting follows.
        text: of the whole segment.
        deepest: indices that an indication of nesting may have.
    """
    name, *nesting = tag if isinstance(tag, list) and not isinstance(tag, Repeated) else [tag]
    if not isinstance(name, str) or not TAG.match(name) or name == "UNA":
        return (
            None,
            (),
            Finding(
                Weight.MESSAGE,
                "tag",
                "12",
                f"{shown(text[:3])!r} is no segment tag: one has three capital letters or digits.",
                0,
                value=shown(text),
                counted=True,
            ),
        )
    if len(nesting) > deepest:
        return (
            name,
            (),
            Finding(
                Weight.MESSAGE,
                "nesting",
                "34",
                f"The segment tag has {len(nesting)} indications of nesting; there may be {deepest}.",
                0,
                tag=name,
            ),
        )
    return name, tuple(nesting), None


def outside(segment: ReadSegment, wrong: bytes, charset: Charset) -> Finding:
    """Return what is said of characters that a character set does not have.

    Args:
        segment: they are in.
        wrong: their bytes.
        charset: of the interchange.
    """
    hard = wrong.translate(None, charset.tolerable)
    first = (hard or wrong)[:1]
    text = first.decode(charset.codec, "replace")
    element, component = _find(segment.elements, text)
    name = (
        f"character {text!r}" if text.isprintable() and text != "\N{REPLACEMENT CHARACTER}" else f"byte {first[0]:#04x}"
    )
    return Finding(
        Weight.MESSAGE if hard else Weight.SMALL,
        "charset",
        "21",
        f"The {name} is not in the character set {charset.name}, which the interchange announces.",
        segment.offset,
        segment.number,
        segment.tag,
        element,
        component,
        value=shown(segment.value(element, component or 1)) if element else None,
    )


def _find(elements: Parts, text: str) -> tuple[int | None, int | None]:
    for at, element in enumerate(elements, 1):
        if isinstance(element, str):
            if text in element:
                return at, None
            continue
        for part, component in enumerate(element, 1):
            if any(text in each for each in ([component] if isinstance(component, str) else component)):
                return at, None if isinstance(element, Repeated) else part
    return None, None


def too_many(elements: Parts, most: int) -> bool:
    """Return whether a segment has more elements, or one of them more parts, than may be."""
    return len(elements) > most or any(len(each) > most for each in elements if not isinstance(each, str))
