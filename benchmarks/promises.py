"""Promises on real deliveries, day by day as a hub would have given them: what was said, what was kept.

Models are trained every four weeks on parcels that had arrived by then; corrections are renewed every day from what was
known that day; each parcel is promised once, before anything about it is known. Nothing trained here is kept.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import report
from benchmarks.olist_data import Parcel, read_parcels
from benchmarks.running import sizes, time_limit
from core.intelligence.boosted import fit_boosted
from core.intelligence.challenge import pinball
from core.intelligence.conformal import RIPE_DAYS, WINDOW_DAYS, Correction, correct
from core.intelligence.lanes import LEAST_DAYS, LEVEL_AT, LEVELS, QUANTILES, Floats, Trip
from core.intelligence.scores import wilson
from core.intelligence.transit import fit_lanes

# Days before the first promise: what it learns from must have arrived.
WARM_UP = 240.0
RETRAIN_DAYS = 28.0
Predict = Callable[[Sequence[Trip]], Floats]


@dataclass(slots=True)
class Said:
    """What was said of the parcels that were promised and arrived."""

    days: list[float] = field(default_factory=list)
    log_days: list[Floats] = field(default_factory=list)
    plain: list[Floats] = field(default_factory=list)

    def figures(self) -> dict[str, object]:
        """Return kept shares by level with and without correction, and losses."""
        actual, said, plain = np.log(self.days), np.array(self.log_days), np.array(self.plain)
        kept = (actual[:, None] <= said[:, LEVEL_AT]).mean(axis=0)
        uncorrected = (actual[:, None] <= plain[:, LEVEL_AT]).mean(axis=0)
        return {
            "promises": len(self.days),
            "kept": {_name(level): round(100 * float(share), 2) for level, share in zip(LEVELS, kept, strict=True)},
            "interval": {
                _name(level): [round(100 * each, 2) for each in wilson(float(share), len(self.days))]
                for level, share in zip(LEVELS, kept, strict=True)
            },
            "kept_uncorrected": {
                _name(level): round(100 * float(share), 2) for level, share in zip(LEVELS, uncorrected, strict=True)
            },
            "worst_gap_points": round(100 * float(np.abs(kept - np.array(LEVELS)).max()), 2),
            "pinball_log_days": round(float(pinball(actual, said).mean()), 5),
            "pinball_days": round(float(pinball(np.array(self.days), np.exp(said)).mean()), 4),
        }


def _name(level: float) -> str:
    return f"{100 * level:g}"


def walk(parcels: Sequence[Parcel], fit: Callable[[Sequence[Trip], Floats], Predict], *, corrected: bool) -> Said:
    """Return what would have been said, walking through the parcels day by day.

    Args:
        parcels: in the order they start.
        fit: makes a model of log-days from trips and the days they took.
        corrected: whether outcomes correct what is said.
    """
    starts = np.array([each.starts for each in parcels])
    days = np.array([np.inf if each.days is None else max(each.days, LEAST_DAYS) for each in parcels])
    ends = starts + days
    trips = [each.trip for each in parcels]
    log_all = np.empty((len(parcels), len(QUANTILES)))
    said, correction, trained = Said(), Correction(), -np.inf
    due: list[tuple[float, Floats]] = []
    today = WARM_UP
    while today < starts[-1]:
        if today - trained >= RETRAIN_DAYS:
            known = np.flatnonzero((ends < today) & (starts < today - RIPE_DAYS))
            log_all = fit([trips[index] for index in known], days[known])(trips)
            trained = today
        if corrected:
            correction, due = _renew(correction, due, today, starts, ends, log_all)
        for index in np.flatnonzero((starts >= today) & (starts < today + 1) & np.isfinite(ends)):
            row = correction.apply(log_all[index])
            said.days.append(float(days[index]))
            said.log_days.append(row)
            said.plain.append(log_all[index])
            promised = np.exp(row[list(LEVEL_AT)])
            due.append((float(starts[index] + promised[-1]), (days[index] <= promised).astype(float)))
        today += 1
    return said


def _renew(
    correction: Correction,
    due: list[tuple[float, Floats]],
    today: float,
    starts: NDArray[np.float64],
    ends: NDArray[np.float64],
    log_all: Floats,
) -> tuple[Correction, list[tuple[float, Floats]]]:
    fell_due = sorted((each for each in due if each[0] < today), key=lambda each: each[0])
    window = np.flatnonzero((starts < today) & (starts > today - WINDOW_DAYS))
    arrived = ends[window] < today
    seen = np.log(np.maximum(np.minimum(ends[window], today) - starts[window], LEAST_DAYS))
    kept = np.array([each[1] for each in fell_due]).reshape(-1, len(LEVELS))
    fresh = correct(correction, log_all[window], seen, arrived, today - starts[window], kept)
    return fresh, [each for each in due if each[0] >= today]


def state_quantiles(parcels: Sequence[Parcel]) -> Callable[[Sequence[Trip], Floats], Predict]:
    """Return the plain comparison: quantiles by pair of states, of all where a pair has fewer than thirty."""
    lane_of = {id(each.trip): each.state_lane for each in parcels}

    def fit(trips: Sequence[Trip], days: Floats) -> Predict:
        logs = np.log(days)
        lanes = np.array([lane_of[id(trip)] for trip in trips])
        everything = np.quantile(logs, QUANTILES)
        rows = {lane: np.quantile(logs[lanes == lane], QUANTILES) for lane in set(lanes) if (lanes == lane).sum() >= 30}
        return lambda asked: np.array([rows.get(lane_of[id(trip)], everything) for trip in asked])

    return fit


def lane_table(trips: Sequence[Trip], days: Floats) -> Predict:
    """Fit the hub's lane quantiles."""
    return fit_lanes(trips, days).log_days


def boosted(trips: Sequence[Trip], days: Floats) -> Predict:
    """Fit the hub's boosted quantiles."""
    return fit_boosted(trips, days).log_days


def measure(whole: bool, small: bool) -> dict[str, object]:
    """Return the figures of one stretch of the way, each model's beside the plain comparison's."""
    parcels = read_parcels(whole)
    plain = walk(parcels, state_quantiles(parcels), corrected=False).figures()
    found: dict[str, object] = {"state_quantiles": plain}
    engines = {"lanes": lane_table}
    if find_spec("lightgbm") and not small:
        engines["boosted"] = boosted
    for name, fit in engines.items():
        started = time.process_time()
        figures = walk(parcels, fit, corrected=True).figures()
        figures["cpu_s"] = round(time.process_time() - started, 1)
        figures["pinball_saved_percent"] = round(
            100 * (1 - _figure(figures, "pinball_log_days") / _figure(plain, "pinball_log_days")), 1
        )
        found[name] = figures
    return found


def _figure(figures: dict[str, object], name: str) -> float:
    value = figures[name]
    assert isinstance(value, float)
    return value


def main(argv: Sequence[str] | None = None) -> None:
    """Walk through both stretches and print one JSON object."""
    options = sizes(argparse.ArgumentParser(prog="crossdock bench promises", description=__doc__), argv)
    with time_limit(options.limit):
        report(
            "promises",
            data="Olist sample, 8,000 orders of 2016-2018 (CC BY-NC-SA 4.0), read in place",
            levels=[100 * level for level in LEVELS],
            order_to_door=measure(True, options.small),
            carrier_to_door=measure(False, options.small),
        )


if __name__ == "__main__":
    main()
