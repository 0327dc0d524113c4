"""What a parcel's way is known by before it leaves: carrier, both ends, distance, weekday."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# What a promise may say, as parts of one.
LEVELS: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95)
# Where a distribution of days is known; between two of these it is straight in log-days.
QUANTILES: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975)
LEVEL_AT: tuple[int, ...] = tuple(QUANTILES.index(level) for level in LEVELS)
# Nothing arrives sooner than this after it left; keeps logarithms finite.
LEAST_DAYS = 0.05
DAY_SECONDS = 86_400.0
AREA_LETTERS = 3
KM_STEP = 25


@dataclass(frozen=True, slots=True)
class Lane:
    """Both ends of a way, and how far apart they are.

    Args:
        from_country, to_country: ISO 3166 alpha-2, None when unknown.
        from_postal, to_postal: postal codes as they are written there.
        km: distance along the great circle, None when a point is unknown.
    """

    from_country: str | None
    from_postal: str | None
    to_country: str | None
    to_postal: str | None
    km: float | None = None


@dataclass(frozen=True, slots=True)
class Trip:
    """What a model is asked about: few enough different ones that each is computed once."""

    carrier: str | None
    service: str | None
    from_country: str
    from_area: str
    to_country: str
    to_area: str
    km: int | None
    weekday: int


def make_trip(carrier: str | None, service: str | None, lane: Lane, leaves: datetime) -> Trip:
    """Return the trip of a parcel that leaves at an aware moment, with areas and distance coarsened."""
    return Trip(
        (carrier or "").strip().lower() or None,
        (service or "").strip().lower() or None,
        lane.from_country or "",
        area(lane.from_postal),
        lane.to_country or "",
        area(lane.to_postal),
        None if lane.km is None else round(lane.km / KM_STEP) * KM_STEP,
        leaves.weekday(),
    )


def area(postal: str | None) -> str:
    """Return the leading letters and digits of a postal code, which name a region nearly everywhere."""
    return "".join(each for each in (postal or "").upper() if each.isalnum())[:AREA_LETTERS]


def lane_name(from_country: str | None, to_country: str | None) -> str:
    """Return a lane as people read it: `DE>DK`."""
    return f"{from_country or '?'}>{to_country or '?'}"


def log_days(seconds: float) -> float:
    """Return the logarithm of a duration in days, never less than that of `LEAST_DAYS`."""
    return log(max(seconds / DAY_SECONDS, LEAST_DAYS))
