"""Rolling correction of quantiles by outcomes, so that what is said to be 90 % is kept 90 % of the time.

Two parts. The offset of a quantile is the quantile of recent misses (log of actual days less log of said days), younger
ones weighing more. Parcels still under way count as censored (Kaplan and Meier, Nonparametric estimation from
incomplete observations, 1958), so that yesterday's parcels tell what they can without the quick ones standing for all.
What is kept too often or too rarely even so moves the level aimed at by a small step per outcome, which holds the
long-run average whatever the world does (Gibbs and Candes, Adaptive conformal inference under distribution shift,
2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.intelligence.lanes import LEVELS, QUANTILES, Floats

HALF_LIFE_DAYS = 12.0
# Misses older than this many half-lives weigh less than 2 %.
WINDOW_DAYS = 6 * HALF_LIFE_DAYS
# Younger parcels are no material for a model: of them only the quick ones have arrived.
RIPE_DAYS = 20.0
# Weight of "no correction" against outcomes: a handful of parcels corrects little.
PRIOR = 20.0
STEP = 0.0015
MOST_ADJUSTED = 0.1
# An upper level never moves further than this part of the way to certainty.
NEAR_CERTAIN = 0.6


@dataclass(frozen=True, slots=True)
class Correction:
    """What outcomes have taught.

    Args:
        offsets: added to log-days, by `QUANTILES`.
        adjusted: added to the level aimed at, by `LEVELS`.
        outcomes: parcels behind the offsets.
    """

    offsets: tuple[float, ...] = (0.0,) * len(QUANTILES)
    adjusted: tuple[float, ...] = (0.0,) * len(LEVELS)
    outcomes: int = 0

    def apply(self, log_days: Floats) -> Floats:
        """Return corrected log-days, ascending along each row."""
        return np.asarray(np.maximum.accumulate(log_days + np.array(self.offsets), axis=-1))

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "offsets": [round(each, 6) for each in self.offsets],
            "adjusted": [round(each, 6) for each in self.adjusted],
            "outcomes": self.outcomes,
        }


def read_correction(document: Mapping[str, Any] | None) -> Correction:
    """Return the correction written by `Correction.document`; none yet is no correction."""
    if not document:
        return Correction()
    return Correction(tuple(document["offsets"]), tuple(document["adjusted"]), document["outcomes"])


def correct(
    before: Correction, said: Floats, seen: Floats, arrived: NDArray[np.bool_], age_days: Floats, kept: Floats
) -> Correction:
    """Return the correction that recent parcels teach.

    Args:
        before: the one in use; its levels are moved on.
        said: uncorrected log-days by parcel and quantile.
        seen: by parcel, log of the days it took, or of the days it has been under way.
        arrived: by parcel, whether it arrived.
        age_days: by parcel, days since it left.
        kept: by promise that fell due since then and by `LEVELS`, 1 when it was kept, 0 when not, oldest first.
    """
    adjusted = _adjust(before.adjusted, kept)
    if not len(seen):
        return Correction(before.offsets, adjusted, 0)
    weight = 0.5 ** (age_days / HALF_LIFE_DAYS)
    aims = np.array(QUANTILES) + np.interp(QUANTILES, (0.0, *LEVELS, 1.0), (0.0, *adjusted, 0.0))
    known = float(weight[arrived].sum())
    trust = known / (known + PRIOR)
    misses = seen[:, None] - said
    offsets = [trust * _censored(misses[:, k], arrived, weight, float(aim)) for k, aim in enumerate(aims)]
    return Correction(tuple(offsets), adjusted, int(arrived.sum()))


def _adjust(adjusted: tuple[float, ...], kept: Floats) -> tuple[float, ...]:
    values = list(adjusted)
    for row in kept:
        for index, level in enumerate(LEVELS):
            most = min(MOST_ADJUSTED, (1 - level) * NEAR_CERTAIN)
            values[index] = min(most, max(-MOST_ADJUSTED, values[index] + STEP * (level - float(row[index]))))
    return tuple(values)


def _censored(misses: Floats, arrived: NDArray[np.bool_], weight: Floats, level: float) -> float:
    """Return the weighted Kaplan-Meier quantile of misses, of which those not arrived are only known to be larger."""
    order = np.argsort(misses, kind="stable")
    ordered, happened, mass = misses[order], arrived[order], weight[order]
    at_risk = np.cumsum(mass[::-1])[::-1]
    beyond = np.cumprod(np.where(happened, 1 - mass / at_risk, 1.0))
    reached = np.flatnonzero(beyond <= 1 - level + 1e-12)
    return float(ordered[reached[0] if len(reached) else -1])
