"""JSON and JSON lines: exact, strict and bounded."""

from decimal import Decimal
from typing import Any

import pytest

from mappings.document import load_map
from mappings.faults import MapError
from mappings.syntaxes.json import dump, parse

MAP = "map: order\nfrom: {syntax}\n{more}fields: {{external_id: id}}\n"


def refusal(data: bytes, **more: Any) -> MapError:
    with pytest.raises(MapError) as caught:
        parse(data, **more)
    return caught.value


def test_numbers_are_exact() -> None:
    found = parse(b'{"a": 0.1, "b": 820982911946154508, "c": 1.10, "d": -0.0, "e": 1e2}')
    assert {key: str(value) for key, value in found.items()} == {
        "a": "0.1",
        "b": "820982911946154508",
        "c": "1.10",
        "d": "-0.0",
        "e": "1E+2",
    }
    assert type(found["a"]) is Decimal


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"", "MAP-SYNTAX-422", "The input is not JSON: Expecting value at line 1, column 1."),
        (b'{"a": 1,}', "MAP-SYNTAX-422", "at line 1, column"),
        (b'{"a": 1} x', "MAP-SYNTAX-422", "Extra data"),
        (b'{"a": 1, "b": 2, "a": 3}', "MAP-SYNTAX-422", "has the name 'a' twice in one object"),
        (b"[NaN]", "MAP-SYNTAX-422", "has NaN, which is not a JSON number"),
        (b"[-Infinity]", "MAP-SYNTAX-422", "has -Infinity, which is not a JSON number"),
        (b"[1e999]", "MAP-SYNTAX-422", "the number 1e999, which is out of range"),
        (b"[" + b"1" * 5000 + b"]", "MAP-SYNTAX-422", "more than 4,300 digits"),
        (b"[0." + b"1" * 500 + b"]", "MAP-SYNTAX-422", "a number of more than 400 characters"),
        (b"[" * 65 + b"]" * 65, "MAP-DEPTH-422", "nested deeper than 64 levels"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "MAP-DEPTH-422", "nested deeper than 64 levels"),
        (b"[" * 100_000, "MAP-DEPTH-422", "nested deeper than 64 levels"),
        (b'"\xe6"', "MAP-CHARSET-422", "The input is not UTF-8: byte 1 is 0xe6."),
        (b'"\x00"', "MAP-CHARSET-422", "has a NUL character at position 1"),
        (b'["\\u0000"]', "MAP-CHARSET-422", "has a NUL character in a text"),
        (b'{"\\ud800": 1}', "MAP-CHARSET-422", "has half a surrogate pair in a text"),
    ],
)
def test_what_is_not_safe_json_is_refused(data: bytes, code: str, reason: str) -> None:
    error = refusal(data)
    assert error.error_code == code
    assert reason in error.what


def test_64_levels_are_fine() -> None:
    assert parse(b"[" * 64 + b"]" * 64) is not None
    assert parse(b'"' + b"[" * 200 + b'"') == "[" * 200


def test_size_is_bounded() -> None:
    assert refusal(b'"' + b"a" * 100 + b'"', max_bytes=100).what == "The input has 102 bytes, 100 are allowed."


def test_byte_order_marks_and_emoji_are_fine() -> None:
    assert parse(b"\xef\xbb\xbf[1]") == [1]
    assert parse('["é"]'.encode("utf-16")) == ["é"]
    assert parse(b'["\\ud83d\\ude00"]') == ["😀"]


def test_output_keeps_numbers_exact() -> None:
    assert dump({"a": Decimal("1.10"), "b": 2**63, "c": [None, True, "é"]}) == (
        b'{"a":1.10,"b":9223372036854775808,"c":[null,true,"\xc3\xa9"]}'
    )
    with pytest.raises(MapError, match="cannot be written as JSON"):
        dump({"a": object()})
    with pytest.raises(MapError, match="cannot be written as JSON"):
        dump("\ud800")
    with pytest.raises(MapError, match="Integer exceeds 64-bit range"):
        dump(2**64)


def test_an_envelope_holds_several_documents() -> None:
    made = load_map(MAP.format(syntax="json", more="records: data.orders\n"))
    readings = list(made.read_bytes(b'{"data": {"orders": [{"id": 1}, 7, {"id": 3}]}}'))
    assert [reading.number for reading in readings] == [1, 2, 3]
    assert [reading.result and reading.result.canonical for reading in readings] == [
        {"external_id": "1"},
        None,
        {"external_id": "3"},
    ]
    assert "a whole number, not an object" in str(readings[1].error)
    for data in (b"{}", b"[]", b'{"data": 3}', b'{"data": {"orders": {}}}'):
        with pytest.raises(MapError) as caught:
            list(made.read_bytes(data))
        assert caught.value.error_code == "MAP-RECORDS-422"
    with pytest.raises(MapError, match="holds 3 documents, one was expected"):
        made.read_one(b'{"data": {"orders": [{}, {}, {}]}}')


def test_a_bad_line_stops_only_itself() -> None:
    made = load_map(MAP.format(syntax="jsonl", more=""))
    readings = list(made.read_bytes('{"id": "a\u2028b"}\r\n\n{"id": \n{"id": 4}'.encode()))
    assert [(reading.number, reading.result is not None) for reading in readings] == [(1, True), (3, False), (4, True)]
    assert readings[0].result is not None
    assert readings[0].result.canonical == {"external_id": "a\u2028b"}
    assert readings[1].error is not None
    assert readings[1].error.data["line"] == 3
    assert made.write_bytes([{"external_id": "1"}, {"external_id": "2"}]) == b'{"id":"1"}\n{"id":"2"}\n'
