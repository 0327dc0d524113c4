"""The calendars of nodes, read with the other facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from core.domain.calendars import DEFAULT_WEEK, Calendar, Hours
from core.store import schema as t


def read_calendars(conn: Connection, tenant: int, nodes: Sequence[Row[Any]]) -> dict[UUID, Calendar]:
    """Return the calendar of every node, that of the rule where it has none of its own."""
    weeks = select(t.node_calendar).where(t.node_calendar.c.tenant_id == tenant)
    own = {row.node_id: row for row in conn.execute(weeks)}
    days: dict[UUID, dict[date, Hours | None]] = {}
    for row in conn.execute(select(t.node_closure).where(t.node_closure.c.tenant_id == tenant)):
        days.setdefault(row.node_id, {})[row.day] = None if row.opens is None else Hours(row.opens, row.closes)
    return {
        row.id: Calendar(
            row.timezone,
            read_week(own[row.id].week) if row.id in own else DEFAULT_WEEK,
            days.get(row.id, {}),
            row.cutoff,
            timedelta(minutes=own[row.id].handling_minutes if row.id in own else 0),
        )
        for row in nodes
    }


def read_week(stored: Sequence[Mapping[str, str] | None]) -> tuple[Hours | None, ...]:
    """Return a week as it is stored with a node: seven entries, Monday first, null for a day off."""
    return tuple(
        None if each is None else Hours(time.fromisoformat(each["opens"]), time.fromisoformat(each["closes"]))
        for each in stored
    )
