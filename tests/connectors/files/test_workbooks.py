"""XLSX files: values as the workbook was saved with, nothing computed, nothing hostile unpacked."""

import zipfile
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import openpyxl
import pytest

from tests.connectors.files.conftest import HEADER, Drop, documents, errors, taken


def workbook(*rows: Any) -> bytes:
    """Return a workbook with these rows on its first sheet."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    out = BytesIO()
    book.save(out)
    return out.getvalue()


COLUMNS = HEADER.split(",")


def test_a_workbook_with_dates_and_numbers_is_read(drop: Drop) -> None:
    connector = drop.open()
    content = workbook(
        [*COLUMNS, "requested_delivery_date"],
        ["A-1", datetime(2026, 11, 20, 9, 41), "EUR", 1, 4711, "Mug", 2, 19.9, date(2026, 11, 25)],  # noqa: DTZ001
        ["A-1", None, None, 2, "007", "Plate", 2.5, 0.1 + 0.2, None],
        [None] * 9,
        ["A-2", date(2026, 11, 20), "EUR", 1, "X", "Mug", 1, 1, None],
    )
    drop.put("orders.xlsx", content)
    first, second = (documents(connector, record)[0].body for record in taken(connector))
    assert first["placed_at"] == datetime(2026, 11, 20, 9, 41, tzinfo=UTC)
    assert first["requested_delivery_date"] == date(2026, 11, 25)
    assert [(line["sku"], str(line["quantity"])) for line in first["lines"]] == [("4711", "2"), ("007", "2.5")]
    assert str(first["lines"][0]["unit_price"]) == "19.9"
    assert second["placed_at"] == datetime(2026, 11, 20, tzinfo=UTC)


def test_formulas_count_by_their_stored_value_or_not_at_all(drop: Drop) -> None:
    connector = drop.open()
    content = workbook(
        COLUMNS,
        ["A-1", "2026-11-20", "EUR", 1, "X", "Mug", "=1+1", 9.9],
        ["A-2", "2026-11-20", "EUR", 1, "X", "Mug", 1, 9.9],
        ["A-3", "2026-11-20", "EUR", 1, "X", "Mug", "#REF!", 9.9],
    )
    drop.put("orders.xlsx", content)
    assert len(taken(connector)) == 1
    assert errors(drop, "orders.xlsx") == [
        ("2", "column 7 is a formula without a stored value; open the file, save it, send it again"),
        ("4", "column 7 shows the error #REF!"),
    ]


def test_stored_values_of_formulas_are_taken(drop: Drop) -> None:
    content = workbook(COLUMNS, ["A-1", "2026-11-20", "EUR", 1, "X", "Mug", "=1+1", 9.9])
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith("sheet1.xml"):
                assert b"<v></v>" in data or b"<v />" in data or b"<v/>" in data
                for empty in (b"<v></v>", b"<v />", b"<v/>"):
                    data = data.replace(b"<f>1+1</f>" + empty, b"<f>1+1</f><v>2</v>")
            target.writestr(name, data)
    connector = drop.open()
    drop.put("orders.xlsx", out.getvalue())
    (record,) = taken(connector)
    assert str(documents(connector, record)[0].body["lines"][0]["quantity"]) == "2"


def bomb() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (300 * 1024 * 1024))
    return out.getvalue()


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 half", bomb()], ids=["empty", "text", "half", "bomb"])
def test_what_is_no_workbook_is_moved_aside(drop: Drop, content: bytes) -> None:
    connector = drop.open()
    drop.put("orders.xlsx", content)
    assert taken(connector) == []
    assert drop.files() == ["error/orders.xlsx", "error/orders.xlsx.errors.csv"]
