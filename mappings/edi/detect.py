"""What kind of EDI a file is, told by how it begins."""

from __future__ import annotations

import re

HEAD = 65_536
"""Bytes that are looked at."""
AROUND = b"\xef\xbb\xbf \t\r\n\x00\x1a"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
FIRST = (
    ("edifact", re.compile(rb"UN[ABGH][^A-Za-z0-9]|UIB\+")),
    ("x12", re.compile(rb"ISA[^A-Za-z0-9]")),
    ("tradacoms", re.compile(rb"STX[=+]")),
)
INSIDE = (
    ("edifact", re.compile(rb"UNB[\r\n]*\+UNO[A-Z]|UNA[^A-Za-z0-9\x80-\xff]{6}[\r\n]*UNB")),
    ("x12", re.compile(rb"ISA([^A-Za-z0-9 ])[0-9]{2}\1")),
)
"""What tells the kind of a file that has something else in front."""
XML = (
    ("ubl", re.compile(rb"[\"']urn:oasis:names:specification:ubl:schema:xsd:")),
    ("cxml", re.compile(rb"<cXML[\s>/]|<!DOCTYPE\s+cXML\s")),
)
"""What tells the kind of a file that begins as XML."""


def detect(head: bytes) -> str | None:
    """Return `edifact`, `x12`, `tradacoms`, `ubl`, `cxml` or, for other XML, `xml`; None for what is none of them.

    Args:
        head: the first bytes of a file, HEAD of them or all.
    """
    if head.startswith(UTF_16):
        head = head.decode("utf-16", "ignore").encode("utf-8", "ignore")
    begin = head.lstrip(AROUND)
    if begin.startswith(b"<"):
        return next((name for name, pattern in XML if pattern.search(begin)), "xml")
    for name, pattern in FIRST:
        if pattern.match(begin):
            return name
    for name, pattern in INSIDE:
        if pattern.search(head):
            return name
    return None
