"""Recommended actions: what "apply" does for each kind of case, with the same services everything else uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.states import LIVE_CASE, MESSAGE
from core.domain.units import is_counted, is_part
from core.domain.vocabulary import HoldKind
from core.errors import Conflict, InputError, NotFound, Refused
from core.services import channel_stock, connections
from core.services.catalog import add_reference, connection_named, resolve_skus, units_of
from core.services.facts import Facts
from core.services.fulfilling import source_again
from core.services.holds import Stopped, end_holds, holds_of_case, place
from core.services.replaying import live_members, replay_message, retry_delivery
from core.services.validation import part_of_unit
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
        raise Refused(
            "Nothing can be applied to this exception.",
            why="Only a person can tell what is right.",
            fix="Settle it, then resolve it and say how in `resolution`.",
            code="CASE-ACTION-403",
        )
    given = {**case.recommended.get("args", {}), **(args or {})}
    done = ACTIONS[action](unit, facts, case, given)
    unit.event("exception.applied", "case", case_id, {"action": action, "done": done})
    return {"action": action, "done": done}


def _map_sku(unit: Unit, facts: Facts, case: Row[Any], args: Arguments) -> int:
    """Make the unknown code a reference of an item, and let every order go that waited only for it."""
    sku, code = args.get("sku"), args.get("code")
    if not sku or not code:
        raise InputError("Say which item the code means.", fix='Give {"sku": "…"}.', code="CASE-SKU-422")
    found = resolve_skus(unit, {(case.connection_id, str(sku))})
    item = found.get((case.connection_id, str(sku)))
    if item is None:
        raise InputError(f"No item has the SKU {sku!r}.", code="ITEM-SKU-404")
    add_reference(unit, item, "seller", str(code), case.connection_id)
    return fill_lines(unit, facts, case.connection_id, str(code), item)


def fill_lines(unit: Unit, facts: Facts, connection_id: UUID, code: str, item: UUID) -> int:
    """Give held lines with this code their item and end their holds; return how many orders that were.

    A line that asks for a part of a piece is held for that instead.
    """
    own = units_of(unit, [item])[item]
    rows = unit.conn.execute(
        text(
            """
            SELECT h.id, h.order_id, h.line_id, o.total, l.position, l.quantity - l.canceled AS units FROM hold h
            JOIN orders o ON o.tenant_id = h.tenant_id AND o.id = h.order_id AND o.connection_id = :c
            LEFT JOIN order_line l ON l.tenant_id = h.tenant_id AND l.id = h.line_id
            WHERE h.tenant_id = :t AND h.state = 'active' AND h.kind = :kind AND h.detail = :code
            ORDER BY h.order_id, h.id
            """
        ),
        {"t": unit.tenant, "c": connection_id, "kind": str(HoldKind.UNMAPPED_SKU), "code": code},
    ).all()
    by_order: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        by_order.setdefault(row.order_id, []).append(row)
    lock_orders(unit, by_order)
    parts = [row for row in rows if row.units is not None and is_part(row.units)] if is_counted(own) else []
    place(
        unit,
        facts,
        [
            Stopped(
                row.order_id, connection_id, row.total, [row.line_id],
                [part_of_unit(row.position, row.units, own, 0)],
            )
            for row in parts
        ],
    )  # fmt: skip
    for order_id, holds in by_order.items():
        unit.conn.execute(
            text("UPDATE order_line SET item_id = :i WHERE tenant_id = :t AND id = ANY(:lines) AND item_id IS NULL"),
            {"i": item, "t": unit.tenant, "lines": [hold.line_id for hold in holds]},
        )
        end_holds(unit, order_id, [hold.id for hold in holds])
    return len(by_order)


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
    "map_sku": _map_sku,
    "release_holds": _release_holds,
    "source_again": _source_again,
    "replay_messages": _replay_messages,
    "retry_deliveries": _retry_deliveries,
    "resume_connection": _resume,
    "push_stock_again": _push_stock_again,
}


def end_known_skus(unit: Unit, facts: Facts) -> int:
    """End holds for codes that have got a meaning since, by an import or a new reference; return how many orders."""
    rows = unit.conn.execute(
        text(
            """
            SELECT DISTINCT o.connection_id, h.detail FROM hold h
            JOIN orders o ON o.tenant_id = h.tenant_id AND o.id = h.order_id
            WHERE h.tenant_id = :t AND h.state = 'active' AND h.kind = :kind LIMIT 500
            """
        ),
        {"t": unit.tenant, "kind": str(HoldKind.UNMAPPED_SKU)},
    ).all()
    known = resolve_skus(unit, {(row.connection_id, row.detail) for row in rows})
    if not known:
        return 0
    # One code a round: its orders are locked together, and other codes' orders would come out of order after them.
    (connection_id, code), item = sorted(known.items())[0]
    return fill_lines(unit, facts, connection_id, code, item)
