"""Promises looked at before their time, because something their orders rest on has changed, and promises ended."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text

from core.domain.ids import public_id
from core.domain.payloads import jsonable
from core.store.unit import Unit

LOOK = text(
    """
    UPDATE promise SET watch_at = clock_timestamp(), version = version + 1
    WHERE tenant_id = :t AND order_id = ANY(:orders) AND state IN ('standing', 'late') AND delivered_at IS NULL
    """
)
# What was late before it was canceled stays late: it was not kept.
VOID = text(
    """
    UPDATE promise p SET state = CASE WHEN p.state = 'late' THEN 'late' ELSE 'void' END, watch_at = NULL,
           risk = CASE WHEN p.state = 'late' THEN p.risk ELSE 0 END, version = version + 1,
           settled_at = coalesce(settled_at, :now)
    WHERE tenant_id = :t AND order_id = ANY(:orders) AND state IN ('standing', 'late') AND watch_at IS NOT NULL
    RETURNING id, order_id, state, due_at
    """
)


def look_at_promise(unit: Unit, *order_ids: UUID) -> None:
    """Have the promises of these locked orders looked at by the next watch: what they rest on has changed."""
    unit.conn.execute(LOOK, {"t": unit.tenant, "orders": list(order_ids)})


def void_promises(unit: Unit, order_ids: Collection[UUID]) -> None:
    """End the promises of locked orders that are canceled; nothing is left to be kept."""
    rows = unit.conn.execute(VOID, {"t": unit.tenant, "orders": list(order_ids), "now": unit.now}).all()
    for row in rows:
        if row.state == "void":
            data = {"promise": public_id("promise", row.id), "due_at": jsonable(row.due_at), "risk": 0.0}
            unit.event("promise.void", "promise", row.id, data, order_id=row.order_id)
