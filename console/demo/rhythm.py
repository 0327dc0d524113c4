"""When people buy: the curve of a day, the shape of a week, and a business that grows a little."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

DAILY_ORDERS = 70.0
"""Orders on an average day of today, both shops together."""
GROWTH = 0.25
"""How much of today's business was not there 90 days ago."""
# Share of a day's orders by hour, in shop time: a lunch hump and a long evening.
HOURS = (
    0.9, 0.5, 0.3, 0.2, 0.3, 0.7, 1.6, 2.8, 4.0, 5.0, 5.6, 5.9, 6.3, 6.0, 5.3, 5.0, 5.1, 5.4, 6.2, 7.3, 8.4, 8.1, 5.8,
    3.3,
)  # fmt: skip
# Monday first: evenings at home on Sunday sell best.
WEEKDAYS = (1.08, 0.98, 0.95, 0.97, 0.90, 0.94, 1.18)
SECONDS_A_DAY = 86_400.0


def rate(at: datetime) -> float:
    """Return how many orders a second come in at a moment of today's business, without chance."""
    share = HOURS[at.hour] / sum(HOURS) * 24
    return DAILY_ORDERS / SECONDS_A_DAY * share * WEEKDAYS[at.weekday()]


def moments(rng: random.Random, start: datetime, end: datetime, daily: float = DAILY_ORDERS) -> Iterator[datetime]:
    """Yield the times of the orders between two moments, in order, as a Poisson process of changing rate.

    Args:
        daily: orders on an average day at the end.
    """
    highest = daily / SECONDS_A_DAY * max(HOURS) / sum(HOURS) * 24 * max(WEEKDAYS)
    span = (end - start).total_seconds()
    at = start
    while True:
        at += timedelta(seconds=rng.expovariate(highest))
        if at >= end:
            return
        grown = 1 - GROWTH * (end - at).total_seconds() / span
        # Thinning: what the highest rate gives too many is left out.
        if rng.random() < rate(at) * daily / DAILY_ORDERS * grown / highest:
            yield at
