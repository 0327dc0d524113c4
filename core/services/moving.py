"""People's verbs on a node's work before it is picked: move it to another node, hold it, let it go on."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.ids import public_id
from core.domain.states import FULFILLMENT
from core.domain.vocabulary import Write
from core.errors import Conflict, InputError
from core.ports.connectors import Json
from core.routing.problem import Demand
from core.services.catalog import node_coded
from core.services.facts import Facts
from core.services.fulfilling import find_work, give_back, set_work_state, source_again
from core.services.outbox import Outgoing, enqueue
from core.services.phase import refresh_phases
from core.services.recalling import stop_unsent
from core.services.resourcing import load_sourced
from core.services.sourcing import source_batch
from core.store.unit import Unit

LAST_PUSH = """
SELECT connection_id, payload FROM delivery
WHERE tenant_id = :t AND fulfillment_id = :f AND kind = :kind ORDER BY seq DESC LIMIT 1
"""


def move_fulfillment(unit: Unit, facts: Facts, fulfillment: str, node: str, reason: str | None = None) -> list[UUID]:
    """Take work from its node, give it whole to another, and return the fulfillment orders it became.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        fulfillment: its public id or number.
        node: code of the node that is to do it.
        reason: why, for the history.

    Raises:
        NotFound: there is no such work or node.
        InputError: the node is not active, or has the work already.
        Conflict: the first node may know of the work, the order is stopped, or the other node lacks stock.
    """
    work, order = find_work(unit, {"fulfillment": fulfillment}, None)
    target = node_coded(unit, node)
    if target == work.node_id:
        raise InputError(f"{node} has the work already.", code="MOVE-NODE-422")
    if not facts.nodes[target].active:
        raise InputError(f"The node {node} is not active.", code="MOVE-NODE-422")
    if order.state not in ("accepted", "in_progress"):
        raise Conflict(f"The order is {order.state}; its work stays where it is.", code="MOVE-ORDER-409")
    state = FULFILLMENT.advance(work.state, "cancel") if _unknown_to_node(unit, facts, work) else None
    if state is None:
        raise _too_late(work, "moved")
    units = give_back(unit, work, order)
    set_work_state(unit, work.id, state, reason=(reason or f"moved to {node}")[:500])
    [sourced] = load_sourced(unit, [order.id])
    sourced.demands = [
        Demand(demand.line_id, demand.item_id, units[demand.line_id])
        for demand in sourced.demands
        if demand.line_id in units
    ]
    sourced.excluded = {other: f"moved to {node} by {unit.actor}" for other in facts.nodes if other != target}
    sourced.partial_allowed = False
    lost = source_batch(unit, facts, [sourced])
    made = _made(unit, order.id, target, work.id)
    if lost or not made:
        raise Conflict(
            f"{node} has not enough stock for all of this work; nothing was moved.",
            fix="Choose another node, or bring stock there first.",
            code="MOVE-STOCK-409",
        )
    # Other units of the order may wait for stock: they are looked at again, as they were before.
    source_again(unit, order.id)
    unit.event("fulfillment.moved", "fulfillment", work.id, {"node": node, "reason": reason}, order_id=order.id)
    refresh_phases(unit, [order.id])
    return made


def _made(unit: Unit, order_id: UUID, node_id: UUID, before: UUID) -> list[UUID]:
    return list(
        unit.conn.execute(
            text(
                "SELECT id FROM fulfillment_order WHERE tenant_id = :t AND order_id = :o AND node_id = :n"
                " AND released_at = :now AND id <> :before ORDER BY id"
            ),
            {"t": unit.tenant, "o": order_id, "n": node_id, "now": unit.now, "before": before},
        ).scalars()
    )


def hold_fulfillment(unit: Unit, facts: Facts, fulfillment: str, reason: str) -> None:
    """Keep work from its node until somebody lets it go on; its units stay allocated.

    Raises:
        NotFound: there is no such work.
        IllegalTransition: it is past the point where it can be held.
        Conflict: the node may know of it already.
    """
    work, order = find_work(unit, {"fulfillment": fulfillment}, None)
    state = FULFILLMENT.advance(work.state, "hold")
    if not _unknown_to_node(unit, facts, work):
        raise _too_late(work, "held")
    set_work_state(unit, work.id, state, reason=reason[:500])
    unit.event("fulfillment.held", "fulfillment", work.id, {"reason": reason[:500]}, order_id=order.id)


def resume_fulfillment(unit: Unit, fulfillment: str) -> None:
    """Let held work go to its node.

    Raises:
        NotFound: there is no such work.
        IllegalTransition: it is not on hold.
    """
    work, order = find_work(unit, {"fulfillment": fulfillment}, None)
    planned = FULFILLMENT.advance(work.state, "resume")
    set_work_state(unit, work.id, FULFILLMENT.advance(planned, "release"), reason=None)
    row = unit.conn.execute(
        text(LAST_PUSH), {"t": unit.tenant, "f": work.id, "kind": str(Write.PUSH_FULFILLMENT_ORDER)}
    ).one_or_none()
    if row is not None:
        payload: Json = row.payload
        enqueue(unit, [Outgoing(row.connection_id, Write.PUSH_FULFILLMENT_ORDER, payload, order.id, work.id)])
    unit.event("fulfillment.resumed", "fulfillment", work.id, order_id=order.id)


def _unknown_to_node(unit: Unit, facts: Facts, work: Row[Any]) -> bool:
    """Return whether the node cannot have begun: work on hold was withdrawn before, other work is withdrawn now."""
    return work.state == "on_hold" or stop_unsent(unit, facts, work)


def _too_late(work: Row[Any], what: str) -> Conflict:
    return Conflict(
        f"The fulfillment order {public_id('fulfillment', work.id)} is {work.state} and its node may have begun.",
        why=f"Only work the node has not been told of can be {what} without its answer.",
        fix="Cancel it, or let the node reject it: the order is then sourced again.",
        code="WORK-SENT-409",
    )
