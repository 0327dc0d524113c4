"""CSV and XLSX: rows to documents and back."""

import io
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import openpyxl
import pytest

from mappings.document import load_map
from mappings.engine import Map
from mappings.faults import MapError

FIELDS = """
fields:
  external_id: Order No.
  placed_at: {path: Date, as: {datetime: {zone: Europe/Berlin, format: "%d.%m.%Y"}}}
  ship_to: {fields: {name: Name, country: {path: Country, as: country}}}
  lines:
    each: rows
    fields: {sku: SKU, quantity: {path: Qty, as: quantity}, unit_price: {path: Price, as: {money: {decimal: ","}}}}
"""
GROUPED = "map: order\nfrom: csv\ngroup_by: Order No.\n" + FIELDS
HEAD = "Order No.;Date;Name;Country;SKU;Qty;Price\n"


def plain(options: str = "{}", fields: str = "{external_id: A, number: B}", syntax: str = "csv") -> Map:
    return load_map(f"map: order\nfrom: {syntax}\noptions: {options}\nfields: {fields}\n")


def outcomes(made: Map, data: bytes) -> list[Any]:
    return [
        (reading.number, reading.result.canonical if reading.result else str(reading.error and reading.error.what))
        for reading in made.read_bytes(data)
    ]


def refusal(made: Map, data: bytes) -> str:
    with pytest.raises(MapError) as caught:
        list(made.read_bytes(data))
    return caught.value.what


def test_rows_with_one_key_are_one_document() -> None:
    made = load_map(GROUPED)
    data = (
        HEAD + '7;20.11.2026;"Jensen; Ada";dk;MUG;2;19,90\n8;21.11.2026;Bo;SE;CUP;1;1,00\n7;;;;CUP;1;1,10\n'
    ).encode()
    first, second = outcomes(made, data)
    assert first == (
        2,
        {
            "external_id": "7",
            "placed_at": datetime(2026, 11, 19, 23, 0, tzinfo=UTC),
            "ship_to": {"name": "Jensen; Ada", "country": "DK"},
            "lines": [
                {"sku": "MUG", "quantity": Decimal(2), "unit_price": Decimal("19.90")},
                {"sku": "CUP", "quantity": Decimal(1), "unit_price": Decimal("1.10")},
            ],
        },
    )
    assert (second[0], second[1]["external_id"], len(second[1]["lines"])) == (3, "8", 1)


def test_one_bad_row_stops_its_document_only() -> None:
    made = load_map(GROUPED)
    rows = (
        "1;20.11.2026;A;DK;MUG;1;1\n2;20.11.2026;B;DK;MUG;1\n2;20.11.2026;B;DK;CUP;1;1\n;20.11.2026;C;DK;MUG;1;1\n"
        "3;20.11.2026;C;DK;MUG;x;1\n4;20.11.2026;D;DK;M;1;1\n4;20.11.2026;E;DK;M;1;1\n"
    )
    found = outcomes(made, (HEAD + rows).encode())
    assert [number for number, _ in found] == [2, 3, 5, 6, 7]
    assert found[0][1]["external_id"] == "1"
    assert found[1][1] == "Row 3 has 6 cells, the header has 7."
    assert found[2][1] == "Row 5 has nothing in the column 'Order No.', by which rows are grouped."
    assert found[3][1] == "rows[6].Qty: is not a number (value 'x', rule as quantity, map:11)."
    assert "Name: differs between row 7 and row 8, which are one document" in found[4][1]


def test_rows_that_are_not_grouped_are_their_own_only_line() -> None:
    made = plain(fields="{external_id: A, lines: {each: rows, fields: {sku: B}}}")
    assert outcomes(made, b"A,B\n1,x\n\n , \n2,y\n") == [
        (2, {"external_id": "1", "lines": [{"sku": "x"}]}),
        (5, {"external_id": "2", "lines": [{"sku": "y"}]}),
    ]


@pytest.mark.parametrize(
    ("options", "data", "expected"),
    [
        ("{}", b"A,B\n1,2\n", {"external_id": "1", "number": "2"}),
        ("{}", b"A;B\n1;2\n", {"external_id": "1", "number": "2"}),
        ("{}", b"A\tB\r\n1\t2\r\n", {"external_id": "1", "number": "2"}),
        ("{}", b"A|B\r1|2\r", {"external_id": "1", "number": "2"}),
        ("{}", b'\xef\xbb\xbf"A,A;x",B\n1,2\n', {"number": "2"}),
        ("{}", b"\xef\xbb\xbfA,B\n1,2\n", {"external_id": "1", "number": "2"}),
        ("{}", "A\tB\r\n1\té".encode("utf-16"), {"external_id": "1", "number": "é"}),
        ("{}", b"A\n1\n", {"external_id": "1"}),
        ("{delimiter: ';'}", b"A;B\n1;2,3\n", {"external_id": "1", "number": "2,3"}),
        ("{encoding: windows-1252}", b"A,B\n1,\x80\n", {"external_id": "1", "number": "\u20ac"}),
        ('{quote: "\'"}', b"A,B\n'1,1',2\n", {"external_id": "1,1", "number": "2"}),
        ("{}", b'A,B\n"1\n1","2""2"\n', {"external_id": "1\n1", "number": '2"2'}),
        ("{}", b"A,B\n1,2,,\n", {"external_id": "1", "number": "2"}),
    ],
)
def test_dialects(options: str, data: bytes, expected: dict[str, str]) -> None:
    assert [canonical for _, canonical in outcomes(plain(options), data)] == [expected]


def test_columns_without_a_name_have_a_number() -> None:
    made = plain("{header: false}", "{external_id: '1', number: '3'}")
    assert outcomes(made, b"a,b,c\nd,e,f\n") == [
        (1, {"external_id": "a", "number": "c"}),
        (2, {"external_id": "d", "number": "f"}),
    ]
    assert made.write_bytes([{"external_id": "a", "number": "c"}]) == b"a,,c\r\n"
    assert outcomes(plain(fields="{number: '2'}"), b"A,,C\n1,2,3\n") == [(2, {"number": "2"})]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "The file is empty: not even a header."),
        (b"\n\n", "The file is empty: not even a header."),
        (b"A,B,A\n1,2,3\n", "The header has the column 'A' twice."),
        (b"A,B;C\n1,2\n", "The first line has"),
        (b'A,B\n1,"2\n3,4\n', "The file is not CSV from line 2 on"),
        (b"A,B\n1,\xff\n", "The input is not UTF-8: byte 6 is 0xff."),
        (b"A,B\n1,\x00\n", "The input has a NUL character at position 6."),
        (b"A,B\n1," + b"x" * 200_000, "The file is not CSV from line 2 on: field larger than field limit"),
    ],
)
def test_files_that_cannot_be_trusted_are_refused_whole(data: bytes, reason: str) -> None:
    assert reason in refusal(plain(), data)


def test_grouping_needs_its_column() -> None:
    assert refusal(load_map(GROUPED), b"A,B\n1,2\n") == "The header has no column 'Order No.' to group rows by."
    assert "a column 'rows'" in refusal(load_map(GROUPED), b"Order No.,rows\n1,2\n")


def test_size_is_bounded() -> None:
    assert refusal(plain("{max_bytes: 4}"), b"A,B\n1,2\n") == "The input has 8 bytes, 4 are allowed."


ORDERS: list[dict[str, Any]] = [
    {
        "external_id": "7",
        "placed_at": datetime(2026, 11, 19, 23, 0, tzinfo=UTC),
        "ship_to": {"name": "Jensen, Ada", "country": "DK"},
        "lines": [
            {"sku": "MUG", "quantity": Decimal(2), "unit_price": Decimal("19.90")},
            {"sku": "CUP", "quantity": Decimal("0.5")},
        ],
    },
    {"external_id": "8", "lines": [{"sku": "=1+1", "quantity": Decimal(1)}]},
]


@pytest.mark.parametrize("syntax", ["csv", "xlsx"])
def test_documents_are_written_and_read_back(syntax: str) -> None:
    made = load_map(GROUPED.replace("from: csv", f"from: {syntax}"))
    data = made.write_bytes(ORDERS)
    assert [reading.result and reading.result.canonical for reading in made.read_bytes(data)] == ORDERS
    if syntax == "csv":
        assert data.decode() == (
            "Order No.,Date,Name,Country,SKU,Qty,Price\r\n"
            '7,20.11.2026,"Jensen, Ada",DK,MUG,2,"19,90"\r\n'
            '7,20.11.2026,"Jensen, Ada",DK,CUP,0.5,\r\n'
            "8,,,,=1+1,1,\r\n"
        )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("-cmd", "'-cmd"),
        ("\tx", "'\tx"),
        ("'=1", "''=1"),
        ("-5", "-5"),
        ("+45.10", "+45.10"),
        ("'quoted", "'quoted"),
        ("plain", "plain"),
    ],
)
def test_formula_safe_text_is_harmless_and_comes_back_as_it_was(text: str, written: str) -> None:
    made = plain("{formula_safe: true}")
    data = made.write_bytes([{"external_id": text, "number": "1"}])
    assert data == f"A,B\r\n{written},1\r\n".encode()
    assert outcomes(made, data) == [(2, {"external_id": text, "number": "1"})]


def test_what_a_charset_does_not_have_is_refused() -> None:
    with pytest.raises(MapError, match="'ł' cannot be written in latin-1"):
        plain("{encoding: latin-1}").write_bytes([{"external_id": "ł"}])
    assert plain("{bom: true}").write_bytes([{"external_id": "ł"}]) == b"\xef\xbb\xbfA,B\r\n\xc5\x82,\r\n"


def test_an_outbound_map_has_all_its_columns_even_when_empty() -> None:
    made = load_map(
        "map: push_order\nto: csv\noptions: {delimiter: ';'}\nfields:\n"
        "  Order No.: external_id\n  Note: note\n  rows: {each: lines, fields: {Item: sku, Active: {const: true}}}\n"
    )
    assert made.write_bytes([{"external_id": "7", "lines": [{"sku": "a"}, {"sku": "b"}]}, {"external_id": "8"}]) == (
        b"Order No.;Note;Item;Active\r\n7;;a;true\r\n7;;b;true\r\n8;;;\r\n"
    )


def workbook(*rows: list[Any], title: str = "Sheet1") -> bytes:
    book = openpyxl.Workbook()
    page: Any = book.active
    page.title = title
    for row in rows:
        page.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_cells_keep_their_types_and_their_exact_numbers() -> None:
    made = plain(
        syntax="xlsx",
        fields="{external_id: No, placed_at: {path: At, as: {datetime: {zone: UTC}}}, note: Note, "
        "totals: {fields: {grand: {path: Sum, as: money}}}, tax_included: Incl}",
    )
    at = datetime(2026, 11, 20, 9, 41)  # noqa: DTZ001 - a cell has no zone
    data = workbook(["No", "At", "Sum", "Incl", "Note"], [5701234567890, at, 19.9, True, None], [], ["x", at, 3])
    assert outcomes(made, data) == [
        (
            2,
            {
                "external_id": "5701234567890",
                "placed_at": datetime(2026, 11, 20, 9, 41, tzinfo=UTC),
                "totals": {"grand": Decimal("19.9")},
                "tax_included": True,
            },
        ),
        (4, {"external_id": "x", "placed_at": datetime(2026, 11, 20, 9, 41, tzinfo=UTC), "totals": {"grand": 3}}),
    ]


def test_an_error_in_a_cell_stops_its_row_only() -> None:
    found = outcomes(plain(syntax="xlsx"), workbook(["A", "B"], ["1", "#REF!"], ["2", "ok"]))
    assert found == [
        (2, "B: shows the error #REF! (value nothing, rule plain value, map:4)."),
        (3, {"external_id": "2", "number": "ok"}),
    ]


def test_sheets_are_named() -> None:
    data = workbook(["A", "B"], ["1", "2"], title="Orders")
    assert outcomes(plain("{sheet: Orders}", syntax="xlsx"), data) == [(2, {"external_id": "1", "number": "2"})]
    assert refusal(plain("{sheet: Other}", syntax="xlsx"), data) == (
        "The workbook has no sheet 'Other'; it has ['Orders']."
    )


def test_text_is_never_a_formula_in_a_workbook() -> None:
    data = plain(syntax="xlsx").write_bytes([{"external_id": "=1+1", "number": "2"}])
    page: Any = openpyxl.load_workbook(io.BytesIO(data)).active
    cell = page["A2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_cells_are_never_cut() -> None:
    with pytest.raises(MapError, match="A cell would hold 32,768 characters, 32,767 fit"):
        plain(syntax="xlsx").write_bytes([{"external_id": "x" * 32_768}])
    with pytest.raises(MapError, match="would hold a control character"):
        plain(syntax="xlsx").write_bytes([{"external_id": "\x01"}])


def packed(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "The file is not an XLSX workbook (BadZipFile)."),
        (b"PK\x03\x04 no", "The file is not an XLSX workbook (BadZipFile)."),
        (packed(a_xml=b"<a/>"), "The file is not a readable XLSX workbook (KeyError)."),
        (packed(a_xml=b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'), "has a document type definition in it"),
        (packed(a_bin=b"\0" * (256 * 1024 * 1024 + 1)), "unpacks to more than 268,435,456 bytes"),
        (workbook(), "The file is empty: not even a header."),
        (workbook(["A", "A"], [1, 2]), "The header has the column 'A' twice."),
    ],
)
def test_broken_and_hostile_workbooks_are_refused(data: bytes, reason: str) -> None:
    assert reason in refusal(plain(syntax="xlsx"), data)
