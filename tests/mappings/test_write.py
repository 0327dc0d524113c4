"""Writing: outbound maps, and inbound maps run backwards."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from core.errors import MappingError, UnmappedCode
from mappings.codes import from_table
from mappings.document import load_map
from mappings.engine import Map
from mappings.faults import MapDocumentError, MapError
from mappings.results import Trace

ORDER = {
    "external_id": "7",
    "placed_at": datetime(2026, 11, 20, 9, 41, tzinfo=UTC),
    "ship_to": {"name": "Ada Jensen", "line1": "Nygade 4", "country": "DK"},
    "lines": [
        {"sku": "MUG", "quantity": Decimal(2), "unit_price": Decimal("19.90")},
        {"sku": "CUP", "quantity": Decimal("0.5"), "unit_price": Decimal("1.10")},
    ],
}


def outbound(fields: str, **more: Any) -> Map:
    return load_map("map: push_order\nto: json\nfields:\n" + fields, **more)


def inbound(fields: str, **more: Any) -> Map:
    return load_map("map: order\nfrom: json\nfields:\n" + fields, **more)


def refusal(made: Map, canonical: Any) -> MappingError:
    with pytest.raises(MappingError) as caught:
        made.write(canonical)
    return caught.value


def test_an_outbound_map_fills_the_partners_fields() -> None:
    made = outbound(
        """
  OrderNo: {path: external_id, required: true}
  Header.Date: {path: placed_at, as: {datetime: {zone: Europe/Copenhagen, format: "%Y%m%d"}}}
  Header.Source: {const: crossdock}
  Ship-To:
    from: ship_to
    fields: {Name: {path: name, max_length: 35}, Country: {path: country, codes: iso_country_3}}
  Rows:
    each: lines
    fields:
      Sku: sku
      Qty: {path: quantity, as: quantity}
      Price: {path: unit_price, as: {money: {minor: 2}}}
      Order: $.external_id
  First: lines[0].sku
"""
    )
    assert made.write(ORDER) == {
        "OrderNo": "7",
        "Header": {"Date": "20261120", "Source": "crossdock"},
        "Ship-To": {"Name": "Ada Jensen", "Country": "DNK"},
        "Rows": [
            {"Sku": "MUG", "Qty": 2, "Price": 1990, "Order": "7"},
            {"Sku": "CUP", "Qty": Decimal("0.5"), "Price": 110, "Order": "7"},
        ],
        "First": "MUG",
    }
    assert made.write_bytes([ORDER]).endswith(b'{"Sku":"CUP","Qty":0.5,"Price":110,"Order":"7"}],"First":"MUG"}')


def test_a_payload_of_json_types_is_written_like_a_typed_one() -> None:
    made = outbound(
        "  At: {path: placed_at, as: datetime}\n  Rows: {each: lines, fields: {Q: {path: quantity, as: quantity}}}\n"
    )
    assert made.write({"placed_at": "2026-11-20T09:41:00Z", "lines": [{"quantity": "2"}]}) == {
        "At": "2026-11-20T09:41:00Z",
        "Rows": [{"Q": 2}],
    }


def test_an_inbound_map_runs_backwards() -> None:
    made = inbound(
        """
  external_id: id
  placed_at: {path: meta.created, as: datetime}
  type: {const: b2c}
  ship_to:
    from: address.ship
    fields: {name: {first_of: [name, contact]}, line1: a1, country: {path: cc, codes: iso_country_3}}
  lines:
    each: items
    fields: {sku: code, quantity: {path: n, as: quantity}, unit_price: {path: price, as: {money: {decimal: ","}}}}
  number: {concat: [id, id], one_way: true}
"""
    )
    assert made.write({**ORDER, "type": "b2c"}) == {
        "id": "7",
        "meta": {"created": "2026-11-20T09:41:00Z"},
        "address": {"ship": {"name": "Ada Jensen", "a1": "Nygade 4", "cc": "DNK"}},
        "items": [{"code": "MUG", "n": 2, "price": "19,90"}, {"code": "CUP", "n": Decimal("0.5"), "price": "1,10"}],
    }


def test_an_outbound_map_runs_backwards() -> None:
    made = outbound(
        "  No: external_id\n  At: {path: placed_at, as: datetime}\n  Kind: {const: ORDER}\n"
        "  To: {from: ship_to, fields: {C: {path: country, codes: iso_country_3}}}\n"
        "  Rows: {each: lines, fields: {P: {path: unit_price, as: {money: {minor: 2}}}}}\n"
    )
    document = {"No": "7", "At": "2026-11-20T09:41:00Z", "Kind": "ORDER", "To": {"C": "DNK"}, "Rows": [{"P": 110}]}
    found = made.read(document).canonical
    assert found == {
        "external_id": "7",
        "placed_at": datetime(2026, 11, 20, 9, 41, tzinfo=UTC),
        "ship_to": {"country": "DK"},
        "lines": [{"unit_price": Decimal("1.10")}],
    }
    assert made.write(found) == document


def test_two_rules_into_one_object_are_joined() -> None:
    made = inbound("  buyer: {from: customer, fields: {name: name}}\n  external_id: customer.order.id\n")
    assert made.write({"buyer": {"name": "A"}, "external_id": "7"}) == {"customer": {"name": "A", "order": {"id": "7"}}}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("  number: {concat: [a, b]}\n", "`concat` cannot be run backwards"),
        ("  number: {path: a, when: b}\n", "a condition cannot be run backwards"),
        ("  lines: {each: l, where: q, fields: {sku: s}}\n", "a condition cannot be run backwards"),
        ("  number: a[0]\n", "'a[0]' cannot be written to: only plain dotted paths can"),
        ("  number: $.a\n", "'$.a' cannot be written to"),
        ("  number: a\n  external_id: a\n", "line 4 already writes a"),
        ("  tags: {path: a, as: sum}\n", "`as: sum` only reads"),
        ("  number: {first_of: [{const: x}, a]}\n", "`first_of` is written to its first path, which is none here"),
    ],
)
def test_what_cannot_be_turned_around_is_named(fields: str, reason: str) -> None:
    with pytest.raises(MapDocumentError) as caught:
        inbound(fields).write({})
    assert reason in caught.value.what
    assert "say `one_way: true` or write a map for this direction" in caught.value.what
    assert "map:" in caught.value.what


def test_nothing_is_cut_to_fit() -> None:
    made = outbound("  Name: {path: name, max_length: 5}\n")
    error = refusal(made, {"name": "Ada Jensen"})
    assert type(error) is MapError
    assert error.what == "Name: has 10 characters, 5 are allowed (value 'Ada Jensen', rule plain value, map:4)."
    assert (error.data["document_path"], error.data["canonical_path"]) == ("Name", "name")


@pytest.mark.parametrize(
    ("fields", "canonical", "reason"),
    [
        ("  N: {path: n, required: true}\n", {}, "is missing and required"),
        ("  N: {path: n, pattern: '[0-9]{13}'}\n", {"n": "57"}, "does not match [0-9]{13}"),
        ("  N: {path: n, as: quantity, max: 99}\n", {"n": "100"}, "is more than 99"),
        ("  N: {path: n, as: {money: {minor: 2}}}\n", {"n": "0.001"}, "has more than 2 digits after the point"),
        ("  N: n\n", {"n": {"a": 1}}, "is an object, not a plain value"),
        ("  L: {each: l, fields: {N: n}}\n", {"l": "x"}, "is text, not a list"),
    ],
)
def test_what_does_not_fit_the_partner_is_refused(fields: str, canonical: Any, reason: str) -> None:
    assert reason in refusal(outbound(fields), canonical).what


def test_a_code_the_partner_does_not_have_is_refused() -> None:
    carriers = from_table("carriers", {"PAK": "dhl"})
    made = outbound("  C: {path: 'lines[0].carrier', codes: carriers}\n", codes={"carriers": carriers})
    assert made.write({"lines": [{"carrier": "dhl"}]}) == {"C": "PAK"}
    error = refusal(made, {"lines": [{"carrier": "ups"}]})
    assert type(error) is UnmappedCode
    assert error.data["value"] == "'ups'"


def test_a_value_the_map_cannot_carry_is_refused() -> None:
    made = inbound("  currency: {const: EUR}\n  external_id: id\n")
    assert made.write({"currency": "EUR", "external_id": "1"}) == {"id": "1"}
    error = refusal(made, {"currency": "USD", "external_id": "1"})
    assert "is not EUR, the only value this map can carry" in error.what


def test_holds_become_refusals_when_writing() -> None:
    made = inbound("  number: {path: a, on_missing: hold.missing_field}\n")
    assert made.read({}).holds == [{"kind": "missing_field", "path": "number", "detail": "a is missing"}]
    assert "is missing and required" in refusal(made, {}).what


def test_paths_name_the_list_position_backwards_too() -> None:
    made = inbound("  lines: {each: items, fields: {quantity: {path: n, as: quantity}}}\n")
    error = refusal(made, {"lines": [{"quantity": "1"}, {"quantity": "x"}]})
    assert (error.data["canonical_path"], error.data["document_path"]) == ("lines[1].quantity", "items[1].n")


def test_an_outbound_map_is_traced_from_the_canonical_side() -> None:
    made = outbound("  Rows: {each: lines, fields: {Q: {path: quantity, as: quantity}}}\n")
    assert made.trace(ORDER) == [
        Trace("Rows[0].Q", "lines[0].quantity", 4, 2),
        Trace("Rows[1].Q", "lines[1].quantity", 4, Decimal("0.5")),
    ]
