"""What a service costs, how long it takes and what it must not carry, as named functions of plain values.

Money is in 1/10,000 of the currency, weight in grams, distance in kilometers; `core/routing/costs.py` puts the terms of
a plan together from them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from core.routing.geography import distance_km
from core.routing.problem import StockTier

# A parcel of any weight: above what a 32-bit weight in grams can be.
ANY_WEIGHT = 2**31
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Step:
    """The price of one shipment up to a weight in grams: `price` and `per_kg` in 1/10,000 of the currency."""

    up_to_g: int
    price: int
    per_kg: int = 0


def rate(steps: Sequence[Step], grams: int) -> Step | None:
    """Return the step that a shipment of this weight is priced by, None when it is too heavy for all.

    Args:
        steps: in ascending weight.
        grams: of the shipment.
    """
    at = bisect_left(steps, grams, key=lambda step: step.up_to_g)
    return steps[at] if at < len(steps) else None


def carbon_per_kg(grams_kg_km: Decimal, kilometers: float) -> int:
    """Return the grams of CO2e one kilogram causes on the way."""
    return round(float(grams_kg_km) * kilometers)


def arrival(ship_on: date, working_days: int) -> date:
    """Return the day a parcel arrives that leaves on a day and is so many working days (Monday to Friday) on its way.

    With 0 days it arrives the same day, on whatever day that is.
    """
    day = ship_on
    for _ in range(working_days):
        day += timedelta(days=1)
        while day.weekday() >= SATURDAY:
            day += timedelta(days=1)
    return day


def lateness(on_time: float | None, arrive_on: date | None, wanted_by: date | None) -> float:
    """Return the probability (0 to 1) that a parcel arrives late, as far as its carrier's own word goes.

    Args:
        on_time: the part of its parcels that arrives in the stated time; None is taken as all.
        arrive_on: the day it should arrive, None when nobody says.
        wanted_by: the day the buyer asked for, None when none was asked for.
    """
    if wanted_by is not None and arrive_on is not None and arrive_on > wanted_by:
        return 1.0
    return 0.0 if on_time is None else 1.0 - on_time


def refusal(storage: str | None, hazmat: bool, kept: frozenset[str], hazmat_allowed: bool, who: str) -> str | None:
    """Return why a node or service must not take an item, None when it may.

    Args:
        storage: class the item must be kept in ("frozen"); None needs nothing.
        hazmat: whether the item is dangerous goods.
        kept: classes the node or service has.
        hazmat_allowed: whether it may take dangerous goods.
        who: name of the node or service, for the reason.
    """
    if storage is not None and storage not in kept:
        return f"{who} has no {storage} storage"
    if hazmat and not hazmat_allowed:
        return f"{who} takes no dangerous goods"
    return None


def ladder(free: Decimal, units: Decimal, benefit: int) -> tuple[StockTier, ...]:
    """Return stock as tiers: units that will be marked down first, each less what selling it now saves.

    Args:
        free: units that may be promised.
        units: units among them that will be sold off.
        benefit: what selling one now saves, in 1/10,000 of the currency.
    """
    aging = min(free, units)
    tiers = (StockTier(aging, -benefit, "markdown"), StockTier(free - aging, 0))
    return tuple(tier for tier in tiers if tier.units > 0)


def within(point: tuple[float, float], middle: tuple[float, float], kilometers: float) -> bool:
    """Return whether a (latitude, longitude) in degrees lies in a circle."""
    return distance_km(point, middle) <= kilometers
