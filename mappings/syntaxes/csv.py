"""CSV and TSV: the dialect is the map's, or is seen from the first line when the map names none."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from mappings.access import Access, SourceDocument
from mappings.faults import MapError
from mappings.schema import Strict
from mappings.syntaxes import rows
from mappings.syntaxes.text import check_size, decode, refused

DELIMITERS = (",", ";", "\t", "|")
# What a spreadsheet would run: also behind the apostrophes that keep it from doing so.
FORMULA = re.compile(r"'*[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?")


def one_character(value: str) -> None:
    """Refuse separators that are more than one character."""
    if len(value) != 1 or value in "\r\n\x00":
        raise ValidationError("must be one character")


class CsvOptions(Strict):
    """Options of CSV maps."""

    delimiter = fields.String(load_default=None, validate=one_character)
    quote = fields.String(load_default='"', validate=one_character)
    encoding = fields.String(load_default=None, validate=lambda name: known_encoding(name))
    header = fields.Boolean(truthy={True}, falsy={False}, load_default=True)
    formula_safe = fields.Boolean(truthy={True}, falsy={False}, load_default=False)
    bom = fields.Boolean(truthy={True}, falsy={False}, load_default=False)
    columns = fields.List(fields.String(), load_default=None)
    max_bytes = fields.Integer(strict=True, load_default=None, validate=validate.Range(min=1))


def known_encoding(name: str) -> None:
    """Refuse charsets Python does not have."""
    try:
        "a".encode(name)
    except (LookupError, UnicodeError):
        raise ValidationError("is no charset such as utf-8 or windows-1252") from None


def sniff(text: str, quote: str) -> str:
    """Return the delimiter of a file: the one its first line has most of, outside quotes.

    Raises:
        MapError: two delimiters are equally likely.
    """
    line = re.sub(f"{re.escape(quote)}[^{re.escape(quote)}]*{re.escape(quote)}", "", text).lstrip("\r\n")
    line = re.split(r"[\r\n]", line, maxsplit=1)[0]
    counts = sorted(((line.count(each), each) for each in DELIMITERS), reverse=True)
    (most, found), (next_most, other) = counts[0], counts[1]
    if most == 0:
        return ","
    if most == next_most:
        raise refused(
            "SYNTAX",
            f"The first line has {found!r} and {other!r} equally often.",
            fix="Name the delimiter in the map's `options: {delimiter: ...}`.",
        )
    return found


def records(text: str, delimiter: str, quote: str) -> Iterator[tuple[int, rows.Cells]]:
    """Yield (number of its first line, cells) of every record.

    Raises:
        MapError: the quoting is broken; then the whole file is refused, as no row after it can be trusted.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise refused("SYNTAX", f"The file is not CSV from line {line} on: {error}.") from None


def safe(text: str) -> str:
    """Return text that no spreadsheet runs as a formula; plain numbers stay as they are."""
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text


def unsafe(cell: Any) -> Any:
    """Return a cell as it was before `safe`."""
    return cell[1:] if isinstance(cell, str) and cell.startswith("'") and FORMULA.match(cell) else cell


def cell_text(value: Any, *, formula_safe: bool) -> str:
    """Return a value as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    text = str(value)
    if "\x00" in text:
        raise MapError("A cell would hold a NUL character.", code="MAP-SYNTAX-422")
    return safe(text) if formula_safe and isinstance(value, str) else text


class CsvSyntax:
    """Rows of text."""

    options: Schema = CsvOptions()

    def access(self, options: Mapping[str, Any]) -> Access:
        """Return access by column name."""
        return rows.ROW_ACCESS

    def documents(
        self, data: bytes, options: Mapping[str, Any], *, records: str | None, group_by: str | None
    ) -> Iterator[SourceDocument]:
        """Yield a document per row or group of rows."""
        check_size(data, options["max_bytes"])
        text = decode(data, options["encoding"])
        found = self.cells(text, options)
        return rows.documents(found, header=options["header"], group_by=group_by)

    @staticmethod
    def cells(text: str, options: Mapping[str, Any]) -> Iterator[tuple[int, rows.Cells]]:
        """Yield the numbered rows."""
        quote = options["quote"]
        found = records(text, options["delimiter"] or sniff(text, quote), quote)
        if options["formula_safe"]:
            return ((number, [unsafe(cell) for cell in cells]) for number, cells in found)
        return found

    def finish(self, document: dict[str, Any], options: Mapping[str, Any]) -> Any:
        """Return the document as it is."""
        return document

    def format(self, documents: list[Any], options: Mapping[str, Any]) -> bytes:
        """Return the rows of all documents under one header."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=options["delimiter"] or ",", quotechar=options["quote"])
        formula_safe = options["formula_safe"]
        for cells in rows.table(documents, options["columns"], header=options["header"]):
            writer.writerow([cell_text(cell, formula_safe=formula_safe) for cell in cells])
        encoding = options["encoding"] or "utf-8"
        try:
            data = out.getvalue().encode(encoding)
        except UnicodeEncodeError as error:
            bad = out.getvalue()[error.start]
            raise MapError(f"{bad!r} cannot be written in {encoding}.", code="MAP-CHARSET-422") from None
        mark = b"\xef\xbb\xbf" if options["bom"] and encoding.lower().replace("_", "-") in ("utf-8", "utf8") else b""
        return mark + data
