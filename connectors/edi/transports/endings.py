"""Whether an EDI file has its end: an interchange that was opened must be closed by its last segment."""

from __future__ import annotations

import re

OPENS = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:UNA|UNB|ISA)")
CLOSES = re.compile(rb"(?:UNZ|IEA)[^A-Za-z0-9].{0,64}\Z", re.DOTALL)
# Bytes at either end that are enough to see it.
SEEN = 256


def has_end(head: bytes, tail: bytes) -> bool:
    """Return whether a file is whole, by its first and last bytes; only EDIFACT and X12 files can tell."""
    if not OPENS.match(head):
        return True
    return CLOSES.search(tail.rstrip(b"\r\n\t \x00\x1a")) is not None
