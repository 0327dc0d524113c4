"""Changes a B2B buyer sends: applied to the order as it is now, and refused where everybody sees it when too late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, text

from core.domain.ids import uuid7
from core.domain.money import plain
from core.domain.payloads import jsonable
from core.domain.vocabulary import Paper
from core.errors import InputError
from core.ports.connectors import Json
from core.services.agreements import terms_of
from core.services.canceling import cancel_order
from core.services.cases import settle_members
from core.services.change_lines import lines_by_name, operations
from core.services.changes import change_order
from core.services.declined_parts import ASKS, NOT_DONE, asked_now, settle_declined
from core.services.facts import Facts
from core.services.issued import orders_issued
from core.services.papers import WRITE_OF
from core.services.part_changes import shares
from core.services.refusing import mark_of, show_refused
from core.services.responding import lines_of, owe_answer
from core.services.taken_off import BEFORE, TAKEN, taken_off
from core.store import schema as t
from core.store.unit import Unit

PACK_UNKNOWN = "UNIT-PACK-422"
# Key of a change that was refused, with the code of why, where it may be done later on.
REFUSED_FOR = "refused_for"
NOTED = (REFUSED_FOR, TAKEN, BEFORE, ASKS, NOT_DONE)
"""Keys of a change that is kept and that the partner did not say."""
DECLINED = text(
    "SELECT id FROM change_set WHERE tenant_id = :t AND order_id = ANY(:o) AND kind = 'partner' AND state = 'declined'"
)
UNNUMBERED = text(
    "SELECT changes FROM change_set WHERE tenant_id = :t AND order_id = ANY(:o) AND kind = 'partner'"
    " AND state = 'confirmed' AND changes->>'change' IS NULL AND changes->'lines' IS NOT NULL"
)
SEEN = text(
    "SELECT id, order_id, state, changes FROM change_set WHERE tenant_id = :t AND order_id = ANY(:o)"
    " AND kind = 'partner' AND changes->>'change' = :c"
)


def apply_change(unit: Unit, facts: Facts, connection_id: UUID, body: Json) -> tuple[UUID, str, str | None]:
    """Apply a change and return (order, applied | duplicate | refused, why it was refused).

    An order that was split by store is changed in its parts, all of them or none; see `shares`. What was shipped cannot
    be changed: then nothing of the change is done, a case is opened, and the order response says so. A number that
    comes again with the same content is a duplicate. With other content it is a change where the former was refused,
    and refused where it was done: what the former has added would be added twice. One that was refused because nobody
    had said what a pack holds is tried again.

    Raises:
        NotFound: the order has not come in (yet).
    """
    orders = orders_issued(unit, connection_id, body["external_id"])
    orders = [each for each in orders if each.state != "canceled"] or orders
    number = body.get("change")
    ids = [each.id for each in orders]
    said = {"change": number, "lines": jsonable(body["lines"]), "ship_to": jsonable(body.get("ship_to"))}
    seen = unit.conn.execute(SEEN, {"t": unit.tenant, "o": ids, "c": number}).all() if number else ()
    added = [each for each in body["lines"] if each["op"] == "add" and not each.get("external_id")]
    before = unit.conn.execute(UNNUMBERED, {"t": unit.tenant, "o": ids}).all() if added and not number else ()
    alike = [each for each in seen if _content(said, each.changes) == said]
    # A person who has said the pack has the message read again; all else that was refused stays so under its number.
    waited = bool(alike) and all(_waits(each) for each in alike)
    if alike and not waited:
        return alike[0].order_id, "duplicate", None
    why, code, concerned = None, None, list(orders)
    notes: dict[UUID, Json] = {}
    try:
        with unit.savepoint():
            parts = shares(orders, {each: lines_by_name(unit, each) for each in ids}, body)
            concerned = [order for order, _ in parts] or concerned
            _refuse_again(concerned, seen, number)
            _refuse_twice(before, said)
            for order, own in parts:
                if why is None:
                    why, notes[order.id] = _change(unit, facts, order, own)
                if why is not None and len(orders) > 1:
                    # Of an order in parts, all of the change is done or nothing.
                    raise InputError(f"{order.external_id}: {why}", code="CHANGE-LATE-422")
    except InputError as error:
        why, code = error.what, error.error_code
    if waited and code == PACK_UNKNOWN:
        return concerned[0].id, "refused", why
    called = orders[0].number or orders[0].external_id if len(orders) == 1 else body["external_id"]
    if code == PACK_UNKNOWN:
        said[REFUSED_FOR] = code
    note_change(unit, facts, concerned, said, called, body.get("reason"), why, notes=notes)
    if why is None and waited:
        _settle(unit, concerned, alike)
    return concerned[0].id, "applied" if why is None else "refused", why


def _content(said: Json, kept: Json) -> Json:
    """Return what a change that is kept said, in the form of one that comes now."""
    return {"ship_to": said["ship_to"], **{name: value for name, value in kept.items() if name not in NOTED}}


def _waits(change: Row[Any]) -> bool:
    """Return whether a change was refused for a pack that nobody knew then."""
    return bool(change.state == "declined" and change.changes.get(REFUSED_FOR) == PACK_UNKNOWN)


def _settle(unit: Unit, orders: Sequence[Row[Any]], done: Sequence[Row[Any]]) -> None:
    """End the case of changes of these orders that were refused, where those that are done now were the only ones."""
    ids = [order.id for order in orders]
    refused = unit.conn.execute(DECLINED, {"t": unit.tenant, "o": ids}).scalars()
    if set(refused) <= {each.id for each in done}:
        # The case of a part that a node declined is about another change.
        marks = [mark_of(each) for each in {*ids, *(each.order_id for each in done)}]
        settle_members(unit, "order", ids, fingerprints=marks)


def _refuse_twice(before: Sequence[Row[Any]], said: Json) -> None:
    """Refuse what adds lines and was done before, where neither change nor lines have a number: it may be the same one.

    Raises:
        InputError: it came before.
    """
    if any(_content(said, each.changes) == said for each in before):
        raise InputError(
            "The same was done before, and neither the change nor the line it adds has a number by which this one is "
            "another.",
            fix="Have the buyer number his changes (BCH05) if he wants it once more.",
            code="CHANGE-AGAIN-422",
        )


def _refuse_again(orders: Sequence[Row[Any]], seen: Sequence[Row[Any]], number: str | None) -> None:
    """Refuse a change whose number was used for another one that was done to one of the orders it is for.

    Raises:
        InputError: naming the number.
    """
    done = {each.order_id for each in seen if each.state != "declined"}
    if any(order.id in done for order in orders):
        raise InputError(
            f"Change {number} was done before, and came again with other content.",
            fix="Have the buyer send what he wants now under a new number of the change.",
            code="CHANGE-AGAIN-422",
        )


def _change(unit: Unit, facts: Facts, order: Row[Any], body: Json) -> tuple[str | None, Json]:
    """Change an order, or the part of one, and return (why nothing of it was done, what to note beside it).

    The reason is None where it was done.
    """
    asked = operations(unit, order, body)
    gone = {each["line"] for each in asked if each["op"] == "remove"}
    before = lines_of(unit, order.id)
    left = [line for line in before if line.quantity > line.canceled]
    if order.body.get("split_from") and left and all(f"lin_{line.id.hex}" in gone for line in left):
        shipped = next((line for line in left if line.shipped > 0), None)
        if shipped is not None:
            raise InputError(f"{plain(shipped.shipped)} units of {shipped.sku} have been shipped already.",
                             fix="What has left comes back as a return.", code="CHANGE-SHIPPED-422")  # fmt: skip
        done = cancel_order(unit, facts, order.id, None, body.get("reason") or "its store gets nothing any more")
        return None, _noted(unit, order.id, before, done["requested"], lowers=True)
    done = change_order(unit, facts, order.id, asked, body.get("reason"))
    if done["state"] == "declined":
        return f"the order is {order.state}", {}
    have = {f"lin_{line.id.hex}": line.quantity - line.canceled for line in before}
    lowers = all(each["op"] == "remove" or (each["op"] == "quantity" and each["quantity"] <= have[each["line"]])
                 for each in asked)  # fmt: skip
    return None, _noted(unit, order.id, before, done["requested"], lowers=lowers)


def _noted(unit: Unit, order_id: UUID, before: Sequence[Row[Any]], requested: Json, *, lowers: bool) -> Json:
    """Return what is noted beside a change that was done; of one that does no more than lower, a node may undo all."""
    taken = taken_off(before, lines_of(unit, order_id), requested)
    had = plain(sum((line.canceled for line in before), Decimal(0))) if lowers else "-1"
    return {TAKEN: taken, **({BEFORE: had} if requested else {})}


def note_change(
    unit: Unit,
    facts: Facts,
    orders: Sequence[Row[Any]],
    said: Json,
    number: str,
    reason: str | None,
    why: str | None,
    *,
    asked: bool = False,
    notes: Mapping[UUID, Json] | None = None,
) -> None:
    """Write down a change that a partner asked for, and owe him the order responses; refused, a case is opened.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        orders: the locked order, or its parts by store, as it was; all of one connection.
        said: what was asked; `change` is the partner's number of it, `cancel` what is canceled.
        number: what the partner calls the order.
        reason: his reason.
        why: why nothing of it was done; None where it was.
        asked: whether a node was asked first; the answer waits for what it says.
        notes: by order, what is kept beside what was asked: units it took off (`TAKEN`), and where a node was asked
            what was canceled before (`BEFORE`).
    """
    connection_id = orders[0].connection_id
    connection = facts.connections.get(connection_id)
    terms = terms_of(unit.conn, connection_id, unit.tenant)
    answers = connection is not None and connection.takes(WRITE_OF[Paper.ORDER_RESPONSE])
    for order in orders:
        changes = {**said, **((notes or {}).get(order.id, {}) if why is None else {})}
        waits = why is None and (asked or (BEFORE in changes and "cancel" not in changes))
        if waits:
            changes[ASKS] = asked_now(unit, order.id)
        unit.conn.execute(
            insert(t.change_set).values(
                tenant_id=unit.tenant, id=uuid7(), order_id=order.id, kind="partner", changes=changes,
                state="requested" if waits else "confirmed" if why is None else "declined", reason=reason, answer=why,
                actor=unit.actor, answered_at=None if waits else unit.now,
            )
        )  # fmt: skip
        if terms is not None and answers:
            owe_answer(unit, order.id, connection_id, terms["respond_within_hours"])
    if why is not None:
        told = terms is not None and answers
        name = connection.name if connection else "?"
        show_refused(unit, name, orders, number, why, cancels="cancel" in said, told=told)
    else:
        settle_declined(unit, [order.id for order in orders])
