"""Bringing orders to the state that follows from their lines, once no node is still being asked to stop."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from core.domain.states import ORDER
from core.services.cases import settle_members
from core.services.declined_parts import GONE_ON, tell_declined
from core.services.promise_looks import void_promises
from core.store.unit import Unit

SUMS = """
SELECT o.id, o.state, l.open, l.shipped FROM orders o CROSS JOIN LATERAL (
    SELECT coalesce(sum(quantity - canceled - shipped), 0) AS open, coalesce(sum(shipped), 0) AS shipped
    FROM order_line WHERE tenant_id = o.tenant_id AND order_id = o.id
) l
WHERE o.tenant_id = %s AND o.id = ANY(%s::uuid[]) ORDER BY o.id
"""
ANSWER = """
UPDATE change_set SET state = CASE WHEN changes::text = '{"lines":{}}' THEN 'confirmed' ELSE 'declined' END,
       answered_at = clock_timestamp(),
       answer = CASE WHEN changes::text = '{"lines":{}}' THEN answer ELSE 'too late: the node had gone on' END
WHERE tenant_id = %s AND order_id = ANY(%s::uuid[]) AND kind = 'cancel' AND state = 'requested'
RETURNING id, changes
"""
# What a partner asked for was done where more is canceled than before he did.
TELL = """
UPDATE change_set c SET answered_at = clock_timestamp(),
       state = CASE WHEN l.canceled > (c.changes->>'canceled_before')::numeric THEN 'confirmed' ELSE 'declined' END,
       answer = CASE WHEN l.canceled > (c.changes->>'canceled_before')::numeric THEN c.answer
                ELSE %s END
FROM (SELECT order_id, sum(canceled) AS canceled FROM order_line
      WHERE tenant_id = %s AND order_id = ANY(%s::uuid[]) GROUP BY order_id) l
WHERE c.tenant_id = %s AND c.order_id = l.order_id AND c.kind = 'partner' AND c.state = 'requested'
RETURNING c.id, c.order_id, c.state, c.changes
"""
MOVE = """
UPDATE orders o SET state = d.state, version = o.version + 1, updated_at = %(now)s,
       sourcing_at = CASE WHEN d.state = 'in_progress' THEN %(now)s::timestamptz END,
       completed_at = CASE WHEN d.state = 'completed' THEN %(now)s ELSE o.completed_at END,
       canceled_at = CASE WHEN d.state = 'canceled' THEN %(now)s ELSE o.canceled_at END
FROM unnest(%(ids)s::uuid[], %(states)s::text[]) AS d(id, state) WHERE o.tenant_id = %(tenant)s AND o.id = d.id
"""


def settle_cancels(unit: Unit, order_ids: Collection[UUID]) -> None:
    """Bring locked orders to their state, of those of which no node is still being asked."""
    settled = sorted({*order_ids} - _asking(unit, order_ids))
    if settled:
        left = {row.id: row.changes["lines"] for row in unit.conn.exec_driver_sql(ANSWER, (unit.tenant, settled))}
        told = unit.conn.exec_driver_sql(TELL, (GONE_ON, unit.tenant, settled, unit.tenant)).all()
        finish_orders(unit, settled)
        # After the order may have ended, which ends its exceptions: that its goods have left is what these are about.
        tell_declined(unit, told, left)


def finish_orders(unit: Unit, order_ids: Collection[UUID]) -> dict[UUID, str]:
    """Write the states that follow from the lines of locked orders and return them.

    Raises:
        IllegalTransition: an order's lines are done and its state cannot end.
    """
    rows = unit.conn.exec_driver_sql(SUMS, (unit.tenant, list(order_ids))).all()
    states: dict[UUID, str] = {row.id: row.state for row in rows}
    ended = [row for row in rows if row.open == 0 and row.state not in ORDER.final]
    waiting = {row.id for row in rows if row.open > 0 and row.state == "canceling"}
    moved = {row.id: _end(row.state, some_shipped=row.shipped > 0) for row in ended}
    if waiting:
        moved |= {order_id: ORDER.advance("canceling", "decline") for order_id in waiting - _asking(unit, waiting)}
    if not moved:
        return states
    if ended:
        done = [row.id for row in ended]
        unit.conn.exec_driver_sql(
            "UPDATE hold SET state = 'released', released_at = %s, released_by = 'hub'"
            " WHERE tenant_id = %s AND order_id = ANY(%s::uuid[]) AND state = 'active'",
            (unit.now, unit.tenant, done),
        )
        settle_members(unit, "order", done)
    unit.conn.exec_driver_sql(
        MOVE, {"now": unit.now, "ids": list(moved), "states": list(moved.values()), "tenant": unit.tenant}
    )
    canceled = [row.id for row in ended if moved[row.id] == "canceled"]
    if canceled:
        void_promises(unit, canceled)
    for row in ended:
        unit.event(f"order.{moved[row.id]}", "order", row.id, order_id=row.id)
    return states | moved


def _end(state: str, *, some_shipped: bool) -> str:
    if not some_shipped:
        return str(ORDER.advance(state, "cancel"))
    return str(ORDER.advance(ORDER.advance(state, "release") if state == "held" else state, "complete"))


def _asking(unit: Unit, order_ids: Collection[UUID]) -> set[UUID]:
    """Return those of which a node is being asked to stop."""
    rows = unit.conn.exec_driver_sql(
        "SELECT DISTINCT order_id FROM fulfillment_order"
        " WHERE tenant_id = %s AND order_id = ANY(%s::uuid[]) AND state = 'canceling'",
        (unit.tenant, list(order_ids)),
    )
    return {row.order_id for row in rows}
