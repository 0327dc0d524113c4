"""Refused calls on their way to people: counted here, so that a flood of them is a few rows and not one for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from core.errors import CrossdockError

# At the latest so many seconds after the last time the next call of its kind is told again …
AGAIN_SECONDS = 60.0
# … so many senders of a connection and reason are told apart, as anybody can invent senders …
MOST_SENDERS = 20
# … and so many kinds are remembered at once.
MOST_KINDS = 1_000


@dataclass(slots=True)
class _Tally:
    told: int = 0
    waiting: int = 0
    told_at: float = float("-inf")


class Refusals:
    """Says how many refused calls are to be told now: the first at once, then whenever their number has doubled.

    Args:
        clock: seconds; replaced in tests.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._tallies: dict[tuple[UUID, str, str], _Tally] = {}
        self._senders: dict[tuple[UUID, str], set[str]] = {}

    def due(self, connection_id: UUID, error: CrossdockError) -> int:
        """Count one call, and return how many are to be told now; 0 for none.

        Args:
            connection_id: whom it came for.
            error: why it was refused; `modifier` and `sender` in its data tell one kind from another.
        """
        reason, sender = str(error.data.get("modifier") or error.error_code), str(error.data.get("sender") or "")
        now = self._clock()
        with self._lock:
            if len(self._tallies) >= MOST_KINDS:
                self._tallies.clear()
                self._senders.clear()
            senders = self._senders.setdefault((connection_id, reason), set())
            if len(senders) < MOST_SENDERS:
                senders.add(sender)
            known = sender if sender in senders else "others"
            tally = self._tallies.setdefault((connection_id, reason, known), _Tally())
            tally.waiting += 1
            if tally.waiting < tally.told and now - tally.told_at < AGAIN_SECONDS:
                return 0
            times, tally.waiting = tally.waiting, 0
            tally.told, tally.told_at = tally.told + times, now
            return times
