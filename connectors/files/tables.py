"""Rows of CSV and XLSX files as text, one at a time, whatever somebody has put into the file."""

from __future__ import annotations

import codecs
import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, BinaryIO, TextIO

import openpyxl

from core.errors import MappingError
from mappings.syntaxes import rows as map_rows
from mappings.syntaxes import xlsx
from mappings.syntaxes.csv import sniff
from mappings.syntaxes.text import MARKS

# Characters of one row, line breaks inside quotes included; a lost quote must not read the file into memory.
MAX_ROW = 1_000_000
MAX_XLSX = 64 * 1024 * 1024


class Unreadable(Exception):
    """The file as a whole cannot be read from some line on."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line in the file, its cells, and why it cannot be taken, if it cannot."""

    line: int
    cells: Sequence[str]
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A header and the rows below it, read as they are asked for."""

    header: list[str]
    rows: Iterator[Row]


def open_csv(handle: BinaryIO, options: Mapping[str, Any]) -> Table:
    """Return the table in a CSV file, in the dialect of its map.

    Raises:
        Unreadable: there is no header, or the bytes are of another charset altogether.
    """
    encoding = charset(handle, options["encoding"])
    text = io.TextIOWrapper(
        io.BufferedReader(Unclosed(handle)), encoding=encoding, errors="surrogateescape", newline=""
    )
    lines = Lines(text)
    quote = options["quote"]
    delimiter = options["delimiter"]
    if delimiter is None:
        try:
            delimiter = sniff(lines.peek(), quote)
        except MappingError as error:
            raise Unreadable(error.what) from None
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)
    found = _csv_rows(reader, lines, encoding.removesuffix("-sig"))
    return _headed(found, header=options["header"])


def charset(handle: BinaryIO, named: str | None) -> str:
    """Return the charset: the map's, else what the byte order mark says, else UTF-8."""
    start = handle.read(4)
    handle.seek(0)
    marked = next((name for mark, name in MARKS if start.startswith(mark)), None)
    found = named or marked or "utf-8"
    return "utf-8-sig" if codecs.lookup(found).name == "utf-8" else found


class Unclosed(io.RawIOBase):
    """A reader that leaves the file open when the text around it goes: the lock ends with the file."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read bytes into a buffer."""
        data = self._handle.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class Lines:
    """Physical lines of bounded length; `begin` starts the count of a new row."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._ahead: str | None = None
        self._length = 0
        self.number = 0

    def begin(self) -> None:
        """A row is complete."""
        self._length = 0

    def peek(self) -> str:
        """Return the first line without taking it."""
        if self._ahead is None:
            self._ahead = self._read()
        return self._ahead

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line, self._ahead = (self._ahead, None) if self._ahead is not None else (self._read(), None)
        if not line:
            raise StopIteration
        self.number += 1
        self._length += len(line)
        if self._length > MAX_ROW:
            raise Unreadable(f"a row is longer than {MAX_ROW:,} characters; is a quote left open?", self.number)
        return line

    def _read(self) -> str:
        try:
            return self._text.readline(MAX_ROW + 1)
        except UnicodeError as error:
            raise Unreadable(f"it is not {self._text.encoding.upper()} ({error})", self.number + 1) from None


def _csv_rows(reader: Any, lines: Lines, encoding: str) -> Iterator[Row]:
    while True:
        lines.begin()
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "field larger" in str(error):
                raise Unreadable("a quote is opened and never closed", line) from None
            yield Row(line, (), f"the quoting is broken: {error}")
            continue
        odd = _odd(cells, encoding)
        if odd is not None:
            cells = [cell.encode("utf-8", "backslashreplace").decode() for cell in cells]
        yield Row(line, cells, odd)


def _odd(cells: Sequence[str], encoding: str) -> str | None:
    """Return what is wrong with the characters of a row."""
    for cell in cells:
        if "\x00" in cell:
            return "it has a NUL character"
        if not cell.isascii():
            found = next((each for each in cell if "\udc80" <= each <= "\udcff"), None)
            if found is not None:
                return (
                    f"the byte 0x{ord(found) - 0xDC00:02x} is not {encoding.upper()}; is the file in another charset?"
                )
    return None


def open_xlsx(data: bytes, sheet: str | None) -> Table:
    """Return the table in a workbook, its values as the workbook last showed them.

    Raises:
        Unreadable: it is no workbook, too large, or hostile.
    """
    if len(data) > MAX_XLSX:
        raise Unreadable(f"a workbook may have {MAX_XLSX:,} bytes; send CSV for more")
    try:
        xlsx.check_archive(data)
        found = xlsx.cells(data, sheet)
    except MappingError as error:
        raise Unreadable(error.what) from None
    return _headed(_xlsx_rows(found, uncomputed(data, sheet)), header=True)


def _xlsx_rows(found: Sequence[tuple[int, Sequence[Any]]], missing: Mapping[int, int]) -> Iterator[Row]:
    for number, cells in found:
        error = None
        if number in missing:
            error = (
                f"column {missing[number]} is a formula without a stored value; open the file, save it, send it again"
            )
        for at, cell in enumerate(cells, 1):
            if isinstance(cell, map_rows.Unreadable):
                error = f"column {at} {cell.reason}"
        yield Row(number, [text_of(cell) for cell in cells], error)


def uncomputed(data: bytes, sheet: str | None) -> dict[int, int]:
    """Return row -> column of formulas that no program has computed yet; their cells would look empty."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        if not any(b"<f" in archive.read(name) for name in sheets):
            return {}
    formulas = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
    values = openpyxl.load_workbook(io.BytesIO(data), read_only=True, keep_links=False, data_only=True)
    try:
        pages = [book[sheet] if sheet is not None else book.worksheets[0] for book in (formulas, values)]
        found: dict[int, int] = {}
        for number, (said, shown) in enumerate(
            zip(*(page.iter_rows(values_only=True) for page in pages), strict=True), 1
        ):
            for at, (formula, value) in enumerate(zip(said, shown, strict=False), 1):
                if value is None and formula is not None:
                    found[number] = at
        return found
    finally:
        formulas.close()
        values.close()


def text_of(value: Any) -> str:
    """Return a cell's value as the text a CSV file would have."""
    if value is None or isinstance(value, map_rows.Unreadable):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value)


def _headed(found: Iterator[Row], *, header: bool) -> Table:
    """Return the table below the first row that is not blank."""
    for row in found:
        if all(map_rows.blank(cell) for cell in row.cells) and row.error is None:
            continue
        if row.error is not None:
            raise Unreadable(f"the header cannot be read: {row.error}", row.line)
        try:
            names = map_rows.header_names(list(row.cells) if header else [None] * len(row.cells), grouped=True)
        except MappingError as error:
            raise Unreadable(error.what, row.line) from None
        return Table(names, _below(found if header else _again(row, found), names))
    raise Unreadable("it is empty: not even a header")


def _again(first: Row, rest: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rest


def _below(found: Iterator[Row], names: Sequence[str]) -> Iterator[Row]:
    """Yield rows with as many cells as the header; others carry their error."""
    width = len(names)
    for row in found:
        if row.error is not None:
            yield row
        elif all(map_rows.blank(cell) for cell in row.cells):
            continue
        elif len(row.cells) < width or not all(map_rows.blank(cell) for cell in row.cells[width:]):
            yield Row(row.line, row.cells, f"it has {len(row.cells)} cells, the header has {width}")
        else:
            yield Row(row.line, row.cells[:width])
