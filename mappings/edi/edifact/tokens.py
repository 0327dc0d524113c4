"""The tokenizer: bytes of any number of interchanges to pydifact segments, in memory that does not grow."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import BinaryIO

from mappings.edi.edifact.characters import BLANK, DEFAULT
from mappings.edi.edifact.charsets import FALLBACK
from mappings.edi.edifact.checks import STARTERS, opens, outside, read_tag, too_many
from mappings.edi.edifact.cutting import Batch, Cutter, bare
from mappings.edi.edifact.findings import Finding, Weight
from mappings.edi.edifact.opening import Opening, opening, to_start
from mappings.edi.edifact.segments import ReadSegment, splitter
from mappings.edi.edifact.source import Window
from mappings.edi.faults import shown
from mappings.edi.limits import Limits

AROUND = BLANK.decode()
LAYOUTS = 16
"""Kinds of blanks that are remembered as already spoken of."""
DIGITS = 12


class Tokenizer:
    """Reads segments one after the other.

    Args:
        source: a file opened for bytes, or bytes.
        limits: of what a file may take.
    """

    def __init__(self, source: BinaryIO | bytes, limits: Limits) -> None:
        self._window = Window(source, limits.chunk)
        self._limits = limits
        self._number = 0
        self._tags: set[str] = set()
        self._said: set[str] = set()
        self.opening = Opening(DEFAULT, FALLBACK, "3", announced=False)

    def segments(self) -> Iterator[ReadSegment | Finding]:
        """Yield segments, and among them what is wrong with their text; `opening` tells how they are written."""
        window = self._window
        while True:
            yield from to_start(window, self._number)
            if not window.left:
                return
            self._said.clear()
            for each in opening(window):
                if isinstance(each, Opening):
                    self.opening = each
                else:
                    yield replace(each, number=self._number + 1, tag="UNB")
            yield from self._interchange()

    def _interchange(self) -> Iterator[ReadSegment | Finding]:
        """Yield the segments up to UNZ, the next UNA or UNB, or the end of the file."""
        window = self._window
        cutter = Cutter(window, self.opening.delimiters, self.opening.charset, self._limits)
        first = True
        while True:
            batch = cutter.batch()
            if batch is None:
                if window.left > self._limits.segment:
                    yield self._too_long()
                    continue
                yield from self._rest()
                return
            end = self._window.offset + sum(batch.sizes)
            done = yield from self._batch(batch, first)
            first = False
            if done:
                return
            if self._window.offset < end:
                # An object came in the middle of it.
                cutter.restart()

    def _batch(self, batch: Batch, first: bool) -> Generator[ReadSegment | Finding, None, bool]:
        """Yield the segments of a batch and move behind them; return whether the interchange is over."""
        tags, said, most, bad = self._tags, self._said, self._limits.elements, batch.bad
        split, breaks = splitter(self.opening.delimiters), self.opening.delimiters.breaks
        carriage, newline = "\r" in breaks, "\n" in breaks
        make, new = ReadSegment, ReadSegment.__new__
        number, at = self._number, self._window.offset
        nesting: tuple[str, ...] = ()
        for index, (text, size) in enumerate(zip(batch.texts, batch.sizes, strict=True)):
            offset = at
            at += size
            if not text or text[0] < "!":
                kept = text.lstrip(AROUND)
                removed = text[: len(text) - len(kept)]
                if not kept or removed not in said:
                    yield self._layout(removed, kept, offset)
                if not kept:
                    continue
                offset += len(removed)
                text = kept
            if (newline and "\n" in text) or (carriage and "\r" in text):
                text = bare(text, breaks)
                yield Finding(
                    Weight.LAYOUT, "wrapped", "21", "Lines are broken inside segments.", offset, number + 1, text[:3]
                )
            elements = split(text)
            tag = elements.pop(0)
            number += 1
            if type(tag) is not str or tag not in tags:
                if not first and opens(tag, text):
                    self._to(number - 1, offset)
                    return True
                name, nesting, wrong = read_tag(tag, text, self._limits.nesting)
                if wrong is not None:
                    yield replace(wrong, offset=offset, number=number)
                if name is None:
                    continue
                tag = name
                if not nesting and tag not in STARTERS:
                    tags.add(tag)
            segment = new(make)
            segment.tag = tag
            segment.elements = elements
            segment.number = number
            segment.offset = offset
            segment.end = at
            if nesting:
                segment.nest(nesting)
                nesting = ()
            if index in bad:
                yield outside(segment, bad[index], self.opening.charset)
            if size > most and too_many(elements, most):
                yield Finding(
                    Weight.MESSAGE,
                    "too-many",
                    "16",
                    f"The segment has more than {most} elements, or one of its elements more than {most} parts.",
                    offset,
                    number,
                    tag,
                )
            first = False
            yield segment
            if tag == "UNZ" or tag == "UNO":
                self._to(number, at)
                if tag == "UNO":
                    self._skip_object(segment)
                return tag == "UNZ"
        self._to(number, at)
        return False

    def _to(self, number: int, offset: int) -> None:
        """Go to a place that is at hand."""
        self._number = number
        self._window.move(offset - self._window.offset)

    def _layout(self, removed: str, kept: str, offset: int) -> Finding:
        """Return what is said of blanks before a segment, or of nothing but blanks."""
        if not kept:
            return Finding(
                Weight.LAYOUT, "empty-segment", "13", "There is a segment terminator without a segment.", offset
            )
        if len(self._said) < LAYOUTS:
            self._said.add(removed)
        if removed.strip("\r\n"):
            return Finding(Weight.LAYOUT, "blanks", "21", "There are blanks between segments.", offset)
        return Finding(Weight.LAYOUT, "line-ends", "21", "There are line breaks between segments.", offset)

    def _too_long(self) -> Finding:
        """Pass over a segment that is longer than any may be, up to the next terminator."""
        window, end = self._window, self.opening.delimiters.terminator.encode()
        offset = window.offset
        window.move(window.left)
        while window.more():
            found = window.data.find(end, window.here)
            if found >= 0:
                window.move(found + 1 - window.here)
                break
            window.move(window.left)
        self._number += 1
        return Finding(
            Weight.MESSAGE,
            "segment-too-long",
            "39",
            f"A segment is longer than {self._limits.segment} bytes; it was passed over.",
            offset,
            self._number,
            counted=True,
        )

    def _rest(self) -> Iterator[ReadSegment | Finding]:
        """Yield what stands at the end of the file behind the last terminator."""
        window, delimiters = self._window, self.opening.delimiters
        offset, raw = window.offset, window.head(window.left)
        window.move(len(raw))
        kept = raw.lstrip(BLANK)
        text = bare(kept.decode(self.opening.charset.codec, "replace"), delimiters.breaks).rstrip(AROUND)
        if not text:
            return
        offset += len(raw) - len(kept)
        self._number += 1
        tag, *elements = splitter(delimiters)(text)
        if tag == "UNZ":
            yield Finding(
                Weight.SMALL, "unterminated", "13", "The last segment is not terminated.", offset, self._number, "UNZ"
            )
            yield ReadSegment(tag, elements, self._number, offset, window.offset)
            return
        yield Finding(
            Weight.INTERCHANGE,
            "truncated",
            "13",
            "The file ends in the middle of a segment.",
            offset,
            self._number,
            value=shown(text),
        )

    def _skip_object(self, segment: ReadSegment) -> None:
        """Pass over the object of a package; its length is 0810 of S022."""
        size = segment.value(4)
        if size.isdecimal() and len(size) <= DIGITS:
            self._window.skip(int(size))
