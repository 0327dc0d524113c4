"""What CSV and XLSX share: rows with a header become documents, rows with the same key become one document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from core.errors import MappingError
from mappings import paths
from mappings.access import Access, SourceDocument
from mappings.faults import MapError, Unfit, kind_of
from mappings.paths import Getter
from mappings.syntaxes.text import refused

ROWS = "rows"
Cells = list[Any]


class Row(dict[str, Any]):
    """Column name -> cell; `number` is its line or row in the file."""

    def __init__(self, cells: Mapping[str, Any], number: int) -> None:
        super().__init__(cells)
        self.number = number


class Unreadable:
    """A cell without a value to read; only a rule that reads it fails."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def column(name: str) -> Getter:
    """Return a getter of one cell by its column's exact name."""

    def get(scope: Any, _root: Any) -> Any:
        found = scope.get(name)
        if type(found) is Unreadable:
            raise Unfit(found.reason)
        return found

    return get


def no_scope(path: str) -> Getter:
    """Refuse `from:`: rows have no objects in them."""
    raise Unfit(f"rows have no sub-objects such as {path}; leave out `from`")


def row_items(path: str) -> Getter:
    """Return a getter of the rows of a document; a row that was not grouped is its own only row."""
    if path != ROWS:
        raise Unfit(f"the only list in rows is `{ROWS}`, not {path}")
    return lambda scope, _root: scope.get(ROWS, [scope])


ROW_ACCESS = Access(column, no_scope, row_items, paths.condition, paths.Put)


def header_names(cells: Cells, *, grouped: bool) -> list[str]:
    """Return the column names of a header row; a column without a name is called by its number.

    Raises:
        MapError: two columns have one name, or a name is taken.
    """
    names = [str(cell).strip() if cell is not None else "" for cell in cells]
    names = [name or str(at) for at, name in enumerate(names, 1)]
    for name in names:
        if names.count(name) > 1:
            raise refused("SYNTAX", f"The header has the column {name!r} twice.")
    if grouped and ROWS in names:
        raise refused("SYNTAX", f"The header has a column {ROWS!r}, which is what grouped rows are called.")
    return names


def blank(cell: Any) -> bool:
    """Return whether a cell shows nothing."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def documents(rows: Iterable[tuple[int, Cells]], *, header: bool, group_by: str | None) -> Iterator[SourceDocument]:
    """Yield one document per row, or per distinct value of the column `group_by`.

    Args:
        rows: (line or row number, cells); blank rows are left out.
        header: whether the first row names the columns; else they are called 1, 2, 3 ...
    """
    names: list[str] | None = None
    found: list[SourceDocument] = []
    for number, cells in rows:
        if all(blank(cell) for cell in cells):
            continue
        if names is None:
            names = header_names(cells if header else [None] * len(cells), grouped=group_by is not None)
            if group_by is not None and group_by not in names:
                raise refused("SYNTAX", f"The header has no column {group_by!r} to group rows by.")
            if header:
                continue
        found.append(one_row(number, cells, names))
    if names is None:
        raise refused("SYNTAX", "The file is empty: not even a header.")
    return grouped(found, group_by) if group_by is not None else iter(found)


def one_row(number: int, cells: Cells, names: list[str]) -> SourceDocument:
    """Return a row as document; a row with more or fewer cells than the header carries its error."""
    surplus = cells[len(names) :]
    row = Row(dict(zip(names, cells, strict=False)), number)
    if len(cells) >= len(names) and all(blank(cell) for cell in surplus):
        return SourceDocument(number, row)
    error = MapError(
        f"Row {number} has {len(cells)} cells, the header has {len(names)}.",
        code="MAP-ROW-422",
        fix="Mend the row: a separator inside a value needs quotes around the value.",
        row=number,
    )
    return SourceDocument(number, row, error)


def grouped(rows: list[SourceDocument], key: str) -> Iterator[SourceDocument]:
    """Yield a document per key, in order of first appearance; one bad row makes its document bad, not the others."""
    groups: dict[str, list[Row]] = {}
    errors: dict[str, MappingError] = {}
    alone: list[SourceDocument] = []
    for source in rows:
        value = source.value.get(key)
        if blank(value):
            error = source.error or MapError(
                f"Row {source.number} has nothing in the column {key!r}, by which rows are grouped.",
                code="MAP-ROW-422",
                row=source.number,
            )
            alone.append(SourceDocument(source.number, error=error))
            continue
        name = str(value).strip()
        groups.setdefault(name, []).append(source.value)
        if source.error is not None:
            errors.setdefault(name, source.error)
    for name, members in groups.items():
        if name in errors:
            alone.append(SourceDocument(members[0].number, error=errors[name]))
        else:
            alone.append(SourceDocument(members[0].number, together(members)))
    return iter(sorted(alone, key=lambda source: source.number))


def together(members: list[Row]) -> Row:
    """Return the document of several rows: a column that says one thing has that value, whatever row says it."""
    document = Row({}, members[0].number)
    for name in members[0]:
        first: Row | None = None
        for row in members:
            if blank(row[name]):
                continue
            if first is None:
                first = row
                document[name] = row[name]
            elif row[name] != first[name]:
                reason = f"differs between row {first.number} and row {row.number}, which are one document"
                document[name] = Unreadable(reason)
                break
    document[ROWS] = members
    return document


def table(documents: list[Any], columns: list[str], *, header: bool) -> list[Cells]:
    """Return the rows that hold documents; values beside `rows` are repeated on each row.

    Args:
        columns: the columns in order; without header they are numbers and say their place.
    """
    if not header:
        columns = [str(at) for at in range(1, 1 + max(map(place, columns), default=0))]
    lines: list[Cells] = [list(columns)] if header else []
    for document in documents:
        shared = {name: cell for name, cell in document.items() if name != ROWS}
        for row in document.get(ROWS) or [{}]:
            both = {**shared, **row}
            lines.append([both.get(name) for name in columns])
    for line in lines:
        for name, cell in zip(columns, line, strict=True):
            if isinstance(cell, list | dict):
                raise MapError(f"Column {name!r} would hold {kind_of(cell)}.", code="MAP-SYNTAX-422")
    return lines


def place(column: str) -> int:
    """Return the number a column without a name is called by."""
    if not column.isascii() or not column.isdigit() or not 1 <= int(column[:6]) <= 16_384:
        raise MapError(
            f"Column {column!r} is no number; without a header columns are 1, 2, 3 ...", code="MAP-SYNTAX-422"
        )
    return int(column)
