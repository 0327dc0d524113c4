"""Canonical documents as Hypothesis invents them, narrowed to what X12 can say."""

from decimal import Decimal

from hypothesis import strategies as st

from tests.edi.canonical_documents import (
    DAYS,
    NAMES,
    QUANTITIES,
    RATES,
    TIMES,
    Json,
    addresses,
    amounts,
    arranged,
    codes,
    digits,
    numbered,
    parties,
    references,
    some,
    texts,
)

# None of the delimiters is among them; words are short enough for lines of 80.
WORDS = texts(150, letters="abcxyz ABCXYZ0123456789.,-/()=&;#%'+:?").filter(
    lambda each: max(map(len, each.split())) < 60
)
NAME = texts(60, letters="abcxyz ABCXYZ0123456789.,-")
UNITS = st.sampled_from(["C62", "KGM", "XCT", "DZN"])
GTINS = st.sampled_from([8, 12, 13, 14]).flatmap(digits)
KINDS = st.sampled_from(["part", "catalog", "purchaser"])
ORDER = codes(22)
MIDNIGHTS = TIMES.map(lambda each: each.replace(hour=0, minute=0, second=0))


def places() -> st.SearchStrategy[Json]:
    """Return addresses; postal codes have three characters or more, cities two."""
    return addresses(NAME).map(lambda each: fitting(each, "name")).filter(bool)


def sides() -> st.SearchStrategy[Json]:
    """Return buyers and sellers."""
    return parties(NAME).map(lambda each: fitting(each, "company")).filter(bool)


def fitting(found: Json, name: str) -> Json:
    """Return a party that N1 can name, with what has at least the characters X12 wants; nothing for another."""
    if not any(each in found for each in ("gln", "external_id", name)):
        return {}
    least = {"postal_code": 3, "city": 2, "external_id": 2}
    return {key: value.ljust(least.get(key, 0), "0") for key, value in found.items()}


def regions(found: Json) -> st.SearchStrategy[Json]:
    """Return an address with or without a region."""
    return st.sampled_from([None, "IL", "Jylland"]).map(
        lambda each: found if each is None else {**found, "region": each}
    )


def item() -> Json:
    """Return the fields that name an item."""
    return {"gtin": GTINS, "sku": codes(35), "buyer_code": codes(35), "buyer_code_kind": KINDS, "title": WORDS}


def orders() -> st.SearchStrategy[Json]:
    """Return orders of a partner."""
    line = some(
        {"external_id": codes(11), "quantity": QUANTITIES, "unit": UNITS},
        {
            **item(),
            "pack_size": st.integers(2, 100).map(Decimal),
            "unit_price": amounts(10**6, 4),
            "destinations": st.lists(
                st.fixed_dictionaries(
                    {"store": codes(10).map(lambda each: each.ljust(2, "0")), "quantity": QUANTITIES}
                ),
                min_size=1,
                max_size=23,
            ),
        },
    )
    days = ("requested_ship_date", "requested_delivery_date", "ship_not_before", "ship_not_after",
            "deliver_not_before", "deliver_not_after")  # fmt: skip
    return some(
        {
            "external_id": ORDER, "type": st.just("b2b"), "placed_at": MIDNIGHTS,
            "currency": st.sampled_from(["EUR", "USD"]), "lines": st.lists(line, min_size=1, max_size=4),
        },
        {
            **dict.fromkeys(days, DAYS), "note": WORDS, "service_level": st.sampled_from(["ND", "G2"]),
            "references": references([*NAMES, "department", "cost center"]), "buyer": sides(), "seller": sides(),
            "ship_to": places().flatmap(regions), "bill_to": places(),
            "stores": st.lists(places(), min_size=1, max_size=3),
        },
    )  # fmt: skip


def paper() -> tuple[Json, Json]:
    """Return what all papers have, and may have; the order's day is required, as X12 has it."""
    required: Json = {"number": codes(22), "issued_at": TIMES, "order_external_id": ORDER, "ordered_on": DAYS}
    return required, {
        "order_number": codes(30), "references": references([*NAMES, "cost center"]), "buyer": sides(),
        "seller": sides(), "ship_to": places().flatmap(regions),
    }  # fmt: skip


@st.composite
def answers(draw: st.DrawFn) -> Json:
    """Return what becomes of a line: parts that add up, and the status they mean."""
    ordered = draw(st.integers(3, 1000))
    some_of, rest = Decimal(draw(st.integers(1, ordered - 2))), Decimal(1)
    quantity: Json = draw(
        st.sampled_from(
            [
                {"status": "accepted", "quantity": Decimal(ordered)},
                {"status": "changed", "quantity": some_of},
                {"status": "changed", "quantity": some_of, "rejected": rest},
                {"status": "backordered", "quantity": Decimal(0), "backordered": Decimal(ordered)},
                {"status": "backordered", "quantity": some_of, "backordered": rest},
                {"status": "backordered", "quantity": some_of, "backordered": rest, "rejected": rest},
                {"status": "rejected", "quantity": Decimal(0), "rejected": Decimal(ordered)},
            ]
        )
    )
    return {"ordered_quantity": Decimal(ordered), **quantity}


def order_responses() -> st.SearchStrategy[Json]:
    """Return answers to orders."""
    required, optional = paper()
    about = some(
        {"unit": UNITS},
        {"external_id": codes(11), **item(), "unit_price": amounts(10**6, 4), "ship_on": DAYS, "deliver_on": DAYS,
         "reason": WORDS},
    )  # fmt: skip
    line = st.tuples(about, answers()).map(lambda each: {**each[0], **each[1]})
    return some(
        {
            **required, "status": st.sampled_from(["accepted", "changed", "rejected"]),
            "currency": st.just("EUR"), "lines": st.lists(line, min_size=1, max_size=4).map(numbered),
        },
        optional,
    )  # fmt: skip


def change_responses() -> st.SearchStrategy[Json]:
    """Return answers to changes of orders, with the buyer's number of the change."""
    return st.tuples(order_responses(), some({}, {"change": codes(8)})).map(lambda each: {**each[0], **each[1]})


def order_changes() -> st.SearchStrategy[Json]:
    """Return changes of orders."""
    line = some(
        {"external_id": codes(11), "op": st.sampled_from(["add", "change", "remove"])},
        {**item()},
    )
    counted = some({"quantity": QUANTITIES, "unit": UNITS}, {"unit_price": amounts(10**6, 4)})
    both = st.tuples(line, st.one_of(st.just({}), counted)).map(lambda each: {**each[0], **each[1]})
    return some(
        {"external_id": ORDER, "occurred_at": TIMES, "lines": st.lists(both, min_size=1, max_size=4)},
        {"change": codes(8), "reason": WORDS, "ship_to": places()},
    )


def order_cancellations() -> st.SearchStrategy[Json]:
    """Return cancellations of whole orders."""
    return some({"external_id": ORDER, "occurred_at": TIMES}, {"change": codes(8), "reason": WORDS})


@st.composite
def despatch_advices(draw: st.DrawFn) -> Json:
    """Return despatch advices; each line has a number of its item, as LIN wants it."""
    required, optional = paper()
    line = some(
        {"unit": UNITS, "sku": codes(35)},
        {
            "external_id": codes(11),
            "gtin": GTINS,
            "buyer_code": codes(35),
            "buyer_code_kind": KINDS,
            "title": WORDS,
            "ordered_quantity": QUANTITIES,
        },
    )
    lines = numbered(draw(st.lists(line, min_size=1, max_size=3)))
    for each in lines:
        if "external_id" in each:
            each["external_id"] = f"{each['position']}{each['external_id']}"[:11]
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
    rest = draw(
        some(
            {**required, "number": codes(22).map(lambda each: each.ljust(2, "0")), "shipment_number": codes(30),
             "shipped_at": TIMES},
            {
                **optional, "deliver_at": TIMES, "carrier": codes(17), "service": st.sampled_from(["ND", "G2"]),
                "tracking_number": codes(30), "bill_of_lading": codes(30), "ship_from": places(),
                "gross_weight_g": st.integers(1, 10**8),
            },
        )
    )  # fmt: skip
    return {**rest, "lines": lines, "packages": packages}


def invoices() -> st.SearchStrategy[Json]:
    """Return invoices whose totals are the sums of what they say."""
    required, optional = paper()
    allowance = some(
        {"charge": st.booleans(), "kind": codes(30), "amount": amounts()}, {"title": codes(30), "tax_rate": RATES}
    )
    allowances = st.lists(allowance, min_size=1, max_size=2)
    line = some(
        {"unit": UNITS, "quantity": QUANTITIES, "unit_price": amounts(10**6, 4), "net": amounts()},
        {"external_id": codes(11), **item(), "tax_rate": RATES, "allowances": allowances},
    )
    taxed = st.fixed_dictionaries({"rate": RATES, "base": amounts(10**6), "amount": amounts()})
    return some(
        {
            **required, "currency": st.just("EUR"), "lines": st.lists(line, min_size=1, max_size=4).map(numbered),
            "taxes": st.lists(taxed, min_size=1, max_size=2),
        },
        {
            **optional, "shipment_number": codes(30), "shipped_at": TIMES, "due_on": DAYS, "bill_to": places(),
            "allowances": allowances,
            "terms": some({"days": st.integers(1, 99)}, {"discount_days": st.integers(1, 99)}).flatmap(discounted),
        },
    ).map(summed)  # fmt: skip


def discounted(terms: Json) -> st.SearchStrategy[Json]:
    """Return terms of payment, with a rate only where there are days for it."""
    if "discount_days" not in terms:
        return st.just(terms)
    return RATES.filter(bool).map(lambda each: {**terms, "discount_rate": each})


def summed(invoice: Json) -> Json:
    """Return an invoice with its totals."""
    lines = sum((each["net"] for each in invoice["lines"]), Decimal(0))
    both = [sum((each["amount"] for each in invoice.get("allowances", []) if each["charge"] is charge), Decimal(0))
            for charge in (False, True)]  # fmt: skip
    net, tax = lines - both[0] + both[1], sum((each["amount"] for each in invoice["taxes"]), Decimal(0))
    totals = {"lines": lines, "allowances": both[0], "charges": both[1], "net": net, "tax": tax, "grand": net + tax}
    return {**invoice, "totals": totals}


def remittances() -> st.SearchStrategy[Json]:
    """Return remittances with deductions."""
    deduction = some(
        {"amount": amounts().filter(bool), "code": st.sampled_from(["01", "06", "ZZ"])},
        {"reference": codes(30), "note": WORDS},
    )
    invoice = some(
        {"invoice": codes(22), "paid": amounts()},
        {"discount": amounts(), "deductions": st.lists(deduction, min_size=1, max_size=3)},
    )
    return some(
        {
            "external_id": codes(22), "currency": st.just("EUR"), "amount": amounts(),
            "invoices": st.lists(invoice, min_size=1, max_size=4),
        },
        {"paid_on": DAYS},
    )  # fmt: skip


def stocks() -> st.SearchStrategy[Json]:
    """Return counts of a node."""
    counted = some(
        {"sku": codes(35), "on_hand": st.one_of(QUANTITIES, st.just(Decimal(0)))},
        {"lot": codes(20), "expires_on": DAYS, "unit": UNITS},
    )
    return some(
        {
            "as_of": TIMES,
            # The same units are counted once.
            "items": st.lists(counted, min_size=1, max_size=5, unique_by=lambda each: (each["sku"], each.get("lot"))),
        },
        {"node": codes(10).map(lambda each: each.ljust(2, "0"))},
    )
