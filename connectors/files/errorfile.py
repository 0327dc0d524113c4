"""The bad rows of a file, with line and reason, as a CSV the sender can mend and drop again."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from mappings.syntaxes.csv import safe

REASON = 300


class ErrorFile:
    """Collects bad rows; nothing is written until there is one.

    Args:
        path: where they are collected.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self.header: Sequence[str] = ()
        self._handle: TextIO | None = None

    def add(self, line: int, reason: str, cells: Sequence[str] = ()) -> None:
        """Note one row.

        Args:
            line: its number in the file, from 1.
            reason: why it was not taken.
            cells: what it held.
        """
        if self._handle is None:
            self._handle = self.path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
            self._write(["line", "reason", *self.header])
        self._write([str(line), reason[:REASON], *cells])
        self.count += 1

    def _write(self, cells: Sequence[str]) -> None:
        assert self._handle is not None
        # Whoever opens it in a spreadsheet must not run what a stranger wrote into a cell.
        csv.writer(self._handle).writerow([safe(each) for each in cells])

    def close(self) -> None:
        """Make what was collected durable."""
        if self._handle is not None:
            self._handle.flush()
            self._handle.close()
            self._handle = None
