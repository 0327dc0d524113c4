"""A window over a file: bytes are read as they are needed and forgotten once they are cut."""

from __future__ import annotations

import io
from typing import Protocol

CHUNK = 1 << 12
"""Bytes read at once: few enough that what is cut of them is let go before Python's garbage collector walks it."""


class Readable(Protocol):
    """A binary file."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; none at the end."""


class Window:
    """The bytes of a source that are not yet cut.

    Args:
        source: all bytes, or a binary file.
    """

    def __init__(self, source: bytes | Readable) -> None:
        self.file = io.BytesIO(source) if isinstance(source, bytes) else source
        self.data = b""
        self.base = 0
        self.ended = False

    def more(self) -> bool:
        """Read a chunk; False at the end of the file."""
        found = b"" if self.ended else self.file.read(CHUNK)
        self.ended = not found
        self.data += found
        return not self.ended

    def fill(self, size: int) -> bool:
        """Read until `size` bytes are there; False when the file has fewer."""
        while len(self.data) < size:
            if not self.more():
                return False
        return True

    def drop(self, size: int) -> bytes:
        """Return the first bytes and forget them."""
        found, self.data = self.data[:size], self.data[size:]
        self.base += len(found)
        return found

    def seek(self, mark: bytes) -> bool:
        """Forget everything before `mark`; False when it does not come again, and then all is forgotten."""
        while True:
            found = self.data.find(mark)
            if found >= 0:
                self.drop(found)
                return True
            self.drop(max(len(self.data) - len(mark) + 1, 0))
            if not self.more():
                self.drop(len(self.data))
                return False
