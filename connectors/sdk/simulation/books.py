"""What a simulated partner knows, kept in a file, so that a partner that dies comes back as the same one."""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

TABLE = """
CREATE TABLE IF NOT EXISTS record (
    kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, UNIQUE (kind, key)
)"""
PUT = """
INSERT INTO record (kind, key, value) VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value
"""


class Books:
    """Records by kind and key, as JSON.

    Args:
        path: of the file; None keeps nothing, as tests want it.
        lock: of the partner; one step of its work holds it, so that all it writes is kept or nothing is.
    """

    def __init__(self, path: Path | None, lock: threading.RLock) -> None:
        self._lock = lock
        self._depth = 0
        self._file = None if path is None else sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        if self._file is not None:
            # A killed process loses nothing of this; only a machine that loses its power may.
            for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = OFF", TABLE):
                self._file.execute(statement)

    def put(self, kind: str, key: str, value: Any) -> None:
        """Keep a record, in place of the one before."""
        with self._lock:
            if self._file is not None:
                self._file.execute(PUT, (kind, key, zlib.compress(orjson.dumps(value), 1)))

    def drop(self, kind: str, key: str) -> None:
        """Keep a record no longer."""
        with self._lock:
            if self._file is not None:
                self._file.execute("DELETE FROM record WHERE kind = ? AND key = ?", (kind, key))

    def read(self, kind: str) -> Iterator[tuple[str, Any]]:
        """Return the records of a kind as (key, value), in the order in which they first came."""
        if self._file is not None:
            for key, value in self._file.execute(
                "SELECT key, value FROM record WHERE kind = ? ORDER BY rowid", (kind,)
            ):
                yield key, orjson.loads(zlib.decompress(value))

    @contextmanager
    def together(self) -> Iterator[None]:
        """Keep all records of a block at once, at its end; what it wrote stays also when it raises."""
        file = self._file
        if file is None:
            yield
            return
        with self._lock:
            if not self._depth:
                file.execute("BEGIN")
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    file.execute("COMMIT")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
