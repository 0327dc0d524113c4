"""What the files for the partner are called and hold; the same file when a push is repeated."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from connectors.sdk.drop.folders import Folders
from core.domain.payloads import dump
from core.ports.connectors import Json
from mappings.engine import Map
from mappings.syntaxes.registry import SYNTAXES
from mappings.syntaxes.rows import ROWS

SAFE = re.compile(r"[A-Za-z0-9._-]+")
LONGEST = 120
FORMATS = ("csv", "jsonl", "xlsx")
KIND = {"push_order": "order", "push_shipment": "shipment", "push_stock": "stock"}


def file_name(kind: str, reference: str, ending: str) -> str:
    """Return the name of a push's file: readable, no path in it, and different for every reference."""
    name = reference
    if not SAFE.fullmatch(reference) or len(reference) > LONGEST:
        mark = hashlib.sha256(reference.encode()).hexdigest()[:16]
        name = f"{re.sub(r'[^A-Za-z0-9._-]+', '_', reference)[:LONGEST]}-{mark}"
    return f"{KIND[kind]}-{name}.{ending}"


def find(folders: Folders, kind: str, reference: str) -> Path | None:
    """Return where the file of a push is, in whatever format: still in the outbox, or among those sent."""
    names = [file_name(kind, reference, ending) for ending in FORMATS]
    places = [folder / name for folder in (folders.outbox, folders.sent) for name in names]
    return next((path for path in places if path.exists()), None)


def fingerprint(payload: Json) -> str:
    """Return a short name of what a push says."""
    return hashlib.sha256(dump(payload).encode()).hexdigest()[:16]


def content(out: Map, payload: Json, ending: str) -> bytes:
    """Return the bytes of a push's file.

    Args:
        out: the map; it is written for CSV, and its table serves the other formats too.
        payload: of the push.
        ending: csv, jsonl or xlsx.

    Raises:
        MappingError: the payload does not fit the map, or a value not the format.
    """
    table, options = out.write(payload), dict(out.document.options)
    if ending == "jsonl":
        shared = {key: value for key, value in table.items() if key != ROWS}
        return SYNTAXES["jsonl"].format([{**shared, **row} for row in table.get(ROWS, [])], {})
    if ending == "xlsx":
        options = {"sheet": None, "header": True, "columns": options["columns"], "max_bytes": None}
    return SYNTAXES[ending].format([table], options)
