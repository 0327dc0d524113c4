"""Writes X12: envelopes, their counts and references, and segments whose data hold no delimiter.

X12 has no release character: data with a delimiter in them cannot be written, only refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from core.errors import MappingError
from mappings.edi.x12.header import ALPHANUMERIC, WIDTHS
from mappings.edi.x12.segments import BINARY_LENGTH, Delimiters, Element, Repeated, Segment

# ISA08 and the like are padded with blanks on the right; the control number is a number of nine digits.
CONTROL_NUMBER = 13


class Writable(Protocol):
    """A binary file."""

    def write(self, data: bytes, /) -> object:
        """Take bytes."""


class X12WriteError(MappingError):
    """Data cannot be written as X12; nothing was written of the segment."""

    code = "EDI-SEGMENT-422"


class X12Writer:
    """Writes segments to a file; envelopes are context managers which write their trailer at the end.

    Args:
        out: a binary file.
        newline: put each segment on a line of its own.

    Raises:
        X12WriteError: the delimiters cannot be told apart.
    """

    def __init__(self, out: Writable, delimiters: Delimiters | None = None, *, newline: bool = False) -> None:
        self.out, self.delimiters = out, delimiters or Delimiters()
        every = self.delimiters.all()
        for each in every:
            if len(each) != 1 or not each.isascii() or ALPHANUMERIC.match(each):
                raise X12WriteError(
                    f"{each!r} cannot be a delimiter.", fix="Use one such as * > ~ ^ that no data have."
                )
        if len(set(every)) < len(every):
            raise X12WriteError(f"Two of the delimiters {' '.join(every)} are the same.", fix="Use four that differ.")
        self.end = self.delimiters.terminator + ("\n" if newline and self.delimiters.terminator not in "\r\n" else "")
        self.written = 0
        # Sets may stand outside of any group in what is written again as it came.
        self.sets = 0

    @contextmanager
    def interchange(self, fields: Sequence[str]) -> Iterator[None]:
        """Write ISA now and IEA at the end.

        Args:
            fields: ISA01 to ISA15; ISA11 is replaced by the repetition separator where there is one.

        Raises:
            X12WriteError: a field is wider than ISA has room for, or ISA13 is no number.
        """
        values = [*fields]
        if len(values) != 15:
            raise X12WriteError(f"ISA takes 15 fields, not {len(values)}.", fix="Give ISA01 to ISA15.")
        if self.delimiters.repetition:
            values[10] = self.delimiters.repetition
        number = values[CONTROL_NUMBER - 1]
        if not number.isascii() or not number.isdigit():
            raise X12WriteError(f"ISA13 is {number!r}.", fix="Give a control number of at most nine digits.")
        values[CONTROL_NUMBER - 1] = number.rjust(9, "0")
        for position, (value, width) in enumerate(zip(values, WIDTHS, strict=False), 1):
            if len(value) > width:
                what = f"ISA{position:02} is {value!r}, which is longer than {width}."
                raise X12WriteError(what, fix="Shorten it: ISA has a fixed width.")
        padded = [value.ljust(width) for value, width in zip(values, WIDTHS, strict=False)]
        self.check("ISA", [value for position, value in enumerate(padded, 1) if position != 11], 0)
        element = self.delimiters.element
        self.put("ISA" + "".join(element + value for value in padded) + element + self.delimiters.component)
        self.groups = 0
        yield
        self.segment("IEA", [str(self.groups), values[CONTROL_NUMBER - 1]])

    @contextmanager
    def group(self, fields: Sequence[str]) -> Iterator[None]:
        """Write GS now and GE at the end.

        Args:
            fields: GS01 to GS08.
        """
        self.segment("GS", list(fields))
        self.groups += 1
        self.sets = 0
        yield
        self.segment("GE", [str(self.sets), fields[5]])

    def transaction_set(self, code: str, reference: str, body: Iterable[Segment], *, version: str | None = None) -> int:
        """Write a transaction set with its ST and SE.

        Args:
            code: ST01, such as 850.
            reference: ST02, unique in the group.
            body: what comes between ST and SE.
            version: ST03, from 005010 on.

        Returns:
            Number of segments, ST and SE among them.
        """
        self.segment("ST", [code, reference, *([version] if version else [])])
        count = 2
        for each in body:
            self.segment(each.tag, each.elements)
            count += 1
        self.segment("SE", [str(count), reference])
        self.sets += 1
        return count

    def segment(self, tag: str, elements: Sequence[Element]) -> None:
        """Write one segment; empty elements at its end are left out.

        Raises:
            X12WriteError: its data hold a delimiter, or an element repeats and there is no repetition separator.
        """
        checked, binary = elements, b""
        if tag in BINARY_LENGTH:
            checked, binary = self.binary(tag, elements)
        texts = [tag]
        for position, value in enumerate(checked, 1):
            if isinstance(value, Repeated):
                texts.append(self.repeated(tag, value, position))
            else:
                texts.append(self.one(tag, value, position))
        while len(texts) > 1 and not texts[-1]:
            texts.pop()
        self.put(self.delimiters.element.join(texts), binary)

    def binary(self, tag: str, elements: Sequence[Element]) -> tuple[Sequence[Element], bytes]:
        """Return the elements of a binary segment with the length of its bytes, and the bytes with their separator."""
        position = BINARY_LENGTH[tag]
        value = elements[position] if len(elements) > position else None
        if not isinstance(value, str) or any(ord(each) > 255 for each in value):
            raise X12WriteError(f"{tag}{position + 1:02} is no text of bytes.", fix="Give bytes, decoded as Latin-1.")
        data = value.encode("latin-1")
        return [*elements[: position - 1], str(len(data))], self.delimiters.element.encode() + data

    def repeated(self, tag: str, values: Repeated, position: int) -> str:
        """Return a repeated element as text."""
        mark = self.delimiters.repetition
        if mark is None and len(values) > 1:
            what = f"{tag}{position:02} repeats, which needs a repetition separator and version 00402 or later."
            raise X12WriteError(what, fix="Give the interchange a repetition separator, or one value.")
        return (mark or "").join(self.one(tag, each, position) for each in values)

    def one(self, tag: str, value: str | list[str], position: int) -> str:
        """Return an element or one repetition of it as text."""
        if isinstance(value, str):
            self.check(tag, [value], position)
            return value
        self.check(tag, value, position)
        return self.delimiters.component.join(value).rstrip(self.delimiters.component)

    def check(self, tag: str, values: Sequence[str], position: int) -> None:
        """Refuse delimiters and line ends in data."""
        for value in values:
            for each in (*self.delimiters.all(), "\r", "\n"):
                if each in value:
                    where = f"{tag}{position:02}" if position else tag
                    raise X12WriteError(
                        f"{where} holds {each!r}, which is a delimiter: {value!r}.",
                        fix="Take the character out of the data, or give the partner other delimiters.",
                    )

    def put(self, text: str, binary: bytes = b"") -> None:
        """Write the text of a segment."""
        self.out.write(text.encode("utf-8") + binary + self.end.encode("ascii"))
        self.written += 1
