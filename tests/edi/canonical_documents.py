"""Canonical documents as Hypothesis invents them: what EDI can say of orders and papers, no more.

`ROUND_TRIPS` is how many of each are tried: 25 unless the environment variable CROSSDOCK_ROUND_TRIPS says another
number, such as the 10,000 of the acceptance.
"""

import os
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from core.domain.checkdigits import check_digit
from core.domain.documents import check_document
from core.domain.papers import PAPERS, check_paper
from core.domain.vocabulary import Write

ROUND_TRIPS = int(os.environ.get("CROSSDOCK_ROUND_TRIPS", "25"))
TRIED = settings(
    max_examples=ROUND_TRIPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
LETTERS = "abcxyzABCXYZ 0123456789.,-/()=&;#%äöüßéñ"
SERVICE = "'+:?"
Json = dict[str, Any]


def texts(high: int, low: int = 1, letters: str = LETTERS + SERVICE) -> st.SearchStrategy[str]:
    """Return texts without blanks around them."""
    return st.text(letters, min_size=low, max_size=high).map(str.strip).filter(lambda each: len(each) >= low)


def codes(high: int) -> st.SearchStrategy[str]:
    """Return identifiers."""
    return st.text("ABCDEFGHJKLMNP0123456789-", min_size=1, max_size=high)


def digits(length: int) -> st.SearchStrategy[str]:
    """Return numbers with a check digit at their end."""
    return st.text("0123456789", min_size=length - 1, max_size=length - 1).map(lambda each: each + check_digit(each))


def amounts(high: int = 10**7, places: int = 2) -> st.SearchStrategy[Decimal]:
    """Return amounts that are not negative."""
    return st.decimals(0, high, places=places, allow_nan=False, allow_infinity=False).map(abs)


QUANTITIES = st.one_of(
    st.integers(1, 100_000).map(Decimal), st.decimals("0.001", 1000, places=3, allow_nan=False).filter(bool)
)
RATES = st.sampled_from([Decimal(each) for each in ("0", "0.07", "0.19", "0.2", "0.055", "0.25")])
DAYS = st.dates(date(2000, 1, 1), date(2069, 12, 31))
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2069, 12, 31)).map(  # noqa: DTZ001 - Hypothesis adds no zone itself
    lambda each: each.replace(microsecond=0, tzinfo=UTC)
)
COUNTRIES = st.sampled_from(["DE", "DK", "US", "FR"])
UNITS = st.sampled_from(["C62", "KGM", "XCT", "EA"])


def some(required: Json, optional: Json) -> st.SearchStrategy[Json]:
    """Return objects with all of some fields and any of others; there is no kind of a code that is not there."""
    made = st.fixed_dictionaries(required, optional=optional)
    if "buyer_code_kind" not in optional:
        return made
    return made.map(lambda each: each if "buyer_code" in each else without(each, "buyer_code_kind"))


def without(found: Json, name: str) -> Json:
    """Return an object without one field."""
    return {key: value for key, value in found.items() if key != name}


def parties(words: st.SearchStrategy[str]) -> st.SearchStrategy[Json]:
    """Return buyers and sellers."""
    fields = {"gln": digits(13), "external_id": codes(17), "company": words, "vat_id": codes(17), "name": codes(35)}
    return some({}, {**fields, "email": codes(20).map(lambda each: f"{each}@example.com"), "phone": codes(20)}).filter(
        bool
    )


def addresses(words: st.SearchStrategy[str]) -> st.SearchStrategy[Json]:
    """Return addresses; a second line does not stand without a first."""
    fields = {
        "gln": digits(13), "external_id": codes(17), "name": words, "company": codes(30), "phone": codes(20),
        "line1": codes(35), "line2": codes(35), "city": codes(30), "postal_code": codes(9), "country": COUNTRIES,
    }  # fmt: skip
    return some({}, fields).filter(lambda each: bool(each) and ("line1" in each or "line2" not in each))


def references(names: list[str]) -> st.SearchStrategy[Json]:
    """Return further numbers."""
    return some({}, {name: codes(30) for name in names}).filter(bool)


NAMES = ["contract", "vendor_number", "customer_order", "promotion"]
WORDS = texts(60).filter(lambda each: max(map(len, each.split(" "))) < 30)


def item(words: st.SearchStrategy[str] = WORDS) -> Json:
    """Return the fields that name an item."""
    named = {"gtin": digits(13), "sku": codes(35), "buyer_code": codes(35), "title": words}
    return {**named, "buyer_code_kind": st.just("part")}


def orders(words: st.SearchStrategy[str] = WORDS) -> st.SearchStrategy[Json]:
    """Return orders of a partner."""
    line = some(
        {"external_id": st.integers(1, 99_999).map(str), "quantity": QUANTITIES, "unit": UNITS},
        {
            **item(words),
            "pack_size": st.integers(2, 100).map(Decimal),
            "unit_price": amounts(10**6, 4),
            "taxes": st.lists(st.fixed_dictionaries({"rate": RATES, "amount": amounts()}), min_size=1, max_size=2),
            "destinations": st.lists(
                st.fixed_dictionaries({"store": codes(10), "quantity": QUANTITIES}), min_size=1, max_size=3
            ),
        },
    )
    days = ("requested_ship_date", "ship_not_before", "ship_not_after", "deliver_not_before", "deliver_not_after")
    return some(
        {
            "external_id": codes(35), "type": st.just("b2b"), "placed_at": TIMES,
            "currency": st.sampled_from(["EUR", "USD", "DKK"]), "lines": st.lists(line, min_size=1, max_size=4),
        },
        {
            "requested_delivery_date": DAYS, **dict.fromkeys(days, DAYS), "note": texts(300).filter(short),
            "references": references([*NAMES, "blanket_order", "price_list"]), "buyer": parties(words),
            "seller": parties(words), "ship_to": addresses(words), "bill_to": addresses(words),
            "stores": st.lists(addresses(words), min_size=1, max_size=3),
            "totals": some({}, {name: amounts() for name in ("lines", "tax", "grand")}).filter(bool),
        },
    )  # fmt: skip


def order_changes(words: st.SearchStrategy[str] = WORDS) -> st.SearchStrategy[Json]:
    """Return changes of orders."""
    line = some(
        {"external_id": st.integers(1, 99_999).map(str), "op": st.sampled_from(["add", "change", "remove"])},
        {**item(words), "unit_price": amounts(10**6, 4)},
    )
    counted = st.fixed_dictionaries({"quantity": QUANTITIES, "unit": UNITS})
    both = st.tuples(line, st.one_of(st.just({}), counted)).map(lambda each: {**each[0], **each[1]})
    return some(
        {
            "external_id": codes(35), "change": codes(35), "occurred_at": TIMES,
            "lines": st.lists(both, min_size=1, max_size=4),
        },
        {"reason": texts(300).filter(short), "ship_to": addresses(words)},
    )  # fmt: skip


def cancellations() -> st.SearchStrategy[Json]:
    """Return cancellations of whole orders."""
    return some(
        {"external_id": codes(35), "change": codes(35), "occurred_at": TIMES}, {"reason": texts(300).filter(short)}
    )


def stock_counts() -> st.SearchStrategy[Json]:
    """Return counts of a node, of each item and lot once."""
    counted = some(
        {"sku": codes(35), "on_hand": st.one_of(QUANTITIES, st.just(Decimal(0)))},
        {"lot": codes(35), "expires_on": DAYS, "unit": UNITS},
    )
    items = st.lists(counted, min_size=1, max_size=5, unique_by=lambda each: (each["sku"], each.get("lot")))
    return some({"as_of": TIMES, "items": items}, {"node": codes(17)})


def short(text: str) -> bool:
    """Return whether no word is longer than a line."""
    return max(map(len, text.split(" "))) < 60


def paper(words: st.SearchStrategy[str]) -> tuple[Json, Json]:
    """Return what all papers have, and may have."""
    required: Json = {"number": codes(35), "issued_at": TIMES}
    return required, {
        "order_number": codes(35), "ordered_on": DAYS, "references": references(NAMES), "buyer": parties(words),
        "seller": parties(words), "ship_to": addresses(words),
    }  # fmt: skip


def numbered(lines: list[Json]) -> list[Json]:
    """Return lines with positions."""
    return [{"position": position, **line} for position, line in enumerate(lines, 1)]


def order_responses(words: st.SearchStrategy[str] = WORDS) -> st.SearchStrategy[Json]:
    """Return answers to orders."""
    required, optional = paper(words)
    line = some(
        {
            "status": st.sampled_from(["accepted", "changed", "backordered", "rejected"]), "unit": UNITS,
            "ordered_quantity": QUANTITIES, "quantity": QUANTITIES,
        },
        {
            "external_id": codes(6), **item(words), "backordered": QUANTITIES, "rejected": QUANTITIES,
            "unit_price": amounts(10**6, 4), "ordered_unit_price": amounts(10**6, 4), "ship_on": DAYS,
            "deliver_on": DAYS, "reason": words,
        },
    )  # fmt: skip
    return some(
        {
            **required, "order_external_id": codes(35), "status": st.sampled_from(["accepted", "changed", "rejected"]),
            "currency": st.just("EUR"), "lines": st.lists(line, min_size=1, max_size=4).map(numbered),
        },
        optional,
    )  # fmt: skip


@st.composite
def despatch_advices(draw: st.DrawFn, words: st.SearchStrategy[str] = WORDS) -> Json:
    """Return despatch advices whose packages hold no more than was shipped."""
    required, optional = paper(words)
    line = some({"unit": UNITS}, {"external_id": codes(6), **item(words), "ordered_quantity": QUANTITIES})
    lines = numbered(draw(st.lists(line, min_size=1, max_size=3)))
    for each in lines:
        if "external_id" in each:
            each["external_id"] = f"{each['position']}{each['external_id']}"[:6]
    packages: list[Json] = []
    shipped: dict[int, Decimal] = {}
    for kind, inner in draw(st.lists(st.tuples(st.sampled_from(["pallet", "carton"]), st.integers(0, 2)), max_size=3)):
        packages.append({"number": len(packages) + 1, "kind": kind})
        parent = len(packages)
        for _ in range(inner if kind == "pallet" else 0):
            packages.append({"number": len(packages) + 1, "kind": "carton", "parent": parent})
    packages = arranged(packages)
    for package in packages:
        package.update(
            draw(some({}, {"sscc": digits(18), "tracking_number": codes(20), "weight_g": st.integers(1, 10**7)}))
        )
        if "tracking_number" in package and "sscc" not in package:
            package["sscc"] = draw(digits(18))
        contents = []
        for position in draw(st.lists(st.sampled_from([line["position"] for line in lines]), unique=True, max_size=3)):
            content = draw(
                some({"quantity": QUANTITIES}, {"lot": codes(20), "expires_on": DAYS,
                                                "serials": st.lists(codes(20), min_size=1, max_size=7)})
            )  # fmt: skip
            contents.append({"position": position, **content})
            shipped[position] = shipped.get(position, Decimal(0)) + content["quantity"]
        if contents:
            package["contents"] = contents
    for each in lines:
        each["quantity"] = shipped.get(each["position"], Decimal(0)) + draw(st.sampled_from([Decimal(0), Decimal(3)]))
        each["quantity"] = each["quantity"] or Decimal(1)
    more: Json = {
        **optional, "deliver_at": TIMES, "carrier": codes(17), "service": codes(17), "tracking_number": codes(30),
        "bill_of_lading": codes(30), "ship_from": addresses(words), "gross_weight_g": st.integers(1, 10**8),
    }  # fmt: skip
    known = {**required, "order_external_id": codes(35), "shipment_number": codes(30), "shipped_at": TIMES}
    rest = draw(some(known, more))
    return {**rest, "lines": lines, "packages": packages}


def arranged(packages: list[Json]) -> list[Json]:
    """Return packages with pallets and what stands on them first, numbered anew: the order a tree has."""
    tops = [each for each in packages if "parent" not in each]
    tops.sort(key=lambda each: each["kind"] != "pallet")
    found: list[Json] = []
    for top in tops:
        inner = [each for each in packages if each.get("parent") == top["number"]]
        number = len(found) + 1
        found.append({**top, "number": number})
        found += [{**each, "number": number + at, "parent": number} for at, each in enumerate(inner, 1)]
    return found


def invoices(words: st.SearchStrategy[str] = WORDS) -> st.SearchStrategy[Json]:
    """Return invoices; their sums are of no one's making."""
    required, optional = paper(words)
    allowance = some(
        {"charge": st.booleans(), "kind": codes(30), "amount": amounts()}, {"title": codes(30), "tax_rate": RATES}
    )
    allowances = st.lists(allowance, min_size=1, max_size=2)
    line = some(
        {"unit": UNITS, "quantity": QUANTITIES, "unit_price": amounts(10**6, 4), "net": amounts()},
        {"external_id": codes(6), **item(words), "tax_rate": RATES, "allowances": allowances},
    )
    names = ("lines", "allowances", "charges", "net", "tax", "grand")
    return some(
        {
            **required, "order_external_id": codes(35), "currency": st.just("EUR"),
            "lines": st.lists(line, min_size=1, max_size=4).map(numbered),
            "taxes": st.lists(
                st.fixed_dictionaries({"rate": RATES, "base": amounts(), "amount": amounts()}), min_size=1, max_size=2
            ),
            "totals": st.fixed_dictionaries({name: amounts() for name in names}),
        },
        {
            **optional, "shipment_number": codes(30), "shipped_at": TIMES, "due_on": DAYS, "bill_to": addresses(words),
            "allowances": allowances,
            "terms": some(
                {},
                {
                    "days": st.integers(1, 99), "discount_days": st.integers(1, 99),
                    "discount_rate": RATES.filter(bool),
                },
            ).filter(lambda each: bool(each) and ("discount_days" in each or "discount_rate" not in each)),
        },
    )  # fmt: skip


def credit_notes(words: st.SearchStrategy[str] = WORDS) -> st.SearchStrategy[Json]:
    """Return credit notes; their sums are of no one's making."""
    named = st.lists(some({"number": codes(35)}, {"issued_on": DAYS}), min_size=1, max_size=3)
    rest = ("shipment_number", "shipped_at", "due_on", "terms")
    return st.builds(
        lambda bill, more: {**{name: each for name, each in bill.items() if name not in rest}, **more},
        invoices(words),
        some({}, {"invoices": named, "reason": texts(300).filter(short)}),
    )


def meant(kind: str, body: Json) -> Json:
    """Return a document as the core takes it: checked, numbers by their value, nothing where nothing is said."""
    if kind in list(Write):
        # What is written of the hub's own is not checked: its numbers are texts.
        cleaned: Json = plain(counted(body))
        return cleaned
    found = check_paper(kind, body) if kind in PAPERS else check_document(kind, body)
    cleaned = plain(found)
    return cleaned


def counted(value: Any) -> Any:
    """Return a payload with its quantities as numbers."""
    if isinstance(value, dict):
        return {key: Decimal(each) if key == "quantity" else counted(each) for key, each in value.items()}
    return [counted(each) for each in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """Return a value with equal numbers equal and without what says nothing."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if each is not None and each != []}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.normalize() if isinstance(value, Decimal) else value
