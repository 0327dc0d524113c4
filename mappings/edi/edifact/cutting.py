"""From the bytes of an interchange to the texts of its segments, batch by batch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mappings.edi.edifact.characters import BLANK, Delimiters
from mappings.edi.edifact.charsets import Charset, switching_segment
from mappings.edi.edifact.segments import rejoined
from mappings.edi.edifact.source import Window
from mappings.edi.limits import Limits

FIRST_BATCH = 1_024
"""Small at first: what follows the end of a short interchange is cut again with the next one's characters."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some segments.

    Args:
        texts: without their terminators.
        sizes: in bytes, with them.
        bad: places in `texts` whose bytes are not all in the character set, with those bytes.
    """

    texts: Sequence[str]
    sizes: Sequence[int]
    bad: dict[int, bytes]


class Cutter:
    """Cuts one interchange.

    Args:
        window: on the file.
        delimiters: of the interchange.
        charset: of the interchange.
        limits: of a segment's size.
    """

    def __init__(self, window: Window, delimiters: Delimiters, charset: Charset, limits: Limits) -> None:
        self._window = window
        self._charset = charset
        self._limits = limits
        self._size = FIRST_BATCH
        self._terminator = delimiters.terminator
        self._end = delimiters.terminator.encode()
        self._release = delimiters.release
        self._mark = (delimiters.release or "").encode()
        self._breaks = delimiters.breaks
        self._service = delimiters.all.encode()
        self._switching = switching_segment(self._end, self._mark) if charset.switching else None

    def restart(self) -> None:
        """Cut little at once again: the rest of the last batch is not used, and a file may have many such places."""
        self._size = FIRST_BATCH // 16

    def batch(self) -> Batch | None:
        """Return the next whole segments without moving on; None when there is no whole one."""
        while True:
            window = self._window
            if not window.left and not window.more():
                return None
            stop = self._stop(window.data, window.here, min(len(window.data), window.here + self._size))
            if stop < 0:
                stop = self._first(window.data, window.here)
            if stop >= 0:
                self._size = min(self._size * 2, self._limits.chunk)
                return self._cut(window.data[window.here : stop + 1])
            if window.left > self._limits.segment or not window.more():
                return None

    def _stop(self, data: bytes, start: int, end: int) -> int:
        """Return where the last terminator of a stretch is, or that of a UNZ in it; -1 without one."""
        if self._switching is not None:
            return self._first(data, start)
        last = data.find(b"UNZ", start, end)
        if last >= 0:
            found = data.find(self._end, last, end)
            while found >= 0 and self._released(data, start, found):
                found = data.find(self._end, found + 1, end)
            if found >= 0:
                return found
        found = data.rfind(self._end, start, end)
        while found >= 0 and self._released(data, start, found):
            found = data.rfind(self._end, start, found)
        return found

    def _first(self, data: bytes, start: int) -> int:
        """Return where the first terminator is; -1 without one."""
        if self._switching is not None:
            match = self._switching.match(data, start)
            return match.end() - 1 if match else -1
        found = data.find(self._end, start)
        while found >= 0 and self._released(data, start, found):
            found = data.find(self._end, found + 1)
        return found

    def _released(self, data: bytes, start: int, at: int) -> bool:
        """Return whether the character at a place is taken literally."""
        if self._release is None:
            return False
        count, at = 0, at - 1
        breaks, mark = self._breaks.encode(), self._mark[0]
        while at >= start and (data[at] == mark or data[at] in breaks):
            count += data[at] == mark
            at -= 1
        return count % 2 == 1

    def _cut(self, raw: bytes) -> Batch:
        """Return the segments of a stretch that ends with a terminator."""
        charset = self._charset
        odd = charset.outside(raw, self._service)
        if not odd and self._switching is None and (charset.single or raw.isascii()):
            texts = raw.decode(charset.codec).split(self._terminator)
            texts.pop()
            if self._release is not None and self._mark in raw:
                texts = rejoined(texts, self._terminator, self._release, self._breaks)
            return Batch(texts, [len(each) + 1 for each in texts], {})
        pieces = [raw[:-1]] if self._switching is not None else raw.split(self._end)[:-1]
        if self._switching is None and self._mark and self._mark in raw:
            pieces = rejoined(pieces, self._end, self._mark, self._breaks.encode())
        texts, bad = [], {}
        for at, piece in enumerate(pieces):
            try:
                text = piece.decode(charset.codec)
                wrong = charset.outside(piece.lstrip(BLANK), self._service) if odd else b""
            except UnicodeDecodeError as error:
                text = piece.decode(charset.codec, "replace")
                wrong = charset.outside(piece.lstrip(BLANK), self._service) or piece[error.start : error.end]
            texts.append(text)
            if wrong:
                bad[at] = wrong
        return Batch(texts, [len(each) + 1 for each in pieces], bad)


def bare(text: str, breaks: str) -> str:
    """Return a text without the line breaks that are mere layout."""
    return re.sub(f"[{re.escape(breaks)}]", "", text) if breaks else text
