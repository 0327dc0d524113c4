"""Map documents: YAML 1.2, unknown keys refused, every complaint with its line."""

from pathlib import Path
from typing import Any

import pytest

from mappings.document import load_map
from mappings.faults import MapDocumentError

GOOD = "map: order\nfrom: json\nfields:\n  external_id: id\n"


def complaint(text: str, **more: Any) -> str:
    with pytest.raises(MapDocumentError) as caught:
        load_map(text, **more)
    assert caught.value.error_code == "MAP-DOCUMENT-422"
    return caught.value.what


WRONG = [
    ("", "map is not a mapping"),
    ("- a\n", "map is not a mapping"),
    ("map: [\n", "map:2 is not YAML"),
    ("map: order\nfields: {a: b}\n", "needs either from (a map that reads) or to (a map that writes)"),
    (GOOD + "to: json\n", "needs either from"),
    (GOOD.replace("order", "parcel"), "map:1 map: Must be one of"),
    (GOOD.replace("json", "yaml"), "map:2 from: Must be one of"),
    (GOOD + "paint: red\n", "map:5 paint: Unknown field."),
    (GOOD + "map: order\n", "map:5 has the key 'map' twice"),
    (GOOD + "  external_id: x\n", "map:5 has the key 'external_id' twice"),
    (GOOD + "  1: {pth: x}\n", "map:5 fields.1.pth: Unknown field."),
    (GOOD + "  number: {path: name, pth: x}\n", "map:5 fields.number.pth: Unknown field."),
    (GOOD + "  number: {}\n", "needs exactly one of path, const, first_of, concat, fields; it has none"),
    (GOOD + "  number: {path: a, const: b}\n", "it has path, const"),
    (GOOD + "  number: [a]\n", "map:5 fields.number: must be a path or a mapping"),
    (GOOD + "  number: ''\n", "map:5 fields.number: is an empty path"),
    (GOOD + "  number: {path: name, as: moneyy}\n", "map:5 fields.number.as: moneyy is no function"),
    (GOOD + "  number: {path: name, as: {money: {minus: 2}}}\n", "money cannot be made with these options"),
    (GOOD + "  number: {path: name, as: {text: {x: 1}}}\n", "text has no options"),
    (GOOD + "  number: {path: name, as: 3}\n", "must be a function name"),
    (GOOD + "  number: {path: name, codes: nope}\n", "map:5 fields.number.codes: nope is no code list"),
    (GOOD + "  number: {path: name, on_missing: hold.bored}\n", "map:5 fields.number.on_missing: Must be one of"),
    (GOOD + "  number: {path: name, required: yes}\n", "fields.number.required: Not a valid boolean."),
    (GOOD + "  number: {const: b2c, default: x}\n", "goes with path or first_of or concat, not with const"),
    (GOOD + "  number: {path: a, each: b}\n", "fields.number.each: goes with fields, not with path"),
    (GOOD + "  lines: {fields: {sku: sku}, where: x}\n", "fields.lines.where: goes with each"),
    (GOOD + "  lines: {each: a, from: b, fields: {sku: sku}}\n", "each and from exclude one another"),
    (GOOD + "  number: {path: a, pattern: '('}\n", "is not a regular expression"),
    (GOOD + "  number: {path: a, min: x}\n", "fields.number.min: must be a number"),
    (GOOD + "  number: {const: [1]}\n", "fields.number.const: must be one plain value"),
    (GOOD + "  number: {first_of: [{path: a, required: true}]}\n", "required belongs to the rule around it"),
    (GOOD + "  number: {path: 'a[', one_way: true}\n", "is not JMESPath"),
    (GOOD + "  number: ship-to.name\n", "a name with other characters is quoted"),
    (GOOD + "  number: {path: a, when: '=='}\n", "is not JMESPath"),
    (GOOD + "  ship to: a\n", "map:5 fields.ship to: is not a field name, plain or dotted"),
    (GOOD + "  buyer: a\n  buyer.name: b\n", "map:6 fields.buyer.name: lies inside buyer, which is one value"),
    (GOOD + "  number: {path: a, as: number, default: x}\n", "map:5 number: is not a number"),
    (GOOD + "group_by: id\n", "groups rows; json has none"),
    (GOOD + "options: {delimiter: ','}\n", "map:5 options.delimiter: Unknown field."),
    (GOOD.replace("json", "csv") + "options: {delimiter: ab}\n", "options.delimiter: must be one character"),
    (GOOD.replace("json", "csv") + "options: {encoding: klingon}\n", "is no charset"),
    (GOOD.replace("json", "csv") + "  lines: {each: items, fields: {sku: SKU}}\n", "the only list in rows is `rows`"),
    (GOOD.replace("json", "csv") + "  buyer: {from: b, fields: {name: Name}}\n", "rows have no sub-objects"),
    (GOOD.replace("json", "xml") + "  number: 'a['\n", "is not XPath"),
    (GOOD.replace("json", "xml") + "  number: o:name\n", "is not XPath"),
    (GOOD.replace("from", "to") + "  n: {path: a, on_missing: hold.bad_address}\n", "holds are for maps that read"),
    (GOOD + "  number: !!python/object:os.system x\n", "of a type that maps do not use"),
    (GOOD + "  number: {const: .nan}\n", "map:5 has '.nan'"),
    (GOOD + "  ? [a]\n  : b\n", "has a key that is not plain text"),
]


@pytest.mark.parametrize(("text", "reason"), WRONG)
def test_what_is_wrong_is_named_with_its_line(text: str, reason: str) -> None:
    assert reason in complaint(text)


def test_norway_is_a_country() -> None:
    read = load_map(GOOD + "  ship_to: {fields: {country: {const: NO}, name: {path: yes}}}\n").read
    assert read({"id": "1", "yes": "on"}).canonical["ship_to"] == {"country": "NO", "name": "on"}


def test_numbers_of_a_map_are_exact() -> None:
    assert str(load_map(GOOD + "  number: {const: 0.10}\n").read({}).canonical["number"]) == "0.10"


def test_anchors_cannot_blow_a_map_up() -> None:
    levels = "".join(f"  x{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))
    assert "has more than 20,000 values" in complaint(f"map: order\nfrom: json\nfields:\n  x0: &a0 [a]\n{levels}")


def test_an_anchor_that_holds_itself_is_refused() -> None:
    assert "32 levels" in complaint("map: &a {b: *a}\n")


def test_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "order.in.yaml"
    path.write_text(GOOD + "  number: {pth: name}\n", encoding="utf-8")
    with pytest.raises(MapDocumentError, match=r"order\.in\.yaml:5 fields\.number\.pth: Unknown field\."):
        load_map(path)
    path.write_text(GOOD, encoding="utf-8")
    found = load_map(path)
    assert repr(found) == "<Map order.in.yaml order from json v1>"
    assert len(found.document.digest) == 64
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MapDocumentError, match="cannot be read"):
        load_map(path)
    with pytest.raises(MapDocumentError, match="cannot be read"):
        load_map(tmp_path / "gone.yaml")


def test_a_connector_cannot_give_a_built_in_name_another_meaning() -> None:
    from mappings.codes import CODES
    from mappings.functions import FUNCTIONS

    assert "function money is built in" in complaint(GOOD, functions={"money": FUNCTIONS["text"]})
    assert "code list iso_country is built in" in complaint(GOOD, codes={"iso_country": CODES["iso_country_3"]})


def test_all_complaints_of_the_schema_come_at_once() -> None:
    found = complaint("map: order\nfrom: json\nfields:\n  a: {x: 1}\n  b: {path: c, y: 2}\nz: 3\n")
    assert [line in found for line in ("map:4 fields.a.x:", "map:5 fields.b.y:", "map:6 z:")] == [True, True, True]
