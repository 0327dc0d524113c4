"""Files for the partner: complete the moment they appear, and the same file when a push is repeated."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from connectors.files.folders import Folders, sync_folder
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


def drop(folders: Folders, name: str, content: bytes, mark: str) -> bool:
    """Put a file into the outbox, unless this very content has already left.

    The copy in `archive/sent` is made after the file is visible, so it never claims what did not happen.

    Args:
        folders: of the connection.
        name: made by `file_name`.
        content: the bytes.
        mark: fingerprint of what the file says; a repeat of the push has the same one.

    Returns:
        Whether the file was written now.
    """
    sent, seal = folders.sent / name, folders.sent / f".{name}.seal"
    if sent.exists() and seal.exists() and seal.read_text() == mark:
        return False
    write(folders.outbox, name, content)
    copy = folders.sent / f".{name}.tmp"
    copy.write_bytes(content)
    os.replace(copy, sent)
    seal.write_text(mark)
    sync_folder(folders.sent)
    return True


def write(folder: Path, name: str, content: bytes) -> None:
    """Write a file that is there whole or not at all: hidden temporary name, fsync, rename."""
    temporary = folder / f".{name}.tmp"
    with temporary.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    os.replace(temporary, folder / name)
    sync_folder(folder)


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
