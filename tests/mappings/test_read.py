"""Reading: what each kind of rule does, and what happens when it cannot."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from core.errors import MappingError, UnmappedCode
from mappings.codes import from_table
from mappings.document import load_map
from mappings.engine import Map
from mappings.faults import MapDocumentError, MapError
from mappings.results import Result
from mappings.transform import Transform

HEAD = "map: order\nfrom: json\nfields:\n"


def the_map(fields: str, **more: Any) -> Map:
    return load_map(HEAD + "".join(f"  {line}\n" for line in fields.strip().splitlines()), **more)


def read(fields: str, document: Any, **more: Any) -> dict[str, Any]:
    return the_map(fields, **more).read(document).canonical


def test_the_example_of_the_design() -> None:
    found = the_map(
        """
external_id: id
number: name
placed_at: {path: created_at, as: datetime}
currency: currency
ship_to:
  from: shipping_address
  fields: {name: name, line1: address1, postal_code: zip, country: {path: country_code, codes: iso_country}}
lines:
  each: line_items
  fields:
    sku: {path: sku, required: true, on_missing: hold.unmapped_sku}
    quantity: {path: quantity, as: quantity}
    unit_price: {path: price, as: money}
"""
    ).read_one(
        b'{"id": 820982911946154508, "name": "#1001", "created_at": "2026-11-20T10:41:00+01:00", "currency": "EUR",'
        b' "shipping_address": {"name": "Ada Jensen", "address1": "Nygade 4", "zip": "8000", "country_code": "DK"},'
        b' "line_items": [{"sku": "MUG", "quantity": 2, "price": "19.90"}, {"sku": null, "quantity": 1.5,'
        b' "price": 0.10}]}'
    )
    assert found == Result(
        {
            "external_id": "820982911946154508",
            "number": "#1001",
            "placed_at": datetime(2026, 11, 20, 9, 41, tzinfo=UTC),
            "currency": "EUR",
            "ship_to": {"name": "Ada Jensen", "line1": "Nygade 4", "postal_code": "8000", "country": "DK"},
            "lines": [
                {"sku": "MUG", "quantity": Decimal(2), "unit_price": Decimal("19.90")},
                {"quantity": Decimal("1.5"), "unit_price": Decimal("0.10")},
            ],
        },
        [{"kind": "unmapped_sku", "path": "lines[1].sku", "detail": "line_items[1].sku is missing"}],
    )
    assert str(found.canonical["lines"][1]["unit_price"]) == "0.10"


@pytest.mark.parametrize(
    ("fields", "document", "expected"),
    [
        ("number: name", {"name": "x"}, {"number": "x"}),
        ("number: name", {"name": None}, {}),
        ("number: name", {"name": ""}, {}),
        ("number: name", {"name": " \t"}, {}),
        ("number: name", {}, {}),
        ("number: a.b.c", {"a": {"b": {"c": 1}}}, {"number": "1"}),
        ("number: a.b.c", {"a": None}, {}),
        ('number: \'"ship-to"."no."\'', {"ship-to": {"no.": "7"}}, {"number": "7"}),
        ("number: items[0].sku", {"items": [{"sku": "a"}]}, {"number": "a"}),
        ("number: 'items[?kind==`\"x\"`].sku | [0]'", {"items": [{"kind": "x", "sku": "a"}]}, {"number": "a"}),
        ("tags: {path: 'items[].sku', as: list}", {"items": [{"sku": "a"}, {"sku": 2}]}, {"tags": ["a", "2"]}),
        (
            "totals.tax: {path: 'taxes[].amount', as: sum}",
            {"taxes": [{"amount": "0.10"}]},
            {"totals": {"tax": Decimal("0.10")}},
        ),
        ("buyer.name: n\nbuyer.email: e", {"n": "A", "e": "a@b"}, {"buyer": {"name": "A", "email": "a@b"}}),
        ("type: {const: b2b}", {}, {"type": "b2b"}),
        (
            "placed_at: {const: '2026-01-02T00:00:00Z', as: datetime}",
            {},
            {"placed_at": datetime(2026, 1, 2, tzinfo=UTC)},
        ),
        ("tax_included: {path: t, default: false}", {}, {"tax_included": False}),
        ("tax_included: {path: t, default: false}", {"t": True}, {"tax_included": True}),
        ("totals.tax: {path: t, as: money, default: '0.00'}", {"t": ""}, {"totals": {"tax": Decimal("0.00")}}),
        ("number: {first_of: [a, b, {const: none}]}", {"a": "", "b": "2"}, {"number": "2"}),
        ("number: {first_of: [a, b, {const: none}]}", {}, {"number": "none"}),
        ("number: {first_of: [a, b], default: x, as: upper}", {}, {"number": "X"}),
        ("number: {first_of: [a, b], as: upper}", {"b": "q"}, {"number": "Q"}),
        ("buyer.name: {concat: [f, l]}", {"f": "Ada", "l": "Jensen"}, {"buyer": {"name": "Ada Jensen"}}),
        ("buyer.name: {concat: [f, l]}", {"f": None, "l": "Jensen"}, {"buyer": {"name": "Jensen"}}),
        ("buyer.name: {concat: [f, l], separator: ', '}", {"f": "A", "l": "B"}, {"buyer": {"name": "A, B"}}),
        ("buyer.name: {concat: [f, l]}", {}, {}),
        ("number: {path: a, when: \"b == 'x'\"}", {"a": "1", "b": "x"}, {"number": "1"}),
        ("number: {path: a, when: \"b == 'x'\"}", {"a": "1", "b": "y"}, {}),
        ("number: {path: a, when: b}", {"a": "1", "b": False}, {}),
        ("number: {path: a, when: b}", {"a": "1", "b": 0}, {"number": "1"}),
        ("buyer: {from: c, fields: {name: n}}", {"c": {"n": "A"}}, {"buyer": {"name": "A"}}),
        ("buyer: {from: c, fields: {name: n}}", {"c": {}}, {}),
        ("buyer: {from: c, fields: {name: n}}", {"c": None}, {}),
        ("buyer: {fields: {name: c.n}}", {"c": {"n": "A"}}, {"buyer": {"name": "A"}}),
        ("lines: {each: l, fields: {sku: s}}", {"l": []}, {"lines": []}),
        ("lines: {each: l, fields: {sku: s}}", {"l": None}, {}),
        ("lines: {each: l, fields: {sku: s}}", {"l": [{"s": "a"}, {}]}, {"lines": [{"sku": "a"}, {}]}),
        (
            "lines: {each: 'f[].l[]', fields: {sku: s}}",
            {"f": [{"l": [{"s": "a"}]}, {"l": [{"s": "b"}]}]},
            {"lines": [{"sku": "a"}, {"sku": "b"}]},
        ),
        (
            "lines: {each: l, where: q > `0`, fields: {sku: s}}",
            {"l": [{"s": "a", "q": 0}, {"s": "b", "q": Decimal("0.5")}]},
            {"lines": [{"sku": "b"}]},
        ),
        (
            "payments: {each: p, fields: {currency: $.cur}}",
            {"cur": "EUR", "p": [{}]},
            {"payments": [{"currency": "EUR"}]},
        ),
        (
            "payments: {each: p, fields: {kind: {path: k, when: $.paid}}}",
            {"paid": True, "p": [{"k": "a"}]},
            {"payments": [{"kind": "a"}]},
        ),
        ("number: {path: a, as: [text, upper, {after: {prefix: '#'}}]}", {"a": " #x "}, {"number": "X"}),
        ("number: {path: a, max_length: 3, pattern: '[a-z]+'}", {"a": "abc"}, {"number": "abc"}),
        (
            "lines: {each: l, fields: {quantity: {path: q, as: quantity, min: 0, max: 9.5}}}",
            {"l": [{"q": 9.5 and Decimal("9.5")}]},
            {"lines": [{"quantity": Decimal("9.5")}]},
        ),
    ],
)
def test_each_feature(fields: str, document: Any, expected: dict[str, Any]) -> None:
    assert read(fields, document) == expected


def failure(fields: str, document: Any, **more: Any) -> MappingError:
    made = the_map(fields, **more)
    with pytest.raises(MappingError) as caught:
        made.read(document)
    return caught.value


def test_a_failure_names_paths_value_rule_and_line() -> None:
    error = failure(
        "lines:\n  each: line_items\n  fields:\n    unit_price: {path: price.amount, as: money}",
        {"line_items": [{"price": {"amount": "1"}}, {"price": {"amount": "1,5"}}]},
    )
    assert type(error) is MapError
    assert error.what == ("line_items[1].price.amount: is not a number (value '1,5', rule as money, map:7).")
    assert error.as_dict() == {
        "code": "MAP-FIELD-422",
        "class": "MapError",
        "what": error.what,
        "fix": "Mend the source or the rule at map:7.",
        "data": {
            "document_path": "line_items[1].price.amount",
            "canonical_path": "lines[1].unit_price",
            "value": "'1,5'",
            "rule": "as money",
            "map": "map:7",
        },
    }


@pytest.mark.parametrize(
    ("fields", "document", "path", "reason"),
    [
        ("number: {path: a, required: true}", {}, "a", "is missing and required"),
        ("number: {first_of: [a, b], required: true}", {}, "a | b", "is missing and required"),
        ("buyer: {from: c, required: true, fields: {name: n}}", {"c": {}}, "c", "is missing and required"),
        ("lines: {each: l, required: true, fields: {sku: s}}", {}, "l", "is missing and required"),
        ("number: a", {"a": {"b": 1}}, "a", "is an object, not a plain value"),
        ("number: a", {"a": [1]}, "a", "is a list, not a plain value"),
        ("number: a", {"a": 1.5}, "a", "is a binary float, not a plain value"),
        ("number: a.b", {"a": "x"}, "a.b", "a is text, not an object"),
        ("buyer: {from: c, fields: {name: n}}", {"c": "x"}, "c", "is text, not an object"),
        ("lines: {each: l, fields: {sku: s}}", {"l": {"s": 1}}, "l", "is an object, not a list"),
        ("lines: {each: l, fields: {sku: s}}", {"l": [{}, 3]}, "l", "has a whole number at 1, not an object"),
        ("number: {path: a, max_length: 3}", {"a": "abcd"}, "a", "has 4 characters, 3 are allowed"),
        ("number: {path: a, pattern: '[a-z]+'}", {"a": "ab1"}, "a", "does not match [a-z]+"),
        ("totals.tax: {path: a, as: money, min: 0}", {"a": "-1"}, "a", "is less than 0"),
        ("totals.tax: {path: a, as: money, max: 1.5}", {"a": "2"}, "a", "is more than 1.5"),
        ("number: {path: 'sum(a)'}", {"a": "x"}, "sum(a)", "the expression cannot be evaluated here"),
        ("number: {path: a, when: 'b < c'}", {"b": 1, "c": "x"}, "a", "the expression cannot be evaluated here"),
        (
            "buyer.name: {concat: [a, {const: 1}]}",
            {"a": "x"},
            "a | const",
            "joins a whole number, only text can be joined",
        ),
    ],
)
def test_what_does_not_fit_is_refused(fields: str, document: Any, path: str, reason: str) -> None:
    error = failure(fields, document)
    assert reason in error.what
    assert error.data["document_path"] == path


def test_an_unknown_code_is_its_own_error() -> None:
    codes = {"carriers": from_table("carriers", {"DHL": "dhl"})}
    error = failure("service_level: {path: carrier, codes: carriers}", {"carrier": "UPS"}, codes=codes)
    assert type(error) is UnmappedCode
    assert error.error_code == "MAP-CODE-404"
    assert error.what == (
        "carrier: has a code that is not in code list carriers (value 'UPS', rule codes carriers, map:4)."
    )


def test_what_may_be_held_is_held_and_not_lost() -> None:
    found = the_map(
        """
ship_to:
  from: a
  fields:
    country: {path: c, codes: iso_country, on_invalid: hold.unmapped_code}
    line1: {path: l, on_missing: hold.bad_address}
lines:
  each: l
  fields: {unit_price: {path: p, as: money, on_missing: hold.missing_price, on_invalid: hold.missing_price}}
"""
    ).read({"a": {"c": "ZZ"}, "l": [{"p": "1"}, {"p": "x"}, {}]})
    assert found.canonical == {"lines": [{"unit_price": Decimal(1)}, {}, {}]}
    assert found.holds == [
        {
            "kind": "unmapped_code",
            "path": "ship_to.country",
            "detail": "a.c has a code that is not in code list iso_country (value 'ZZ')",
        },
        {"kind": "bad_address", "path": "ship_to.line1", "detail": "a.l is missing"},
        {"kind": "missing_price", "path": "lines[1].unit_price", "detail": "l[1].p is not a number (value 'x')"},
        {"kind": "missing_price", "path": "lines[2].unit_price", "detail": "l[2].p is missing"},
    ]


def test_values_in_errors_are_short_and_never_secret() -> None:
    assert failure("number: {path: a, as: money}", {"a": "x" * 500}).data["value"] == f"'{'x' * 79}… (502 characters)"
    assert failure("number: {path: api_token, as: money}", {"api_token": "shpat_1"}).data["value"] == "[redacted]"
    error = failure("number: {path: card_number, as: money}", {"card_number": "4111x"})
    assert "4111x" not in str(error.as_dict())


def test_a_connectors_own_function_fails_like_a_built_in_one() -> None:
    def strange(value: Any) -> Any:
        return {"a": 1}[value]

    functions = {"strange": Transform("strange", strange)}
    assert read("number: {path: n, as: strange}", {"n": "a"}, functions=functions) == {"number": 1}
    error = failure("number: {path: n, as: strange}", {"n": "secret-ish"}, functions=functions)
    assert error.what.startswith("n: cannot be converted (KeyError) (value 'secret-ish'")


@pytest.mark.parametrize("document", [None, [], "x", 3, [{"a": 1}]])
def test_a_document_that_is_no_object_is_refused(document: Any) -> None:
    with pytest.raises(MapError, match="not an object"):
        the_map("number: a").read(document)


def test_a_rule_that_cannot_be_compiled_is_named_at_load() -> None:
    with pytest.raises(MapDocumentError, match=r"map:4 lines: 'a\[' is not JMESPath"):
        the_map("lines: {each: 'a[', fields: {sku: s}}")
