"""From quantiles to dates and chances: when it is there, how likely it is late, when the last of several is there."""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

import numpy as np

from core.intelligence.lanes import LEAST_DAYS, LEVELS, QUANTILES, Floats

# Beyond the last known quantile the chance of being still under way falls with the cube of the time, a heavy tail.
TAIL = 3.0
HALVINGS = 40


def arrived_by(log_days: Floats, days: float) -> float:
    """Return the chance that a parcel has arrived so many days after it left.

    Args:
        log_days: its corrected log-days by `QUANTILES`, ascending.
        days: since it left; zero or less gives zero.
    """
    if days <= 0:
        return 0.0
    at = log(max(days, LEAST_DAYS / 100))
    if at <= log_days[0]:
        return QUANTILES[0] * days / exp(float(log_days[0]))
    if at >= log_days[-1]:
        return 1 - (1 - QUANTILES[-1]) * exp(TAIL * (float(log_days[-1]) - at))
    return float(np.interp(at, log_days, QUANTILES))


def late(log_days: Floats, days: float, waited: float = 0.0) -> float:
    """Return the chance that a parcel is not there after `days`, given that it was not after `waited` days."""
    still = 1 - arrived_by(log_days, waited)
    return min(1.0, (1 - arrived_by(log_days, max(days, waited))) / still) if days > waited else 1.0


def level_days(log_days: Floats, level: float) -> float:
    """Return after how many days a parcel is there with this chance; a level between the first and last quantile."""
    return exp(float(np.interp(level, QUANTILES, log_days)))


def last_of(parts: Sequence[tuple[float, Floats]], level: float) -> float:
    """Return after how many days all parcels are there with this chance, each independent of the others.

    Args:
        parts: by parcel, in how many days it leaves and its log-days from then on.
        level: the chance, one of `LEVELS`.
    """
    alone = [leaves + level_days(log_days, level) for leaves, log_days in parts]
    low = max(alone)
    if len(parts) == 1:
        return low
    high = max(leaves + level_days(log_days, QUANTILES[-1]) for leaves, log_days in parts)
    while _all_by(parts, high) < level:
        high *= 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _all_by(parts, middle) < level else (low, middle)
    return high


def _all_by(parts: Sequence[tuple[float, Floats]], days: float) -> float:
    chance = 1.0
    for leaves, log_days in parts:
        chance *= arrived_by(log_days, days - leaves)
    return chance


def due_days(parts: Sequence[tuple[float, Floats]]) -> tuple[float, ...]:
    """Return `last_of` at each of `LEVELS`."""
    return tuple(last_of(parts, level) for level in LEVELS)
