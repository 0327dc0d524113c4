"""Lots: which units leave first, and which a channel may still have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

ZERO = Decimal(0)
# Units with their lot.
Picked = list[tuple[str, Decimal]]


@dataclass(slots=True)
class Lot:
    """Sellable units of one lot at one node that nobody has been promised; without a date they do not expire."""

    lot: str
    free: Decimal
    expires_on: date | None


def fits(lot: Lot, earliest: date) -> bool:
    """Return whether a lot does not expire before a day; on that very day it may still be used."""
    return lot.expires_on is None or lot.expires_on >= earliest


def pick(lots: Iterable[Lot], units: Decimal, earliest: date, *, freshest: bool) -> Picked:
    """Take units from lots that do not expire before a day and return what came from where.

    The lot that expires first leaves first, one that does not expire last (FEFO); with `freshest` it is the other way.
    The lots given are left with less.
    """
    fitting = [lot for lot in lots if lot.free > 0 and fits(lot, earliest)]
    fitting.sort(key=lambda each: (each.expires_on or date.max, each.lot), reverse=freshest)
    found: Picked = []
    for lot in fitting:
        if units <= 0:
            break
        taken = min(units, lot.free)
        lot.free -= taken
        units -= taken
        found.append((lot.lot, taken))
    return found


def deal(picked: Picked, units: Decimal) -> Picked:
    """Take units off the front of what was picked: several lines share the picks of one position."""
    found: Picked = []
    while units > 0:
        lot, there = picked.pop(0)
        taken = min(units, there)
        units -= taken
        found.append((lot, taken))
        if there > taken:
            picked.insert(0, (lot, there - taken))
    return found
