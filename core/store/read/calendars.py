"""A node's calendar as the API shows it: its hours, or those of the rule, and the days that differ."""

from __future__ import annotations

from datetime import time
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, func, select

from core.domain.calendars import DEFAULT_WEEK, Hours
from core.domain.ids import parse_id
from core.store import schema as t
from core.store.read.catalog import read_node
from core.store.read.page import Json
from core.store.unit import DEFAULT_TENANT


def read_calendar(conn: Connection, name: str, tenant: int = DEFAULT_TENANT) -> Json:
    """Return the calendar of a node by its id (`nod_…`) or code; closures from today on.

    Raises:
        NotFound: there is no such node.
    """
    node = read_node(conn, name, tenant)
    node_id = parse_id("node", node["id"])
    c = t.node_calendar.c
    row = conn.execute(select(t.node_calendar).where(c.tenant_id == tenant, c.node_id == node_id)).one_or_none()
    return {
        "node": node["code"],
        "timezone": node["timezone"],
        "cutoff": node["cutoff"],
        "own": row is not None,
        "week": [_hours(each) for each in DEFAULT_WEEK] if row is None else row.week,
        "handling_minutes": 0 if row is None else row.handling_minutes,
        "closures": _closures(conn, node_id, tenant),
    }


def _hours(each: Hours | None) -> Json | None:
    return None if each is None else {"opens": _clock(each.opens), "closes": _clock(each.closes)}


def _closures(conn: Connection, node_id: UUID, tenant: int) -> list[dict[str, Any]]:
    c = t.node_closure.c
    rows = conn.execute(
        select(t.node_closure)
        .where(c.tenant_id == tenant, c.node_id == node_id, c.day >= func.current_date())
        .order_by(c.day)
    )
    return [
        {"day": row.day.isoformat(), "opens": _clock(row.opens), "closes": _clock(row.closes), "label": row.label}
        for row in rows
    ]


def _clock(value: time | None) -> str | None:
    return None if value is None else value.strftime("%H:%M")
