"""A window on the bytes of a file: as much as is needed of it, never the whole."""

from __future__ import annotations

import io
from typing import BinaryIO


class Window:
    """The bytes of a file from a moving offset on.

    Args:
        source: a file that is read to its end, or bytes.
        chunk: bytes read at once.
    """

    def __init__(self, source: BinaryIO | bytes, chunk: int) -> None:
        self._file: BinaryIO = io.BytesIO(source) if isinstance(source, bytes) else source
        self._chunk = chunk
        self._at = 0
        self.data = b""
        self.offset = 0
        self.ended = False

    @property
    def here(self) -> int:
        """Return where in `data` the unread bytes begin."""
        return self._at

    @property
    def left(self) -> int:
        """Return how many unread bytes are at hand."""
        return len(self.data) - self._at

    def more(self) -> bool:
        """Read on; return whether there was anything."""
        if self.ended:
            return False
        found = self._file.read(self._chunk)
        if not found:
            self.ended = True
            return False
        self.data = self.data[self._at :] + found
        self._at = 0
        return True

    def head(self, size: int) -> bytes:
        """Return the next bytes without moving, fewer at the end of the file."""
        while self.left < size and self.more():
            pass
        return self.data[self._at : self._at + size]

    def move(self, size: int) -> None:
        """Go on by some bytes that are at hand."""
        self._at += size
        self.offset += size

    def skip(self, size: int) -> int:
        """Go on by some bytes, whether at hand or not, and return how many there were."""
        done = 0
        while done < size:
            if not self.left and not self.more():
                break
            step = min(self.left, size - done)
            self.move(step)
            done += step
        return done
