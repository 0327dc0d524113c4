"""Things a simulated partner does a while later."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
import traceback
from collections.abc import Callable


class Timer:
    """One thread that calls functions when they are due, in order."""

    def __init__(self) -> None:
        # Tracebacks of calls that failed.
        self.broken: list[str] = []
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._stopped = False
        self._running = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="simulated-work")

    @property
    def waiting(self) -> int:
        """How many calls are still to come, the one under way included."""
        with self._wake:
            return len(self._due) + self._running

    def start(self) -> None:
        """Begin to call."""
        self._thread.start()

    def stop(self) -> None:
        """End without calling what is left."""
        with self._wake:
            self._stopped = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def later(self, seconds: float, act: Callable[[], object]) -> None:
        """Call a function after a while."""
        with self._wake:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._numbers), act))
            self._wake.notify_all()

    def settle(self, seconds: float) -> bool:
        """Wait until nothing is left to do; return whether that came to be."""
        limit = time.monotonic() + seconds
        with self._wake:
            while self._due or self._running:
                left = limit - time.monotonic()
                if left <= 0:
                    return False
                self._wake.wait(left)
        return True

    def _run(self) -> None:
        while True:
            with self._wake:
                self._running = False
                self._wake.notify_all()
                while not self._stopped and (not self._due or self._due[0][0] > time.monotonic()):
                    self._wake.wait(self._due[0][0] - time.monotonic() if self._due else None)
                if self._stopped:
                    return
                _, _, act = heapq.heappop(self._due)
                self._running = True
            try:
                act()
            except Exception:  # noqa: BLE001 - one broken step must not stop the partner; it shows in its state
                self.broken.append(traceback.format_exc())
