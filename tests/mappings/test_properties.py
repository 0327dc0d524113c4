"""Properties: symmetric maps lose nothing, and no bytes whatever raise anything but an expected error."""

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import CrossdockError
from mappings.codes import ALPHA_3
from mappings.document import load_map
from mappings.engine import Map

NESTED = """
map: order
from: {syntax}
options: {{{options}}}
fields:
  external_id: {{path: id, required: true}}
  placed_at: {{path: meta{dot}created, as: {{datetime: {{zone: America/New_York}}}}}}
  requested_ship_date: {{path: meta{dot}ship, as: {{date: {{format: "%Y%m%d"}}}}}}
  currency: {{path: cur, as: currency}}
  tax_included: {{path: gross, as: boolean}}
  tags: {{path: tags, as: split}}
  ship_to:
    from: to
    fields: {{name: name, line1: street, postal_code: zip, country: {{path: land, codes: iso_country_3}}}}
  buyer: {{from: customer{dot}party, fields: {{email: {{first_of: [mail, email]}}}}}}
  lines:
    each: {lines}
    fields:
      position: {{path: no, as: integer}}
      sku: {{path: sku, max_length: 40}}
      quantity: {{path: qty, as: quantity}}
      unit_price: {{path: price, as: {{money: {{minor: 4}}}}}}
      taxes: {{each: {taxes}, fields: {{rate: {{path: rate, as: number}}, amount: {{path: sum, as: money}}}}}}
  totals: {{fields: {{grand: {{path: total, as: {{money: {{decimal: ","}}}}}}}}}}
"""
FLAT = """
map: order
from: {syntax}
group_by: id
options: {{{options}}}
fields:
  external_id: {{path: id, required: true}}
  placed_at: {{path: created, as: {{datetime: {{unix: milliseconds}}}}}}
  currency: {{path: cur, as: currency}}
  tax_included: {{path: gross, as: {{boolean: {{true: J, false: N}}}}}}
  ship_to: {{fields: {{name: Name, line1: "Street, No.", country: {{path: land, codes: iso_country_3}}}}}}
  lines:
    each: rows
    fields:
      sku: {{path: sku, required: true}}
      quantity: {{path: qty, as: quantity}}
      unit_price: {{path: price, as: {{money: {{decimal: ","}}}}}}
"""


def nested(syntax: str) -> Map:
    if syntax == "xml":
        shape = {"options": "root: order", "dot": "/", "lines": "lines/line", "taxes": "tax"}
    else:
        shape = {"options": "", "dot": ".", "lines": "lines", "taxes": "tax"}
    return load_map(NESTED.format(syntax=syntax, **shape))


MAPS: dict[str, Map] = {
    **{syntax: nested(syntax) for syntax in ("json", "jsonl", "xml")},
    "csv": load_map(FLAT.format(syntax="csv", options="delimiter: ';'")),
    "csv-safe": load_map(FLAT.format(syntax="csv", options='delimiter: "\\t", formula_safe: true, bom: true')),
    "xlsx": load_map(FLAT.format(syntax="xlsx", options="sheet: Orders")),
}

OUTBOUND = load_map(
    "map: push_order\nto: json\nfields:\n  id: {path: lines, as: any, when: 'id > to'}\n  meta.x: meta\n"
    "  lines: {each: lines, where: sku, fields: {sku: sku, price: {path: price, as: money}}, one_way: true}\n"
    "  tags: {first_of: [tags, 'sum(tax)', 'lines[*].qty | [0]'], as: list, one_way: true}\n"
)

# Canonical text has something visible in it, and no characters that no store takes.
CHARACTERS = st.characters(exclude_categories=["Cs", "Cc", "Cn"])
TEXT = st.text(CHARACTERS, min_size=1, max_size=40).filter(str.strip)
CELL = TEXT.filter(lambda text: text not in {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"})
AMOUNT = st.decimals(-(10**8), 10**8, places=4)
QUANTITY = st.decimals(0, 10**6, places=3)
AT = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive
MILLISECOND = AT.map(lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000))
COUNTRY = st.sampled_from(sorted(ALPHA_3))
CURRENCY = st.sampled_from(["EUR", "USD", "JPY", "KWD"])
TAG = TEXT.filter(lambda text: "," not in text and text.strip() == text)


def an_object(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


TAX = an_object({"amount": AMOUNT}, {"rate": AMOUNT})
LINE = an_object(
    {"sku": TEXT},
    {"position": st.integers(0, 10**5), "quantity": QUANTITY, "unit_price": AMOUNT, "taxes": st.lists(TAX, max_size=2)},
)
ADDRESS = an_object({"name": TEXT}, {"line1": TEXT, "postal_code": TEXT, "country": COUNTRY})
ORDER = an_object(
    {"external_id": TEXT, "lines": st.lists(LINE, max_size=3)},
    {
        "placed_at": AT,
        "requested_ship_date": st.dates(datetime(1990, 1, 1).date()),  # noqa: DTZ001 - a bound
        "currency": CURRENCY,
        "tax_included": st.booleans(),
        "tags": st.lists(TAG, min_size=1, max_size=3),
        "ship_to": ADDRESS,
        "buyer": an_object({"email": TEXT}, {}),
        "totals": an_object({"grand": AMOUNT}, {}),
    },
)
FLAT_LINE = an_object({"sku": CELL}, {"quantity": QUANTITY, "unit_price": AMOUNT})
FLAT_ADDRESS = an_object({"name": CELL}, {"line1": CELL, "country": COUNTRY})
FLAT_ORDER = an_object(
    {"external_id": CELL.map(str.strip), "lines": st.lists(FLAT_LINE, min_size=1, max_size=3)},
    {"placed_at": MILLISECOND, "currency": CURRENCY, "tax_included": st.booleans(), "ship_to": FLAT_ADDRESS},
)


def without_nothing(order: dict[str, Any], syntax: str) -> dict[str, Any]:
    """XML cannot tell an empty list from none: there an absent list of taxes is an empty one."""
    if syntax == "xml":
        return {**order, "lines": [{"taxes": [], **line} for line in order["lines"]]}
    return order


@pytest.mark.parametrize("syntax", ["json", "jsonl", "xml"])
@given(order=ORDER)
@settings(max_examples=60, deadline=None)
def test_what_a_symmetric_map_writes_it_reads(syntax: str, order: dict[str, Any]) -> None:
    made = MAPS[syntax]
    expected = without_nothing(order, syntax)
    assert made.read(made.write(order)).canonical == expected
    result = made.read_one(made.write_bytes([order]))
    assert result.canonical == expected
    assert result.holds == []


@pytest.mark.parametrize(("syntax", "examples"), [("csv", 60), ("csv-safe", 60), ("xlsx", 15)])
def test_what_a_symmetric_map_of_rows_writes_it_reads(syntax: str, examples: int) -> None:
    made = MAPS[syntax]

    @given(orders=st.lists(FLAT_ORDER, min_size=1, max_size=3, unique_by=lambda order: order["external_id"]))
    @settings(max_examples=examples, deadline=None)
    def check(orders: list[dict[str, Any]]) -> None:
        data = made.write_bytes(orders)
        assert [reading.result and reading.result.canonical for reading in made.read_bytes(data)] == orders

    check()


@given(order=ORDER)
@settings(max_examples=40, deadline=None)
def test_money_keeps_its_value_and_every_digit(order: dict[str, Any]) -> None:
    found = MAPS["json"].read_one(MAPS["json"].write_bytes([order])).canonical
    for line, read in zip(order["lines"], found["lines"], strict=True):
        for tax, read_tax in zip(line.get("taxes", []), read.get("taxes", []), strict=True):
            assert str(read_tax["amount"]) == format(tax["amount"], "f")
            assert isinstance(read_tax["amount"], Decimal)


def swallow(act: Callable[[], Any]) -> None:
    """Run; expected errors are fine, anything else fails the test."""
    with contextlib.suppress(CrossdockError):
        act()


NAMES = st.sampled_from(["id", "meta", "created", "to", "lines", "sku", "qty", "tax", "price", "tags"]) | st.text()
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.decimals(allow_nan=True),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
SEEDS: dict[str, bytes] = {
    name: made.write_bytes(
        [{"external_id": "7", "currency": "EUR", "lines": [{"sku": "a", "quantity": "1", "unit_price": "1.10"}]}]
    )
    for name, made in MAPS.items()
}


def mutated(seed: bytes) -> st.SearchStrategy[bytes]:
    """Bytes close to a good document: cut, spliced, with bytes changed."""
    position = st.integers(0, len(seed))
    splice = st.tuples(position, st.binary(max_size=6), st.integers(0, 8))
    return st.lists(splice, min_size=1, max_size=4).map(lambda splices: applied(seed, splices))


def applied(seed: bytes, splices: list[tuple[int, bytes, int]]) -> bytes:
    for at, put, drop in splices:
        seed = seed[:at] + put + seed[at + drop :]
    return seed


@pytest.mark.parametrize(("name", "examples"), [(name, 25 if name == "xlsx" else 150) for name in MAPS])
def test_no_bytes_raise_anything_unexpected(name: str, examples: int) -> None:
    made = MAPS[name]

    @given(
        data=st.binary(max_size=200)
        | st.text().map(lambda text: text.encode("utf-8", "replace"))
        | mutated(SEEDS[name])
    )
    @settings(max_examples=examples, deadline=None)
    def check(data: bytes) -> None:
        swallow(lambda: list(made.read_bytes(data)))
        swallow(lambda: made.read_one(data))

    check()


@given(document=JSON_VALUES)
@settings(max_examples=200, deadline=None)
def test_no_document_raises_anything_unexpected(document: Any) -> None:
    for made in (MAPS["json"], OUTBOUND):
        for act in (made.read, made.write, made.trace, made.unmapped):
            swallow(partial(act, document))


@given(text=st.text(max_size=200) | st.text(st.sampled_from("mapfrojsnield: {}[]&*-\n'\"#|>!%@?"), max_size=80))
@settings(max_examples=200, deadline=None)
def test_no_map_text_raises_anything_unexpected(text: str) -> None:
    swallow(lambda: load_map(text))
    swallow(lambda: load_map(f"map: order\nfrom: json\nfields:\n  number: {text}\n"))
    swallow(lambda: load_map(f"map: order\nfrom: xml\nfields:\n  number: {{path: {text!r}}}\n"))
