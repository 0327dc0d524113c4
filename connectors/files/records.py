"""From a claimed file to records: good ones are yielded, bad ones end in the error file with line and reason."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from connectors.files.errorfile import ErrorFile
from connectors.files.grouping import Spool
from connectors.files.tables import MAX_ROW, MAX_XLSX, Row, Table, Unreadable, open_csv, open_xlsx
from connectors.sdk.drop.claims import Claim
from core.errors import MappingError, UnmappedCode
from core.ports.connectors import InboundRecord
from mappings.engine import Map
from mappings.rules import Rule

BATCH_COLUMN, TIME_COLUMN = "batch", "file_time"
BATCH = 500
ROWS_OF_A_GROUP = 2_000
MAX_CELL = 2_000

# The place of a row inside its record says nothing to the sender, who gets the line of the file.
INNER_ROW = re.compile(r"^rows\[\d+\]\.")

# Raises MappingError when the body of a record makes no canonical document.
Probe = Callable[[str, bytes], object]


@dataclass(frozen=True)
class Reader:
    """Reads one claimed file.

    Args:
        claim: the file.
        topic: of its records, such as `orders.csv`.
        map: what will read the records; its dialect and its `group_by` say how the file is cut.
        probe: tries a record.
    """

    claim: Claim
    topic: str
    map: Map
    probe: Probe
    errors: ErrorFile = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "errors", ErrorFile(self.claim.notes))

    def records(self) -> Iterator[InboundRecord]:
        """Yield the good records; the claim knows afterwards whether the file was read to its end."""
        self.claim.handle.seek(0)
        try:
            if self.topic.endswith(".jsonl"):
                yield from self.lines()
            else:
                yield from self.table()
        except Unreadable as error:
            self.errors.add(error.line, f"the file cannot be read from here on: {error}")
            self.claim.refused = True
        finally:
            self.errors.close()
        self.claim.read_whole = True

    # -- JSON lines

    def lines(self) -> Iterator[InboundRecord]:
        """Yield one record per line."""
        number = 0
        while line := self.claim.handle.readline(MAX_ROW + 1):
            number += 1
            if len(line) > MAX_ROW:
                raise Unreadable(f"a line is longer than {MAX_ROW:,} bytes", number)
            body = line.strip().removeprefix(b"\xef\xbb\xbf" if number == 1 else b"")
            if not body:
                continue
            reason = self.refusal(body)
            if reason is None:
                yield self.record(body, f"{self.topic}:{digest(body)}", [number], "application/json")
            else:
                self.errors.add(number, reason, [body[:MAX_CELL].decode("utf-8", "backslashreplace")])

    # -- tables

    def table(self) -> Iterator[InboundRecord]:
        """Yield one record per group of rows."""
        options = self.map.document.options
        if self.claim.name.lower().endswith(".xlsx"):
            found = open_xlsx(self.claim.handle.read(MAX_XLSX + 1), options.get("sheet"))
        else:
            found = open_csv(self.claim.handle, options)
        self.errors.header = found.header
        group_by = self.map.document.group_by
        if group_by in (None, BATCH_COLUMN):
            yield from self.batches(found, BATCH if group_by else 1)
            return
        if group_by not in found.header:
            raise Unreadable(f"the header has no column {group_by!r}; it has {', '.join(found.header)[:200]}")
        with Spool() as spool:
            yield from self.grouped(found, found.header.index(group_by), spool)

    def grouped(self, found: Table, at: int, spool: Spool) -> Iterator[InboundRecord]:
        """Yield one record per value of the grouping column; one bad row stops its group only."""
        for row in found.rows:
            key = row.cells[at].strip() if at < len(row.cells) else ""
            if key:
                spool.add(key, row)
            else:
                self.errors.add(row.line, row.error or f"the column {found.header[at]!r} is empty", row.cells)
        for key, members in spool.groups():
            if len(members) > ROWS_OF_A_GROUP:
                self.refuse(members, f"{found.header[at]} {key[:80]} has more than {ROWS_OF_A_GROUP:,} rows")
                continue
            bad = next((row for row in members if row.error is not None), None)
            if bad is not None:
                self.refuse(members, f"line {bad.line} of the same {found.header[at]} is bad")
                continue
            body = self.body(found.header, [row.cells for row in members])
            if (reason := self.refusal(body)) is not None:
                self.refuse(members, reason)
                continue
            name = f"{self.topic}:{key[:80]}:{digest(body)}"
            yield self.record(body, name, [row.line for row in members])

    def batches(self, found: Table, size: int) -> Iterator[InboundRecord]:
        """Yield records of up to `size` rows that say the same of the whole, such as when they were counted."""
        header, extra = self.widened(found.header)
        shared = [header.index(name) for name in whole_columns(self.map.document.fields) if name in header]
        waiting: list[Row] = []
        for row in found.rows:
            if row.error is not None:
                self.errors.add(row.line, row.error, row.cells)
                continue
            whole = Row(row.line, [*row.cells, *extra])
            differs = bool(waiting) and any(whole.cells[at] != waiting[0].cells[at] for at in shared)
            if len(waiting) == size or differs:
                yield from self.batch(header, waiting)
                waiting = []
            waiting.append(whole)
        if waiting:
            yield from self.batch(header, waiting)

    def widened(self, header: list[str]) -> tuple[list[str], list[str]]:
        """Return the header with the columns we add, and their cells: the batch, and the file's time if it has none."""
        names: list[str] = []
        cells: list[str] = []
        wanted = whole_columns(self.map.document.fields)
        if self.map.document.group_by == BATCH_COLUMN and BATCH_COLUMN not in header:
            names.append(BATCH_COLUMN)
            cells.append("1")
        if TIME_COLUMN in wanted and not set(wanted) & set(header):
            names.append(TIME_COLUMN)
            cells.append(self.claim.changed_at.isoformat())
        return [*header, *names], cells

    def batch(self, header: list[str], members: Sequence[Row]) -> Iterator[InboundRecord]:
        """Yield a batch; when something in it is bad, the rows that are bad alone are taken out first."""
        body = self.body(header, [row.cells for row in members])
        if self.refusal(body) is not None:
            good: list[Row] = []
            for row in members:
                reason = self.refusal(self.body(header, [row.cells]))
                if reason is None:
                    good.append(row)
                else:
                    self.errors.add(row.line, reason, row.cells[: len(self.errors.header)])
            members = good
            body = self.body(header, [row.cells for row in members])
            if members and (reason := self.refusal(body)) is not None:
                # Each row is good, but not together: such as an item that stands twice.
                self.refuse(members, reason)
                return
        if members:
            yield self.record(body, f"{self.topic}:{digest(body)}", [row.line for row in members])

    # -- both

    def body(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
        """Return rows as a small file in the dialect of the map."""
        options = self.map.document.options
        out = io.StringIO(newline="")
        dialect: dict[str, Any] = {"delimiter": options["delimiter"] or ",", "quotechar": options["quote"]}
        if options["header"]:
            # All quoted, so that a map that looks for the delimiter finds only that.
            csv.writer(out, quoting=csv.QUOTE_ALL, **dialect).writerow(header)
        csv.writer(out, **dialect).writerows(rows)
        return out.getvalue().encode(options["encoding"] or "utf-8", "surrogateescape")

    def refusal(self, body: bytes) -> str | None:
        """Return why a record makes no document; a code nobody has mapped yet is ours to mend, so it goes in."""
        try:
            self.probe(self.topic, body)
        except UnmappedCode:
            return None
        except MappingError as error:
            return INNER_ROW.sub("", error.what)
        return None

    def refuse(self, members: Sequence[Row], reason: str) -> None:
        """Put all rows of a group into the error file."""
        for row in members:
            self.errors.add(row.line, row.error or reason, row.cells[: len(self.errors.header)])

    def record(self, body: bytes, key: str, lines: Sequence[int], content_type: str = "text/csv") -> InboundRecord:
        """Return what is stored; its key leaves the file out, so that the same order in another file is the same."""
        where = {"x-file": self.claim.name, "x-lines": shown(lines)}
        return InboundRecord(self.topic, key, body, content_type, where, occurred_at=self.claim.changed_at)


def whole_columns(rules: Sequence[Rule]) -> list[str]:
    """Return the columns a map of rows reads once per document, not per row."""
    found: list[str] = []
    for rule in rules:
        if rule.each is not None:
            continue
        if rule.path is not None:
            found.append(rule.path)
        found += whole_columns((*rule.first_of, *rule.concat, *rule.fields))
    return found


def digest(body: bytes) -> str:
    """Return a short name of some content."""
    return hashlib.sha256(body).hexdigest()[:32]


def shown(lines: Sequence[int]) -> str:
    """Return line numbers for people: `2-5`, or the first few."""
    if len(lines) == lines[-1] - lines[0] + 1:
        return f"{lines[0]}-{lines[-1]}" if len(lines) > 1 else str(lines[0])
    return ",".join(map(str, islice(lines, 20))) + (",…" if len(lines) > 20 else "")
