"""What a reader of EDIFACT, X12 or XML found wrong, with its place, the standard's code and a sentence for a clerk.

Readers yield faults among their events and go on; they raise nothing for what a partner sent. A fault that `rejects` a
level takes that level away and leaves its siblings alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

SHOWN = 40


class Kind(StrEnum):
    """How much a fault matters."""

    ERROR = "error"
    # Read as if it were right because the reader is tolerant; the same thing is an error to a strict one.
    TOLERANCE = "tolerance"
    # A rule of the partner's country or network advises against it; nothing is rejected.
    WARNING = "warning"


class Level(StrEnum):
    """What a fault takes away."""

    INTERCHANGE = "interchange"
    GROUP = "group"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file something is; what does not apply is None.

    Args:
        offset: bytes from the start of the file to the segment's first byte; in XML to the document's.
        number: of the segment in the file, from 1; UNA counts as no segment.
        tag: of the segment.
        interchange: control reference (UNB 0020, ISA13).
        group: control reference (UNG 0048, GS06).
        message: reference (UNH 0062, ST02).
        position: of the segment in its message, UNH or ST being 1, as acknowledgements count.
        element: from 1; the tag is not counted.
        component: of a composite, from 1.
        repetition: of a repeated element, from 1.
        line: of an XML file, from 1.
        path: XPath of an element of XML.
    """

    offset: int
    number: int | None = None
    tag: str | None = None
    interchange: str | None = None
    group: str | None = None
    message: str | None = None
    position: int | None = None
    element: int | None = None
    component: int | None = None
    repetition: int | None = None
    line: int | None = None
    path: str | None = None


PLACE = tuple(each.name for each in fields(Place))


@dataclass(frozen=True, slots=True)
class EdiFault:
    """One fault.

    Args:
        kind: error or tolerance.
        name: stable short word such as `count-wrong`, the same in both syntaxes where the fault is the same.
        code: the standard's own code (EDIFACT 0085; X12 715, 717, 718, 720, 723 or I18), None where it has none.
        text: a sentence that a clerk understands.
        place: where.
        rejects: the level that is rejected by it; None for tolerances.
        value: what was found there, shortened.
    """

    kind: Kind
    name: str
    code: str | None
    text: str
    place: Place
    rejects: Level | None = None
    value: str | None = None

    def public(self) -> dict[str, Any]:
        """Return the fault as JSON fields; parts of the place that do not apply are left out."""
        where = {name: value for name in PLACE if (value := getattr(self.place, name)) is not None}
        return {
            "kind": str(self.kind),
            "name": self.name,
            "code": self.code,
            "text": self.text,
            "rejects": self.rejects and str(self.rejects),
            "value": self.value,
            "place": where,
        }


def shown(value: str) -> str:
    """Return a value as a fault shows it: printable and short."""
    text = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in value[: SHOWN + 1])
    return text if len(value) <= SHOWN else f"{text[:SHOWN]}…"
