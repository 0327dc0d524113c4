"""Cancellations of partners with terms of trade: done as far as can be, answered, and refused where everybody sees it.

A node that has the work is asked first, and the answer waits for what it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.money import plain
from core.domain.payloads import jsonable
from core.domain.states import ORDER
from core.errors import Conflict, InputError
from core.ports.connectors import Json
from core.services.canceling import cancel_order
from core.services.facts import Facts
from core.services.issued import orders_issued
from core.services.order_changes import note_change
from core.services.part_changes import parts_named
from core.services.refunds import line_ids
from core.services.responding import lines_of
from core.services.taken_off import BEFORE, TAKEN, taken_off
from core.store.unit import Unit

SEEN = text(
    "SELECT order_id, state, changes FROM change_set WHERE tenant_id = :t AND order_id = ANY(:o) AND kind = 'partner'"
    " AND changes->>'change' IS NOT DISTINCT FROM :c AND changes->>'cancel' IS NOT NULL"
)

CODES = ("sku", "buyer_code")
SAY = (
    "Lines are taken off by a change (860 with BCH01 04 and POC02 DI, ORDCHG 4 with LIN 2); a cancellation of the whole"
    " lists no lines or all."
)
OVER = (*ORDER.final, "canceling")
"""States of an order of which nothing more can be canceled."""


def apply_cancel(
    unit: Unit, facts: Facts, connection_id: UUID, body: Json, *, traded: bool
) -> tuple[UUID, str, str | None]:
    """Cancel an order, its parts by store or lines of it; return (order, applied | duplicate | refused, why refused).

    Units that nobody works on leave the order at once, nodes are asked for the others. A partner's cancellation is
    answered: what has left stays, and where nothing could be canceled it is refused with a case. The same one again, by
    its number, or of an order that is over by then, changes nothing. One of the whole that lists only some of the
    open lines may mean these, and is refused.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        connection_id: whose order it is.
        body: canonical `order_cancel`.
        traded: whether there are terms of trade with him.

    Raises:
        NotFound: the order has not come in (yet).
        InputError: lines of an order that was split by store, or one of the whole that lists some of the open lines,
            where nobody can be answered.
    """
    orders = orders_issued(unit, connection_id, body["external_id"])
    lines, listed = body.get("lines"), body.get("listed")
    in_part = _in_part(unit, orders, listed) if listed and not lines else None
    if lines and len(orders) > 1:
        raise InputError(
            f"Lines of {body['external_id']} are canceled, and it was split by store: {parts_named(orders)}.",
            fix="Have the buyer say what each store gets (860 with SDQ), or cancel in the parts by hand.",
            code="CHANGE-STORES-422",
        )
    if in_part and not traded:
        raise InputError(in_part, fix=SAY, code="CANCEL-LINES-422")
    if not traded:
        for order in orders:
            named = line_ids(unit, order.id, lines) if lines else None
            cancel_order(unit, facts, order.id, named, body.get("reason"))
        return orders[0].id, "applied", None
    said = {"change": body.get("change"), "cancel": jsonable(lines) or "order"}
    if in_part:
        said = {**said, "cancel": {"listed": jsonable(listed)}, "lines": jsonable(listed)}
    if _came_before(unit, orders, said):
        return orders[0].id, "duplicate", None
    if in_part:
        # Under its number the same is a repeat, and one that says what is meant is done.
        note_change(unit, facts, orders, said, body["external_id"], body.get("reason"), in_part)
        return orders[0].id, "refused", in_part
    refused = [_cancel(unit, facts, order, body, said) for order in orders]
    why = "; ".join(dict.fromkeys(filter(None, refused)))
    return orders[0].id, "refused" if all(refused) else "applied", why or None


def _in_part(unit: Unit, orders: Sequence[Row[Any]], listed: Sequence[Json]) -> str | None:
    """Return why a cancellation of the whole is not done: it lists some of the open lines; None where it lists all."""
    open_ = [
        line for order in orders for line in lines_of(unit, order.id) if line.quantity > line.canceled + line.shipped
    ]
    numbers = {each["external_id"] for each in listed if each.get("external_id")}
    codes = {each[name] for each in listed if not each.get("external_id") for name in CODES if each.get(name)}
    left = {
        str(line.external_id or line.sku): None
        for line in open_
        if line.external_id not in numbers and codes.isdisjoint({line.sku, (line.trade or {}).get("buyer_code")})
    }
    if not left:
        return None
    said = _some(dict.fromkeys(str(each.get("external_id") or each.get("sku") or "?") for each in listed))
    return f"It cancels the whole order and lists {said} of its lines; {_some(left)} are open as well. {SAY}"


def _some(names: Mapping[str, None]) -> str:
    shown = [name[:40] for name in list(names)[:5]]
    return f"{', '.join(shown)}{' …' if len(names) > 5 else ''}"


def _came_before(unit: Unit, orders: Sequence[Row[Any]], said: Json) -> bool:
    values = {"t": unit.tenant, "o": [order.id for order in orders], "c": said["change"]}
    seen = unit.conn.execute(SEEN, values).all()
    same = any(each.changes["cancel"] == said["cancel"] for each in seen)
    # Without a number, one that comes while something is open may be meant anew.
    return same and (said["change"] is not None or all(order.state in OVER for order in orders))


def _cancel(unit: Unit, facts: Facts, order: Row[Any], body: Json, said: Json) -> str | None:
    """Cancel an order, or the part of one, and return why nothing of it was canceled; None where it was or will be."""
    before, why, asked = lines_of(unit, order.id), None, False
    taken: Json = {}
    over = order.state == "canceled"
    if not over:
        try:
            with unit.savepoint():
                named = line_ids(unit, order.id, body["lines"]) if body.get("lines") else None
                done = cancel_order(unit, facts, order.id, named, body.get("reason"))
            asked, why = bool(done["requested"]), _too_late(before) if done["too_late"] else None
            taken = taken_off(before, lines_of(unit, order.id), done["requested"])
        except (Conflict, InputError) as error:
            why = error.what
    left = plain(sum((line.canceled for line in before), Decimal(0)))
    noted = {**said, BEFORE: left}
    note_change(
        unit,
        facts,
        [order],
        noted,
        order.external_id,
        body.get("reason"),
        why,
        asked=asked,
        notes={order.id: {TAKEN: taken}},
    )
    return why


def _too_late(lines: Sequence[Row[Any]]) -> str:
    shipped = [f"{plain(line.shipped)} units of {line.sku}" for line in lines if line.shipped > 0]
    return f"{', '.join(shipped[:3])}{' …' if len(shipped) > 3 else ''} have been shipped, and nothing is open."
