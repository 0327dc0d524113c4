"""Many rows in one statement: COPY to insert, arrays to update. The hot paths use nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Table

from core.domain.payloads import dump
from core.store.direct import as_sqlalchemy, driver
from core.store.unit import Unit


def copy_rows(unit: Unit, table: Table, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert rows into a table by COPY; `tenant_id` is added.

    Args:
        unit: the running transaction.
        table: where to.
        columns: names of the columns given, without tenant_id.
        rows: one value per column; dicts and lists must already be JSON text (see `as_json`).
    """
    found = list(rows)
    if not found:
        return
    names = ", ".join(f'"{name}"' for name in ("tenant_id", *columns))
    with (
        as_sqlalchemy(unit.conn),
        driver(unit.conn).cursor() as cursor,
        cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy,
    ):
        for row in found:
            copy.write_row((unit.tenant, *row))


def as_json(value: Any) -> str | None:
    """Return JSON text for a JSON column given to `copy_rows`; None stays NULL."""
    return None if value is None else dump(value)
