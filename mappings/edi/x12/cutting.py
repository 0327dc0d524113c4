"""Cuts a piece of one interchange, which ends with a terminator, into its segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, compress, count, repeat
from operator import add
from typing import Any, NamedTuple

from mappings.edi.x12.header import Header, Unreadable
from mappings.edi.x12.segments import Delimiters, Element, Repeated, Segment

BLANKS = " \t\r\n"
# What a named tuple's own `_make` does, without its call of Python.
MADE: Callable[[Iterable[Any]], Segment] = partial(tuple.__new__, Segment)
ENVELOPE = frozenset({"ISA", "GS", "ST", "SE", "GE", "IEA"})


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
        envelope: which of the segments, from 0, open or close a level.
    """

    segments: list[Segment] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    header: Header | None = None
    unreadable: Unreadable | None = None
    offset: int = 0
    envelope: list[int] = field(default_factory=list)


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
        divided = ending = True
        offsets: Iterable[int]
        if piece.isascii():
            text = piece.decode("ascii")
            # What a piece has none of need not be looked for in each of its segments.
            divided = self.component in text or (self.repetition is not None and self.repetition in text)
            ending = "ISA" in text
            texts = text.split(self.terminator)
            if not texts[-1]:
                texts.pop()
            if self.is_tidy(text, texts):
                offsets = map(add, accumulate(map(len, texts), initial=offset), count())
            else:
                texts, offsets = self.tidied(texts, batch, offset, number, 1)
        else:
            pieces = piece.split(mark)
            if not pieces[-1]:
                pieces.pop()
            texts, offsets = self.tidied(pieces, batch, offset, number, len(mark))
        # What is done with every segment is left to the interpreter's own loops, which are twice as fast as ours.
        rows: list[list[Element]] = [each.split(self.element) for each in texts]  # type: ignore[misc]
        tags: list[str] = list(map(list.pop, rows, repeat(0)))  # type: ignore[arg-type]
        used = len(piece)
        envelope = list(compress(count(), map(ENVELOPE.__contains__, tags)))
        end = next((at for at in (range(len(tags)) if ending else envelope) if ends(tags[at])), None)
        if end is not None:
            self.over, offsets = True, list(offsets)
            stop = end + (tags[end] == "IEA")
            used = min(offsets[stop] - offset, used)
            del rows[stop:], tags[stop:]
        if divided:
            # A damaged IEA is shown as it stands.
            for row in rows[:end]:
                self.divide(row)
        before = len(batch.segments)
        batch.envelope += [before + at for at in envelope if at < len(tags)]
        batch.segments += map(MADE, zip(tags, rows, count(number + 1), offsets))
        return used, number + len(tags)

    def is_tidy(self, text: str, texts: list[str]) -> bool:
        """Whether nothing but segments stands between the terminators of a piece."""
        if self.lines or text[:1] <= " " or "\n" in text or "\r" in text or "\t" in text or "" in texts:
            return False
        # A character is found many times as fast as two.
        return " " not in text or self.terminator + " " not in text

    def tidied(
        self, raws: Sequence[str | bytes], batch: Batch, offset: int, number: int, width: int
    ) -> tuple[list[str], list[int]]:
        """Return the segments among what stands between terminators, up to the end of the interchange.

        Args:
            width: bytes of a terminator.

        Returns:
            The segments, and their offsets with that of what comes after them.
        """
        texts: list[str] = []
        offsets: list[int] = []
        for raw in raws:
            at = number + len(texts)
            text = self.clean(raw if isinstance(raw, str) else self.decoded(raw, batch, offset, at), batch, offset, at)
            if text:
                texts.append(text)
                offsets.append(offset)
            elif not self.lines:
                said = "There is a terminator with nothing before it."
                self.note(batch, "empty-segment", "022", said, offset, at)
            offset += len(raw) + width
            if text[:3] in ("ISA", "IEA") and ends(text.partition(self.element)[0]):
                break
        return texts, [*offsets, offset]

    def decoded(self, raw: bytes, batch: Batch, offset: int, number: int) -> str:
        """Return the text of a segment with characters beyond ASCII."""
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            said = "The text is neither ASCII nor UTF-8; it was read as ISO 8859-1."
            self.note(batch, "latin-1", "022", said, offset, number + 1)
            return raw.decode("latin-1")

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


def ends(tag: str) -> bool:
    """Whether an interchange is over: with its IEA, or where another ISA begins, whatever its separator."""
    return tag == "IEA" or (tag[:3] == "ISA" and (len(tag) == 3 or not tag[3].isalnum()))
