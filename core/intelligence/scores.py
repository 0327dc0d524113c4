"""Scores of carriers and nodes: outcomes weigh less as they age, and few outcomes are drawn to what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

# An outcome of six and a half weeks ago counts half.
HALF_LIFE_DAYS = 45.0
# Outcomes a newcomer is credited with at the usual rate.
PRIOR_WEIGHT = 40.0
# 90 % of such intervals hold the true rate.
Z_90 = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Share:
    """A rate with what it rests on.

    Args:
        value: the shrunk rate, 0 to 1.
        low, high: its 90 % interval.
        outcomes: how many there were, whatever their age.
        weight: how many they count as today.
        prior: the rate it was drawn to.
    """

    value: float
    low: float
    high: float
    outcomes: int
    weight: float
    prior: float


def shrink(good: float, weight: float, outcomes: int, prior: float, prior_weight: float = PRIOR_WEIGHT) -> Share:
    """Return the mean of the beta posterior: (good + prior x prior_weight) / (weight + prior_weight).

    Args:
        good: decayed count of the outcomes counted.
        weight: decayed count of all outcomes.
        outcomes: plain count of all outcomes.
        prior: the usual rate.
        prior_weight: outcomes the prior is worth.
    """
    value = (good + prior * prior_weight) / (weight + prior_weight)
    low, high = wilson(value, weight + prior_weight)
    return Share(value, low, high, outcomes, weight, prior)


def shrink_mean(total: float, weight: float, prior: float, prior_weight: float = PRIOR_WEIGHT) -> float:
    """Return a decayed mean drawn to the usual one: (total + prior x prior_weight) / (weight + prior_weight)."""
    return (total + prior * prior_weight) / (weight + prior_weight)


def wilson(rate: float, count: float, z: float = Z_90) -> tuple[float, float]:
    """Return the score interval of a rate (Wilson, Probable inference, 1927); (0, 1) when nothing was counted."""
    if count <= 0:
        return 0.0, 1.0
    middle = rate + z * z / (2 * count)
    reach = z * sqrt(rate * (1 - rate) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def quantile_with_rule(values: Sequence[tuple[float, float]], level: float, rule: float, share: float) -> float:
    """Return the weighted quantile of a mixture: values, and a rule that stands for those there are too few of.

    Args:
        values: (value, weight), in any order; weights are positive.
        level: of the quantile, 0 to 1.
        rule: the value of the rule.
        share: of the mixture that the rule is, 0 to 1.

    Returns:
        The smallest value that at least `level` of the mixture does not exceed.
    """
    total = sum(weight for _, weight in values)
    mixture = [(value, (1 - share) * weight / total) for value, weight in values]
    below = 0.0
    for value, weight in sorted([*mixture, (rule, share)]):
        below += weight
        # Sums of shares miss the level by their last digit.
        if weight > 0 and below >= level - 1e-9:
            return value
    return rule
