"""Waves as the API shows them: what was planned again together, what it saved, what moved and why not."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from core.domain.ids import public_id
from core.errors import NotFound
from core.routing.problem import SCALE
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, only, rows_by_id
from core.store.read.text import instant, quantity
from core.store.unit import DEFAULT_TENANT

_w = t.wave.c
CAUSES = ("schedule", "cutoff", "asked")
FIGURES = (
    "id", "cause", "orders", "found", "changed", "cost_before", "cost_after", "bound", "finished", "duration_us",
    "actor", "at",
)  # fmt: skip


def list_waves(conn: Connection, piece: Slice, *, cause: Sequence[str] = (), tenant: int = DEFAULT_TENANT) -> Listed:
    """Return a page of waves without what moved, the newest first."""
    query = only(select(*(_w[name] for name in FIGURES)), t.wave, tenant, cause=(_w.cause, cause, CAUSES))
    rows, after = rows_by_id(conn, query, _w.id, piece)
    return Listed([_figures(row) for row in rows], after)


def read_wave(conn: Connection, wave_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one wave with what moved, what did not, and why.

    Raises:
        NotFound: there is no such wave.
    """
    query = select(*(_w[name] for name in (*FIGURES, "report"))).where(_w.tenant_id == tenant, _w.id == wave_id)
    row = conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no wave {public_id('wave', wave_id)}.")
    return {**_figures(row), **row.report}


def _figures(row: Row[Any]) -> Json:
    gap = round(100 * (row.cost_after - row.bound) / row.bound, 2) if row.bound > 0 else None
    return {
        "id": public_id("wave", row.id),
        "cause": row.cause,
        "orders": row.orders,
        "found": row.found,
        "changed": row.changed,
        "cost_before": _money(row.cost_before),
        "cost_after": _money(row.cost_after),
        "saved": _money(row.cost_before - row.cost_after),
        "bound": _money(row.bound),
        "gap_percent": gap,
        "finished": row.finished,
        "duration_us": row.duration_us,
        "actor": row.actor,
        "at": instant(row.at),
    }


def _money(cost: int) -> str | None:
    return quantity(Decimal(cost) / SCALE)
