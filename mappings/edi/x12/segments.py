"""What the X12 tokenizer yields: segments and the delimiters they were cut with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

BINARY_LENGTH = {"BIN": 1, "BDS": 2}
"""Segments whose last element is bytes -> the element that states how many."""

Value = str | list[str]


class Repeated(list[Value]):
    """The values of a repeated element; each is text, or a list of components."""


Element = str | list[str] | Repeated


class Segment(NamedTuple):
    """One segment; a tuple, because a file has so many of them that making them is a good part of reading it.

    Args:
        tag: such as `BEG`.
        elements: text, a list of components, or `Repeated`; the tag is not among them.
        number: in the file, from 1.
        offset: bytes from the start of the file to its first byte.
    """

    tag: str
    elements: list[Element]
    number: int = 0
    offset: int = 0

    def value(self, element: int, component: int = 1) -> str:
        """Return one value, empty when it is not there; of a repeated element that of the first repetition.

        Args:
            element: from 1.
            component: from 1.
        """
        found: Element = self.elements[element - 1] if element <= len(self.elements) else ""
        if isinstance(found, Repeated):
            found = found[0] if found else ""
        if isinstance(found, list):
            part = found[component - 1] if component <= len(found) else ""
            return part if isinstance(part, str) else ""
        return found if component == 1 else ""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Segment):
            return NotImplemented
        return self.tag == other.tag and self.elements == other.elements

    def __ne__(self, other: object) -> bool:
        return NotImplemented if not isinstance(other, Segment) else not self == other

    def __repr__(self) -> str:
        return f"Segment({self.tag!r}, {self.elements!r})"


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The characters an interchange is cut with.

    Args:
        element: the fourth character of the file.
        component: ISA16.
        terminator: what ends a segment; a line end is the line feed, and a carriage return before it is a blank.
        repetition: ISA11 from version 00402 on, None before.
    """

    element: str = "*"
    component: str = ">"
    terminator: str = "~"
    repetition: str | None = None

    def all(self) -> tuple[str, ...]:
        """Return those in use."""
        every = (self.element, self.component, self.terminator, self.repetition)
        return tuple(each for each in every if each)
