"""What a simulated partner counts: effects, repeats it recognized, calls, and what went wrong on purpose."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict

from connectors.sdk.simulation.books import Books


class Tally:
    """The counters; effects are kept in the books, so that a double one shows in the next life too."""

    lock: threading.RLock
    books: Books

    def count_on(self, books: Books) -> None:
        """Begin to count, effects from where the books are."""
        # kind -> key -> how often the effect happened; more than once is a double effect.
        self.effects: dict[str, Counter[str]] = defaultdict(Counter)
        for name, times in books.read("effect"):
            self.effects[name.partition(" ")[0]][name.partition(" ")[2]] = times
        # kind -> how often a repeat was recognized and did nothing.
        self.repeats: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.fates: Counter[str] = Counter()

    def effect(self, kind: str, key: str) -> None:
        """Count an effect under its idempotency key or reference."""
        with self.lock:
            self.effects[kind][key] += 1
            self.books.put("effect", f"{kind} {key}", self.effects[kind][key])

    def repeat(self, kind: str) -> None:
        """Count a repeat that was recognized and did nothing."""
        with self.lock:
            self.repeats[kind] += 1

    @property
    def total(self) -> int:
        """How many effects there were, repeats included."""
        with self.lock:
            return sum(sum(keys.values()) for keys in self.effects.values())

    @property
    def doubles(self) -> dict[str, list[str]]:
        """Kind -> keys whose effect happened more than once."""
        with self.lock:
            found = {kind: [key for key, n in keys.items() if n > 1] for kind, keys in self.effects.items()}
        return {kind: keys for kind, keys in found.items() if keys}

    def _fate(self, name: str) -> None:
        with self.lock:
            self.fates[name] += 1
