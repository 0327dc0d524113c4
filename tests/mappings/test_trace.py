"""Where values came from, and what a map leaves unread."""

from decimal import Decimal

from mappings.document import load_map
from mappings.engine import Map
from mappings.results import Trace


def the_map(fields: str) -> Map:
    return load_map(
        "map: order\nfrom: json\nfields:\n" + "".join(f"  {line}\n" for line in fields.strip().splitlines())
    )


def test_a_trace_says_which_line_made_which_field() -> None:
    made = the_map(
        """
external_id: id
buyer: {from: customer, fields: {name: {concat: [first, last]}, phone: {first_of: [mobile, phone], as: upper}}}
lines:
  each: l
  where: q
  fields:
    sku: s
    taxes: {each: t, fields: {amount: {path: a, as: money}}}
payments: {each: p, fields: {kind: {const: sale}, currency: $.cur}}
"""
    )
    document = {
        "id": 1,
        "cur": "EUR",
        "customer": {"first": "A", "last": "B", "phone": "1x"},
        "l": [{"s": "no"}, {"s": "x", "q": 1, "t": [{}, {"a": "2"}]}],
        "p": [{}],
    }
    assert made.trace(document) == [
        Trace("external_id", "id", 4, "1"),
        Trace("buyer.name", "customer.first | last", 5, "A B"),
        Trace("buyer.phone", "customer.phone", 5, "1X"),
        Trace("lines[0].sku", "l[1].s", 10, "x"),
        Trace("lines[0].taxes[1].amount", "l[1].t[1].a", 11, Decimal(2)),
        Trace("payments[0].kind", "const", 12, "sale"),
        Trace("payments[0].currency", "$.cur", 12, "EUR"),
    ]


def test_unmapped_paths_are_reported() -> None:
    made = the_map("number: a.b\nlines: {each: l, where: 'q > `0`', fields: {sku: s}}\nnote: 'x.*.y | [0]'")
    document = {
        "a": {"b": 1, "c": 2, "empty": None},
        "l": [{"s": "x", "q": 1, "z": 1, "deep": {"er": "y"}}, {"s": "y", "w": 2}],
        "x": {"k": {"y": "1", "n": 2}},
        "tags": ["a"],
        "nothing": [],
    }
    assert made.unmapped(document) == ["a.c", "l[].z", "l[].deep.er", "l[].w", "x.k.n", "tags"]
