"""Goods on their way to a warehouse, and what it received of them, as X12 arranges them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from mappings.edi.warehouse_orders import compare_total, fitting_title, total
from mappings.faults import MapError
from mappings.numbers import exact

Json = dict[str, Any]
ROUTING = "UNSPECIFIED"
"""W2703: an announcement must say how goods travel, and nobody said it to us."""
COUNTS = frozenset({"02", "03"})
"""W1303: less or more came than was announced, which the quantities say themselves."""
DAMAGED = "01"
PIECE = "C62"
OURS = ("id", "kind")


def to_incoming(payload: Json) -> Json:
    """Return an announcement arranged for X12."""
    found = {name: value for name, value in payload["incoming"].items() if name not in OURS}
    rows = [dict(each) for each in found.pop("lines", ())]
    for row in rows:
        row["title"] = fitting_title(row.get("title"))
    return {
        "incoming": {**found, "rows": rows},
        "routing": ROUTING,
        "total_units": total(row["quantity"] for row in rows),
    }


def from_incoming(found: Json) -> Json:
    """Return the announcement that a message tells of."""
    incoming: Json = dict(found["incoming"])
    rows = incoming.pop("rows", [])
    compare_total(found.get("total_units"), total(row["quantity"] for row in rows))
    return {"incoming": {**incoming, "lines": rows}}


def to_receipt(document: Json) -> Json:
    """Return a receipt arranged for X12."""
    rows = []
    for line in document.get("lines", ()):
        row = {name: value for name, value in line.items() if name not in ("unsellable", "reason")}
        row["unit"] = row.get("unit") or PIECE
        if line.get("unsellable") and exact(line["unsellable"]):
            damaged = {"quantity": line["unsellable"], "unit": row["unit"]}
            row["exceptions"] = [{**damaged, "code": DAMAGED, "text": line.get("reason")}]
        rows.append(row)
    kept = {name: value for name, value in document.items() if name != "lines"}
    # X12 wants a party; we know none but who reports.
    return {**kept, "rows": rows, "warehouse": "WAREHOUSE", "total_units": total(row["quantity"] for row in rows)}


def to_receipt_levels(document: Json) -> Json:
    """Return a receipt arranged for X12 whose rows stand in levels, as they do since 005010."""
    found = to_receipt(document)
    rows = found.pop("rows")
    return {**found, "levels": [{"number": at, "rows": [row]} for at, row in enumerate(rows, 1)]}


def from_receipt(found: Json) -> Json:
    """Return the canonical receipt of one that was read from X12.

    Raises:
        MapError: its total is not that of its rows, or what is wrong with a row is counted in another unit than it.
    """
    rows = [*found.get("rows", ()), *(row for level in found.get("levels", ()) for row in level.get("rows", ()))]
    compare_total(found.get("total_units"), total(row["quantity"] for row in rows))
    dropped = ("rows", "levels", "warehouse", "total_units")
    return {**{name: value for name, value in found.items() if name not in dropped}, "lines": [_line(x) for x in rows]}


def _line(row: Mapping[str, Any]) -> Json:
    """Return a line; what is of it for another reason than its count is not fit for sale."""
    # A piece is whatever the item is counted in.
    line = {name: value for name, value in row.items() if name != "exceptions" and (name, value) != ("unit", PIECE)}
    exceptions = [each for each in row.get("exceptions", ()) if each.get("code") not in COUNTS]
    for each in exceptions:
        if each.get("unit") != row.get("unit"):
            raise MapError(
                f"Of {row.get('sku')} {each['quantity']} {each.get('unit')} are not fit for sale, and what came is"
                f" counted in {row.get('unit')}.",
                fix="Ask the warehouse for both in one unit (W0702, W1302).",
                code="MAP-RECEIPT-422",
            )
    unsellable = sum((exact(each["quantity"]) for each in exceptions), Decimal(0))
    if unsellable:
        line["unsellable"] = unsellable
        said = [each.get("text") or f"code {each['code']}" for each in exceptions]
        line["reason"] = "; ".join(dict.fromkeys(said))
    return line
