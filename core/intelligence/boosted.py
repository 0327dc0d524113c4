"""Days in transit by gradient-boosted quantiles in log-days: LightGBM (the extra `models`), stored as its text."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from core.errors import Misconfigured
from core.intelligence.lanes import QUANTILES, Floats, Trip
from core.intelligence.transit import rule_days

ROUNDS = 120
PARAMETERS = {
    "objective": "quantile",
    "num_leaves": 8,
    "learning_rate": 0.05,
    "min_data_in_leaf": 30,
    "feature_fraction": 0.8,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    # Same outcomes, same model: one thread and a fixed seed.
    "num_threads": 1,
    "seed": 1,
    "deterministic": True,
    "verbose": -1,
}
FEATURES = ("from", "to", "from_area", "to_area", "same_area", "carrier", "rule_days", "weekday")
CATEGORIES = ("from", "to", "carrier")
BASE = 36
UNKNOWN = -1.0


def _lightgbm() -> Any:
    try:
        return importlib.import_module("lightgbm")
    except ImportError as error:
        raise Misconfigured(
            "Boosted transit models need LightGBM, which is not installed.",
            why=str(error),
            fix='Install the extra: pip install "crossdock[models]"; or train with the engine "lanes".',
            code="MODEL-ENGINE-503",
        ) from error


class Boosted:
    """One booster per quantile, over the features of a trip.

    Args:
        texts: LightGBM model texts by `QUANTILES`.
        words: by category, the words known in training; others count as unknown.
    """

    kind = "boosted"

    def __init__(self, texts: Sequence[str], words: Mapping[str, Sequence[str]]) -> None:
        self._texts = list(texts)
        self._words = {name: list(known) for name, known in words.items()}
        self._boosters = [_lightgbm().Booster(model_str=each) for each in self._texts]

    def log_days(self, trips: Sequence[Trip]) -> Floats:
        """Return log-days by trip and quantile."""
        if not trips:
            return np.empty((0, len(QUANTILES)))
        rows = features(trips, self._words)
        return np.sort(np.column_stack([each.predict(rows, num_threads=1) for each in self._boosters]), axis=1)

    def document(self) -> dict[str, Any]:
        """Return LightGBM's texts and the words of the categories."""
        return {"texts": self._texts, "words": self._words}


def read_boosted(document: Mapping[str, Any]) -> Boosted:
    """Return the model written by `Boosted.document`.

    Raises:
        Misconfigured: LightGBM is not installed.
    """
    return Boosted(document["texts"], document["words"])


def fit_boosted(trips: Sequence[Trip], days: Floats) -> Boosted:
    """Return boosters trained on deliveries; the same deliveries give the same text.

    Raises:
        Misconfigured: LightGBM is not installed.
    """
    lightgbm = _lightgbm()
    words = {
        "from": sorted({trip.from_country for trip in trips}),
        "to": sorted({trip.to_country for trip in trips}),
        "carrier": sorted({_service(trip) for trip in trips}),
    }
    rows, target = features(trips, words), np.log(days)
    categories = [FEATURES.index(name) for name in CATEGORIES]
    texts = []
    for level in QUANTILES:
        data = lightgbm.Dataset(rows, target, categorical_feature=categories, params={"verbose": -1})
        booster = lightgbm.train({**PARAMETERS, "alpha": level}, data, ROUNDS)
        texts.append(booster.model_to_string())
    return Boosted(texts, words)


def features(trips: Sequence[Trip], words: Mapping[str, Sequence[str]]) -> Floats:
    """Return the numbers a booster sees, by trip and `FEATURES`."""
    codes = {name: {word: float(code) for code, word in enumerate(known)} for name, known in words.items()}
    return np.array(
        [
            (
                codes["from"].get(trip.from_country, UNKNOWN),
                codes["to"].get(trip.to_country, UNKNOWN),
                _number(trip.from_area),
                _number(trip.to_area),
                float(trip.from_country == trip.to_country and trip.from_area[:1] == trip.to_area[:1]),
                codes["carrier"].get(_service(trip), UNKNOWN),
                rule_days(trip),
                float(trip.weekday),
            )
            for trip in trips
        ]
    )


def _service(trip: Trip) -> str:
    return f"{trip.carrier or ''}/{trip.service or ''}"


def _number(area: str) -> float:
    """Return an area as a number that keeps neighbors near each other."""
    return float(int(area, BASE)) if area and area.isascii() else UNKNOWN
