"""Rows of one order brought together, wherever in the file they stand, in a temporary database instead of memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import groupby
from types import TracebackType
from typing import Self

import orjson

from connectors.files.tables import Row


class Spool:
    """Takes the rows of a file, then gives them back group by group, in order of first appearance."""

    def __init__(self) -> None:
        # A database without name lives in a temporary file that goes with the connection.
        self._base = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._base.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4096;"
            "CREATE TABLE groups (id INTEGER PRIMARY KEY, name TEXT UNIQUE);"
            "CREATE TABLE lines (place INTEGER, line INTEGER, row BLOB);"
            "BEGIN"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._base.close()

    def add(self, key: str, row: Row) -> None:
        """Put a row, good or bad, into its group."""
        self._base.execute("INSERT OR IGNORE INTO groups (name) VALUES (?)", (key,))
        self._base.execute(
            "INSERT INTO lines SELECT id, ?, ? FROM groups WHERE name = ?",
            (row.line, orjson.dumps([list(row.cells), row.error]), key),
        )

    def groups(self) -> Iterator[tuple[str, Sequence[Row]]]:
        """Yield every group with its rows in the order of the file."""
        found = self._base.execute(
            "SELECT name, line, row FROM lines JOIN groups ON groups.id = lines.place ORDER BY place, line"
        )
        for key, members in groupby(found, key=lambda each: str(each[0])):
            yield key, [Row(line, *orjson.loads(row)) for _, line, row in members]
