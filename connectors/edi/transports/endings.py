"""Whether an EDI file has its end: what its first bytes open must be closed by its last segment or element."""

from __future__ import annotations

import re

OPENS = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:UNA|UNB|ISA)")
CLOSES = re.compile(rb"(?:UNZ|IEA)[^A-Za-z0-9].{0,64}\Z", re.DOTALL)
XML = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*<")
ROOT = re.compile(rb"<([A-Za-z_][A-Za-z0-9_.:-]*)")
# Bytes at either end that are enough to see it.
SEEN = 256


def has_end(head: bytes, tail: bytes) -> bool:
    """Return whether a file is whole, by its first and last bytes; only EDIFACT, X12 and XML files can tell."""
    end = tail.rstrip(b"\r\n\t \x00\x1a")
    if XML.match(head):
        root = ROOT.search(head)
        closes = [b">"] if root is None else [b"</" + root[1] + b">", b"/>", b"-->", b"?>"]
        return end.endswith(tuple(closes))
    return not OPENS.match(head) or CLOSES.search(end) is not None
