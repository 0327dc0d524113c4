"""Working hours and closures of nodes: written whole, so that what is not named is gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from core.domain.calendars import Hours
from core.services.promising_facts import read_week
from core.store import schema as t
from core.store.unit import Unit


def set_calendar(
    unit: Unit,
    node_id: UUID,
    week: Sequence[Mapping[str, str] | None],
    handling_minutes: int,
    closures: Sequence[Mapping[str, Any]],
) -> None:
    """Write a node's calendar in place of the one it has.

    Args:
        unit: the running transaction.
        node_id: the node.
        week: seven entries, Monday first: {"opens": "08:00", "closes": "17:00"}, or None for a day off.
        handling_minutes: working time from order to parcel.
        closures: days that differ: {"day": date, "opens", "closes": "HH:MM" or None, "label"}.

    Raises:
        InputError: a day closes before it opens.
    """
    read_week(week)
    for each in closures:
        if each.get("opens"):
            Hours(time.fromisoformat(each["opens"]), time.fromisoformat(each["closes"]))
    statement = insert(t.node_calendar).values(
        tenant_id=unit.tenant, node_id=node_id, week=list(week), handling_minutes=handling_minutes
    )
    unit.conn.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "node_id"],
            set_={
                "week": statement.excluded.week,
                "handling_minutes": statement.excluded.handling_minutes,
                "version": t.node_calendar.c.version + 1,
            },
        )
    )
    closure = t.node_closure
    unit.conn.execute(delete(closure).where(closure.c.tenant_id == unit.tenant, closure.c.node_id == node_id))
    if closures:
        rows = [
            {
                "tenant_id": unit.tenant,
                "node_id": node_id,
                "day": each["day"],
                "opens": each.get("opens"),
                "closes": each.get("closes"),
                "label": each.get("label"),
            }
            for each in closures
        ]
        unit.conn.execute(insert(closure), rows)
