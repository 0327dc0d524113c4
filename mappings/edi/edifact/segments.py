"""Segments as they were read, and the cutting of their text into elements, repetitions and components."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, AnyStr

from pydifact import Segment

from mappings.edi.edifact.characters import Delimiters

Parts = list[Any]
"""Of each element its text, a list of components, or `Repeated`."""


class Repeated(list[Any]):
    """The repetitions of one element, each a text or a list of components; pydifact has no such thing."""


class ReadSegment(Segment):  # type: ignore[no-untyped-call]
    """A pydifact segment with its place in the file.

    Args:
        tag: three letters or digits.
        elements: texts, lists of components and `Repeated`.
        number: of the segment in the file, from 1.
        offset: of its first byte in the file.
        end: offset behind its terminator.
    """

    __omitted__ = True
    __slots__ = ("elements", "end", "number", "offset", "tag")
    __hash__ = None  # type: ignore[assignment]
    tag: str
    elements: Parts
    number: int
    offset: int
    end: int

    def __init__(self, tag: str, elements: Parts, number: int = 0, offset: int = 0, end: int = 0) -> None:
        # pydifact's own constructor checks and warns; that was done, and it would be half of the reading time.
        self.tag, self.elements, self.number, self.offset, self.end = tag, elements, number, offset, end

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Segment) and self.tag == other.tag and self.elements == list(other.elements)

    @property
    def nesting(self) -> tuple[str, ...]:
        """Return the explicit indication of nesting behind the tag; empty for almost all."""
        found: tuple[str, ...] = self.__dict__.get("nesting", ())
        return found

    def nest(self, indices: Iterable[str]) -> None:
        """Keep the explicit indication of nesting."""
        self.__dict__["nesting"] = tuple(indices)

    def value(self, element: int, component: int = 1) -> str:
        """Return one value, empty when it is not there; of a repeated element that of the first repetition.

        Args:
            element: from 1.
            component: from 1.
        """
        found = self.elements[element - 1] if element <= len(self.elements) else ""
        if isinstance(found, Repeated):
            found = found[0]
        if isinstance(found, list):
            found = found[component - 1] if component <= len(found) else ""
        elif component > 1:
            found = ""
        return str(found)


def rejoined(pieces: list[AnyStr], separator: AnyStr, release: AnyStr, breaks: AnyStr) -> list[AnyStr]:
    """Return the pieces of a split, those put together again between which the separator was released.

    Args:
        pieces: of the split.
        separator: they were split by.
        release: the release character.
        breaks: line breaks, which may stand between release and separator.
    """
    skipped = release + breaks
    found: list[AnyStr] = []
    open_: list[AnyStr] = []
    for piece in pieces:
        tail = piece[len(piece.rstrip(skipped)) :]
        if tail.count(release) & 1:
            open_.append(piece)
        elif open_:
            open_.append(piece)
            found.append(separator.join(open_))
            open_ = []
        else:
            found.append(piece)
    if open_:
        found.append(separator.join(open_))
    return found


def splitter(delimiters: Delimiters) -> Callable[[str], Parts]:
    """Return what cuts the text of a segment into its tag and its elements.

    Trailing empty components are dropped and a composite of one component is its text, as pydifact reads them.
    """
    element, component = delimiters.element, delimiters.component
    release, repetition = delimiters.release, delimiters.repetition
    released = released_splitter(delimiters) if release else None

    def composite(text: str) -> Any:
        found = text.split(component)
        while len(found) > 1 and not found[-1]:
            found.pop()
        return found if len(found) > 1 else found[0]

    def split(text: str) -> Parts:
        if released is not None and release in text:  # type: ignore[operator]
            return released(text)
        parts: Parts = text.split(element)
        if repetition is not None and repetition in text:
            return [
                Repeated(composite(one) for one in part.split(repetition)) if repetition in part else composite(part)
                for part in parts
            ]
        if component in text:
            return [
                part if component not in part else part.split(component) if part[-1] != component else composite(part)
                for part in parts
            ]
        return parts

    return split


def released_splitter(delimiters: Delimiters) -> Callable[[str], Parts]:
    """Return what cuts a segment in which something is released."""
    release = delimiters.release
    assert release is not None
    literal = re.compile(re.escape(release) + "(.)", re.DOTALL)

    def cut(text: str, separator: str) -> list[str]:
        return rejoined(text.split(separator), separator, release, "") if separator in text else [text]

    def composite(text: str) -> Any:
        found = cut(text, delimiters.component)
        while len(found) > 1 and not found[-1]:
            found.pop()
        values = [literal.sub(r"\1", each) for each in found]
        return values if len(values) > 1 else values[0]

    def element(text: str) -> Any:
        times = cut(text, delimiters.repetition) if delimiters.repetition else [text]
        return Repeated(composite(each) for each in times) if len(times) > 1 else composite(text)

    return lambda text: [element(each) for each in cut(text, delimiters.element)]
