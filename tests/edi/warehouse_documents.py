"""What hub and warehouses tell each other as Hypothesis invents it, narrowed to what X12 can say."""

from decimal import Decimal

from hypothesis import strategies as st

from tests.edi.canonical_documents import DAYS, QUANTITIES, Json, codes, digits, some, texts
from tests.edi.x12_documents import MIDNIGHTS, UNITS, WORDS, places, regions

NODES = codes(10).map(lambda each: each.ljust(2, "0"))
TITLES = texts(100, letters="abcxyz ABCXYZ0123456789.,-").filter(lambda each: max(map(len, each.split())) < 40)
LOTS = codes(20)
# A piece is what says nothing of units.
MEASURES = st.sampled_from(["XCT", "KGM", "DZN"])


def one_number(place: Json) -> Json:
    """Return an address with one number, which is all that N1 has room for."""
    return {name: value for name, value in place.items() if name != "external_id" or "gln" not in place}


def head() -> st.SearchStrategy[Json]:
    """Return the order that work is for."""
    return some({"external_id": codes(30)}, {"number": codes(22)})


@st.composite
def ordered_lines(draw: st.DrawFn) -> Json:
    """Return a line of work, some of it promised from lots."""
    line: Json = draw(some({"sku": codes(35), "unit": UNITS}, {"title": TITLES}))
    lots: list[Json] = draw(st.lists(st.fixed_dictionaries({"lot": LOTS, "quantity": QUANTITIES}), max_size=3))
    line["quantity"] = sum((each["quantity"] for each in lots), Decimal(0))
    if not lots or draw(st.booleans()):
        line["quantity"] += draw(QUANTITIES)
    return {**line, "lots": lots} if lots else line


def works() -> st.SearchStrategy[Json]:
    """Return work for a warehouse."""
    work = some(
        {
            "number": codes(22),
            "node": NODES,
            "lines": st.lists(ordered_lines(), min_size=1, max_size=4),
            "ship_to": places().map(one_number).flatmap(regions),
        },
        {
            "ship_on": DAYS, "arrive_on": DAYS, "carrier": codes(30), "note": WORDS, "service_level": codes(20),
            "service": codes(20), "pickup": st.just(True),
        },
    )  # fmt: skip
    return st.fixed_dictionaries({"fulfillment": work, "order": head()})


def cancellations() -> st.SearchStrategy[Json]:
    """Return cancellations of work."""
    work = st.fixed_dictionaries({"number": codes(22), "node": NODES})
    return some({"fulfillment": work, "order": head()}, {"reason": WORDS})


@st.composite
def shipments(draw: st.DrawFn) -> Json:
    """Return what left a warehouse: in packages that hold all of it, or in none."""
    skus = draw(st.lists(codes(35), max_size=3, unique=True))
    row = some({"sku": st.sampled_from(skus or ["A"]), "quantity": QUANTITIES}, {"lot": LOTS, "expires_on": DAYS})
    packages: list[Json] = []
    marks: list[str] = draw(st.lists(digits(18), max_size=3, unique=True))
    if skus and marks:
        packages = [{"sscc": each, "contents": draw(st.lists(row, min_size=1, max_size=3))} for each in marks]
        if draw(st.booleans()):
            packages.append({"contents": draw(st.lists(row, min_size=1, max_size=2))})
    sums: dict[str, Decimal] = {}
    for content in (each for package in packages for each in package["contents"]):
        sums[content["sku"]] = sums.get(content["sku"], Decimal(0)) + content["quantity"]
    lines: list[Json] = [{"sku": sku, "quantity": units} for sku, units in sums.items()]
    if not packages:
        lines = [{"sku": sku, "quantity": draw(QUANTITIES)} for sku in skus]
    measures: dict[str, Json] = {sku: draw(some({}, {"unit": MEASURES})) for sku in skus}
    for each in [*lines, *(content for package in packages for content in package["contents"])]:
        each.update(measures[each["sku"]])
    for each in lines:
        each.update(draw(some({}, {"serials": st.lists(codes(20), min_size=1, max_size=5)})))
    lacking = some({"sku": codes(35), "quantity": QUANTITIES}, {"unit": MEASURES})
    short = draw(st.lists(lacking, min_size=0 if lines else 1, max_size=2, unique_by=lambda each: each["sku"]))
    number = draw(codes(22))
    rest: Json = draw(
        some(
            {"external_id": codes(30)},
            {"occurred_at": MIDNIGHTS, "carrier": st.sampled_from(["UPSN", "FX"]), "tracking_number": codes(30)},
        )
    )
    # Serial numbers stand in rows, and a row that nothing left by is none.
    found = {**rest, "fulfillment": number, "reference": number, "lines": lines}
    return {**found, **{name: value for name, value in (("short", short), ("packages", packages)) if value}}


def incomings() -> st.SearchStrategy[Json]:
    """Return announcements of goods."""
    line = some(
        {"sku": codes(35), "quantity": QUANTITIES, "unit": UNITS}, {"title": TITLES, "lot": LOTS, "expires_on": DAYS}
    )
    return st.fixed_dictionaries(
        {
            "incoming": some(
                {"reference": codes(22), "node": NODES, "at": MIDNIGHTS,
                 "lines": st.lists(line, min_size=1, max_size=4)},
                {"from_node": NODES, "expected_at": MIDNIGHTS},
            )
        }
    )  # fmt: skip


def receipts() -> st.SearchStrategy[Json]:
    """Return receipts of a warehouse."""
    # A total has seven digits.
    units = st.integers(1, 9_999).map(Decimal)
    line = some({"sku": codes(35), "quantity": units}, {"lot": LOTS, "expires_on": DAYS, "unit": MEASURES})
    damaged = st.fixed_dictionaries({"unsellable": units, "reason": codes(45)})
    both = st.tuples(line, st.one_of(st.just({}), damaged)).map(lambda each: {**each[0], **each[1]})
    return some(
        {
            "external_id": codes(12),
            "reference": codes(22),
            "occurred_at": MIDNIGHTS,
            "lines": st.lists(both, min_size=1, max_size=4),
        },
        {"node": NODES},
    )
