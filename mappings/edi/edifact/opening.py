"""How interchanges begin: UNA, UNB, and what stands before them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mappings.edi.edifact.characters import (
    BLANK,
    DEFAULT,
    DEFAULT_4,
    INFORMATION_SEPARATORS,
    UNA_SIZE,
    Delimiters,
    from_una,
)
from mappings.edi.edifact.charsets import CHARSETS, FALLBACK, Charset
from mappings.edi.edifact.cutting import bare
from mappings.edi.edifact.findings import Finding, Weight
from mappings.edi.edifact.segments import splitter
from mappings.edi.edifact.source import Window
from mappings.edi.faults import shown

BOM = b"\xef\xbb\xbf"
START = re.compile(rb"UNA[^A-Za-z0-9\x80-\xff]{6}|UN[BGH][\r\n]*[+\x1d]|UIB[\r\n]*\+")
LONGEST_START = 16
REMEMBERED = 80
"""Bytes of what stands before an interchange that are looked at."""
HEADER = 4_096
"""Bytes in which a UNB must end; the standard's longest has about 200."""
VERSIONS = ("1", "2", "3", "4")
NEWLINE_SYNTAX = re.compile(rb"UNB\+[^'\r\n]*\r?\nUN[GH]\+")


@dataclass(frozen=True, slots=True)
class Opening:
    """What an interchange is written with; the window stands at its first segment.

    Args:
        delimiters: its service characters.
        charset: its character set.
        version: of the syntax.
        announced: whether a UNA said so.
    """

    delimiters: Delimiters
    charset: Charset
    version: str
    announced: bool


def to_start(window: Window, number: int) -> Iterator[Finding]:
    """Go to where the next interchange begins, or to the end of the file; yield what stood before it.

    Args:
        window: on the file.
        number: of segments so far.
    """
    offset, passed = window.offset, b""
    while window.left or window.more():
        match = START.search(window.data, window.here)
        if match is None and window.left < LONGEST_START and window.more():
            continue
        if match:
            stop = match.start() - window.here
        else:
            stop = window.left if window.ended else window.left - LONGEST_START + 1
        passed = (passed + window.data[window.here : window.here + stop]).lstrip(BLANK)[:REMEMBERED]
        window.move(stop)
        if match:
            break
    passed = passed.rstrip(BLANK)
    if passed == BOM:
        yield Finding(
            Weight.LAYOUT, "byte-order-mark", None, "A byte order mark stands before the interchange.", offset
        )
    elif passed:
        place = "before the first interchange" if not number else "after an interchange"
        yield Finding(
            Weight.SMALL,
            "noise",
            "33",
            f"There is text {place} that belongs to none; it was passed over.",
            offset,
            value=shown(passed.decode("latin-1")),
        )


def opening(window: Window) -> Iterator[Finding | Opening]:
    """Read UNA and look at UNB; yield what is wrong with them and at last how to read on.

    Args:
        window: at the beginning of an interchange; afterwards at its first segment.
    """
    offset = window.offset
    delimiters: Delimiters | None = None
    announced = window.head(3) == b"UNA"
    if announced:
        advice = window.head(UNA_SIZE)
        window.move(UNA_SIZE)
        delimiters = from_una(advice)
        if delimiters is None:
            yield Finding(
                Weight.INTERCHANGE,
                "service-characters",
                "20",
                "The service characters that UNA gives cannot be told apart; the usual ones were taken.",
                offset,
                value=shown(advice.decode("latin-1")),
            )
        while window.head(1) in (b"\r", b"\n", b" ") and window.left:
            window.move(1)
    head = window.head(HEADER)
    if delimiters is None:
        delimiters = DEFAULT
        if re.match(rb"UNB[\r\n]*\x1d", head):
            delimiters = INFORMATION_SEPARATORS
        elif NEWLINE_SYNTAX.match(head):
            yield Finding(
                Weight.LAYOUT,
                "line-terminators",
                "20",
                "Segments end with line breaks, which no UNA announces.",
                window.offset,
            )
            delimiters = Delimiters(terminator="\n")
    header = bare(head.partition(delimiters.terminator.encode())[0].decode("latin-1"), delimiters.breaks)
    parts = splitter(delimiters)(header)
    if parts[0] != "UNB":
        yield Opening(_repeating(delimiters, "3", announced), FALLBACK, "3", announced)
        return
    syntax = parts[1] if len(parts) > 1 else ""
    name, said = ((*syntax, "")[:2]) if isinstance(syntax, list) else (syntax, "")
    version, charset = said if said in VERSIONS else "3", CHARSETS.get(name)
    if charset is None:
        yield Finding(
            Weight.SMALL,
            "charset-unknown",
            "46",
            f"The character set {shown(str(name))!r} is not one of UNOA to UNOY; the file was read as ISO 8859-1.",
            window.offset,
            element=1,
            component=1,
            value=shown(str(name)),
        )
    if said not in VERSIONS:
        yield Finding(
            Weight.SMALL,
            "syntax-version",
            "2",
            f"The syntax version {shown(str(said))!r} is not 1, 2, 3 or 4; the file was read as version 3."
            if said
            else "The syntax version is missing; the file was read as version 3.",
            window.offset,
            element=1,
            component=2,
            value=shown(str(said)) or None,
        )
    yield Opening(_repeating(delimiters, version, announced), charset or FALLBACK, version, announced)


def _repeating(delimiters: Delimiters, version: str, announced: bool) -> Delimiters:
    """Return the service characters of a syntax version: before version 4 the fifth of UNA is reserved."""
    if version == "4":
        return DEFAULT_4 if not announced and delimiters is DEFAULT else delimiters
    return Delimiters(
        delimiters.component, delimiters.element, delimiters.decimal, delimiters.release, None, delimiters.terminator
    )
