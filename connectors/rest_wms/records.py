"""How the simulated warehouse writes times, records and container codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Record = dict[str, Any]


def now(later: float = 0.0) -> str:
    """Return the time, or the one some seconds later, as the warehouse writes it."""
    return (datetime.now(UTC) + timedelta(seconds=later)).isoformat(timespec="milliseconds")


def public(record: Record) -> Record:
    """Return a record as the protocol shows it."""
    return {name: value for name, value in record.items() if name not in ("lines", "left")}


def ids(record: Record) -> Record:
    """Return what names a fulfillment in events."""
    return {"id": record["id"], "external_id": record["external_id"]}


def named(line: Record) -> Record:
    """Return what names a line in events."""
    return {"line_ref": line["line_ref"], "sku": line["sku"]}


def sscc(number: int, series: int = 0) -> str:
    """Return a serial shipping container code with its check digit (GS1 General Specifications, 7.9).

    Args:
        number: of the package.
        series: 0 to 9; warehouses of one company number their packages apart.
    """
    digits = f"3{952_110:07d}{series}{number:08d}"[:17]
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"
