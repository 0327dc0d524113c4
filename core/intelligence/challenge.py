"""Champion and challenger: a new model takes over only when it is better beyond doubt, everywhere that matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.intelligence.lanes import QUANTILES, Floats

# The rules of docs/promising.md: both windows won, at least this gain, surely above zero, no class this much worse.
LEAST_GAIN = 0.005
MOST_HARM = 0.02
SURE = 0.05
BOOTSTRAPS = 400
# A class with fewer outcomes than this says nothing about itself.
LEAST_CLASS = 50
SEED = 20_260


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a challenger won.

    Args:
        won: it may be promoted.
        gain: part of the champion's loss that it saves over both windows.
        sure_gain: 5 % quantile of that gain over bootstraps.
        windows: the gain in each window, older first.
        worst: the class with the least gain and that gain, None when no class is large enough.
        reasons: what spoke against it, in words.
    """

    won: bool
    gain: float
    sure_gain: float
    windows: tuple[float, ...]
    worst: tuple[str, float] | None
    reasons: tuple[str, ...]


def pinball(actual: Floats, said: Floats) -> Floats:
    """Return by row the mean pinball loss over `QUANTILES` (Koenker and Bassett, Regression quantiles, 1978).

    Args:
        actual: one value per row.
        said: its quantiles, in the same unit.
    """
    levels = np.array(QUANTILES)
    miss = actual[:, None] - said
    return np.asarray(np.maximum(levels * miss, (levels - 1) * miss).mean(axis=1))


def compare(champion: Floats, challenger: Floats, window: Sequence[int], classes: Sequence[str]) -> Verdict:
    """Return whether the challenger takes over.

    Args:
        champion, challenger: loss by outcome, both on the same outcomes, none of which either has learned from.
        window: by outcome, 0 for the older window and 1 for the newer.
        classes: by outcome, the class that must not get worse, such as its lane.
    """
    windows = tuple(_gain(champion, challenger, np.array(window) == each) for each in (0, 1))
    everything = np.ones(len(champion), dtype=bool)
    gain = _gain(champion, challenger, everything)
    draws = np.random.default_rng(SEED).integers(0, max(len(champion), 1), (BOOTSTRAPS, len(champion)))
    sure = float(np.quantile(1 - challenger[draws].sum(axis=1) / champion[draws].sum(axis=1), SURE)) if gain else 0.0
    names = np.array(classes)
    large = [name for name in sorted(set(classes)) if (names == name).sum() >= LEAST_CLASS]
    worst = min(((_gain(champion, challenger, names == name), name) for name in large), default=None)
    reasons = []
    if min(windows) <= 0:
        reasons.append(f"it lost a window: gains {windows[0]:+.1%} and {windows[1]:+.1%}")
    if gain < LEAST_GAIN:
        reasons.append(f"its gain of {gain:.2%} is below {LEAST_GAIN:.1%}")
    if sure <= 0:
        reasons.append(f"its gain is not sure: the {SURE:.0%} quantile is {sure:+.2%}")
    if worst is not None and worst[0] < -MOST_HARM:
        reasons.append(f"{worst[1]} would get {-worst[0]:.1%} worse, more than {MOST_HARM:.0%}")
    found = None if worst is None else (worst[1], worst[0])
    return Verdict(not reasons, gain, sure, windows, found, tuple(reasons))


def _gain(champion: Floats, challenger: Floats, chosen: np.ndarray) -> float:
    before = float(champion[chosen].sum())
    return 1 - float(challenger[chosen].sum()) / before if before > 0 else 0.0
