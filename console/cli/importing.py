"""Reading an import file with the drop folder's own reader, and writing what is good in batches."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from connectors.files.connector import ENDINGS
from connectors.files.errorfile import ErrorFile
from connectors.files.records import Reader
from connectors.sdk.drop.claims import Claim
from console.cli.base import Session, registry
from console.cli.batches import in_pieces
from console.cli.objectrows import KINDS, Row, object_rows
from console.cli.progress import progress
from core.domain.payloads import dump
from core.domain.vocabulary import DocumentType, Mode, Via
from core.errors import InputError
from core.jobs.hub import Hub
from core.ports.connectors import ConnectionConfig, Document, InboundRecord
from core.services.catalog import ANY_CONNECTION, codes_of, connection_named, resolve_skus, upsert_items
from core.services.stock import count_stock
from core.services.submit import Submitted, submit_orders
from core.store.unit import Unit

ORDERS_AT_ONCE, ROWS_AT_ONCE = 100, 500


class Source(Claim):
    """A file to import: read where it lies, never moved."""

    def __init__(self, path: Path, handle: BinaryIO, notes: Path) -> None:
        self.path, self.handle, self.name = path, handle, path.name
        self.read_whole = self.refused = False
        self._notes = notes

    @property
    def notes(self) -> Path:
        """Where bad rows are collected."""
        return self._notes


@dataclass(frozen=True)
class Lines(Reader):
    """A reader that remembers which lines of the file each record was made from."""

    made_from: dict[str, list[int]] = field(default_factory=dict)

    def record(self, body: bytes, key: str, lines: Sequence[int], content_type: str = "text/csv") -> InboundRecord:
        """Return the record, its lines kept until it is written."""
        found = super().record(body, key, lines, content_type)
        self.made_from[key] = list(lines)
        return found


def import_file(session: Session, hub: Hub, what: str, path: Path, bad: Path, connection: str | None) -> dict[str, Any]:
    """Import one file and return {file, what, good, bad}.

    Raises:
        InputError: the file is of no known format.
        NotFound: there is no such connection.
    """
    ending = "txt" if what == "places" and path.suffix.lower() == ".txt" else ENDINGS.get(path.suffix.lower())
    if ending is None:
        raise InputError(
            f"{path.name} is of no known format.", fix="Use a .csv, .xlsx or .jsonl file.", code="CLI-IMPORT-415"
        )
    with hub.store.begin() as unit:
        connection_id = connection_named(unit, connection).id if connection else None
    bad.unlink(missing_ok=True)
    with path.open("rb") as handle, progress(path, handle) as moved:
        if what in KINDS:
            good, refused = _objects(session, hub, what, path, handle, bad, moved)
        else:
            source = Source(path, handle, bad)
            good, refused = _records(session, hub, what, f"{what}.{ending}", source, connection_id, moved)
    return {"file": str(path), "what": what, "good": good, "bad": refused}


def _records(
    session: Session,
    hub: Hub,
    what: str,
    topic: str,
    source: Source,
    connection_id: UUID | None,
    moved: Callable[[], None],
) -> tuple[int, int]:
    """Read records and write them in batches; return how many rows were good and how many bad."""
    config = ConnectionConfig(UUID(int=0), "import", "files", Mode.LIVE, {"root": str(source.path.parent.absolute())})
    files: Any = registry(hub).open(config)
    reader = Lines(source, topic, files.map(files.rows(topic)[0].map), files.probe)
    size = ORDERS_AT_ONCE if what == "orders" else 1
    writer = Writer(session, hub, connection_id)
    batch: list[tuple[InboundRecord, list[int], Sequence[Document]]] = []
    for record in reader.records():
        batch.append((record, reader.made_from.pop(record.dedupe_key), files.probe(topic, record.body)))
        if len(batch) == size:
            writer.write(what, batch)
            batch = []
            moved()
    if batch:
        writer.write(what, batch)
    add_bad(source.notes, writer.refused, reader.errors.header)
    return writer.good, reader.errors.count + len(writer.refused)


class Writer:
    """Writes batches, each in a transaction of its own; what the database or a rule refuses is kept with its reason."""

    def __init__(self, session: Session, hub: Hub, connection_id: UUID | None) -> None:
        self._session, self._hub, self._connection_id = session, hub, connection_id
        self.good = 0
        self.refused: list[tuple[int, str, list[str]]] = []

    def write(self, what: str, batch: Sequence[tuple[InboundRecord, list[int], Sequence[Document]]]) -> None:
        """Write a batch; when it fails as a whole, its records are written one by one."""

        def refuse(one: tuple[InboundRecord, list[int], Sequence[Document]], reason: str) -> None:
            record, lines, _ = one
            cells = rows_of(record)
            self.refused += [(line, reason, cells[at] if at < len(cells) else []) for at, line in enumerate(lines)]

        for taken in in_pieces(
            self._session, self._hub, batch, lambda unit, piece: self._take(unit, what, piece), refuse
        ):
            self.good += taken

    def _take(self, unit: Unit, what: str, batch: Sequence[tuple[InboundRecord, list[int], Sequence[Document]]]) -> int:
        if what == "orders":
            assert self._connection_id is not None
            facts = self._hub.facts.get(unit.conn, unit.tenant)
            orders = [
                Submitted(self._connection_id, each.body, _as_canonical(record, each.body), each.holds)
                for record, _, documents in batch
                for each in documents
                if each.type is DocumentType.ORDER
            ]
            submit_orders(unit, facts, orders, Via.IMPORT)
            return sum(len(lines) for _, lines, _ in batch)
        taken = 0
        for record, lines, documents in batch:
            for each in documents:
                if what == "items":
                    upsert_items(unit, each.body["items"], self._connection_id)
                    taken += len(lines)
                else:
                    taken += self._count(unit, record, lines, each.body)
        return taken

    def _count(self, unit: Unit, record: InboundRecord, lines: list[int], body: dict[str, Any]) -> int:
        source = self._connection_id or ANY_CONNECTION
        known = resolve_skus(unit, {(source, each["sku"]) for each in body["items"]})
        good = []
        whole = len(lines) == len(body["items"])
        cells = rows_of(record)
        refused: list[tuple[int, str, list[str]]] = []
        nodes = codes_of(unit)
        for at, each in enumerate(body["items"]):
            node, reason = each.get("node"), None
            if (source, each["sku"]) not in known:
                reason = f"no item has the SKU {each['sku']!r}"
            elif node is not None and node not in nodes:
                reason = f"There is no node {node!r}."
            if reason is None:
                good.append(each)
            else:
                place = at if whole else 0
                refused.append((lines[place], reason, cells[place] if place < len(cells) else []))
        if good:
            count_stock(unit, {**body, "items": good}, self._connection_id)
        self.refused += refused
        return len(good)


def _as_canonical(record: InboundRecord, order: dict[str, Any]) -> InboundRecord:
    """Return the record to store for an order: our own form, which any connection's message is read in again."""
    return replace(record, topic="order", body=dump(order).encode(), content_type="application/json")


def rows_of(record: InboundRecord) -> list[list[str]]:
    """Return the rows a record was made from, without the columns that were added."""
    if record.content_type != "text/csv":
        return [[record.body.decode("utf-8", "backslashreplace")[:2_000]]]
    return list(csv.reader(io.StringIO(record.body.decode("utf-8", "replace"))))[1:]


def add_bad(path: Path, refused: Sequence[tuple[int, str, list[str]]], header: Sequence[str]) -> None:
    """Add rows the hub refused to the file of bad rows the reader began, or begin it."""
    if not refused:
        return
    rows: list[list[str]] = []
    if path.exists():
        with path.open(encoding="utf-8", newline="") as handle:
            rows = list(csv.reader(handle))
    errors = ErrorFile(path)
    errors.header = header
    width = len(header)
    noted = [(int(line), reason, cells) for line, reason, *cells in rows[1:]]
    found = [(line, reason, cells[:width] if width else cells) for line, reason, cells in refused]
    for line, reason, cells in sorted([*noted, *found], key=lambda each: each[0]):
        errors.add(line, reason, cells)
    errors.close()


def _objects(
    session: Session, hub: Hub, what: str, path: Path, handle: BinaryIO, bad: Path, moved: Callable[[], None]
) -> tuple[int, int]:
    kind, written, errors = KINDS[what], list[dict[str, Any]](), ErrorFile(bad)
    refused: list[tuple[int, str, list[str]]] = []
    batch: list[Row] = []

    def put(unit: Unit, rows: Sequence[Row]) -> list[dict[str, Any]]:
        objects = [each for _, each, _ in rows]
        kind.write(unit, objects)
        return objects

    def refuse(row: Row, reason: str) -> None:
        refused.append((row[0], reason, list(row[2])))

    def write(rows: Sequence[Row]) -> None:
        for taken in in_pieces(session, hub, rows, put, refuse):
            written.extend(taken)

    for row in object_rows(kind.schema(), path, handle, errors):
        batch.append(row)
        if len(batch) == ROWS_AT_ONCE:
            write(batch)
            batch = []
            moved()
    if batch:
        write(batch)
    if kind.finish is not None and written:
        with session.changing(hub) as unit:
            kind.finish(unit, written)
    errors.close()
    add_bad(bad, refused, errors.header)
    return len(written), errors.count + len(refused)
