"""What came of an attempt: the delivery's next state, the connection's health, and what the answer means for orders."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, text

from core.domain.cases import DEAD, UNWRITTEN
from core.domain.ids import uuid7
from core.domain.payloads import jsonable
from core.domain.states import DELIVERY
from core.domain.vocabulary import Mode, Write
from core.errors import (
    CrossdockError,
    Declined,
    IllegalTransition,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Transient,
    Unwritable,
    storable,
)
from core.jobs.hub import Hub
from core.ports.connectors import Connector, Exchange, Receipt
from core.services import channel_stock, connections, paper_answers, papers, transport_receipts
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.edi_states import note_sent
from core.services.edi_undelivered import note_dead
from core.services.reports import update_fulfillment
from core.services.unread import left_before
from core.store import schema as t
from core.store.bulk import as_json
from core.store.unit import Unit

BREAK_AFTER = 5
LONGEST_BREAK = 900.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery this worker holds, the connector to use, and whether it may have happened already."""

    row: Row[Any]
    token: UUID
    connector: Connector | None
    mode: Mode
    ask_first: bool
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Next:
    """Where the delivery goes: the trigger, when it is tried again, and whether the attempt counted."""

    trigger: str
    outcome: str
    wait: timedelta | None = None
    counts: bool = True


def finish(
    hub: Hub,
    unit: Unit,
    claimed: Claimed,
    result: Receipt | CrossdockError,
    exchanges: Sequence[Exchange],
    took_ms: int,
) -> None:
    """Write the outcome of one attempt; a lease that was lost meanwhile leaves the delivery to its new owner."""
    row = claimed.row
    following = _next(hub, row, result)
    state = DELIVERY.advance("sending", following.trigger)
    error = result.as_dict() if isinstance(result, CrossdockError) else None
    written = unit.conn.execute(
        text(
            "UPDATE delivery SET state = :state, outcome = :outcome, error = CAST(:error AS json),"
            " reference = coalesce(:reference, reference), lease_until = NULL, lease_token = NULL,"
            " attempts = attempts - CASE WHEN :counts THEN 0 ELSE 1 END,"
            " run_at = coalesce(:run_at, run_at), finished_at = CASE WHEN :done THEN clock_timestamp() END"
            " WHERE tenant_id = :t AND id = :id AND lease_token = :token"
        ),
        {
            "state": str(state),
            "outcome": following.outcome[:500],
            "error": as_json(error),
            "reference": storable(result.reference) if isinstance(result, Receipt) and result.reference else None,
            "counts": following.counts,
            "run_at": unit.now + following.wait if following.wait is not None else None,
            "done": following.wait is None,
            "t": unit.tenant,
            "id": row.id,
            "token": claimed.token,
        },
    ).rowcount
    _log_attempt(unit, row, str(state), exchanges, error, took_ms)
    if not written:
        return
    _health(hub, unit, row, result)
    if isinstance(result, Receipt):
        _delivered(hub, unit, claimed, result)
    elif isinstance(result, Declined):
        _declined(hub, unit, row, result)
    elif state == "dead":
        _dead(hub, unit, claimed, result)


def _next(hub: Hub, row: Row[Any], result: Receipt | CrossdockError) -> _Next:
    if isinstance(result, Receipt):
        return _Next("succeed", "shadow: not sent" if result.detail.get("shadow") else "delivered")
    if isinstance(result, Declined):
        return _Next("decline", result.what)
    # What may have happened keeps that mark until somebody has looked it up.
    trigger = "lose_reply" if row.was == "unknown" else "wait"
    if isinstance(result, RateLimited):
        return _Next(trigger, result.what, timedelta(seconds=result.retry_after or 1.0), counts=False)
    if isinstance(result, Misconfigured):
        return _Next(trigger, result.what, timedelta(seconds=1), counts=False)
    if isinstance(result, Rejected):
        return _Next("give_up", result.what)
    schedule = hub.pace.schedule
    if row.attempts > len(schedule):
        return _Next("give_up", result.what)
    wait = _jitter(schedule[row.attempts - 1])
    if isinstance(result, Transient) and result.retry_after:
        wait = max(wait, timedelta(seconds=result.retry_after))
    unknown = isinstance(result, OutcomeUnknown) or not isinstance(result, Transient)
    return _Next("lose_reply" if unknown else trigger, result.what, wait)


def _jitter(seconds: float) -> timedelta:
    return timedelta(seconds=seconds * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, guards nothing


def _log_attempt(
    unit: Unit, row: Row[Any], outcome: str, exchanges: Sequence[Exchange], error: dict[str, Any] | None, took_ms: int
) -> None:
    unit.conn.execute(
        insert(t.attempt).values(
            tenant_id=unit.tenant,
            id=uuid7(),
            delivery_id=row.id,
            number=row.attempts,
            outcome=outcome,
            started_at=unit.now - timedelta(milliseconds=took_ms),
            duration_ms=took_ms,
            exchanges=[
                {
                    "request": jsonable(each.request),
                    "response": jsonable(each.response),
                    "status": each.status,
                    "duration_ms": each.duration_ms,
                }
                for each in exchanges
            ],
            error=error,
        )
    )


def _health(hub: Hub, unit: Unit, row: Row[Any], result: Receipt | CrossdockError) -> None:
    """Pause, break or heal the connection: only whole-connection facts are written, never per-delivery ones."""
    if isinstance(result, RateLimited):
        _pause_until(unit, row.connection_id, result.retry_after or 1.0, "the partner asks us to slow down", 0)
    elif isinstance(result, Misconfigured):
        connections.pause_with_case(unit, row.connection_id, result.error_code, result.what)
    elif isinstance(result, Transient | OutcomeUnknown):
        failures = unit.conn.execute(
            text(
                "UPDATE connection SET failures = failures + 1 WHERE tenant_id = :t AND id = :c"
                " RETURNING failures, breaker_opened"
            ),
            {"t": unit.tenant, "c": row.connection_id},
        ).one()
        if failures.failures >= BREAK_AFTER:
            wait = min(LONGEST_BREAK, hub.pace.breaker * 2**failures.breaker_opened)
            _pause_until(unit, row.connection_id, wait, f"breaker: {result.what}", 1)
    else:
        unit.conn.execute(
            text(
                "UPDATE connection SET failures = 0, breaker_opened = 0 WHERE tenant_id = :t AND id = :c"
                " AND (failures > 0 OR breaker_opened > 0)"
            ),
            {"t": unit.tenant, "c": row.connection_id},
        )


def _pause_until(unit: Unit, connection_id: UUID, seconds: float, reason: str, opened: int) -> None:
    # After a break one failure more opens it again: the first call is the probe.
    unit.conn.execute(
        text(
            "UPDATE connection SET paused_until = greatest(paused_until, p.until),"
            " pause_reason = CASE WHEN paused_until > p.until THEN pause_reason ELSE :reason END,"
            " breaker_opened = breaker_opened + :opened,"
            " failures = CASE WHEN :opened > 0 THEN :probe ELSE failures END"
            " FROM (SELECT clock_timestamp() + make_interval(secs => :s) AS until) p"
            " WHERE tenant_id = :t AND id = :c"
        ),
        {
            "s": seconds, "reason": reason[:500], "opened": opened, "probe": BREAK_AFTER - 1, "t": unit.tenant,
            "c": connection_id,
        },
    )  # fmt: skip


def _delivered(hub: Hub, unit: Unit, claimed: Claimed, receipt: Receipt) -> None:
    row = claimed.row
    settle_members(unit, "delivery", [row.id], codes=[DEAD.code, UNWRITTEN.code])
    if receipt.detail.get("shadow"):
        return
    transport_receipts.note_sent(unit, row.connection_id, row.id, receipt)
    if left_before(unit, row.id, claimed.payload, receipt):
        return
    note_sent(unit, row.id, receipt)
    if row.kind == Write.PUSH_STOCK:
        channel_stock.note_pushed(unit, row.connection_id, claimed.payload)
    elif row.kind in papers.WRITE_OF.values():
        paper_answers.note_sent(unit, row.id, receipt)
    elif row.kind == Write.PUSH_FULFILLMENT_ORDER and receipt.reference:
        unit.conn.execute(
            text("UPDATE fulfillment_order SET reference = :r WHERE tenant_id = :t AND id = :f AND reference IS NULL"),
            {"r": receipt.reference, "t": unit.tenant, "f": row.fulfillment_id},
        )
    elif row.kind == Write.CANCEL_FULFILLMENT_ORDER and receipt.detail.get("status") == "canceled":
        _answer(hub, unit, row, "canceled", None)


def _declined(hub: Hub, unit: Unit, row: Row[Any], error: Declined) -> None:
    if row.kind == Write.CANCEL_FULFILLMENT_ORDER:
        _answer(hub, unit, row, "cancel_declined", error.what)
    elif row.kind == Write.PUSH_FULFILLMENT_ORDER:
        _answer(hub, unit, row, "rejected", error.what)
    unit.event("delivery.declined", "delivery", row.id, {"reason": error.what}, order_id=row.order_id)


def _answer(hub: Hub, unit: Unit, row: Row[Any], status: str, reason: str | None) -> None:
    facts = hub.facts.get(unit.conn, unit.tenant)
    try:
        with unit.savepoint():
            update_fulfillment(
                unit, facts, {"fulfillment": f"ful_{row.fulfillment_id.hex}", "status": status, "reason": reason}
            )
    except (NotFound, IllegalTransition):
        return  # the work has gone on meanwhile; its own reports tell


def _dead(hub: Hub, unit: Unit, claimed: Claimed, error: CrossdockError) -> None:
    row = claimed.row
    note_dead(unit, row.id, error)
    if row.kind == Write.PUSH_STOCK:
        _stock_not_told(unit, row.connection_id, claimed.payload, error)
    facts = hub.facts.get(unit.conn, unit.tenant)
    known = facts.connections.get(row.connection_id)
    name = known.name if known else "?"
    evidence = {
        "connection": name, "kind": row.kind.replace("_", " "),
        # Nobody refused what was only never answered.
        "does": "refuses" if isinstance(error, Rejected) else "did not take",
        "code": error.error_code, "what": error.what, "why": error.why or "",
    }  # fmt: skip
    cause = UNWRITTEN if isinstance(error, Unwritable) else DEAD
    open_cases(
        unit,
        [
            Opened(
                cause,
                f"{cause.code}:{row.connection_id.hex}:{row.kind}:{error.error_code}"[:400],
                evidence,
                [Member("delivery", row.id, row.order_id)],
                connection_id=row.connection_id,
            )
        ],
    )
    unit.event("delivery.dead", "delivery", row.id, {"code": error.error_code}, order_id=row.order_id)


def _stock_not_told(unit: Unit, connection_id: UUID, payload: dict[str, Any], error: CrossdockError) -> None:
    """Have a channel told again of what did not arrive, but not of what it refuses: it would refuse without end.

    Of a push that names the items it refuses (`items` of a Rejected) the others were set. Refused items are told again
    when their stock changes, or when a person sends the dead letter again.
    """
    items = payload.get("items", [])
    if isinstance(error, Rejected):
        refused = {each["sku"] for each in error.data.get("items", ())} or {each["sku"] for each in items}
        taken = [each for each in items if each["sku"] not in refused]
        channel_stock.note_pushed(unit, connection_id, {"items": taken})
    else:
        channel_stock.mark_skus(unit, connection_id, [each["sku"] for each in items])
