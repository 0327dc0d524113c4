"""Kills processes at random moments while there is load."""

from __future__ import annotations

import threading
import time
from collections import Counter

from benchmarks.chaos.plan import FLUSH, ROLES, Plan
from benchmarks.chaos.rig import Rig
from benchmarks.common import rng


class Killer(threading.Thread):
    """Hurts each role as often as the plan says, in random order, at random moments over the time of the load.

    `history` has (seconds since the start, what) of each blow.
    """

    def __init__(self, rig: Rig, plan: Plan) -> None:
        super().__init__(name="killer", daemon=True)
        self._rig = rig
        dice = rng(plan.seed + 2)
        blows = [*ROLES, FLUSH] * plan.kills
        dice.shuffle(blows)
        seconds = plan.orders / plan.rate
        moments = sorted(dice.uniform(0.05 * seconds, seconds) for _ in blows)
        self._blows = list(zip(moments, blows, strict=True))
        self._stopped = threading.Event()
        self.history: list[tuple[float, str]] = []
        self.failure: Exception | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How often each role was hit."""
        return dict(sorted(Counter(what for _, what in self.history).items()))

    def stop(self) -> None:
        """Hurt nothing more."""
        self._stopped.set()

    def run(self) -> None:
        """Deal all blows."""
        began = time.monotonic()
        try:
            for moment, what in self._blows:
                if self._stopped.wait(max(began + moment - time.monotonic(), 0)):
                    return
                # One that is just being started again is hit as soon as it runs.
                while not self._rig.hurt(what):
                    if self._stopped.wait(0.1):
                        return
                self.history.append((round(time.monotonic() - began, 2), what))
        except Exception as error:  # noqa: BLE001 - the run's verdict names it
            self.failure = error
