"""What buyers report as Hypothesis invents it: what they received and sold."""

from decimal import Decimal

from hypothesis import strategies as st

from tests.edi.canonical_documents import (
    DAYS,
    QUANTITIES,
    TIMES,
    Json,
    amounts,
    codes,
    digits,
    numbered,
    some,
)

UNITS = st.one_of(QUANTITIES, st.just(Decimal(0)))
ITEM = {"gtin": digits(13), "sku": codes(35), "buyer_code": codes(35)}


def receiving_advices() -> st.SearchStrategy[Json]:
    """Return what a buyer received of a despatch advice."""
    line = some({"accepted": UNITS}, {**ITEM, "rejected": UNITS})
    return some(
        {"external_id": codes(35), "received_at": TIMES, "lines": st.lists(line, min_size=1, max_size=4).map(numbered)},
        {"despatch_advice": codes(35), "order_external_id": codes(35)},
    )


def sales_reports() -> st.SearchStrategy[Json]:
    """Return what a buyer sold at his places."""
    line = some(
        {"place": codes(17)}, {**ITEM, "sold": UNITS, "returned": UNITS, "amount": amounts(), "unit_price": amounts()}
    )
    return some(
        {"external_id": codes(35), "issued_at": TIMES, "lines": st.lists(line, min_size=1, max_size=5)},
        {"starts_on": DAYS, "ends_on": DAYS, "currency": st.just("EUR")},
    )
