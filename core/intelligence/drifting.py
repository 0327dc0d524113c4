"""Whether what a model is used on still looks like what it learned from, and whether its promises still hold.

Two-sample Kolmogorov-Smirnov tests say whether an input has another distribution than in the data the model learned
from; a distance below `LEAST_DISTANCE` is no drift however sure it is, because with many parcels every difference is
sure. A binomial test says whether fewer promises are kept than were said, and again what is missing by less than
`LEAST_MISSED` is no drift. All tests of one look together raise a false alarm in at most `FALSE_ALARMS` of looks
(C. Bonferroni, 1936).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, lgamma, log, sqrt
from typing import Any

import numpy as np

from core.intelligence.lanes import Floats, Trip, lane_name

FALSE_ALARMS = 0.01
LEAST_DISTANCE = 0.1
LEAST_MISSED = 0.02
# With fewer parcels on a side nothing is said.
LEAST_PARCELS = 100
INPUTS = ("km", "carrier", "lane")
TERMS = 100


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a model found.

    Attributes:
        inputs: by input, distance and p-value; empty where there are too few parcels.
        parcels: those looked at for the inputs, learned from and recent.
        said: the part of promises that was to be kept.
        kept, due: how many were, of how many that fell due.
    """

    inputs: Mapping[str, tuple[float, float]]
    parcels: tuple[int, int]
    said: float
    kept: int
    due: int

    def document(self) -> dict[str, Any]:
        """Return it as JSON, rounded to what is judged by: the same document always gets the same judgment."""
        return {
            "inputs": {name: {"distance": round(d, 6), "p": round(p, 8)} for name, (d, p) in self.inputs.items()},
            "parcels": list(self.parcels),
            "said": self.said,
            "kept": self.kept,
            "due": self.due,
        }


def look(learned: Sequence[Trip], recent: Sequence[Trip], said: float, kept: int, due: int) -> Look:
    """Return what is found of a model.

    Args:
        learned: what it learned from.
        recent: what it is used on.
        said: the part of promises that was to be kept.
        kept, due: how many were, of how many that fell due.
    """
    enough = min(len(learned), len(recent)) >= LEAST_PARCELS
    inputs = {name: kolmogorov(*_values(name, learned, recent)) for name in INPUTS} if enough else {}
    return Look(inputs, (len(learned), len(recent)), said, kept, due)


def judge(found: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return `drifted`, `fits` or `few` (too few parcels to tell) for a look's document, and what drifted, in words."""
    each = FALSE_ALARMS / (len(INPUTS) + 1)
    reasons = [
        f"{name} is distributed otherwise than in what it learned from (distance {test['distance']:.2f})"
        for name, test in found["inputs"].items()
        if test["p"] < each and test["distance"] >= LEAST_DISTANCE
    ]
    due, kept, said = found["due"], found["kept"], found["said"]
    told = due >= LEAST_PARCELS
    if told and kept / due <= said - LEAST_MISSED and at_most(kept, due, said) < each:
        reasons.append(f"{kept / due:.0%} of {due} promises were kept, and {said:.0%} were said")
    if reasons:
        return "drifted", reasons
    return ("fits" if told and found["inputs"] else "few"), []


def choice_of(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is done after a look, from the inputs of its decision: `keep`, `set_aside` or `restore`.

    Args:
        inputs: the model's name and state, whether models may be set aside, and the look's document.
    """
    verdict, reasons = judge(inputs["look"])
    action = "keep"
    if inputs["state"] == "champion" and verdict == "drifted" and inputs["fall_back"]:
        action = "set_aside"
    elif inputs["state"] == "set_aside" and verdict == "fits":
        action = "restore"
    return {"action": action, "model": inputs["model"], "verdict": verdict, "reasons": reasons}


def kolmogorov(first: Floats, second: Floats) -> tuple[float, float]:
    """Return the greatest distance of two samples' distribution functions, and its p-value where they are the same.

    The p-value is Kolmogorov's series with the correction for small samples of M. Stephens (1970); ties make it larger.
    """
    everything = np.concatenate([first, second])
    shares = [np.searchsorted(np.sort(each), everything, side="right") / len(each) for each in (first, second)]
    distance = float(np.abs(shares[0] - shares[1]).max())
    root = sqrt(len(first) * len(second) / (len(first) + len(second)))
    at = (root + 0.12 + 0.11 / root) * distance
    if at < 0.2:  # the series does not end, and its sum is one
        return distance, 1.0
    p = 2 * sum((-1) ** (k - 1) * exp(-2 * k * k * at * at) for k in range(1, TERMS))
    return distance, min(1.0, max(0.0, p))


def at_most(kept: int, of: int, rate: float) -> float:
    """Return the binomial probability of at most so many successes."""
    return min(
        1.0,
        sum(
            exp(lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1) + k * log(rate) + (of - k) * log(1 - rate))
            for k in range(kept + 1)
        ),
    )


def _values(name: str, learned: Sequence[Trip], recent: Sequence[Trip]) -> tuple[Floats, Floats]:
    """Return an input as numbers: names by how common they are in what was learned from, unknown distances as -1."""
    if name == "km":
        first, second = (
            np.array([-1.0 if trip.km is None else trip.km for trip in side]) for side in (learned, recent)
        )
        return first, second
    words = [
        [trip.carrier or "" if name == "carrier" else lane_name(trip.from_country, trip.to_country) for trip in side]
        for side in (learned, recent)
    ]
    order = [word for word, _ in sorted(Counter(words[0]).items(), key=lambda each: (-each[1], each[0]))]
    order += sorted(set(words[1]) - set(order))
    place = {word: float(index) for index, word in enumerate(order)}
    return np.array([place[word] for word in words[0]]), np.array([place[word] for word in words[1]])
