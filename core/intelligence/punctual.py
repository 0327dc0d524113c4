"""How likely a parcel keeps its promise, as deliveries had taught it by a moment; nothing that came later is looked at.

Deliveries are counted by group, from all down to one service of a carrier from one node to one country. They fade as
scores do, and each group is drawn to the one above it: the beta-binomial of core.intelligence.scores, walked in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from core.intelligence.lanes import DAY_SECONDS
from core.intelligence.scores import HALF_LIFE_DAYS, PRIOR_WEIGHT, shrink_mean

# What is usual where nothing is known: the chance promises are given with unless a setting says otherwise.
USUAL_RATE = 0.9
# A carrier or node with fewer outcomes of its own is judged by what it states, else not at all.
LEAST_OUTCOMES = 30


@dataclass(frozen=True, slots=True)
class Sent:
    """A parcel as it is told apart: names in small letters, empty where they are unknown."""

    carrier: str
    service: str
    node: str
    country: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a parcel, and when that was known.

    Attributes:
        at: when it was known; a parcel counts as late the day after its promise even when nothing has come.
        sent: what it was.
        kept: whether it was there by its promise.
    """

    at: datetime
    sent: Sent
    kept: bool


@dataclass(frozen=True, slots=True)
class Chance:
    """How likely a parcel keeps its promise.

    Attributes:
        value: 0 to 1.
        outcomes: deliveries of its carrier, else of its node, that were known.
    """

    value: float
    outcomes: int

    @property
    def learned(self) -> bool:
        """Return whether enough deliveries stand behind it."""
        return self.outcomes >= LEAST_OUTCOMES


@dataclass(slots=True)
class _Tally:
    kept: float = 0.0
    weight: float = 0.0
    outcomes: int = 0


def groups(sent: Sent) -> tuple[tuple[str, ...], ...]:
    """Return the groups of a parcel, widest first: by carrier where it is known, else by node."""
    if not sent.carrier:
        return (), ("node", sent.node), ("node", sent.node, sent.country)
    service = "carrier", sent.carrier, sent.service
    return (), service[:2], service, (*service, sent.node), (*service, sent.node, sent.country)


@dataclass(slots=True)
class Punctuality:
    """Deliveries as they become known.

    Attributes:
        heard: all of them, in the order they became known.
    """

    heard: Sequence[Heard]
    _at: int = 0
    _tallies: dict[tuple[str, ...], _Tally] = field(default_factory=dict)

    @property
    def known(self) -> int:
        """Return how many deliveries are counted so far."""
        return self._at

    def until(self, moment: datetime) -> None:
        """Count what became known before a moment; moments never go back."""
        while self._at < len(self.heard) and self.heard[self._at].at < moment:
            self._count(self.heard[self._at])
            self._at += 1

    def chance(self, sent: Sent, moment: datetime) -> Chance:
        """Return how likely a parcel keeps its promise by what is counted, as old as that is at a moment."""
        value, outcomes, faded = USUAL_RATE, 0, self._weight(moment)
        for depth, group in enumerate(groups(sent)):
            tally = self._tallies.get(group)
            if tally is None:
                break
            value = shrink_mean(tally.kept / faded, tally.weight / faded, value, PRIOR_WEIGHT)
            outcomes = tally.outcomes if depth == 1 else outcomes
        return Chance(value, outcomes)

    def _count(self, one: Heard) -> None:
        weight = self._weight(one.at)
        # A carrier's parcel tells of its node as well, where the carrier of another is not known yet.
        alone = Sent("", "", one.sent.node, one.sent.country)
        for group in {*groups(one.sent), *groups(alone)}:
            tally = self._tallies.setdefault(group, _Tally())
            tally.kept += weight * one.kept
            tally.weight += weight
            tally.outcomes += 1

    def _weight(self, moment: datetime) -> float:
        """Return a weight that doubles every half-life: an outcome's, over that of now, is what it has faded to."""
        days = (moment - self.heard[0].at).total_seconds() / DAY_SECONDS if self.heard else 0.0
        return float(2.0 ** (days / HALF_LIFE_DAYS))
