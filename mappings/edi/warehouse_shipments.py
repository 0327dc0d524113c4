"""What a warehouse reports of its work as X12 arranges it: rows below marked packages, each with what was ordered.

A row says what was ordered, what left and the difference. What did not leave and will not is `short`, unless the row's
status says that the rest follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from mappings.edi.warehouse_goods import PIECE
from mappings.edi.warehouse_orders import compare_total, total
from mappings.edi.x12_shapes import SSCC_AI, SSCC_MARK
from mappings.faults import MapError
from mappings.numbers import exact

Json = dict[str, Any]
REST_FOLLOWS = frozenset({"BK", "BO", "BP", "PR", "SS"})
"""W1201: what is not in this shipment comes in another one."""
COMPLETE, SHORT = "CC", "CP"
"""W1201 as it is written: all of it left; the rest will not come."""
NAMED = ("line", "sku", "unit")
"""What names the line a row is of, and the unit its quantities are in."""
CONTENT = (*NAMED, "quantity", "lot", "expires_on")
MARKS = ("sscc", "tracking_number")


def to_shipment(document: Json) -> Json:
    """Return a shipment arranged for X12."""
    lines = [dict(each) for each in document.get("lines") or ()]
    left = {_name(each): exact(each["quantity"]) for each in lines}
    serials = {_name(each): each["serials"] for each in lines if each.get("serials")}
    levels: list[Json] = []
    for package in document.get("packages") or ():
        rows = [_row(each, serials) for each in package.get("contents", ())]
        for each in rows:
            left[_name(each)] = left.get(_name(each), Decimal(0)) - exact(each["quantity"])
        levels.append({**_marked(package), "contents": rows})
    loose = [_row({**each, "quantity": left[_name(each)]}, serials) for each in lines if left[_name(each)] > 0]
    loose += [_missing(each) for each in document.get("short") or ()]
    levels += [{"contents": [each]} for each in loose]
    for at, level in enumerate(levels, 1):
        level["number"] = at
    rest = ("lines", "packages", "short", "reference")
    return {
        **{name: value for name, value in document.items() if name not in rest},
        "levels": levels,
        # X12 wants a party; we know none but who reports.
        "warehouse": "WAREHOUSE",
        "total_units": total(row["quantity"] for level in levels for row in level["contents"]),
    }


def from_shipment(found: Json) -> Json:
    """Return the canonical shipment of one that was read from X12.

    Raises:
        MapError: nothing left and nothing is short, or its total is not that of its rows.
    """
    levels = [
        {**level, "contents": [_in_measure(row) for row in level.get("contents", ())]}
        for level in found.get("levels", ())
    ]
    rows = [row for level in levels for row in level.get("contents", ())]
    shipped = [row for row in rows if exact(row.get("quantity") or 0) > 0]
    compare_total(found.get("total_units"), total(row["quantity"] for row in shipped))
    lines = _summed(shipped)
    short = _summed([{**row, "quantity": lacking} for row in rows if (lacking := _lacking(row)) > 0])
    if not lines and not short:
        raise MapError(
            "The warehouse reports that nothing left, and not what is missing.",
            fix="Ask the warehouse what it ordered and shipped (W12).",
            code="MAP-SHIPMENT-422",
        )
    for line in short:
        line.pop("serials", None)
    packages = _packages(levels)
    made = {name: value for name, value in found.items() if name not in ("levels", "total_units", "warehouse")}
    made["reference"] = made["fulfillment"]
    # Nobody can say what left by leaving the lines out: that would mean all of it.
    return {**made, "lines": lines, **_filled({"short": short, "packages": packages})}


def _in_measure(row: Mapping[str, Any]) -> Json:
    """Return a row without its unit where that is a piece, which is whatever the item is counted in."""
    return {name: value for name, value in row.items() if (name, value) != ("unit", PIECE)}


def _filled(found: Mapping[str, Any]) -> Json:
    return {name: value for name, value in found.items() if value}


def _name(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in NAMED)


def _row(content: Mapping[str, Any], serials: dict[tuple[Any, ...], Any]) -> Json:
    """Return a row of what left; the serial numbers of a line stand in the first of its rows."""
    own = serials.pop(_name(content), None)
    kept = {name: content[name] for name in CONTENT if content.get(name) is not None}
    return {**kept, "ordered": kept["quantity"], "status": COMPLETE, **({"serials": own} if own else {})}


def _missing(line: Mapping[str, Any]) -> Json:
    named = {name: line[name] for name in NAMED if line.get(name) is not None}
    return {**named, "ordered": line["quantity"], "quantity": "0", "difference": line["quantity"], "status": SHORT}


def _marked(package: Mapping[str, Any]) -> Json:
    before = {"sscc": SSCC_AI}
    # What else a package says stays, so that it is told that no rule writes it.
    rest = {name: value for name, value in package.items() if name not in (*MARKS, "contents")}
    return {**rest, **{name: [before.get(name, "") + package[name]] for name in MARKS if package.get(name)}}


def _lacking(row: Mapping[str, Any]) -> Decimal:
    """Return the units of a row that will not come."""
    if row.get("status") in REST_FOLLOWS:
        return Decimal(0)
    if row.get("difference") is not None:
        return exact(row["difference"])
    ordered = row.get("ordered")
    return Decimal(0) if ordered is None else exact(ordered) - exact(row.get("quantity") or 0)


def _summed(rows: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Return the lines of rows, each once with all its units."""
    found: dict[tuple[Any, ...], Json] = {}
    for row in rows:
        named = {name: row[name] for name in NAMED if row.get(name) is not None}
        line = found.setdefault(_name(row), {**named, "quantity": Decimal(0)})
        line["quantity"] += exact(row["quantity"])
        if row.get("serials"):
            line["serials"] = [*line.get("serials", ()), *row["serials"]]
    return list(found.values())


def _packages(levels: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Return the packages of marked levels; what has no mark is one package where its lots have to be kept.

    Levels with the same mark are of one package, as warehouses write one for each row. Of a level with several marks
    nobody can say what is in which package: they are packages without contents.
    """
    found: dict[tuple[str, ...], Json] = {}
    loose: list[Json] = []
    for level in levels:
        contents = [
            {name: row[name] for name in CONTENT if row.get(name) is not None}
            for row in level.get("contents", ())
            if exact(row.get("quantity") or 0) > 0
        ]
        marks = [(name, _plain(each)) for name in MARKS for each in level.get(name) or ()]
        if len([name for name, _ in marks if name == marks[0][0]]) > 1:
            found.update({mark: dict([mark]) for mark in marks})
        elif marks:
            said = dict(marks)
            package = found.setdefault(next(iter(said.items())), {**said, "contents": []})
            package["contents"] = [*package.get("contents", ()), *contents]
        else:
            loose += contents
    if loose and (found or any(each.get("lot") or each.get("expires_on") for each in loose)):
        found["", ""] = {"contents": loose}
    return [{name: value for name, value in each.items() if value != []} for each in found.values()]


def _plain(mark: str) -> str:
    """Return a mark without the application identifier in front of an SSCC."""
    return mark[len(SSCC_AI) :] if len(mark) == SSCC_MARK and mark.startswith(SSCC_AI) else mark
