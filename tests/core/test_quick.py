"""The fast way through the schemas agrees with marshmallow wherever it decides."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError, fields

from core.domain.documents import QUICK, SCHEMAS, check_document
from core.domain.quick import Doubtful, Exact, Real, Whole
from core.errors import InputError

TEXTS = st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["EUR", "DE", "b2c", "\x00", "x" * 1001, "C62"]))
NUMBERS = st.one_of(
    st.none(),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.integers(),
    st.just("1.5"),
    st.just(Decimal(10) ** 13),
)
TIMES = st.one_of(st.none(), st.just(datetime(2026, 1, 1, tzinfo=UTC)), st.just("2026-01-01T00:00:00Z"))
ADDRESS = st.fixed_dictionaries({}, optional={"name": TEXTS, "country": TEXTS, "postal_code": TEXTS, "odd": TEXTS})
LINE = st.fixed_dictionaries(
    {"quantity": NUMBERS},
    optional={
        "sku": TEXTS,
        "unit_price": NUMBERS,
        "unit": TEXTS,
        "item_ref": st.one_of(st.none(), st.dictionaries(st.text(max_size=2), TEXTS, max_size=2)),
        "removed": NUMBERS,
        "tax_included": st.sampled_from([True, False, None, "yes", 1]),
        "position": st.one_of(st.none(), st.integers(-2, 200_000)),
    },
)
ORDER = st.fixed_dictionaries(
    {
        "external_id": TEXTS,
        "placed_at": TIMES,
        "currency": st.sampled_from(["EUR", "XXX", None]),
        "lines": st.lists(LINE, max_size=3),
    },
    optional={
        "ship_to": st.one_of(st.none(), ADDRESS),
        "type": TEXTS,
        "tags": st.one_of(st.none(), st.lists(TEXTS, max_size=2)),
        "source_version": st.integers() | st.none(),
        "partial_shipment_allowed": st.sampled_from([True, None, "no"]),
    },
)


@settings(max_examples=600, deadline=None)
@given(ORDER)
def test_what_the_fast_way_accepts_marshmallow_loads_to_the_same(document: dict[str, Any]) -> None:
    try:
        quick = QUICK["order"](document)
    except Doubtful:
        return
    try:
        slow = SCHEMAS["order"].load(document)
    except ValidationError as error:
        raise AssertionError(f"accepted {document}, marshmallow says {error}") from None
    assert quick == slow


def test_an_ordinary_order_takes_the_fast_way() -> None:
    document = {
        "external_id": "1",
        "placed_at": datetime(2026, 1, 1, tzinfo=UTC),
        "currency": "EUR",
        "lines": [{"sku": "A", "quantity": Decimal(2), "unit_price": Decimal("1.50"), "position": 1}],
        "source_version": 3,
    }
    assert QUICK["order"](document) == SCHEMAS["order"].load(document)


@pytest.mark.parametrize("value", [2.7, "2.7", Decimal("2.7"), -0.5, float("nan"), float("inf"), True, "2.0"])
def test_a_whole_number_with_a_fraction_is_refused_not_cut(value: Any) -> None:
    with pytest.raises(ValidationError):
        Whole().deserialize(value)


@pytest.mark.parametrize("value", [2, "2", 2.0, Decimal(2), Decimal("2.0"), Decimal("2E0")])
def test_a_whole_number_however_written_is_taken(value: Any) -> None:
    found = Whole().deserialize(value)
    assert (found, type(found)) == (2, int)


@pytest.mark.parametrize("field", [Exact, Whole, Real])
def test_numbers_are_in_ascii_digits_only(field: type[fields.Field[Any]]) -> None:
    assert field().deserialize("10") == 10
    for text in ("1_0", "\u0661\u0660", "\uff11", "ten"):
        with pytest.raises(ValidationError):
            field().deserialize(text)


@pytest.mark.parametrize(
    ("said", "fits"),
    [({"type": "b2b", "currency_assumed": True}, True), ({"currency_assumed": True}, False), ({"type": "b2b"}, False)],
)
def test_only_a_partners_order_that_says_so_states_no_currency(said: dict[str, Any], fits: bool) -> None:
    document = {"external_id": "1", "placed_at": datetime(2026, 1, 1, tzinfo=UTC), "lines": [{"quantity": Decimal(2)}]}
    if fits:
        assert "currency" not in check_document("order", {**document, **said})
        return
    with pytest.raises(InputError, match=r"currency: Missing data for required field"):
        check_document("order", {**document, **said})
