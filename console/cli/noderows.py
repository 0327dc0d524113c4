"""Nodes in a file: one row or one JSON object each, checked as the API checks them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import time
from pathlib import Path
from typing import Any, BinaryIO

from marshmallow import ValidationError

from connectors.files.errorfile import ErrorFile
from connectors.files.tables import MAX_XLSX, Unreadable, open_csv, open_xlsx
from core.domain.documents import reasons
from webhooks.api.catalog import NodeBody

OPTIONS = {"encoding": None, "quote": '"', "delimiter": None, "header": True}
Row = tuple[int, dict[str, Any], Sequence[str]]


def node_rows(path: Path, handle: BinaryIO, errors: ErrorFile) -> Iterator[Row]:
    """Yield (line, node, cells) of the good rows; bad ones are added to the errors."""
    schema = NodeBody()
    try:
        for line, given, cells in _given(path, handle, errors):
            try:
                node = schema.load(given)
            except ValidationError as error:
                found = reasons(error.messages)
                errors.add(line, "; ".join(f"{each['path']}: {each['reason']}" for each in found[:3]), cells)
                continue
            if node.get("cutoff") is not None:
                node["cutoff"] = time.fromisoformat(node["cutoff"])
            yield line, node, cells
    except Unreadable as error:
        errors.add(error.line, f"the file cannot be read from here on: {error}")


def _given(path: Path, handle: BinaryIO, errors: ErrorFile) -> Iterator[Row]:
    if path.suffix.lower() == ".jsonl":
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
        return
    table = open_xlsx(handle.read(MAX_XLSX + 1), None) if path.suffix.lower() == ".xlsx" else open_csv(handle, OPTIONS)
    errors.header = table.header
    for row in table.rows:
        if row.error is not None:
            errors.add(row.line, row.error, row.cells)
            continue
        cells = dict(zip(table.header, row.cells, strict=False))
        yield row.line, {name: value.strip() for name, value in cells.items() if value.strip()}, row.cells
