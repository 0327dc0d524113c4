"""People's verbs on a node's work before the node knows of it: move, split, merge, hold, let it go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.ids import public_id
from core.domain.states import FULFILLMENT
from core.domain.vocabulary import Write
from core.errors import Conflict, InputError
from core.ports.connectors import Json
from core.services.allocations import hold_allocated
from core.services.catalog import node_coded
from core.services.facts import Facts
from core.services.fulfilling import find_work, give_back, match_lines, set_work_state, source_again, work_lines
from core.services.move_refusals import refusal
from core.services.outbox import Outgoing, enqueue
from core.services.phase import refresh_phases
from core.services.recalling import stop_unsent
from core.services.resourcing import load_sourced
from core.services.sourcing import source_batch
from core.store.unit import Unit

ZERO = Decimal(0)
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
        Conflict: the first node may know of the work, the order is stopped, or the other node lacks stock, capacity or
            a way to the buyer.
    """
    work, order = find_work(unit, fulfillment)
    target = node_coded(unit, node)
    if target == work.node_id:
        raise InputError(f"{node} has the work already.", code="MOVE-NODE-422")
    if not facts.nodes[target].active:
        raise InputError(f"The node {node} is not active.", code="MOVE-NODE-422")
    _check_open(unit, facts, work, order, "moved")
    hold_allocated(unit, order.id, target)
    units = _withdrawn(unit, work, order, reason or f"moved to {node}")
    made = _issue(unit, facts, order.id, target, units)
    _settled(unit, order.id)
    unit.event("fulfillment.moved", "fulfillment", work.id, {"node": node, "reason": reason}, order_id=order.id)
    return made


def split_fulfillment(
    unit: Unit, facts: Facts, fulfillment: str, lines: Sequence[Mapping[str, Any]], reason: str | None = None
) -> list[UUID]:
    """Make two fulfillment orders of one, at the same node, and return both: the named units first, then the rest.

    Raises:
        NotFound: there is no such work.
        InputError: the lines are not of this work, or are all of it.
        Conflict: the node may know of the work, or the order is stopped.
    """
    work, order = find_work(unit, fulfillment)
    rows = work_lines(unit, [work.id])[work.id]
    named, over = match_lines(rows, lines)
    _check_open(unit, facts, work, order, "split")
    everything = _withdrawn(unit, work, order, reason or "split")
    first = {row.line_id: named[row.id] for row in rows if row.id in named}
    rest = {line: units - first.get(line, ZERO) for line, units in everything.items() if units > first.get(line, ZERO)}
    if over or not first or not rest:
        raise InputError("A split leaves units on both sides.", fix="Name fewer units.", code="SPLIT-UNITS-422")
    made = [_issue(unit, facts, order.id, work.node_id, units)[0] for units in (first, rest)]
    _settled(unit, order.id)
    into = [public_id("fulfillment", each) for each in made]
    unit.event("fulfillment.split", "fulfillment", work.id, {"into": into, "reason": reason}, order_id=order.id)
    return made


def merge_fulfillments(unit: Unit, facts: Facts, fulfillments: Sequence[str], reason: str | None = None) -> UUID:
    """Make one fulfillment order of several of the same order and node, and return it.

    Raises:
        NotFound: there is no such work.
        InputError: they are not of one order and one node.
        Conflict: the node may know of one of them, or the order is stopped.
    """
    found = [find_work(unit, each) for each in dict.fromkeys(fulfillments)]
    order = found[0][1]
    if len(found) < 2 or len({(work.order_id, work.node_id) for work, _ in found}) > 1:
        raise InputError("Only work of one order at one node becomes one.", code="MERGE-WORK-422")
    hold_allocated(unit, order.id)
    units: dict[UUID, Decimal] = {}
    for work, _ in found:
        _check_open(unit, facts, work, order, "merged")
        for line, number in _withdrawn(unit, work, order, reason or "merged").items():
            units[line] = units.get(line, ZERO) + number
    [made] = _issue(unit, facts, order.id, found[0][0].node_id, units)
    _settled(unit, order.id)
    gone = [public_id("fulfillment", work.id) for work, _ in found]
    unit.event("fulfillment.merged", "fulfillment", made, {"from": gone, "reason": reason}, order_id=order.id)
    return made


def _check_open(unit: Unit, facts: Facts, work: Row[Any], order: Row[Any], what: str) -> None:
    """Withdraw work from its node, or refuse."""
    if order.state not in ("accepted", "in_progress"):
        raise Conflict(f"The order is {order.state}; its work stays as it is.", code="MOVE-ORDER-409")
    if not stop_unsent(unit, facts, work):
        raise _too_late(work, what)


def _withdrawn(unit: Unit, work: Row[Any], order: Row[Any], reason: str) -> dict[UUID, Decimal]:
    """End withdrawn work and return its units by order line."""
    state = FULFILLMENT.advance(work.state, "cancel")
    units = give_back(unit, work, order)
    set_work_state(unit, work.id, state, reason=reason[:500])
    return units


def _issue(unit: Unit, facts: Facts, order_id: UUID, node_id: UUID, units: Mapping[UUID, Decimal]) -> list[UUID]:
    """Release units of a locked order to one node, all or nothing, by the way every order is sourced."""
    before, node = _works(unit, order_id), facts.nodes[node_id].code
    [sourced] = load_sourced(unit, [order_id])
    sourced.demands = [
        replace(demand, quantity=units[demand.line_id]) for demand in sourced.demands if demand.line_id in units
    ]
    sourced.excluded = {other: f"given to {node} by {unit.actor}" for other in facts.nodes if other != node_id}
    sourced.partial_allowed = False
    # How many parts a policy allows binds the hub, not people.
    sourced.parts = 0
    # What a person gave to a node is not planned again.
    sourced.at_once = True
    lost = source_batch(unit, facts, [sourced])
    made = [each for each in _works(unit, order_id) if each not in before]
    if lost or not made:
        raise refusal(facts, sourced, node_id)
    return made


def _settled(unit: Unit, order_id: UUID) -> None:
    # Other units of the order may wait for stock: they are looked at again, as they were before.
    source_again(unit, order_id)
    refresh_phases(unit, [order_id])


def _works(unit: Unit, order_id: UUID) -> list[UUID]:
    query = text("SELECT id FROM fulfillment_order WHERE tenant_id = :t AND order_id = :o ORDER BY id")
    return list(unit.conn.execute(query, {"t": unit.tenant, "o": order_id}).scalars())


def hold_fulfillment(unit: Unit, facts: Facts, fulfillment: str, reason: str) -> None:
    """Keep work from its node until somebody lets it go on; its units stay allocated.

    Raises:
        NotFound: there is no such work.
        IllegalTransition: it is past the point where it can be held.
        Conflict: the node may know of it already.
    """
    work, order = find_work(unit, fulfillment)
    state = FULFILLMENT.advance(work.state, "hold")
    if not stop_unsent(unit, facts, work):
        raise _too_late(work, "held")
    set_work_state(unit, work.id, state, reason=reason[:500])
    unit.event("fulfillment.held", "fulfillment", work.id, {"reason": reason[:500]}, order_id=order.id)


def resume_fulfillment(unit: Unit, fulfillment: str) -> None:
    """Let held work go to its node, or on waiting for its time where that has not come; waiting work goes at once.

    Raises:
        NotFound: there is no such work.
        IllegalTransition: it is neither on hold nor waiting.
        Conflict: it waits for units that are not there yet.
    """
    work, order = find_work(unit, fulfillment)
    if work.state == "planned":
        _end_wait(unit, work)
        return
    planned = FULFILLMENT.advance(work.state, "resume")
    unit.event("fulfillment.resumed", "fulfillment", work.id, order_id=order.id)
    if work.released_at is None:
        set_work_state(unit, work.id, planned, reason=None)
        return
    set_work_state(unit, work.id, FULFILLMENT.advance(planned, "release"), reason=None)
    row = unit.conn.execute(
        text(LAST_PUSH), {"t": unit.tenant, "f": work.id, "kind": str(Write.PUSH_FULFILLMENT_ORDER)}
    ).one_or_none()
    if row is not None:
        payload: Json = row.payload
        enqueue(unit, [Outgoing(row.connection_id, Write.PUSH_FULFILLMENT_ORDER, payload, order.id, work.id)])


def _end_wait(unit: Unit, work: Row[Any]) -> None:
    """Have waiting work released at the next look, which is within a second."""
    if work.release_at is None:
        raise Conflict(
            f"The fulfillment order {public_id('fulfillment', work.id)} waits for units that are not there yet"
            f" ({work.reason or 'no day is known'}).",
            why="Its node would be told to ship what it does not have.",
            fix="Report what came: it is released then. Or move it to a node that has the units.",
            code="WORK-WAITS-409",
        )
    unit.conn.execute(
        text(
            "UPDATE fulfillment_order SET release_at = least(release_at, clock_timestamp()),"
            " updated_at = clock_timestamp(), version = version + 1 WHERE tenant_id = :t AND id = :id"
        ),
        {"t": unit.tenant, "id": work.id},
    )
    unit.event("fulfillment.wait_ended", "fulfillment", work.id, order_id=work.order_id)


def _too_late(work: Row[Any], what: str) -> Conflict:
    return Conflict(
        f"The fulfillment order {public_id('fulfillment', work.id)} is {work.state} and its node may have begun.",
        why=f"Only work the node has not been told of can be {what} without its answer.",
        fix="Cancel the order's units, or let the node reject the work: the order is then sourced again.",
        code="WORK-SENT-409",
    )
