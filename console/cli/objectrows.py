"""What is imported as rows of one object each: how it is checked (as the API checks it) and how it is written."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Any, BinaryIO

from marshmallow import Schema, ValidationError

from connectors.files.errorfile import ErrorFile
from connectors.files.tables import MAX_XLSX, Unclosed, Unreadable, open_csv, open_xlsx
from core.domain.documents import reasons
from core.services.catalog import upsert_nodes
from core.services.geography import finish_places, write_places
from core.services.merchandise import write_markdowns, write_substitutes, write_supplier_prices
from core.services.tariffs import write_rates, write_service
from core.store.unit import Unit
from webhooks.api.catalog import NodeBody
from webhooks.api.routingbodies import (
    MarkdownBody,
    PlaceBody,
    RateBody,
    ServiceBody,
    SubstituteBody,
    SupplierPriceBody,
)

OPTIONS = {"encoding": None, "quote": '"', "delimiter": None, "header": True}
# GeoNames' own files have no header: https://download.geonames.org/export/zip/readme.txt
GEONAMES = ("country", "postal_code", "place", "", "", "", "", "", "", "latitude", "longitude")
Rows = Sequence[Mapping[str, Any]]
Row = tuple[int, dict[str, Any], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object: the schema of a row, what writes a batch, and what follows the last batch, if anything."""

    schema: Callable[[], Schema]
    write: Callable[[Unit, Rows], object]
    finish: Callable[[Unit, Rows], object] | None = None


def _write_nodes(unit: Unit, rows: Rows) -> None:
    nodes = [dict(row) for row in rows]
    for node in nodes:
        if node.get("cutoff") is not None:
            node["cutoff"] = time.fromisoformat(node["cutoff"])
    upsert_nodes(unit, nodes)


def _write_services(unit: Unit, rows: Rows) -> None:
    for row in rows:
        write_service(unit, row)


def _finish_places(unit: Unit, rows: Rows) -> None:
    finish_places(unit, {row["country"] for row in rows})


KINDS: Mapping[str, Kind] = {
    "nodes": Kind(NodeBody, _write_nodes),
    "services": Kind(ServiceBody, _write_services),
    "rates": Kind(RateBody, write_rates),
    "places": Kind(PlaceBody, write_places, _finish_places),
    "substitutes": Kind(SubstituteBody, write_substitutes),
    "supplier-prices": Kind(SupplierPriceBody, write_supplier_prices),
    "markdowns": Kind(MarkdownBody, write_markdowns),
}


def object_rows(schema: Schema, path: Path, handle: BinaryIO, errors: ErrorFile) -> Iterator[Row]:
    """Yield (line, object, cells) of the good rows; bad ones are added to the errors."""
    try:
        for line, given, cells in _given(path, handle, errors):
            try:
                yield line, schema.load(given), cells
            except ValidationError as error:
                found = reasons(error.messages)
                errors.add(line, "; ".join(f"{each['path']}: {each['reason']}" for each in found[:3]), cells)
    except Unreadable as error:
        errors.add(error.line, f"the file cannot be read from here on: {error}")


def _given(path: Path, handle: BinaryIO, errors: ErrorFile) -> Iterator[Row]:
    ending = path.suffix.lower()
    if ending == ".jsonl":
        yield from _json_lines(handle, errors)
        return
    if ending == ".txt":
        text = io.TextIOWrapper(io.BufferedReader(Unclosed(handle)), "utf-8", "replace", newline="")
        for number, cells in enumerate(csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
            yield number, {name: cell for name, cell in zip(GEONAMES, cells, strict=False) if name and cell}, cells
        return
    table = open_xlsx(handle.read(MAX_XLSX + 1), None) if ending == ".xlsx" else open_csv(handle, OPTIONS)
    errors.header = table.header
    for row in table.rows:
        if row.error is not None:
            errors.add(row.line, row.error, row.cells)
            continue
        named = zip(table.header, row.cells, strict=False)
        yield row.line, {name: value.strip() for name, value in named if value.strip()}, row.cells


def _json_lines(handle: BinaryIO, errors: ErrorFile) -> Iterator[Row]:
    for number, line in enumerate(handle, 1):
        text = line.strip().decode("utf-8", "replace")
        if not text:
            continue
        try:
            given = json.loads(text)
        except ValueError as error:
            errors.add(number, f"is not JSON: {error}", [text[:2_000]])
            continue
        if isinstance(given, dict):
            yield number, given, [text[:2_000]]
        else:
            errors.add(number, "is no JSON object", [text[:2_000]])
