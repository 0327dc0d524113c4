"""Recommended actions: what "apply" does for each kind of case, with the same services everything else uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.cases import SHORTFALL
from core.domain.states import LIVE_CASE, MESSAGE
from core.domain.ways import NEEDED, require_said
from core.errors import Conflict, InputError, NotFound, Refused
from core.ports.connectors import Connectors
from core.services import channel_stock, connections
from core.services.agreed_papers import send_agreed
from core.services.canceling import cancel_order
from core.services.catalog import connection_named, resolve_skus
from core.services.edi_rejecting import reject_documents
from core.services.elsewhere import source_elsewhere
from core.services.facts import Facts
from core.services.fulfilling import source_again
from core.services.giving_address import give_address
from core.services.holds import end_holds, holds_of_case
from core.services.line_meanings import map_code
from core.services.replaying import (
    discard_message,
    live_members,
    replay_message,
    retry_delivery,
    take_as_change,
    what_follows,
)
from core.services.unreleasable import refuse_release
from core.store.locks import lock_orders, lock_whole_orders
from core.store.unit import Unit

Arguments = Mapping[str, Any]
SEND_PAPER = "send_paper"


def apply_case(
    unit: Unit,
    facts: Facts,
    connectors: Connectors,
    case_id: UUID,
    args: Arguments | None = None,
    action: str | None = None,
) -> dict[str, Any]:
    """Carry out a case's recommended action, or another of its ways out, and return {action, done: count, note}.

    `note` says what is yet to come of it, where what was asked for is done by others later, and what could not be done.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        connectors: opens a partner's connector, which knows what papers were agreed with him.
        case_id: the case.
        args: what the person adds to or changes in the recommended arguments, such as the SKU an alias is for.
        action: one of the case's `alternatives`; the recommended one by default.

    Raises:
        NotFound: there is no such case.
        Conflict: it is closed already, or a paper it is about cannot leave.
        Refused: only a person can tell what to do about it.
        InputError: an argument is missing or wrong, or the case has no such way out.
    """
    case = unit.conn.execute(
        text("SELECT * FROM exception_case WHERE tenant_id = :t AND id = :id FOR NO KEY UPDATE"),
        {"t": unit.tenant, "id": case_id},
    ).one_or_none()
    if case is None:
        raise NotFound(f"There is no exception exc_{case_id.hex}.")
    if case.state not in LIVE_CASE:
        raise Conflict(f"The exception is {case.state} already.", code="CASE-CLOSED-409")
    way = _way(case, action)
    chosen = str(way["action"])
    given = {**(way.get("args") or {}), **(args or {})}
    fields = way.get("fields") or NEEDED.get(chosen, ())
    require_said(chosen, fields, given, recommended=way is case.recommended)
    note = what_follows(unit, case_id) if chosen == "take_as_change" else None
    if chosen == "source_again" and case.code == SHORTFALL.code:
        done, note = source_elsewhere(unit, facts, case_id)
    elif chosen == SEND_PAPER:
        done = _send_papers(unit, facts, connectors, case)
    else:
        done = ACTIONS[chosen](unit, facts, case, given)
    unit.event("exception.applied", "case", case_id, {"action": chosen, "done": done})
    return {"action": chosen, "done": done, **({"note": note} if note else {})}


def done_in_words(answer: Mapping[str, Any]) -> str:
    """Return what came of what `apply_case` returned, in words."""
    return str(answer.get("note") or f"{answer['done']} done")


def _way(case: Row[Any], action: str | None) -> Mapping[str, Any]:
    """Return the way out of a case that was chosen, as the case keeps it."""
    others = {str(each["action"]): each for each in case.alternatives or ()}
    best: Mapping[str, Any] = case.recommended or {}
    if best.get("action") in KNOWN and action in (None, best["action"]):
        return best
    if action is None:
        named = f" Or choose one of its other ways out: {', '.join(others)}." if others else ""
        raise Refused(
            "Nothing can be applied to this exception.",
            why="Only a person can tell what is right.",
            fix=f"{best.get('label') or 'Settle it'}. What does not end by itself is then resolved: say how in "
            f"`resolution`.{named}",
            code="CASE-ACTION-403",
        )
    if action not in others:
        known = [str(best["action"])] if best.get("action") in KNOWN else []
        raise InputError(
            f"{action[:60]!r} is no way out of this exception.",
            fix=f"Choose one of: {', '.join([*known, *others])}." if known or others else "It has none to be applied.",
            code="CASE-ACTION-422",
        )
    found: Mapping[str, Any] = others[action]
    return found


def _release_holds(unit: Unit, _facts: Facts, case: Row[Any], args: Arguments) -> int:
    orders = lock_whole_orders(unit, live_members(unit, case.id, "order"))
    for order in orders.values():
        holds = holds_of_case(unit, case, order.id, str(args.get("kind")))
        refuse_release(unit, order, holds)
        end_holds(unit, order, holds)
    return len(orders)


def _source_again(unit: Unit, _facts: Facts, case: Row[Any], _args: Arguments) -> int:
    orders = sorted(live_members(unit, case.id, "order"))
    lock_orders(unit, orders)
    for order_id in orders:
        source_again(unit, order_id)
    return len(orders)


def _replay_messages(unit: Unit, _facts: Facts, case: Row[Any], _args: Arguments) -> int:
    done = 0
    for message_id in live_members(unit, case.id, "message"):
        state = unit.conn.execute(
            text("SELECT state FROM message WHERE tenant_id = :t AND id = :id"), {"t": unit.tenant, "id": message_id}
        ).scalar_one_or_none()
        if state is not None and MESSAGE.may(state, "replay"):
            replay_message(unit, message_id)
            done += 1
    return done


def _discard_messages(unit: Unit, _facts: Facts, case: Row[Any], args: Arguments) -> int:
    done = 0
    for message_id in live_members(unit, case.id, "message"):
        discard_message(unit, message_id, str(args["reason"]))
        done += 1
    return done


def _take_as_change(unit: Unit, _facts: Facts, case: Row[Any], _args: Arguments) -> int:
    messages = live_members(unit, case.id, "message")
    for message_id in messages:
        take_as_change(unit, message_id)
    return len(messages)


def _cancel_orders(unit: Unit, facts: Facts, case: Row[Any], args: Arguments) -> int:
    orders = sorted(live_members(unit, case.id, "order"))
    lock_orders(unit, orders)
    for order_id in orders:
        cancel_order(unit, facts, order_id, None, str(args["reason"]))
    return len(orders)


def _retry_deliveries(unit: Unit, _facts: Facts, case: Row[Any], _args: Arguments) -> int:
    done = 0
    for delivery_id in live_members(unit, case.id, "delivery"):
        state = unit.conn.execute(
            text("SELECT state FROM delivery WHERE tenant_id = :t AND id = :id"), {"t": unit.tenant, "id": delivery_id}
        ).scalar_one_or_none()
        if state == "dead":
            retry_delivery(unit, delivery_id)
            done += 1
    return done


def _send_papers(unit: Unit, facts: Facts, connectors: Connectors, case: Row[Any]) -> int:
    papers = live_members(unit, case.id, "paper")
    for paper_id in papers:
        send_agreed(unit, facts, connectors, paper_id)
    return len(papers)


def _resume(unit: Unit, _facts: Facts, case: Row[Any], _args: Arguments) -> int:
    connections.resume(unit, case.connection_id)
    return 1


def _push_stock_again(unit: Unit, _facts: Facts, _case: Row[Any], args: Arguments) -> int:
    connection = connection_named(unit, str(args["connection"]))
    items = resolve_skus(unit, {(connection.id, str(args["sku"]))})
    channel_stock.mark(unit, connection.id, list(items.values()))
    return len(items)


ACTIONS: Mapping[str, Callable[[Unit, Facts, Row[Any], Arguments], int]] = {
    "map_sku": map_code,
    "release_holds": _release_holds,
    "source_again": _source_again,
    "replay_messages": _replay_messages,
    "discard_messages": _discard_messages,
    "reject_documents": reject_documents,
    "take_as_change": _take_as_change,
    "cancel_orders": _cancel_orders,
    "give_address": give_address,
    "retry_deliveries": _retry_deliveries,
    "resume_connection": _resume,
    "push_stock_again": _push_stock_again,
}
KNOWN = frozenset({*ACTIONS, SEND_PAPER})
