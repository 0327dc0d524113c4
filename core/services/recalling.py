"""Stopping work that nodes have or may have: withdrawn when it was never sent, asked for otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.ids import public_id
from core.domain.states import FULFILLMENT, OPEN_FULFILLMENT
from core.domain.vocabulary import Write
from core.services.allocations import hold_allocated, take_back
from core.services.facts import Facts
from core.services.fulfilling import set_work_state, source_again
from core.services.outbox import Outgoing, enqueue
from core.store.locks import lock_order
from core.store.unit import Unit

ZERO = Decimal(0)
# A node that has begun to pick is still asked; what it says is the answer.
# What waits was never sent, and what is on hold was withdrawn before.
UNTOLD = ("planned", "on_hold")
ASKABLE = tuple(state for state in OPEN_FULFILLMENT if FULFILLMENT.may(state, "request_cancel"))
WORK = """
SELECT f.*, array_agg(r.line_id) AS lines, array_agg(r.quantity) AS units
FROM fulfillment_order f CROSS JOIN LATERAL (
    SELECT line_id, sum(quantity / per_unit) AS quantity FROM reservation
    WHERE tenant_id = f.tenant_id AND order_id = f.order_id AND fulfillment_id = f.id AND state = 'allocated'
      AND NOT follows GROUP BY line_id
) r
WHERE f.tenant_id = :t AND f.order_id = :o GROUP BY f.tenant_id, f.id ORDER BY f.id DESC
"""


def ask_nodes(
    unit: Unit, facts: Facts, order: Row[Any], later: Mapping[UUID, Decimal], reason: str | None
) -> dict[UUID, Decimal]:
    """Ask nodes to stop, cancel at once where nothing has been sent; return the units asked for, by line."""
    asked: dict[UUID, Decimal] = {}
    if not later:
        return asked
    left = dict(later)
    hold_allocated(unit, order.id)
    rows = unit.conn.execute(text(WORK), {"t": unit.tenant, "o": order.id}).all()
    for work in rows:
        hit = {
            line: min(units, left.get(line, ZERO))
            for line, units in zip(work.lines, work.units, strict=True)
            if left.get(line, ZERO) > 0
        }
        if not hit:
            continue
        for line, units in hit.items():
            left[line] -= units
        if stop_unsent(unit, facts, work):
            set_work_state(unit, work.id, FULFILLMENT.advance(work.state, "cancel"), reason=reason)
            drop_work(unit, work, order, hit)
            continue
        for line, units in hit.items():
            asked[line] = asked.get(line, ZERO) + units
        if work.state in ASKABLE:
            set_work_state(unit, work.id, FULFILLMENT.advance(work.state, "request_cancel"), reason=reason)
            _write_request(unit, facts, work, order, reason)
    return asked


def stop_unsent(unit: Unit, facts: Facts, work: Row[Any]) -> bool:
    """Return whether the node cannot know of this work: its delivery is withdrawn, or it never had one."""
    if work.state in UNTOLD:
        return True
    if not FULFILLMENT.may(work.state, "cancel") or work.state == "canceling":
        return False
    connection = facts.connections.get(work.connection_id) if work.connection_id else None
    withdrawn = unit.conn.execute(
        text(
            "UPDATE delivery SET state = 'superseded', finished_at = clock_timestamp(), outcome = 'canceled unsent'"
            " WHERE tenant_id = :t AND fulfillment_id = :f AND kind = 'push_fulfillment_order' AND state = 'due'"
            " AND attempts = 0"
        ),
        {"t": unit.tenant, "f": work.id},
    ).rowcount
    return withdrawn > 0 or connection is None


def drop_work(unit: Unit, work: Row[Any], order: Row[Any], hit: Mapping[UUID, Decimal]) -> None:
    """Give back all units of stopped work; the wanted ones leave the order, the others are sourced again."""
    everything = dict(zip(work.lines, work.units, strict=True))
    unit.conn.execute(
        text("UPDATE fulfillment_line SET canceled = quantity - shipped WHERE tenant_id = :t AND fulfillment_id = :f"),
        {"t": unit.tenant, "f": work.id},
    )
    take_back(unit, order.id, everything, work.id)
    cancel_units(unit, hit)
    if any(units > hit.get(line, ZERO) for line, units in everything.items()):
        source_again(unit, order.id)


def _write_request(unit: Unit, facts: Facts, work: Row[Any], order: Row[Any], reason: str | None) -> None:
    connection = facts.connections.get(work.connection_id) if work.connection_id else None
    if connection is None or not connection.takes(Write.CANCEL_FULFILLMENT_ORDER):
        return
    payload = {
        "fulfillment": {
            "id": public_id("fulfillment", work.id),
            "number": work.number,
            "node": facts.nodes[work.node_id].code,
            "reference": work.reference,
        },
        "order": order_head(order),
        "reason": reason,
    }
    enqueue(unit, [Outgoing(connection.id, Write.CANCEL_FULFILLMENT_ORDER, payload, order.id, work.id)])


def recall_work(unit: Unit, facts: Facts, order_id: UUID, reason: str) -> None:
    """Have all work of a locked order that is not picked yet stopped, so that it is released again as it is now."""
    order = lock_order(unit, order_id)
    hold_allocated(unit, order_id)
    for work in unit.conn.execute(text(WORK), {"t": unit.tenant, "o": order_id}).all():
        stop_work(unit, facts, order, work, reason)


def stop_work(unit: Unit, facts: Facts, order: Row[Any], work: Row[Any], reason: str) -> str:
    """Stop one fulfillment order of a locked order and return `moved`, `asked` or `stayed`.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        order: its row.
        work: its row with the allocated `lines` and `units`.
        reason: for the node and the history.
    """
    if stop_unsent(unit, facts, work):
        set_work_state(unit, work.id, FULFILLMENT.advance(work.state, "cancel"), reason=reason)
        drop_work(unit, work, order, {})
        return "moved"
    if work.state in ("released", "acknowledged"):
        set_work_state(unit, work.id, FULFILLMENT.advance(work.state, "request_cancel"), reason=reason)
        _write_request(unit, facts, work, order, reason)
        return "asked"
    return "stayed"


def order_head(order: Row[Any]) -> dict[str, Any]:
    """Return the few fields a partner needs to know which order is meant."""
    return {"id": public_id("order", order.id), "external_id": order.external_id, "number": order.number}


def cancel_units(unit: Unit, lines: Mapping[UUID, Decimal]) -> None:
    """Take open, unallocated units off order lines."""
    if lines:
        unit.conn.exec_driver_sql(
            "UPDATE order_line l SET canceled = l.canceled + d.units FROM unnest(%s::uuid[], %s::numeric[])"
            " AS d(id, units) WHERE l.tenant_id = %s AND l.id = d.id",
            (list(lines), list(lines.values()), unit.tenant),
        )
