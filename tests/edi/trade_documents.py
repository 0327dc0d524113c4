"""Orders and papers as Hypothesis makes them: everything the maps of XML documents carry, with invented values."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from core.domain.checkdigits import check_digit

WORDS = st.text("abcdefghijklmnopqrstuvwxyzÄÖÜßéåñ0123456789&<>'\"-./ ", min_size=1, max_size=24).map(
    lambda found: f"x{found}".strip()
)
CODES = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789-/", min_size=1, max_size=14)
DAYS = st.dates(date(2020, 1, 1), date(2035, 12, 31)).map(str)
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(0), timedelta(days=5800)).map(
    lambda since: (FIRST + since).isoformat().replace("+00:00", "Z")
)
UNITS = st.sampled_from(["C62", "EA", "KGM", "XCT", "DZN"])


def amounts(low: str = "0", high: str = "99999", places: int = 2) -> st.SearchStrategy[str]:
    return st.decimals(Decimal(low), Decimal(high), places=places).map(lambda each: format(each, "f"))


QUANTITIES = st.one_of(st.integers(1, 5000).map(str), amounts("0.001", "500", 3))
RATES = st.sampled_from(["0", "0.07", "0.19", "0.055", "0.2"])


def keys(length: int) -> st.SearchStrategy[str]:
    digits = st.text("0123456789", min_size=length - 1, max_size=length - 1)
    return digits.map(lambda found: found + check_digit(found))


def some(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


PARTY = some(
    {"name": WORDS},
    {"company": WORDS, "email": WORDS, "phone": WORDS, "vat_id": CODES, "gln": keys(13), "external_id": CODES},
)
PLACE = some(
    {"name": WORDS},
    {
        "company": WORDS, "phone": WORDS, "gln": keys(13), "external_id": CODES, "line1": WORDS, "line2": WORDS,
        "city": WORDS, "region": WORDS, "postal_code": CODES, "country": st.sampled_from(["DE", "DK", "US"]),
    },
)  # fmt: skip
SELLER = some(
    {"name": WORDS},
    {
        "company": WORDS, "email": WORDS, "phone": WORDS, "vat_id": CODES, "gln": keys(13), "external_id": CODES,
        "line1": WORDS, "line2": WORDS, "city": WORDS, "region": WORDS, "postal_code": CODES,
        "country": st.sampled_from(["DE", "DK", "US"]),
    },
)  # fmt: skip
REFERENCES = st.dictionaries(
    st.sampled_from(["contract", "customer_reference", "cost_center", "department", "vendor_number", "promotion"]),
    CODES,
    min_size=1,
)
ITEM = {"sku": CODES, "buyer_code": CODES, "gtin": st.sampled_from([8, 12, 13, 14]).flatmap(keys), "title": WORDS}
PAPER = {
    "number": CODES,
    "issued_at": MOMENTS,
    "buyer": PARTY,
    "seller": PARTY,
    "order_external_id": CODES,
    "order_number": CODES,
}
MORE = {"ordered_on": DAYS, "references": REFERENCES}


def lines(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    def numbered(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"position": number, **each} for number, each in enumerate(found, 1)]

    return st.lists(some({"external_id": CODES, **required}, {**ITEM, **optional}), min_size=1, max_size=4).map(
        numbered
    )


def no_position(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in each.items() if key != "position"} for each in found]


ORDERS = some(
    {
        "external_id": CODES, "type": st.just("b2b"), "placed_at": MOMENTS, "currency": st.just("EUR"),
        "buyer": PARTY, "seller": PARTY,
        "lines": lines(
            {"quantity": QUANTITIES, "unit": UNITS},
            {
                "unit_price": amounts(places=4), "discount": amounts(), "pack_size": QUANTITIES,
                "taxes": st.lists(some({}, {"rate": RATES, "amount": amounts()}).filter(bool), min_size=1, max_size=1),
            },
        ).map(no_position),
    },
    {
        "requested_ship_date": DAYS, "requested_delivery_date": DAYS, "ship_not_before": DAYS, "ship_not_after": DAYS,
        "deliver_not_before": DAYS, "deliver_not_after": DAYS, "note": WORDS, "references": REFERENCES,
        "ship_to": PLACE, "bill_to": PLACE,
        "charges": st.lists(some({"kind": CODES, "title": WORDS, "amount": amounts()}, {"tax": amounts()}), min_size=1,
                            max_size=2),
        "totals": some({"grand": amounts()}, {"lines": amounts(), "charges": amounts(), "tax": amounts()}),
    },
).map(lambda order: {**order, "number": order["external_id"]})  # fmt: skip
CHANGES = some(
    {
        "external_id": CODES, "change": CODES, "occurred_at": MOMENTS,
        "lines": lines(
            {"op": st.sampled_from(["add", "change", "remove"])},
            {"quantity": QUANTITIES, "unit_price": amounts(places=4)},
        ).map(no_position).map(
            lambda found: [{**each, "unit": "EA"} if "quantity" in each else each for each in found]
        ),
    },
    {"reason": WORDS, "ship_to": PLACE},
)  # fmt: skip
CANCELS = some({"external_id": CODES, "occurred_at": MOMENTS, "reason": WORDS}, {})


@st.composite
def responses(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = draw(
        some({**PAPER, "status": st.sampled_from(["accepted", "changed", "rejected"]), "currency": st.just("EUR"),
              "lines": lines({"ordered_quantity": QUANTITIES, "unit": UNITS}, {
                  "unit_price": amounts(places=4), "ordered_unit_price": amounts(places=4), "ship_on": DAYS,
                  "deliver_on": DAYS, "reason": WORDS})},
             {**MORE, "ship_to": PLACE})
    )  # fmt: skip
    for line in found["lines"]:
        status = line["status"] = draw(st.sampled_from(["accepted", "changed", "backordered", "rejected"]))
        whole = line["ordered_quantity"]
        line["quantity"] = whole if status in ("accepted", "changed") else "0"
        if status == "backordered":
            line["backordered"] = whole
        elif status == "rejected":
            line["rejected"] = whole
    return found


CONTENT = some(
    {"position": st.integers(1, 3), "quantity": QUANTITIES},
    {"lot": CODES, "expires_on": DAYS, "serials": st.lists(CODES, min_size=1, max_size=3)},
)


@st.composite
def packages(draw: st.DrawFn) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for number in range(1, draw(st.integers(1, 5)) + 1):
        each: dict[str, Any] = draw(
            some(
                {"kind": st.sampled_from(["pallet", "carton"])},
                {
                    "sscc": keys(18), "tracking_number": CODES, "weight_g": st.integers(1, 900_000),
                    "contents": st.lists(CONTENT, min_size=1, max_size=3),
                },
            )
        )  # fmt: skip
        hands: bool = draw(st.booleans())
        if found and hands:
            each["parent"] = draw(st.integers(1, number - 1))
        found.append({"number": number, **each})
    return found


ADVICES = some(
    {
        **PAPER, "ship_to": PLACE, "shipment_number": CODES, "shipped_at": MOMENTS, "packages": packages(),
        "lines": lines({"quantity": QUANTITIES, "unit": UNITS}, {"ordered_quantity": QUANTITIES}),
    },
    {
        **MORE, "deliver_at": MOMENTS, "carrier": WORDS, "service": CODES, "tracking_number": CODES,
        "bill_of_lading": CODES, "ship_from": PLACE, "gross_weight_g": st.integers(1, 9_000_000),
    },
)  # fmt: skip
ALLOWANCES = st.lists(
    some({"charge": st.booleans(), "kind": CODES, "title": WORDS, "amount": amounts()}, {"tax_rate": RATES}),
    min_size=1,
    max_size=2,
)
BILL = {
    **PAPER, "currency": st.just("EUR"), "bill_to": PLACE, "seller": SELLER,
    "lines": lines(
        {"quantity": QUANTITIES, "unit": UNITS, "unit_price": amounts(places=4), "net": amounts()},
        {"allowances": ALLOWANCES, "tax_rate": RATES},
    ),
    "taxes": st.lists(some({"rate": RATES, "base": amounts(), "amount": amounts()}, {}), min_size=1, max_size=2),
    "totals": some(
        {name: amounts() for name in ("lines", "allowances", "charges", "net", "tax", "grand")}, {}
    ),
}  # fmt: skip
CREDIT_NOTES = some(
    BILL,
    {
        **MORE, "ship_to": PLACE, "allowances": ALLOWANCES, "reason": WORDS,
        "invoices": st.lists(some({"number": CODES}, {"issued_on": DAYS}), min_size=1, max_size=3),
    },
)  # fmt: skip
INVOICES = some(
    BILL,
    {
        **MORE, "ship_to": PLACE, "shipment_number": CODES, "shipped_at": MOMENTS, "due_on": DAYS,
        "allowances": ALLOWANCES,
        "terms": some(
            {"days": st.integers(0, 120)}, {"discount_days": st.integers(0, 30), "discount_rate": RATES}
        ),
    },
)  # fmt: skip
