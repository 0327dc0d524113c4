"""XLSX: values as the workbook shows them, read in a streaming way, with nothing of it run or fetched."""

from __future__ import annotations

import io
import math
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import openpyxl
from marshmallow import Schema, fields, validate
from openpyxl.cell import WriteOnlyCell
from openpyxl.utils.exceptions import IllegalCharacterError, InvalidFileException

from mappings.access import Access, SourceDocument
from mappings.faults import MapError, kind_of
from mappings.schema import Strict
from mappings.syntaxes import rows
from mappings.syntaxes.text import check_size, refused

MAX_UNPACKED = 256 * 1024 * 1024
MAX_ROWS = 200_000
MAX_COLUMNS = 512
MAX_CELL = 32_767
ERRORS = frozenset(["#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"])
# What a broken or hostile workbook makes openpyxl raise; a workbook is an untrusted program's memory.
BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    OSError,
    EOFError,
    SyntaxError,
    ArithmeticError,
    NotImplementedError,
    RuntimeError,
    AssertionError,
    zlib.error,
    InvalidFileException,
)


class XlsxOptions(Strict):
    """Options of XLSX maps."""

    sheet = fields.String(load_default=None)
    header = fields.Boolean(truthy={True}, falsy={False}, load_default=True)
    columns = fields.List(fields.String(), load_default=None)
    max_bytes = fields.Integer(strict=True, load_default=None, validate=validate.Range(min=1))


def check_archive(data: bytes) -> None:
    """Refuse archives that unpack to too much or bring a DTD along."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MAX_UNPACKED:
                raise refused("SIZE", f"The workbook unpacks to more than {MAX_UNPACKED:,} bytes.")
            for member in members:
                if not member.filename.lower().endswith((".xml", ".rels")):
                    continue
                with archive.open(member) as part:
                    if b"<!DOCTYPE" in part.read(4_096):
                        raise refused("SYNTAX", "The workbook has a document type definition in it.")
    except BROKEN as error:
        raise refused("SYNTAX", f"The file is not an XLSX workbook ({type(error).__name__}).") from None


def cell_value(value: Any) -> Any:
    """Return a cell's value with exact numbers."""
    if isinstance(value, float):
        if not math.isfinite(value):
            return rows.Unreadable("is not a finite number")
        # The shortest text that gives the same binary number is what the sheet showed.
        return Decimal(repr(value))
    if isinstance(value, str) and value in ERRORS:
        return rows.Unreadable(f"shows the error {value}")
    return value


def cells(data: bytes, sheet: str | None) -> list[tuple[int, rows.Cells]]:
    """Return the numbered rows of a sheet, the first sheet unless one is named."""
    with warnings.catch_warnings():
        # openpyxl warns of styles and extensions it leaves out; they carry no values.
        warnings.simplefilter("ignore")
        try:
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            try:
                if sheet is not None and sheet not in book.sheetnames:
                    raise refused("SYNTAX", f"The workbook has no sheet {sheet!r}; it has {book.sheetnames[:20]}.")
                page = book[sheet] if sheet is not None else book.worksheets[0]
                # The stated size of a sheet is often wrong.
                page.reset_dimensions()
                found: list[tuple[int, rows.Cells]] = []
                for number, row in enumerate(page.iter_rows(values_only=True, max_col=MAX_COLUMNS), 1):
                    if number > MAX_ROWS:
                        raise refused("SIZE", f"The sheet has more than {MAX_ROWS:,} rows.")
                    found.append((number, trimmed([cell_value(value) for value in row])))
            finally:
                book.close()
        except BROKEN as error:
            raise refused("SYNTAX", f"The file is not a readable XLSX workbook ({type(error).__name__}).") from None
    width = max((len(row) for _, row in found), default=0)
    return [(number, row + [None] * (width - len(row))) for number, row in found]


def trimmed(row: rows.Cells) -> rows.Cells:
    """Return a row without the empty cells at its end."""
    while row and row[-1] is None:
        row.pop()
    return row


class XlsxSyntax:
    """Rows of a sheet."""

    options: Schema = XlsxOptions()

    def access(self, options: Mapping[str, Any]) -> Access:
        """Return access by column name."""
        return rows.ROW_ACCESS

    def documents(
        self, data: bytes, options: Mapping[str, Any], *, records: str | None, group_by: str | None
    ) -> Iterator[SourceDocument]:
        """Yield a document per row or group of rows."""
        check_size(data, options["max_bytes"])
        check_archive(data)
        return rows.documents(cells(data, options["sheet"]), header=options["header"], group_by=group_by)

    def finish(self, document: dict[str, Any], options: Mapping[str, Any]) -> Any:
        """Return the document as it is."""
        return document

    def format(self, documents: list[Any], options: Mapping[str, Any]) -> bytes:
        """Return a workbook with one sheet; text is text, also when it looks like a formula."""
        book = openpyxl.Workbook(write_only=True)
        page = book.create_sheet(options["sheet"] or "Sheet1")
        # All cells are made before the first is written: a sheet that stops half-way cannot be closed.
        table = rows.table(documents, options["columns"], header=options["header"])
        for row in [[cell(page, value) for value in line] for line in table]:
            page.append(row)
        out = io.BytesIO()
        book.save(out)
        return out.getvalue()


def cell(page: Any, value: Any) -> Any:
    """Return a cell of a value."""
    if isinstance(value, datetime | date):
        value = value.isoformat()
    if value is None or isinstance(value, bool | int | Decimal):
        return value
    if not isinstance(value, str):
        raise MapError(f"A cell would hold {kind_of(value)}.", code="MAP-SYNTAX-422")
    if len(value) > MAX_CELL:
        raise MapError(f"A cell would hold {len(value):,} characters, {MAX_CELL:,} fit.", code="MAP-SIZE-422")
    try:
        made = WriteOnlyCell(page, value=value)
    except IllegalCharacterError:
        raise MapError("A cell would hold a control character.", code="MAP-SYNTAX-422") from None
    made.data_type = "s"
    return made
