"""Places for streams: each open one holds a thread of the web server, so there are only so many."""

from __future__ import annotations

import threading

# A client that has gone is noticed at the next word said to it, so words are said this often …
PROBE_SECONDS = 0.25
# … and one that comes meanwhile, as when a page is left for the next, waits for the place.
WAIT_SECONDS = 1.0
PROBE = b":\n\n"


class Places:
    """So many streams at a time, and one client that waits for a place.

    Args:
        count: of streams; 0 for none at all.
    """

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)
        self._count = count
        self._waiting = threading.Lock()

    def take(self) -> bool:
        """Take a place, after a short wait for one where nobody else waits; return whether there was one."""
        if self._free.acquire(blocking=False):
            return True
        if not self._count or not self._waiting.acquire(blocking=False):
            return False
        try:
            return self._free.acquire(timeout=WAIT_SECONDS)
        finally:
            self._waiting.release()

    def give_back(self) -> None:
        """Let the next one have the place."""
        self._free.release()
