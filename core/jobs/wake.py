"""Wake-ups: after a commit, one NOTIFY on a connection of its own, many commits in one, never in a transaction.

A wake-up that is lost costs the sweep interval and nothing else, so nothing here waits, raises or retries for long.
"""

from __future__ import annotations

import threading
import time

import psycopg
import structlog

log = structlog.get_logger()
CHANNEL = "crossdock"
# The first commit after a quiet moment is told at once; those within this time of a NOTIFY share the next one. Under
# load each NOTIFY is a transaction more, of this process and of the database.
GAP_SECONDS = 0.02
RECONNECT_SECONDS = 1.0


def plain_url(url: str) -> str:
    """Return a SQLAlchemy URL as psycopg wants it."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


class Waker:
    """Sends wake-ups from a background thread.

    Args:
        url: the database.
    """

    def __init__(self, url: str) -> None:
        self._url = plain_url(url)
        self._pending: set[str] = set()
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
        self._thread.start()

    def __call__(self, queues: set[str]) -> None:
        """Have these queues looked at soon."""
        with self._lock:
            self._pending |= queues
        self._some.set()

    def close(self) -> None:
        """End the thread after what is pending."""
        self._stopped = True
        self._some.set()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        connection: psycopg.Connection[tuple[object, ...]] | None = None
        told = float("-inf")
        while True:
            if not self._stopped:
                self._some.wait()
                time.sleep(max(0.0, told + GAP_SECONDS - time.monotonic()))
            with self._lock:
                queues, self._pending = self._pending, set()
                self._some.clear()
            if not queues:
                if self._stopped:
                    break
                continue
            try:
                if connection is None:
                    connection = psycopg.connect(self._url, autocommit=True, connect_timeout=3)
                connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, " ".join(sorted(queues))))
                told = time.monotonic()
            except psycopg.Error as error:
                log.warning("wake.lost", error=type(error).__name__)
                if connection is not None:
                    connection.close()
                connection = None
                if self._stopped:
                    break
                time.sleep(RECONNECT_SECONDS)
        if connection is not None:
            connection.close()
