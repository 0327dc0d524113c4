"""Work for a warehouse as X12 arranges it: one number of 22 characters, and a row for each lot of a line."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from mappings.edi.dates import wrapped
from mappings.edi.x12_shapes import from_party, party
from mappings.faults import MapError, Unfit
from mappings.numbers import exact

Json = dict[str, Any]
NUMBER = 22
"""Characters of a number in W0502, W0503 and W0602."""
TITLE, TITLES = 45, 5
"""Characters of a G69, and how many of them a row may have."""
WORDS = ("service_level", "service", "pickup")
"""What X12 has no place for: told as N9 with ZZ and its name."""
OURS = ("id", "reference", "purchase_order")
"""What stays with us: ids that do not fit, and what only a supplier is told."""


def depositor_number(fulfillment: Mapping[str, Any]) -> str:
    """Return the number a warehouse is told work by: that of the work, or the end of it where it is longer.

    The end of a number is what tells it from others; the warehouse's answers are found by it.
    """
    return str(fulfillment["number"])[-NUMBER:]


def to_order(payload: Json) -> Json:
    """Return work arranged for X12."""
    found = _named(payload)
    work = found["fulfillment"]
    words = [{"name": name, "value": _word(work.pop(name, None))} for name in WORDS]
    found["words"] = [each for each in words if each["value"]]
    # The day a node is told comes before the one that was asked for.
    work["ship_on"] = work.get("ship_on") or work.pop("requested_ship_date", None)
    work.pop("requested_ship_date", None)
    if isinstance(work.get("ship_to"), Mapping):
        work["ship_to"] = _place(work["ship_to"])
    work["rows"] = [row for at, line in enumerate(work.pop("lines", ()), 1) for row in _rows(at, line)]
    for at, row in enumerate(work["rows"], 1):
        row["number"] = at
    found["total_units"] = total(row["quantity"] for row in work["rows"])
    return found


def from_order(found: Json) -> Json:
    """Return the work that a message tells of."""
    work: Json = dict(found["fulfillment"])
    for each in found.get("words", ()):
        if each.get("name") in WORDS:
            work[each["name"]] = each.get("value") if each["name"] != "pickup" else True
    if isinstance(work.get("ship_to"), Mapping):
        work["ship_to"] = from_party(work["ship_to"])
    rows = work.pop("rows", [])
    compare_total(found.get("total_units"), total(row["quantity"] for row in rows))
    lines: dict[Any, Json] = {}
    for row in rows:
        own = {name: value for name, value in row.items() if name not in ("number", "line", "lot", "quantity")}
        line = lines.setdefault(row.get("line") or row.get("number"), {**own, "quantity": Decimal(0)})
        line["quantity"] += exact(row["quantity"])
        if row.get("lot"):
            line.setdefault("lots", []).append({"lot": row["lot"], "quantity": row["quantity"]})
    kept = {name: value for name, value in found.items() if name not in ("words", "total_units", "fulfillment")}
    return {**kept, "fulfillment": {**work, "lines": list(lines.values())}}


def to_cancellation(payload: Json) -> Json:
    """Return a cancellation of work arranged for X12."""
    return _named(payload)


def from_cancellation(found: Json) -> Json:
    """Return the cancellation that a message tells of."""
    return found


def total(quantities: Any) -> Decimal:
    """Return the sum of quantities."""
    return sum((exact(each) for each in quantities), Decimal(0))


def compare_total(stated: Any, counted: Decimal) -> None:
    """Refuse a message that states another total than what it says line by line.

    Raises:
        MapError: they differ; something of it is missing, or counted in another unit.
    """
    if stated is not None and exact(stated) != counted:
        raise MapError(
            f"The message states {exact(stated):f} units in all, its lines come to {counted:f}.",
            fix="Ask the partner which is right; where he counts otherwise, take the rule `total_units` away by an"
            " overlay.",
            code="MAP-TOTAL-422",
        )


def _named(payload: Json) -> Json:
    """Return a payload with numbers that fit, without what stays with us."""
    work = {name: value for name, value in payload["fulfillment"].items() if name not in OURS}
    work["number"] = depositor_number(work)
    order = {
        name: value
        for name, value in (payload.get("order") or {}).items()
        if name == "external_id" or (name == "number" and value and len(str(value)) <= NUMBER)
    }
    rest = {name: value for name, value in payload.items() if name == "reason"}
    return {**rest, "fulfillment": work, "order": order}


def _word(value: Any) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else None
    return None if value is None else str(value)


def _place(address: Mapping[str, Any]) -> Json:
    """Return an address as N1 to N4 have it, which hold one number."""
    made = party(address)
    made.pop("second_id", None)
    return made


def _rows(at: int, line: Mapping[str, Any]) -> list[Json]:
    """Return a line as one row for each of its lots."""
    own = {name: line[name] for name in ("sku", "unit") if line.get(name) is not None}
    title = fitting_title(line.get("title"))
    shared = {**own, "line": at, **({"title": title} if title else {})}
    lots = [each for each in line.get("lots") or () if each.get("lot")]
    rows = [{**shared, "quantity": each["quantity"], "lot": each["lot"]} for each in lots]
    rest = exact(line["quantity"]) - total(each["quantity"] for each in lots)
    if rest:
        rows.append({**shared, "quantity": rest})
    return rows


def fitting_title(title: str | None) -> str | None:
    """Return a title that fits; a longer one is left out, as the SKU says which item it is."""
    if not title:
        return None
    try:
        pieces = [piece for each in title.splitlines() for piece in wrapped(each, TITLE)]
    except Unfit:
        return None
    return title if len(pieces) <= TITLES else None
