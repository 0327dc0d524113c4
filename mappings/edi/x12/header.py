"""Reads ISA, the one segment that tells how to read all others.

Real files keep neither its width of 106 nor its blanks, so ISA is read by counting its sixteen element separators; what
follows the last of them is the component separator, and then the terminator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mappings.edi.x12.segments import Delimiters

LONGEST = 400
"""No ISA is longer, however its fields are padded: without a sixteenth separator until then it is none."""
WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
FIRST_WITH_REPETITION = "00402"
# Characters of the basic and the extended character set, which no delimiter should be taken from by accident.
ALPHANUMERIC = re.compile(r"[A-Za-z0-9 ]")


class Unreadable(Exception):
    """These bytes are no ISA; the text says why, `code` is that of the interchange acknowledgement."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


@dataclass(frozen=True, slots=True)
class Header:
    """An ISA.

    Args:
        fields: its sixteen elements as they stand there.
        length: bytes up to and with the terminator.
        oddities: (name, TA1 code, sentence) of what had to be tolerated.
    """

    fields: tuple[str, ...]
    delimiters: Delimiters
    length: int
    oddities: tuple[tuple[str, str, str], ...]


def read_header(data: bytes) -> Header:
    """Return the ISA that `data` begins with.

    Args:
        data: at least `LONGEST` bytes, or all there are.

    Raises:
        Unreadable: it has no sixteen separators, or what follows them cannot cut anything.
    """
    element, start = character(data, 3)
    if ALPHANUMERIC.match(element) or not element:
        raise Unreadable("026", f"The character after ISA is {element!r}, which cannot separate elements.")
    mark = element.encode("utf-8") if start - 3 > 1 else data[3:4]
    positions = [3]
    while len(positions) < 16:
        found = data.find(mark, positions[-1] + len(mark), LONGEST)
        if found < 0:
            raise Unreadable("022", f"ISA has {len(positions)} of its 16 element separators.")
        positions.append(found)
    component, end = character(data, positions[-1] + len(mark))
    terminator, length = character(data, end)
    oddities: list[tuple[str, str, str]] = []
    if terminator == " ":
        terminator, length = character(data, length + len(data[length:]) - len(data[length:].lstrip(b" ")))
        if terminator and terminator not in "\r\n":
            raise Unreadable(
                "004", "ISA16 is followed by blanks and then neither a terminator nor the end of the line."
            )
    if terminator == "\r":
        terminator, length = "\n", length + (data[length : length + 1] == b"\n")
        if data[length - 1 : length] != b"\n":
            terminator = "\r"
    if not terminator or ALPHANUMERIC.match(terminator):
        raise Unreadable("004", f"ISA is followed by {terminator!r}, which cannot end a segment.")
    ends = [*positions[1:], end]
    raw = [data[begin + len(mark) : stop] for begin, stop in zip(positions, ends, strict=True)]
    texts = [decoded(each) for each in raw]
    fields = tuple(each.replace("\r", "").replace("\n", "") for each in texts)
    repetition = fields[10] if fields[11] >= FIRST_WITH_REPETITION and len(fields[10]) == 1 else None
    if repetition is not None and ALPHANUMERIC.match(repetition):
        repetition = None
    delimiters = Delimiters(element, component, terminator, repetition)
    if ALPHANUMERIC.match(component):
        raise Unreadable("027", f"ISA16 is {component!r}, which cannot separate components.")
    if len(set(delimiters.all())) < len(delimiters.all()):
        raise Unreadable("022", "Two delimiters of ISA are the same character.")
    if terminator in "\r\n":
        oddities.append(("line-end-terminator", "004", "Segments end with the line instead of a terminator."))
    if any(ord(each) > 126 for each in delimiters.all()):
        oddities.append(("wide-delimiter", "022", "A delimiter is a character outside the X12 character set."))
    if any(len(field) < len(text) for field, text in zip(fields, texts, strict=True)):
        oddities.append(("isa-wrapped", "022", "ISA is wrapped over several lines."))
    wrong = [number for number, (field, width) in enumerate(zip(fields, WIDTHS, strict=True), 1) if len(field) != width]
    if wrong:
        names = ", ".join(f"ISA{number:02}" for number in wrong)
        oddities.append(("isa-width", "022", f"ISA is not 106 characters wide: {names} is not padded to its width."))
    return Header(fields, delimiters, length, tuple(oddities))


def character(data: bytes, position: int) -> tuple[str, int]:
    """Return the character at a byte position and where the next begins; beyond the end it is empty."""
    first = data[position : position + 1]
    if first < b"\x80":
        return first.decode("ascii"), position + len(first)
    for length in (2, 3, 4):
        try:
            return data[position : position + length].decode("utf-8"), position + length
        except UnicodeDecodeError:
            continue
    return first.decode("latin-1"), position + 1


def decoded(raw: bytes) -> str:
    """Return bytes as text: UTF-8, which ASCII is part of, or Latin-1."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
