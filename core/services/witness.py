"""What remembers beside the database how far a series of numbers has got, so that a restored one repeats none."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import Protocol

import orjson


class Witness(Protocol):
    """Remembers, outside the database, how far each series has got."""

    def highest(self, series: str) -> int:
        """Return the highest number ever told for a series; 0 when none was."""

    def rise(self, series: str, to: int) -> None:
        """Remember durably that a series has got this far; a lower number changes nothing."""


class FileWitness:
    """A small file, replaced as a whole and synced to disk; processes of one machine share it.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def highest(self, series: str) -> int:
        """Return the highest number told for a series."""
        return self._read().get(series, 0)

    def rise(self, series: str, to: int) -> None:
        """Remember that a series has got this far; the caller holds the lock of the series in the database."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Other series have other locks, and are in the same file.
        with self._path.with_name(f".{self._path.name}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = self._read()
            if known.get(series, 0) >= to:
                return
            beside = self._path.with_name(f".{self._path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
            with beside.open("wb") as file:
                file.write(orjson.dumps({**known, series: to}))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)

    def _read(self) -> dict[str, int]:
        try:
            found: dict[str, int] = orjson.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        return found
