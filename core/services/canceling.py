"""Canceling units of an order: at once where nothing is released, else by asking the node, who may say "too late"."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, text, update

from core.domain.ids import public_id, uuid7
from core.domain.states import ORDER
from core.domain.vocabulary import Write
from core.errors import Conflict, InputError
from core.services.asked_back import open_requests, take_off
from core.services.declined_parts import settle_declined
from core.services.facts import Facts
from core.services.finishing import settle_cancels
from core.services.fulfilling import source_again
from core.services.holds import end_idle_holds
from core.services.outbox import Outgoing, enqueue, told_of
from core.services.phase import refresh_phases
from core.services.recalling import ask_nodes, cancel_units, order_head
from core.services.release import ERP_KINDS
from core.store import schema as t
from core.store.locks import lock_order
from core.store.unit import Unit

ZERO = Decimal(0)


def cancel_order(
    unit: Unit,
    facts: Facts,
    order_id: UUID,
    lines: Mapping[UUID, Decimal] | None = None,
    reason: str | None = None,
    *,
    judged: bool = False,
) -> dict[str, Any]:
    """Cancel an order or units of some lines and return {id, state, canceled, requested, too_late}.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        order_id: the order.
        lines: units to cancel per line id; everything still open when left out.
        reason: why, for the partners.
        judged: whether the caller judges the order anew, and ends the holds of lines of which nothing is left.

    Raises:
        NotFound: there is no such order.
        InputError: a line is not of this order.
        Conflict: a line has fewer open units.
    """
    order = lock_order(unit, order_id)
    open_units = _open_units(unit, order_id)
    wanted = _wanted(open_units, lines)
    # An order of nothing that is held has nothing to take off, and is over when somebody says so.
    too_late = order.state in ORDER.final or not (wanted or (lines is None and order.state == "held"))
    now: dict[UUID, Decimal] = {}
    asked: dict[UUID, Decimal] = {}
    if not too_late:
        now = _cancel_unallocated(unit, order_id, wanted)
        later = {line: units - now.get(line, ZERO) for line, units in wanted.items() if units > now.get(line, ZERO)}
        asked = ask_nodes(unit, facts, order, later, reason)
        for line, units in later.items():
            if asked.get(line, ZERO) < units:
                now[line] = now.get(line, ZERO) + units - asked.get(line, ZERO)
    state = "requested" if asked else "declined" if too_late else "confirmed"
    unit.conn.execute(
        insert(t.change_set).values(
            tenant_id=unit.tenant,
            id=uuid7(),
            order_id=order_id,
            kind="cancel",
            changes={"lines": {line.hex: format(units, "f") for line, units in asked.items()}},
            state=state,
            reason=reason,
            actor=unit.actor,
            answer="too late: nothing is open" if too_late else None,
            answered_at=None if asked else unit.now,
        )
    )
    if asked:
        if order.state not in ("canceling", "held") and _all_wanted(open_units, wanted):
            _set_state(unit, order_id, ORDER.advance(order.state, "request_cancel"))
        unit.event("order.cancel_requested", "order", order_id, {"reason": reason}, order_id=order_id)
    elif not too_late:
        settle_cancels(unit, [order_id])
    if not (too_late or judged):
        end_idle_holds(unit, order_id)
    if now:
        _tell_erp(unit, facts, order, now, reason)
        settle_declined(unit, [order_id])
    refresh_phases(unit, [order_id])
    after = lock_order(unit, order_id)
    return {
        "id": public_id("order", order_id),
        "state": after.state,
        "canceled": _units(now),
        "requested": _units(asked),
        "too_late": too_late,
    }


def cancel_lacking(unit: Unit, facts: Facts, order_id: UUID, sku: str, reason: str) -> bool:
    """Cancel what an order lacks of an item, at nobody's work, and return whether it lacked any.

    Args:
        unit: the running transaction; it holds the order's lock.
        facts: nodes and connections.
        order_id: the order.
        sku: of the item.
        reason: why, for the partners.
    """
    rows = unit.conn.execute(
        text(
            "SELECT l.id FROM order_line l JOIN item i ON i.tenant_id = l.tenant_id AND i.id = l.item_id"
            " WHERE l.tenant_id = :t AND l.order_id = :o AND l.ships AND i.sku = :sku"
        ),
        {"t": unit.tenant, "o": order_id, "sku": sku},
    )
    lines, free = set(rows.scalars()), _unallocated(unit, order_id)
    lacking = {line: units for line, units in free.items() if line in lines}
    if not lacking:
        return False
    cancel_order(unit, facts, order_id, lacking, reason)
    return True


def _units(lines: Mapping[UUID, Decimal]) -> dict[str, str]:
    return {public_id("line", line): format(units, "f") for line, units in lines.items()}


def _open_units(unit: Unit, order_id: UUID) -> dict[UUID, Decimal]:
    rows = unit.conn.execute(
        text(
            "SELECT id, quantity - canceled - shipped AS open FROM order_line"
            " WHERE tenant_id = :t AND order_id = :o ORDER BY id"
        ),
        {"t": unit.tenant, "o": order_id},
    )
    return {row.id: row.open for row in rows}


def _wanted(open_units: Mapping[UUID, Decimal], lines: Mapping[UUID, Decimal] | None) -> dict[UUID, Decimal]:
    if lines is None:
        return {line: units for line, units in open_units.items() if units > 0}
    for line, units in lines.items():
        if line not in open_units:
            raise InputError(f"The order has no line {public_id('line', line)}.", code="ORDER-LINE-404")
        if units > open_units[line]:
            raise Conflict(
                f"Line {public_id('line', line)} has {open_units[line]} open units, so {units} cannot be canceled.",
                why="The rest is shipped or canceled already.",
                code="ORDER-LATE-409",
            )
    return {line: units for line, units in lines.items() if units > 0}


def _all_wanted(open_units: Mapping[UUID, Decimal], wanted: Mapping[UUID, Decimal]) -> bool:
    return all(wanted.get(line, ZERO) >= units for line, units in open_units.items())


def _cancel_unallocated(unit: Unit, order_id: UUID, wanted: Mapping[UUID, Decimal]) -> dict[UUID, Decimal]:
    """Cancel the wanted units that no node works on, at once."""
    unallocated = _unallocated(unit, order_id)
    free = {line: min(units, unallocated[line]) for line, units in wanted.items() if line in unallocated}
    cancel_units(unit, free)
    return free


def _unallocated(unit: Unit, order_id: UUID) -> dict[UUID, Decimal]:
    """Return the open units of an order that no node works on, by line; lines without any are left out."""
    rows = unit.conn.execute(
        text(
            "SELECT line_id, sum(quantity / per_unit) AS units FROM reservation WHERE tenant_id = :t AND order_id = :o"
            " AND state = 'allocated' AND NOT follows GROUP BY line_id"
        ),
        {"t": unit.tenant, "o": order_id},
    )
    allocated = {row.line_id: row.units for row in rows}
    free = {line: units - allocated.get(line, ZERO) for line, units in _open_units(unit, order_id).items()}
    return {line: units for line, units in free.items() if units > 0}


def cancel_requested(unit: Unit, facts: Facts, order: Row[Any], back: dict[UUID, Decimal]) -> None:
    """Apply a node's yes: requested units leave the order, other units of that work are sourced again.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        order: its row, locked.
        back: what the node's work has given back, by order line; what nobody asked for is sourced again.
    """
    canceled = take_off(unit, open_requests(unit, order.id), back)
    cancel_units(unit, canceled)
    if canceled:
        _tell_erp(unit, facts, order, canceled, "canceled at the node")
        settle_declined(unit, [order.id])
    settle_cancels(unit, [order.id])
    if any(units > canceled.get(line, ZERO) for line, units in back.items()):
        source_again(unit, order.id)


def _set_state(unit: Unit, order_id: UUID, state: str) -> None:
    unit.conn.execute(
        update(t.orders)
        .where(t.orders.c.tenant_id == unit.tenant, t.orders.c.id == order_id)
        .values(state=str(state), version=t.orders.c.version + 1, updated_at=unit.now)
    )


def _tell_erp(unit: Unit, facts: Facts, order: Row[Any], canceled: Mapping[UUID, Decimal], reason: str | None) -> None:
    takers = facts.takers(Write.CANCEL_ORDER, kinds=ERP_KINDS)
    if takers:
        told = told_of(unit, order.id)
        takers = [taker for taker in takers if taker.id in told]
    if not takers:
        return
    rows = unit.conn.execute(
        text(
            "SELECT id, external_id, sku FROM order_line WHERE tenant_id = :t AND id = ANY(:ids) ORDER BY position, id"
        ),
        {"t": unit.tenant, "ids": list(canceled)},
    ).all()
    payload = {
        "order": order_head(order),
        "reason": reason,
        "lines": [
            {
                "line_id": public_id("line", row.id),
                "external_id": row.external_id,
                "sku": row.sku,
                "quantity": format(canceled[row.id].normalize(), "f"),
            }
            for row in rows
        ],
    }
    enqueue(unit, [Outgoing(taker.id, Write.CANCEL_ORDER, payload, order.id) for taker in takers])
