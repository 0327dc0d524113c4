"""Days in transit as quantiles per lane: rules at first, shrunk to what was seen as soon as there is anything.

A quantile table of `log(days) - log(rule)` per group of trips, from all trips down to one service of a carrier.
Each group's quantiles are drawn to those of the group above it with the weight of `PRIOR` deliveries, and those of all
trips to the rule's own spread, so that a new lane, carrier or hub starts at the rule and leaves it as outcomes come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log
from statistics import NormalDist
from typing import Any, Protocol

import numpy as np

from core.intelligence.lanes import QUANTILES, Floats, Trip

# Rule of thumb of parcel networks: a day to be collected and sorted, 500 km of line haul a day, a day at a border.
RULE_BASE_DAYS = 1.0
RULE_KM_PER_DAY = 500.0
RULE_BORDER_DAYS = 1.0
RULE_KM_WITHIN = 300.0
RULE_KM_ABROAD = 1_000.0
# Spread of log-days around the rule: the 95 % quantile is twice the median.
RULE_SIGMA = 0.42
# Deliveries a group must have seen to count as much as the group above it.
PRIOR = 20.0
SPREAD = np.array([NormalDist(0.0, RULE_SIGMA).inv_cdf(each) for each in QUANTILES])


class TransitModel(Protocol):
    """What says how long trips take."""

    @property
    def kind(self) -> str:
        """Return which engine it is."""

    def log_days(self, trips: Sequence[Trip]) -> Floats:
        """Return log-days by trip (row) and by `QUANTILES` (column), ascending along each row."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON: numbers and text, nothing that runs."""


def rule_days(trip: Trip) -> float:
    """Return the median days in transit by rule: base + km / `RULE_KM_PER_DAY` + a day for a border."""
    abroad = trip.from_country != trip.to_country
    km = trip.km if trip.km is not None else RULE_KM_ABROAD if abroad else RULE_KM_WITHIN
    return RULE_BASE_DAYS + km / RULE_KM_PER_DAY + (RULE_BORDER_DAYS if abroad else 0.0)


def groups(trip: Trip) -> dict[str, str | None]:
    """Return the groups a trip belongs to, widest first, each with the group it is drawn to."""
    countries = f"{trip.from_country}>{trip.to_country}"
    regions = f"{trip.from_country}{trip.from_area[:1]}>{trip.to_country}{trip.to_area[:1]}"
    found: dict[str, str | None] = {"all": None, countries: "all", regions: countries}
    if trip.carrier:
        found[f"{trip.carrier}|{countries}"] = countries
        found[f"{trip.carrier}|{regions}"] = f"{trip.carrier}|{countries}"
        if trip.service:
            found[f"{trip.carrier}/{trip.service}|{countries}"] = f"{trip.carrier}|{countries}"
    return found


@dataclass(frozen=True, slots=True)
class LaneTable:
    """Quantiles per group of trips; with no groups it is the rule alone.

    Args:
        rows: by group, quantiles of log-days over the rule's median, shrunk already.
    """

    rows: Mapping[str, Floats] = field(default_factory=dict)
    kind: str = "lanes"

    def log_days(self, trips: Sequence[Trip]) -> Floats:
        """Return log-days by trip and quantile."""
        return np.array([log(rule_days(trip)) + self._spread(trip) for trip in trips]).reshape(-1, len(QUANTILES))

    def _spread(self, trip: Trip) -> Floats:
        for group in reversed(groups(trip)):
            if group in self.rows:
                return self.rows[group]
        return SPREAD

    def document(self) -> dict[str, Any]:
        """Return the rows, rounded to what days can mean."""
        return {"rows": {group: [round(float(each), 5) for each in row] for group, row in sorted(self.rows.items())}}


RULES = LaneTable(kind="rules")


def fit_lanes(trips: Sequence[Trip], days: Floats) -> LaneTable:
    """Return the table that these deliveries teach.

    Args:
        trips: what was sent.
        days: how long each took, in days, above zero.
    """
    if not trips:
        return RULES
    residual = np.log(days) - np.log([rule_days(trip) for trip in trips])
    members: dict[str, list[int]] = {}
    parents: dict[str, str | None] = {}
    for index, trip in enumerate(trips):
        for group, above in groups(trip).items():
            members.setdefault(group, []).append(index)
            parents[group] = above
    rows: dict[str, Floats] = {}
    for group, indexes in members.items():  # a group's parent was met before it
        parent = parents[group]
        drawn = SPREAD if parent is None else rows[parent]
        seen = np.quantile(residual[indexes], QUANTILES)
        rows[group] = np.maximum.accumulate((len(indexes) * seen + PRIOR * drawn) / (len(indexes) + PRIOR))
    return LaneTable(rows)


def read_lanes(document: Mapping[str, Any]) -> LaneTable:
    """Return the table written by `LaneTable.document`."""
    return LaneTable({group: np.array(row, dtype=float) for group, row in document["rows"].items()})
