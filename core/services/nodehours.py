"""Working hours, closures and cut-offs of nodes: hours are written whole, so that what is not named is gone.

Waiting work is looked at again soon after (`core.services.redating`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import time
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert

from core.domain.calendars import Hours
from core.domain.payloads import jsonable
from core.services import audit
from core.services.backorders import FACTS_ARE_SEEN
from core.services.calendars import read_week
from core.store import schema as t
from core.store.unit import Unit

LOCK = "SELECT 1 FROM node WHERE tenant_id = %s AND id = ANY(%b::uuid[]) ORDER BY id FOR NO KEY UPDATE"


def lock_nodes(unit: Unit, nodes: Collection[UUID]) -> None:
    """Lock nodes in the order of their ids, before their calendars and the audit log.

    Whoever writes several calendars locks all their nodes first: an entry in the audit log keeps everybody else's
    waiting, with the locks they have.
    """
    unit.conn.exec_driver_sql(LOCK, (unit.tenant, sorted(nodes)))


def set_calendar(
    unit: Unit,
    node_id: UUID,
    week: Sequence[Mapping[str, str] | None],
    handling_minutes: int,
    closures: Sequence[Mapping[str, Any]],
) -> None:
    """Write a node's calendar in place of the one it has, with an entry in the audit log.

    Args:
        unit: the running transaction.
        node_id: the node.
        week: seven entries, Monday first: {"opens": "08:00", "closes": "17:00"}, or None for a day off.
        handling_minutes: working time from order to parcel.
        closures: days that differ: {"day": date, "opens", "closes": "HH:MM" or None, "label"}.

    Raises:
        InputError: a day closes before it opens.
    """
    lock_nodes(unit, [node_id])
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
    _changed(unit, node_id, {"week": list(week), "handling_minutes": handling_minutes, "closures": list(closures)})


def set_cutoff(unit: Unit, node_id: UUID, cutoff: time | None) -> None:
    """Say until when what is ready at a node leaves the same day, with an entry in the audit log if that is new.

    Args:
        unit: the running transaction.
        node_id: the node.
        cutoff: by its own clock; None is closing time.
    """
    n = t.node.c
    changed = unit.conn.execute(
        update(t.node)
        .where(n.tenant_id == unit.tenant, n.id == node_id, n.cutoff.is_distinct_from(cutoff))
        .values(cutoff=cutoff, version=n.version + 1)
    ).rowcount
    if changed:
        _changed(unit, node_id, {"cutoff": cutoff})


def _changed(unit: Unit, node_id: UUID, detail: Mapping[str, Any]) -> None:
    """Have the node's waiting work looked at when everybody has seen the change, and say who made it."""
    n = t.node.c
    code = unit.conn.execute(
        update(t.node)
        .where(n.tenant_id == unit.tenant, n.id == node_id)
        .values(replan_at=unit.now + FACTS_ARE_SEEN)
        .returning(n.code)
    ).scalar_one()
    told = jsonable(detail)
    unit.event("node.changed", "node", node_id, {"node": code, "calendar": True})
    audit.record(unit, "calendar.set", code, told)
