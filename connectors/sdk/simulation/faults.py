"""What a simulated partner does wrong on purpose: probabilities that can be changed while it runs."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Faults:
    """Probabilities from 0 to 1 unless said otherwise.

    Args:
        drop: the effect happens, the reply never comes.
        cut: the effect happens, the reply ends half-way.
        error: the effect happens, the reply says 500.
        unavailable: nothing happens, 503.
        rate_limit: nothing happens, 429 with Retry-After.
        retry_after: seconds asked for with 429 and 503.
        delay: the reply is slow.
        delay_seconds: how slow.
        duplicate: a webhook is sent twice.
        reorder: a webhook is held back so that later ones overtake it.
        reorder_seconds: how long at most.
        late: a webhook comes much later.
        late_seconds: how much.
        schema_change: answers and webhooks have a field nobody knows.
    """

    drop: float = 0.0
    cut: float = 0.0
    error: float = 0.0
    unavailable: float = 0.0
    rate_limit: float = 0.0
    retry_after: float = 1.0
    delay: float = 0.0
    delay_seconds: float = 1.0
    duplicate: float = 0.0
    reorder: float = 0.0
    reorder_seconds: float = 0.5
    late: float = 0.0
    late_seconds: float = 5.0
    schema_change: float = 0.0

    def changed(self, values: Mapping[str, Any]) -> Faults:
        """Return the faults with some values replaced.

        Raises:
            ValueError: an unknown name, or not a number from 0 up.
        """
        known = {each.name for each in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise ValueError(f"{name} is no fault; there are {', '.join(sorted(known))}")
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name} is not a number from 0 up")
        return replace(self, **{name: float(value) for name, value in values.items()})


class Dice:
    """One seeded source of chance for all threads of a simulator."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable chance is meant
        self._lock = threading.Lock()

    def hits(self, probability: float) -> bool:
        """Return true with the given probability."""
        if probability <= 0:
            return False
        with self._lock:
            return self._random.random() < probability

    def between(self, low: float, high: float) -> float:
        """Return a number between two others."""
        with self._lock:
            return self._random.uniform(low, high)

    def whole(self, low: int, high: int) -> int:
        """Return a whole number between two others, both included."""
        with self._lock:
            return self._random.randint(low, high)
