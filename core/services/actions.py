"""Recommended actions: what "apply" does for each kind of case, with the same services everything else uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.states import LIVE_CASE, MESSAGE
from core.errors import Conflict, NotFound, Refused
from core.services import channel_stock, connections
from core.services.catalog import connection_named, resolve_skus
from core.services.facts import Facts
from core.services.fulfilling import source_again
from core.services.holds import end_holds, holds_of_case
from core.services.line_meanings import map_code
from core.services.replaying import live_members, replay_message, retry_delivery
from core.store.locks import lock_orders
from core.store.unit import Unit

Arguments = Mapping[str, Any]


def apply_case(unit: Unit, facts: Facts, case_id: UUID, args: Arguments | None = None) -> dict[str, Any]:
    """Carry out a case's recommended action and return {action, done: count}.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        case_id: the case.
        args: what the person adds to or changes in the recommended arguments, such as the SKU an alias is for.

    Raises:
        NotFound: there is no such case.
        Conflict: it is closed already.
        Refused: only a person can tell what to do about it.
        InputError: an argument is missing or wrong.
    """
    case = unit.conn.execute(
        text("SELECT * FROM exception_case WHERE tenant_id = :t AND id = :id FOR NO KEY UPDATE"),
        {"t": unit.tenant, "id": case_id},
    ).one_or_none()
    if case is None:
        raise NotFound(f"There is no exception exc_{case_id.hex}.")
    if case.state not in LIVE_CASE:
        raise Conflict(f"The exception is {case.state} already.", code="CASE-CLOSED-409")
    action = str((case.recommended or {}).get("action"))
    if action not in ACTIONS:
        label = (case.recommended or {}).get("label")
        raise Refused(
            "Nothing can be applied to this exception.",
            why="Only a person can tell what is right.",
            fix=f"{label or 'Settle it'}. What does not end by itself is then resolved: say how in `resolution`.",
            code="CASE-ACTION-403",
        )
    given = {**case.recommended.get("args", {}), **(args or {})}
    done = ACTIONS[action](unit, facts, case, given)
    unit.event("exception.applied", "case", case_id, {"action": action, "done": done})
    return {"action": action, "done": done}


def _release_holds(unit: Unit, _facts: Facts, case: Row[Any], args: Arguments) -> int:
    done = 0
    orders = sorted(live_members(unit, case.id, "order"))
    lock_orders(unit, orders)
    for order_id in orders:
        end_holds(unit, order_id, holds_of_case(unit, case, order_id, str(args.get("kind"))))
        done += 1
    return done


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
    "retry_deliveries": _retry_deliveries,
    "resume_connection": _resume,
    "push_stock_again": _push_stock_again,
}
