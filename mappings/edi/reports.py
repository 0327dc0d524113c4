"""What buyers report by EDIFACT: lines below packages, or below places of sale, instead of flat lists."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import groupby
from typing import Any

from mappings.numbers import exact

Json = dict[str, Any]
BUYER = "BUYER"
"""EDIFACT wants a party; we know none but who reports."""
DROPPED = ("levels", "buyer")


def to_received(document: Json) -> Json:
    """Return a receiving advice arranged for EDIFACT."""
    kept = {name: value for name, value in document.items() if name != "lines"}
    return {**kept, "buyer": BUYER, "levels": [{"number": 1, "lines": document.get("lines", [])}]}


def from_received(found: Json) -> Json:
    """Return the canonical receiving advice of one that was read from EDIFACT."""
    lines = [_accepted(line) for level in found.get("levels", ()) for line in level.get("lines", ())]
    return {**_without(found), "lines": lines}


def _accepted(line: Mapping[str, Any]) -> Json:
    """Return a line that says what was accepted: what came less what was not accepted, where it says only that."""
    made = {name: value for name, value in line.items() if name != "received"}
    if made.get("accepted") is None and line.get("received") is not None:
        made["accepted"] = max(exact(line["received"]) - exact(made.get("rejected") or 0), Decimal(0))
    return made


def to_sales(document: Json) -> Json:
    """Return a sales report arranged for EDIFACT: lines below the place they are of."""
    places = []
    for place, lines in groupby(document.get("lines", ()), key=lambda each: each.get("place")):
        own = [
            {"number": at, **{name: value for name, value in line.items() if name != "place"}}
            for at, line in enumerate(lines, 1)
        ]
        places.append({**({"place": place} if place else {}), "lines": own})
    kept = {name: value for name, value in document.items() if name != "lines"}
    return {**kept, "buyer": BUYER, "levels": places}


def from_sales(found: Json) -> Json:
    """Return the canonical sales report of one that was read from EDIFACT."""
    lines = [
        {**({"place": level["place"]} if level.get("place") else {}),
         **{name: value for name, value in line.items() if name != "number"}}
        for level in found.get("levels", ())
        for line in level.get("lines", ())
    ]  # fmt: skip
    return {**_without(found), "lines": lines}


def _without(found: Mapping[str, Any]) -> Json:
    return {name: value for name, value in found.items() if name not in DROPPED}
