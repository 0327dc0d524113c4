"""The functions of `as:`, one by one, in both directions."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from core.errors import CrossdockError, UnmappedCode
from mappings.faults import Unfit
from mappings.functions import FUNCTIONS, SCALAR
from mappings.transform import Transform

AT = datetime(2026, 11, 20, 9, 41, tzinfo=UTC)


def made(name: str, **options: Any) -> Transform:
    found = FUNCTIONS[name]
    return found if isinstance(found, Transform) else found(**options)


READS: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("money", {}, "19.90", Decimal("19.90")),
    ("money", {}, " -0.10 ", Decimal("-0.10")),
    ("money", {}, 19, Decimal(19)),
    ("money", {}, Decimal("0.1"), Decimal("0.1")),
    ("money", {}, "1e2", Decimal(100)),
    ("money", {"minor": 2}, 1990, Decimal("19.90")),
    ("money", {"decimal": ",", "thousands": "."}, "1.234.567,89", Decimal("1234567.89")),
    ("money", {"decimal": ",", "thousands": " "}, "12 345", Decimal(12345)),
    ("quantity", {}, "2.500", Decimal("2.500")),
    ("number", {}, "0.021670262153820695", Decimal("0.021670262153820695")),
    ("scaled", {"by": 1000}, "1.5", Decimal(1500)),
    ("sum", {}, ["1.10", 2, Decimal("0.05")], Decimal("3.15")),
    ("sum", {}, [], Decimal(0)),
    ("integer", {}, "3.0", 3),
    ("integer", {}, Decimal("-7"), -7),
    ("text", {}, "  a b ", "a b"),
    ("text", {}, " ", None),
    ("text", {}, 12345678901234567890, "12345678901234567890"),
    ("text", {}, True, "true"),
    ("upper", {}, "dk ", "DK"),
    ("lower", {}, "A@B.example", "a@b.example"),
    ("boolean", {}, "Yes", True),
    ("boolean", {}, 0, False),
    ("boolean", {"true": "J", "false": "N"}, "J", True),
    ("datetime", {}, "2026-11-20T04:41:00-05:00", AT),
    ("datetime", {}, "20261120T094100Z", AT),
    ("datetime", {}, "2026-11-20 09:41:00 +00:00", AT),
    ("datetime", {}, "2026-11-20T09:41:00.123456789Z", AT + timedelta(microseconds=123456)),
    ("datetime", {"zone": "Europe/Copenhagen"}, "2026-11-20T10:41", AT),
    ("datetime", {"zone": "Europe/Copenhagen"}, "2026-11-20T09:41:00Z", AT),
    ("datetime", {"zone": "Europe/Copenhagen", "format": "%d.%m.%Y %H:%M"}, "20.11.2026 10:41", AT),
    ("datetime", {"unix": "seconds"}, 1795167660, AT),
    ("datetime", {"unix": "milliseconds"}, "1795167660500", AT + timedelta(milliseconds=500)),
    ("datetime", {}, AT.astimezone(timezone(timedelta(hours=2))), AT),
    ("datetime", {"zone": "Europe/Copenhagen"}, datetime(2026, 11, 20, 10, 41), AT),  # noqa: DTZ001 - a cell has none
    ("date", {}, "2026-11-20", date(2026, 11, 20)),
    ("date", {"format": "%m/%d/%Y"}, "11/20/2026", date(2026, 11, 20)),
    ("date", {}, datetime(2026, 11, 20), date(2026, 11, 20)),  # noqa: DTZ001 - a cell has none
    ("country", {}, "deu", "DE"),
    ("country", {}, " no ", "NO"),
    ("currency", {}, "eur", "EUR"),
    ("gid", {}, "gid://shopify/Order/820982911946154508", "820982911946154508"),
    ("gid", {"kind": "Order"}, "gid://shopify/Order/1?x=2", "1"),
    ("after", {"prefix": "#"}, "#1001", "1001"),
    ("split", {}, "a, b,,c ", ["a", "b", "c"]),
    ("split", {"by": "|"}, "a|b", ["a", "b"]),
    ("list", {}, ["a", None, 3], ["a", "3"]),
    ("any", {}, {"x": 1}, {"x": 1}),
]


@pytest.mark.parametrize(("name", "options", "value", "expected"), READS)
def test_read(name: str, options: dict[str, Any], value: Any, expected: Any) -> None:
    found = made(name, **options).read(value)
    assert found == expected
    assert type(found) is type(expected)


WRITES: list[tuple[str, dict[str, Any], Any, Any]] = [
    ("money", {}, Decimal("19.90"), "19.90"),
    ("money", {}, "19.90", "19.90"),
    ("money", {"minor": 2}, Decimal("19.90"), 1990),
    ("money", {"minor": 2}, Decimal("19.900"), 1990),
    ("money", {"decimal": ","}, Decimal("1234.5"), "1234,5"),
    ("money", {"number": True}, "19.90", Decimal("19.90")),
    ("money", {}, Decimal("1E+3"), "1000"),
    ("quantity", {}, Decimal("2.000"), 2),
    ("quantity", {}, "0.5", Decimal("0.5")),
    ("quantity", {"decimal": ","}, Decimal("0.5"), "0,5"),
    ("number", {}, "0.25", Decimal("0.25")),
    ("scaled", {"by": 1000}, 1500, Decimal("1.5")),
    ("integer", {}, Decimal(3), 3),
    ("text", {}, Decimal("1.50"), "1.50"),
    ("text", {}, 7, "7"),
    ("boolean", {}, False, False),
    ("boolean", {"true": "J", "false": "N"}, False, "N"),
    ("datetime", {}, AT, "2026-11-20T09:41:00Z"),
    ("datetime", {}, "2026-11-20T10:41:00+01:00", "2026-11-20T09:41:00Z"),
    ("datetime", {"zone": "Europe/Copenhagen"}, AT, "2026-11-20T10:41:00+01:00"),
    ("datetime", {"zone": "Europe/Copenhagen", "format": "%d.%m.%Y %H:%M"}, AT, "20.11.2026 10:41"),
    ("datetime", {"unix": "seconds"}, AT, 1795167660),
    ("datetime", {"unix": "seconds"}, AT + timedelta(milliseconds=500), Decimal("1795167660.5")),
    ("datetime", {"unix": "milliseconds"}, AT, 1795167660000),
    ("date", {}, date(2026, 11, 20), "2026-11-20"),
    ("date", {"format": "%d.%m.%Y"}, "2026-11-20", "20.11.2026"),
    ("gid", {"kind": "Order"}, "123", "gid://shopify/Order/123"),
    ("gid", {"kind": "Order"}, "gid://shopify/Order/123", "gid://shopify/Order/123"),
    ("after", {"prefix": "#"}, "1001", "#1001"),
    ("split", {}, ["a", "b"], "a, b"),
    ("list", {}, ["a"], ["a"]),
]


@pytest.mark.parametrize(("name", "options", "value", "expected"), WRITES)
def test_write(name: str, options: dict[str, Any], value: Any, expected: Any) -> None:
    write = made(name, **options).write
    assert write is not None
    found = write(value)
    assert found == expected
    assert type(found) is type(expected)


REFUSED_READS: list[tuple[str, dict[str, Any], Any, str]] = [
    ("money", {}, 19.9, "is a binary float, not a number"),
    ("money", {}, True, "is true or false, not a number"),
    ("money", {}, "12,50", "is not a number"),
    ("money", {}, "٣", "is not a number"),
    ("money", {}, "NaN", "is not a number"),
    ("money", {}, "Infinity", "is not a number"),
    ("money", {}, Decimal("NaN"), "is not a finite number"),
    ("money", {}, "1e19", "has more than 28 digits, or more than 18 before the point"),
    ("money", {}, "1e99", "has more than 28 digits, or more than 18 before the point"),
    ("money", {}, 10**30, "has more than 18 digits"),
    ("money", {}, "0." + "1" * 33, "has more than 28 digits, or more than 18 before the point"),
    ("money", {"decimal": ","}, "1.234", "is not a number with ',' as decimal sign"),
    ("money", {"decimal": ",", "thousands": "."}, "12.34", "has '.' not between groups of three digits"),
    ("money", {"decimal": ",", "thousands": "."}, "1,234.567", "has '.' after the decimal sign"),
    ("integer", {}, "3.5", "is not a whole number"),
    ("sum", {}, "1", "is text, not a list of amounts"),
    ("boolean", {}, "maybe", "is neither true nor false"),
    ("boolean", {}, 2, "is neither true nor false"),
    ("boolean", {"true": "J", "false": "N"}, "true", "is neither 'J' nor 'N'"),
    ("datetime", {}, "2026-11-20T09:41:00", "has no time zone and the rule names none"),
    ("datetime", {}, "2026-11-20", "is not an ISO 8601 time such as 2026-11-20T09:41:00Z"),
    ("datetime", {}, "2026-13-20T09:41:00Z", "is not a valid time"),
    ("datetime", {}, "0001-01-01T00:00:00+10:00", "is outside the years 1 to 9999"),
    ("datetime", {}, 1795167660, "is a whole number, not a time"),
    ("datetime", {"unix": "seconds"}, 10**15, "is outside the years 1 to 9999"),
    ("datetime", {"format": "%d.%m.%Y"}, "11/20/2026", "is not a time of the form %d.%m.%Y"),
    ("date", {}, "20.11.2026", "is not a date of the form 2026-11-20"),
    ("date", {}, AT, "has a time of day; read it with `as: datetime`"),
    ("gid", {}, "123", "is not a global id such as gid://shopify/Order/123"),
    ("gid", {"kind": "Order"}, "gid://shopify/Customer/1", "is the id of a Customer, not of a Order"),
    ("after", {"prefix": "#"}, "1001", "does not start with '#'"),
    ("list", {}, "a", "is text, not a list"),
    ("list", {}, [{"a": 1}], "is an object, not a plain value"),
    ("text", {}, {}, "is an object, not a plain value"),
    ("text", {}, 10**90, "has more than 77 digits"),
]


@pytest.mark.parametrize(("name", "options", "value", "reason"), REFUSED_READS)
def test_read_refuses(name: str, options: dict[str, Any], value: Any, reason: str) -> None:
    with pytest.raises(Unfit) as caught:
        made(name, **options).read(value)
    assert str(caught.value) == reason


REFUSED_WRITES: list[tuple[str, dict[str, Any], Any, str]] = [
    ("money", {}, 19.9, "is a binary float, not a number"),
    ("money", {"minor": 2}, Decimal("19.905"), "has more than 2 digits after the point"),
    ("scaled", {"by": 3}, 1, "cannot be divided by 3 exactly"),
    ("integer", {}, Decimal("0.5"), "is not a whole number"),
    ("boolean", {}, "true", "is text, not true or false"),
    ("datetime", {}, datetime(2026, 11, 20), "has no time zone"),  # noqa: DTZ001 - that is the point
    ("split", {}, ["a,b"], "has a part with ',' in it"),
    ("gid", {"kind": "Order"}, "a b", "cannot be part of a global id"),
]


@pytest.mark.parametrize(("name", "options", "value", "reason"), REFUSED_WRITES)
def test_write_refuses(name: str, options: dict[str, Any], value: Any, reason: str) -> None:
    write = made(name, **options).write
    assert write is not None
    with pytest.raises(Unfit) as caught:
        write(value)
    assert str(caught.value) == reason


@pytest.mark.parametrize(("name", "value"), [("country", "XX"), ("country", "Germany"), ("currency", "EURO")])
def test_unknown_codes_are_never_guessed(name: str, value: str) -> None:
    with pytest.raises(UnmappedCode) as caught:
        made(name).read(value)
    assert isinstance(caught.value, CrossdockError)
    assert caught.value.data["list"] == f"iso_{name}"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("datetime", {"zone": "Europe/Nowhere"}),
        ("datetime", {"unix": "days"}),
        ("datetime", {"unix": "seconds", "zone": "UTC"}),
        ("scaled", {"by": 0}),
        ("boolean", {"true": "J"}),
    ],
)
def test_options_that_mean_nothing_are_refused(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(Unfit):
        made(name, **options)


def test_only_what_can_be_turned_around_writes() -> None:
    one_way = {name for name in FUNCTIONS if name != "scaled" and made(name, **needed(name)).write is None}
    assert one_way == {"gid", "ratio", "sum"}


def needed(name: str) -> dict[str, Any]:
    options: dict[str, dict[str, Any]] = {"after": {"prefix": "x"}, "lines": {"width": 70}}
    return options.get(name, {})


def test_a_plain_rule_turns_numbers_into_text_and_leaves_the_rest() -> None:
    assert SCALAR.write is not None
    assert [SCALAR.read(value) for value in (820982911946154508, Decimal("1E+2"), "x", False, date(2026, 1, 2))] == [
        "820982911946154508",
        "100",
        "x",
        False,
        "2026-01-02",
    ]
    assert [SCALAR.write(value) for value in (3, Decimal("1.50"), "x", True, AT)] == [
        3,
        "1.50",
        "x",
        True,
        "2026-11-20T09:41:00Z",
    ]
    with pytest.raises(Unfit):
        SCALAR.read(1.5)
