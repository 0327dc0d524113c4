"""Cuts a piece of one interchange, which ends with a terminator, into its segments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from mappings.edi.x12.header import Header, Unreadable
from mappings.edi.x12.segments import Delimiters, Element, Repeated, Segment

BLANKS = " \t\r\n"
MOST_TAGS = 500
"""Tags that are remembered as neither ISA nor IEA; no version has more that are used together."""


class Note(NamedTuple):
    """Something the tokenizer saw: a stable name, TA1's code, a sentence and the segment it saw it at."""

    name: str
    code: str
    text: str
    offset: int
    number: int


@dataclass(slots=True)
class Batch:
    """Segments of one interchange that stand together.

    Args:
        header: of the interchange, with the first batch of it only.
        unreadable: why the bytes at `offset` are no interchange; then there is nothing else.
    """

    segments: list[Segment] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    header: Header | None = None
    unreadable: Unreadable | None = None
    offset: int = 0


class Cutter:
    """The delimiters of one interchange, and what was already noted about it."""

    def __init__(self, delimiters: Delimiters) -> None:
        self.element = delimiters.element
        self.component = delimiters.component
        self.repetition = delimiters.repetition
        self.terminator = delimiters.terminator
        self.lines = delimiters.terminator in BLANKS
        self.separator = delimiters.element.encode("utf-8")
        self.noted: set[str] = set()
        self.usual: set[str] = set()
        self.over = False

    def note(self, batch: Batch, name: str, code: str, text: str, offset: int, number: int) -> None:
        """Note something the first time it is seen in the interchange."""
        if name not in self.noted:
            self.noted.add(name)
            batch.notes.append(Note(name, code, text, offset, number))

    def begins_segment(self, data: bytes, position: int, mark: bytes) -> bool:
        """Whether a segment begins here: behind a terminator or at the very beginning, blanks aside."""
        start = max(position - 64, 0)
        before = data[start:position].rstrip(b" \t\r\n" if not self.lines else b" \t")
        return before.endswith(mark) or (not before and not start)

    def separates(self, data: bytes, position: int) -> bool:
        """Whether an element separator stands here."""
        return data.startswith(self.separator, position)

    def cut(self, piece: bytes, mark: bytes, batch: Batch, offset: int, number: int) -> tuple[int, int]:
        """Append the segments of a piece to the batch.

        Args:
            piece: ends with the terminator, unless the file ends before it.
            offset: of its first byte in the file.
            number: of the last segment before it.

        Returns:
            Bytes used, which are all unless the interchange is over before, and the number of the last segment.
        """
        if piece.isascii():
            return self.cut_ascii(piece.decode("ascii"), batch, offset, number)
        return self.cut_bytes(piece, mark, batch, offset, number)

    def cut_ascii(self, text: str, batch: Batch, offset: int, number: int) -> tuple[int, int]:
        """Cut a piece whose characters are its bytes."""
        start, element, component, repetition = offset, self.element, self.component, self.repetition
        append = batch.segments.append
        # What a piece has none of need not be looked for in each of its segments.
        blank = self.lines or text[:1] <= " " or any(self.terminator + each in text for each in BLANKS)
        careful = blank or "\n" in text or "\r" in text
        divided = component in text or (repetition is not None and repetition in text)
        usual, new = self.usual, Segment.__new__
        for raw in text.split(self.terminator):
            whole = raw
            if careful:
                raw = raw.strip("\r\n")
                if self.lines or raw[:1] <= " " or "\n" in raw or "\r" in raw:
                    raw = self.clean(raw, batch, offset, number)
            if raw:
                elements: list[Element] = raw.split(element)  # type: ignore[assignment]
                tag: str = elements[0]  # type: ignore[assignment]
                if tag not in usual and self.ends(tag):
                    if tag != "IEA":
                        return offset - start, number
                    append(Segment(tag, elements[1:], number + 1, offset))
                    return min(offset - start + len(whole) + 1, len(text)), number + 1
                del elements[0]
                number += 1
                if divided:
                    self.divide(elements)
                # Not by its constructor: the call would cost more than the segment.
                segment = new(Segment)
                segment.tag = tag
                segment.elements = elements
                segment.number = number
                segment.offset = offset
                append(segment)
            elif not self.lines and offset - start < len(text):
                self.note(
                    batch, "empty-segment", "022", "There is a terminator with nothing before it.", offset, number
                )
            offset += len(whole) + 1
        return len(text), number

    def cut_bytes(self, piece: bytes, mark: bytes, batch: Batch, offset: int, number: int) -> tuple[int, int]:
        """Cut a piece with characters beyond ASCII, segment by segment."""
        start = offset
        for raw in piece.split(mark):
            try:
                text = raw.decode("utf-8")
            except UnicodeDecodeError:
                text = raw.decode("latin-1")
                said = "The text is neither ASCII nor UTF-8; it was read as ISO 8859-1."
                self.note(batch, "latin-1", "022", said, offset, number + 1)
            text = self.clean(text, batch, offset, number)
            if text:
                elements: list[Element] = text.split(self.element)  # type: ignore[assignment]
                tag: str = elements[0]  # type: ignore[assignment]
                if tag not in self.usual and self.ends(tag):
                    if tag != "IEA":
                        return offset - start, number
                    batch.segments.append(Segment(tag, elements[1:], number + 1, offset))
                    return min(offset - start + len(raw) + len(mark), len(piece)), number + 1
                del elements[0]
                number += 1
                self.divide(elements)
                batch.segments.append(Segment(tag, elements, number, offset))
            elif not self.lines and offset - start < len(piece):
                self.note(
                    batch, "empty-segment", "022", "There is a terminator with nothing before it.", offset, number
                )
            offset += len(raw) + len(mark)
        return len(piece), number

    def ends(self, tag: str) -> bool:
        """Whether the interchange is over: with its IEA, or where another ISA begins, whatever its separator."""
        self.over = tag == "IEA" or (tag[:3] == "ISA" and (len(tag) == 3 or not tag[3].isalnum()))
        if not self.over and len(self.usual) < MOST_TAGS:
            self.usual.add(tag)
        return self.over

    def clean(self, raw: str, batch: Batch, offset: int, number: int) -> str:
        """Return a segment without what does not belong to it: blanks around it, line ends within.

        A line end between segments is common practice and noted nowhere.
        """
        text = raw.strip("\r\n")
        if self.lines:
            text = text.rstrip(BLANKS)
        stripped = text.lstrip(BLANKS)
        if stripped and len(stripped) < len(text):
            self.note(batch, "blanks-around", "022", "There are blanks around segments.", offset, number + 1)
        if "\n" in stripped or "\r" in stripped:
            self.note(batch, "wrapped", "022", "Lines are wrapped within segments.", offset, number + 1)
            stripped = stripped.replace("\r", "").replace("\n", "")
        return stripped

    def divide(self, elements: list[Element]) -> None:
        """Replace elements with components or repetitions by lists of them."""
        component, repetition = self.component, self.repetition
        for position, value in enumerate(elements):
            if repetition is not None and repetition in value:
                parts = value.split(repetition)  # type: ignore[union-attr]
                elements[position] = Repeated(part.split(component) if component in part else part for part in parts)
            elif component in value:
                elements[position] = value.split(component)  # type: ignore[union-attr]
