"""Cuts X12 into segments, in pieces of a file that are small whatever its size.

A piece of plain ASCII, which nearly all are, is cut as one text; in others each segment is decoded by itself, so that
offsets stay those of bytes. `BIN` and `BDS` carry bytes of a stated length, in which delimiters mean nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mappings.edi.x12.cutting import Batch, Cutter, Note
from mappings.edi.x12.header import LONGEST, Unreadable, decoded, read_header
from mappings.edi.x12.segments import BINARY_LENGTH, Delimiters, Element, Segment
from mappings.edi.x12.source import Readable, Window

BINARY = re.compile(rb"BIN|BDS")
ANOTHER = re.compile(
    rb"ISA([^A-Za-z0-9\s])..\1.{10}\1..\1.{10}\1..\1.{15}\1..\1.{15}\1[0-9]{6}\1[0-9]{4}\1.\1[0-9]{5}\1[0-9]{9}\1",
    re.DOTALL,
)
"""An ISA whose fields all have their width."""
DIGITS = re.compile(r"[0-9]{1,9}\Z")
MAX_SEGMENT = 1 << 20
MOST_UNREAD = 20
"""So many starts of interchanges in a row that cannot be read have a fault of their own."""


class Tokenizer:
    """Reads a file once, from its beginning to its end.

    Args:
        max_segment: bytes of the longest segment; a longer one is left out.
    """

    def __init__(self, source: bytes | Readable, *, max_segment: int = MAX_SEGMENT) -> None:
        self.window = Window(source)
        self.max_segment = max_segment
        self.number = 0

    def __iter__(self) -> Iterator[Batch]:
        """Yield the batches of all interchanges; text around them is noted."""
        ahead: list[Note] = []
        unread = 0
        while True:
            self.skip(ahead)
            if not self.window.fill(3):
                break
            if not self.window.data.startswith(b"ISA"):
                ahead.append(Note("text-outside", "022", "There is text outside of any interchange.", *self.here()))
                if not self.window.seek(b"ISA"):
                    break
                continue
            self.window.fill(LONGEST)
            offset = self.window.base
            try:
                header = read_header(self.window.data[:LONGEST])
            except Unreadable as error:
                yield Batch(notes=ahead, unreadable=error, offset=offset)
                ahead, unread = [], unread + 1
                self.window.drop(3)
                if unread < MOST_UNREAD:
                    if not self.window.seek(b"ISA"):
                        return
                    continue
                offset, passed, more = self.window.base, *self.pass_over()
                if passed:
                    text = f"{passed:,} more places begin like an interchange and are none."
                    yield Batch(unreadable=Unreadable("022", text), offset=offset)
                if not more:
                    return
                continue
            self.number, unread = self.number + 1, 0
            isa = Segment("ISA", list(header.fields), self.number, offset)
            odd = [Note(*each, offset, self.number) for each in header.oddities]
            yield Batch([isa], ahead + odd, header, offset=offset)
            ahead = []
            self.window.drop(header.length)
            yield from self.body(header.delimiters)
        if ahead or not self.number:
            yield Batch(notes=ahead, offset=self.window.base)

    def pass_over(self) -> tuple[int, bool]:
        """Go on to the next ISA that can be read; return how many could not, and whether there is one.

        A short file of nothing but ISA would otherwise have more faults than bytes.
        """
        passed = 0
        while self.window.seek(b"ISA"):
            self.window.fill(LONGEST)
            try:
                read_header(self.window.data[:LONGEST])
            except Unreadable:
                passed += 1
                self.window.drop(3)
            else:
                return passed, True
        return passed, False

    def here(self) -> tuple[int, int]:
        """Return offset and number of the segment that would begin here."""
        return self.window.base, self.number + 1

    def skip(self, notes: list[Note]) -> None:
        """Forget a byte order mark and the blanks before an interchange."""
        self.window.fill(3)
        if self.window.data.startswith(b"\xef\xbb\xbf"):
            notes.append(Note("byte-order-mark", "022", "The file begins with a byte order mark.", *self.here()))
            self.window.drop(3)
        while self.window.data or self.window.more():
            rest = self.window.data.lstrip(b" \t\r\n\x00\x1a")
            if rest and len(rest) < len(self.window.data) and not self.number:
                notes.append(Note("blanks-ahead", "022", "There are blanks before ISA.", *self.here()))
            self.window.drop(len(self.window.data) - len(rest))
            if rest:
                return

    def body(self, delimiters: Delimiters) -> Iterator[Batch]:
        """Yield the batches from behind ISA to IEA, or to where the next ISA begins, or to the end of the file."""
        mark = delimiters.terminator.encode("utf-8")
        if len(mark) > 1 and mark not in self.window.data and delimiters.terminator.encode("latin-1", "ignore"):
            mark = delimiters.terminator.encode("latin-1")
        cutter = Cutter(delimiters)
        while True:
            beyond = self.next_header()
            end = self.window.data.rfind(mark, 0, beyond)
            if end < 0 and beyond is None:
                if len(self.window.data) > self.max_segment:
                    yield self.too_long(mark)
                    continue
                if self.window.more():
                    continue
            batch = Batch(offset=self.window.base)
            stop = end + len(mark)
            if end < 0:
                stop = len(self.window.data) if beyond is None else beyond
                if self.window.data[:stop].strip():
                    text = "The last segment has no terminator."
                    batch.notes.append(Note("unterminated", "023", text, *self.here()))
            left = len(self.window.data) - stop
            done = self.cut(cutter, batch, stop, mark)
            yield batch
            # What is left is more than what was not to be cut when a binary segment stood there.
            if done or (end < 0 and len(self.window.data) <= left):
                return
            if beyond is None:
                self.window.more()

    def next_header(self) -> int | None:
        """Return where in the window the next proper ISA begins, if one is there.

        An interchange whose own ISA was damaged may have no terminator at all; it must not swallow the next one.
        """
        found = ANOTHER.search(self.window.data) if b"ISA" in self.window.data else None
        return found.start() if found else None

    def too_long(self, mark: bytes) -> Batch:
        """Leave out a segment that does not end soon enough."""
        offset, number = self.here()
        self.number += 1
        text = f"A segment is longer than {self.max_segment:,} bytes and was left out."
        if self.window.seek(mark):
            self.window.drop(len(mark))
        return Batch(notes=[Note("segment-too-long", "004", text, offset, number)], offset=offset)

    def cut(self, cutter: Cutter, batch: Batch, stop: int, mark: bytes) -> bool:
        """Cut the window up to `stop` into the batch and forget it; True where the interchange is over.

        Binary segments are taken out first: what stands before them is cut, and then they are, by their length.
        """
        data = self.window.data
        binary = next(
            (
                found
                for found in BINARY.finditer(data, 0, stop)
                if cutter.begins_segment(data, found.start(), mark) and cutter.separates(data, found.end())
            ),
            None,
        )
        piece = self.window.drop(binary.start() if binary else stop)
        used, self.number = cutter.cut(piece, mark, batch, self.window.base - len(piece), self.number)
        if used < len(piece):
            self.window.data, self.window.base = piece[used:] + self.window.data, self.window.base - len(piece) + used
            return True
        if cutter.over:
            return True
        if binary:
            self.binary(cutter, batch, mark)
        return False

    def binary(self, cutter: Cutter, batch: Batch, mark: bytes) -> None:
        """Take a segment that ends with as many bytes as it states; a wrong number makes it an ordinary one."""
        separator = cutter.separator
        self.window.fill(64)
        tag = self.window.data[:3].decode("ascii")
        fields = self.window.data[:64].split(separator)
        position = BINARY_LENGTH[tag]
        stated = decoded(fields[position]) if len(fields) > position + 1 else ""
        start = sum(len(each) + len(separator) for each in fields[: position + 1])
        offset, number = self.here()
        if (
            DIGITS.match(stated)
            and int(stated) <= self.max_segment
            and self.window.fill(start + int(stated) + len(mark))
        ):
            stop = start + int(stated)
            if self.window.data[stop : stop + len(mark)] == mark:
                self.number += 1
                values: list[Element] = [decoded(each) for each in fields[1 : position + 1]]
                values.append(self.window.data[start:stop].decode("latin-1"))
                batch.segments.append(Segment(tag, values, number, offset))
                self.window.drop(stop + len(mark))
                return
        text = f"{tag} does not end after the {stated or 'unstated number of'} bytes it states."
        batch.notes.append(Note("binary-length", "022", text, offset, number))
        while (end := self.window.data.find(mark)) < 0:
            if not self.window.more():
                end = len(self.window.data)
                break
        piece = self.window.drop(end + len(mark))
        _, self.number = cutter.cut(piece, mark, batch, offset, self.number)
