"""Holds: typed reasons that stop an order, each with a case that says what ends it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text, update

from core.domain.cases import INCOMPLETE
from core.domain.hold_causes import CAUSE_OF_HOLD as CAUSE
from core.domain.ids import uuid7
from core.domain.line_codes import GTIN, cause_of, why_unknown
from core.domain.states import ORDER
from core.domain.vocabulary import HoldKind
from core.errors import NotFound
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.facts import Facts
from core.services.phase import refresh_phases
from core.services.unreleasable import refuse_release
from core.services.validation import Stop
from core.store import schema as t
from core.store.bulk import as_json, copy_rows
from core.store.locks import lock_order
from core.store.unit import ORDERS, Unit

SAME_HOLD = """
SELECT id FROM hold WHERE tenant_id = %s AND order_id = %s AND kind = %s AND detail = %s AND line_id IS NULL
    AND state = 'active' LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Stopped:
    """An order and why it stops."""

    order_id: UUID
    connection_id: UUID
    value: Decimal
    line_ids: Sequence[UUID]
    stops: Sequence[Stop]


def place(unit: Unit, facts: Facts, batch: Sequence[Stopped]) -> list[UUID]:
    """Write holds and open or join their cases; the caller has set or will set the orders' states."""
    ids, rows, opened = [], [], []
    for stopped in batch:
        known = facts.connections.get(stopped.connection_id)
        for stop in stopped.stops:
            ids.append(uuid7())
            line = stopped.line_ids[stop.line] if stop.line is not None else None
            evidence = as_json(dict(stop.evidence or {}))
            rows.append((ids[-1], stopped.order_id, line, str(stop.kind), stop.detail, evidence, unit.now))
            opened.append(_case(stopped, stop, known.name if known else "?"))
            unit.event(
                "order.held",
                "order",
                stopped.order_id,
                {"kind": str(stop.kind), "detail": stop.detail},
                order_id=stopped.order_id,
            )
    copy_rows(unit, t.hold, ("id", "order_id", "line_id", "kind", "detail", "evidence", "created_at"), rows)
    # Cases are shared rows: those of all orders are opened in one go, in their key order.
    open_cases(unit, opened)
    return ids


# "lines.3.unit" and "line 4 …" are the same fault at every line.
INDEX = re.compile(r"\.[0-9]+(?=\.|\s)|(?<=\bline) [0-9]+")


def _fault(kind: HoldKind, detail: str, evidence: Mapping[str, Any] | None) -> str:
    """Return what orders have in common that are held for one thing, which one decision may release."""
    if kind in (HoldKind.BAD_ADDRESS, HoldKind.IMPLAUSIBLE_QUANTITY):
        return detail
    if CAUSE[kind] is not INCOMPLETE:
        return str(kind)
    # A code without meaning is one fault wherever it stands; else it is the field and what is wrong with it.
    code = (evidence or {}).get("code") if kind is HoldKind.UNMAPPED_CODE else None
    return f"{kind}:{code or INDEX.sub('', detail)}"


def case_print(connection_id: UUID, kind: HoldKind, detail: str, evidence: Mapping[str, Any] | None) -> str:
    """Return the fingerprint of the case that a hold of a connection's order stands under."""
    if kind is HoldKind.UNMAPPED_SKU:
        # An unknown code is one cause for all orders that have it.
        cause, grouped = cause_of(evidence or {})
        return f"{cause.code}:{connection_id.hex}:{grouped}"[:400]
    return f"{CAUSE[kind].code}:{connection_id.hex}:{_fault(kind, detail, evidence)}"[:400]


def holds_of_case(unit: Unit, case: Any, order_id: UUID, kind: str) -> list[UUID]:
    """Return the active holds of an order that stand under a case, a row of `exception_case`."""
    rows = unit.conn.execute(
        text(
            "SELECT id, detail, evidence FROM hold"
            " WHERE tenant_id = :t AND order_id = :o AND state = 'active' AND kind = :kind"
        ),
        {"t": unit.tenant, "o": order_id, "kind": kind},
    ).all()
    # Cases opened before faults were told apart have all of a kind.
    if case.fingerprint == f"{case.code}:{case.connection_id.hex}:{kind}":
        return [row.id for row in rows]
    prints = [(row.id, case_print(case.connection_id, HoldKind(kind), row.detail, row.evidence)) for row in rows]
    return [hold_id for hold_id, mark in prints if mark == case.fingerprint]


def _case(stopped: Stopped, stop: Stop, connection: str) -> Opened:
    cause = CAUSE[stop.kind]
    detail = INDEX.sub("", stop.detail) if cause is INCOMPLETE else stop.detail
    evidence = {**(stop.evidence or {}), "detail": detail, "connection": connection}
    arguments = {"kind": str(stop.kind), "connection": connection}
    if stop.kind is HoldKind.UNMAPPED_SKU:
        cause, _ = cause_of(evidence)
        if evidence.get("scheme") == GTIN:
            evidence["why"] = why_unknown(evidence["code"])
        if evidence.get("code"):
            arguments |= {"scheme": evidence["scheme"], "code": evidence["code"]}
    if stop.first is not None:
        cause = replace(cause, action=None, label=stop.first, confidence=None)
    return Opened(
        cause,
        case_print(stopped.connection_id, stop.kind, stop.detail, stop.evidence),
        evidence,
        [Member("order", stopped.order_id, stopped.order_id, stopped.value)],
        connection_id=stopped.connection_id,
        arguments=arguments,
    )


def place_hold(unit: Unit, facts: Facts, order_id: UUID, kind: HoldKind, detail: str) -> UUID:
    """Stop an order by hand or by a rule; work already released goes on.

    The same hold asked for again is the one that is there.

    Raises:
        NotFound: there is no such order.
        IllegalTransition: the order is final or being canceled.
    """
    order = lock_order(unit, order_id)
    there: UUID | None = unit.conn.exec_driver_sql(SAME_HOLD, (unit.tenant, order_id, str(kind), detail)).scalar()
    if there is not None:
        return there
    if order.state != "held":
        state = ORDER.advance(order.state, "hold")
        unit.conn.execute(
            update(t.orders)
            .where(t.orders.c.tenant_id == unit.tenant, t.orders.c.id == order_id)
            .values(state=state, version=t.orders.c.version + 1, updated_at=unit.now)
        )
    [hold_id] = place(unit, facts, [Stopped(order_id, order.connection_id, order.total, (), [Stop(kind, detail)])])
    refresh_phases(unit, [order_id])
    return hold_id


def release_hold(unit: Unit, order_id: UUID, hold_id: UUID) -> str:
    """End a hold; when it was the last, the order is accepted and sourced. Return the order's state.

    Raises:
        NotFound: the order has no such hold.
        Conflict: the hold needs a fix first; see `refuse_release`.
    """
    order = lock_order(unit, order_id)
    row = unit.conn.execute(
        text("SELECT state FROM hold WHERE tenant_id = :t AND id = :id AND order_id = :o"),
        {"t": unit.tenant, "id": hold_id, "o": order_id},
    ).one_or_none()
    if row is None:
        raise NotFound(f"The order has no hold hld_{hold_id.hex}.")
    if row.state != "active":
        return str(order.state)
    refuse_release(unit, order, [hold_id])
    return end_holds(unit, order, [hold_id])


def end_idle_holds(unit: Unit, order_id: UUID) -> None:
    """End the holds of lines of a locked order of which nothing is open any more."""
    idle = unit.conn.execute(
        text(
            "SELECT h.id FROM hold h JOIN order_line l ON l.tenant_id = h.tenant_id AND l.id = h.line_id"
            " WHERE h.tenant_id = :t AND h.order_id = :o AND h.state = 'active'"
            " AND l.quantity - l.canceled - l.shipped <= 0 ORDER BY h.id"
        ),
        {"t": unit.tenant, "o": order_id},
    ).scalars()
    if ids := list(idle):
        end_holds(unit, lock_order(unit, order_id), ids)


def end_holds(unit: Unit, order: Row[Any], hold_ids: Sequence[UUID]) -> str:
    """End holds of a locked order, as it is now, and let it go on when none is left; return the order's state."""
    order_id = order.id
    unit.conn.execute(
        text(
            "UPDATE hold SET state = 'released', released_at = :now, released_by = :actor"
            " WHERE tenant_id = :t AND id = ANY(:ids) AND state = 'active'"
        ),
        {"t": unit.tenant, "ids": list(hold_ids), "now": unit.now, "actor": unit.actor},
    )
    known = unit.conn.execute(
        text(
            "SELECT kind, detail, evidence, id = ANY(:ids) AS ended FROM hold"
            " WHERE tenant_id = :t AND order_id = :o AND (state = 'active' OR id = ANY(:ids))"
        ),
        {"t": unit.tenant, "o": order_id, "ids": list(hold_ids)},
    ).all()
    left = [each for each in known if not each.ended]
    still = {CAUSE[HoldKind(each.kind)].code for each in left}
    settle_members(unit, "order", [order_id], codes={cause.code for cause in CAUSE.values()} - still)
    # Of a cause that is left for another fault, the case of the ended one is over as well.
    ended, kept = (
        {
            case_print(order.connection_id, HoldKind(each.kind), each.detail, each.evidence)
            for each in known
            if each.ended is over
        }
        for over in (True, False)
    )
    if ended - kept:
        settle_members(unit, "order", [order_id], fingerprints=ended - kept)
    state: str = order.state
    if not left and state == "held":
        begun = unit.conn.execute(
            text("SELECT EXISTS (SELECT 1 FROM fulfillment_order WHERE tenant_id = :t AND order_id = :o)"),
            {"t": unit.tenant, "o": order_id},
        ).scalar_one()
        state = ORDER.advance(state, "release")
        if begun:
            state = ORDER.advance(state, "start")
        unit.conn.execute(
            update(t.orders)
            .where(t.orders.c.tenant_id == unit.tenant, t.orders.c.id == order_id)
            .values(
                state=state,
                accepted_at=order.accepted_at or unit.now,
                sourcing_at=unit.now,
                version=t.orders.c.version + 1,
                updated_at=unit.now,
            )
        )
        unit.event("order.released", "order", order_id, order_id=order_id)
        unit.event("order.accepted", "order", order_id, order_id=order_id)
        unit.wake(ORDERS)
    refresh_phases(unit, [order_id])
    return state
