"""Changes a B2B buyer sends: applied to the order as it is now, and refused where everybody sees it when too late."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from sqlalchemy import insert, text

from core.domain.cases import TOO_LATE
from core.domain.ids import uuid7
from core.domain.line_codes import KEPT_CODES
from core.domain.payloads import jsonable
from core.domain.vocabulary import Paper
from core.errors import InputError
from core.ports.connectors import Json
from core.services.agreements import terms_of
from core.services.cases import Member, Opened, open_cases
from core.services.changes import change_order
from core.services.facts import Facts
from core.services.papers import WRITE_OF
from core.services.refunds import order_of
from core.services.responding import lines_of, owe_answer
from core.services.trading import in_unit_price, ordered_as
from core.store import schema as t
from core.store.unit import Unit

SEEN = text(
    "SELECT 1 FROM change_set WHERE tenant_id = :t AND order_id = :o AND kind = 'partner' AND changes->>'change' = :c"
)
KEPT = ("sku", *KEPT_CODES, "title", "quantity", "unit_price", "external_id", "unit")


def apply_change(unit: Unit, facts: Facts, connection_id: UUID, body: Json) -> tuple[UUID, str, str | None]:
    """Apply a change and return (order, applied | duplicate | refused, why it was refused).

    What was shipped cannot be changed: then nothing of the change is done, a case is opened, and the order response
    says the order as it is.

    Raises:
        NotFound: the order has not come in (yet).
    """
    order = order_of(unit, connection_id, body["external_id"])
    number = body.get("change")
    if number and unit.conn.execute(SEEN, {"t": unit.tenant, "o": order.id, "c": number}).first():
        return order.id, "duplicate", None
    why = None
    try:
        with unit.savepoint():
            done = change_order(unit, facts, order.id, _operations(unit, order.id, body), body.get("reason"))
            if done["state"] == "declined":
                why = f"the order is {order.state}"
    except InputError as error:
        why = error.what
    state = "confirmed" if why is None else "declined"
    unit.conn.execute(
        insert(t.change_set).values(
            tenant_id=unit.tenant, id=uuid7(), order_id=order.id, kind="partner",
            changes={"change": number, "lines": jsonable(body["lines"])}, state=state, reason=body.get("reason"),
            answer=why, actor=unit.actor, answered_at=unit.now,
        )
    )  # fmt: skip
    connection = facts.connections.get(connection_id)
    if why is not None:
        _refuse(unit, connection_id, order.id, connection.name if connection else "?", order.number, why)
    terms = terms_of(unit.conn, connection_id, unit.tenant)
    if terms is not None and connection is not None and connection.takes(WRITE_OF[Paper.ORDER_RESPONSE]):
        owe_answer(unit, order.id, connection_id, terms["respond_within_hours"])
    return order.id, "applied" if why is None else "refused", why


def _operations(unit: Unit, order_id: UUID, body: Json) -> list[Json]:
    """Return the change in words of `change_order`, quantities in units of the items."""
    lines = {line.external_id: line for line in lines_of(unit, order_id) if line.external_id is not None}
    found: list[Json] = []
    for index, each in enumerate(body["lines"]):
        if each["op"] == "add":
            said = {name: each[name] for name in KEPT if each.get(name) is not None}
            found.append({"op": "add", **said})
            continue
        line = lines.get(each.get("external_id"))
        if line is None:
            raise InputError(
                f"Line {each.get('external_id')!r} is not in the order.",
                code="CHANGE-LINE-422",
                errors=[{"path": f"lines.{index}.external_id", "reason": "the order has no such line"}],
            )
        name = f"lin_{line.id.hex}"
        if each["op"] == "remove":
            found.append({"op": "remove", "line": name})
            continue
        unit_, per, _ = ordered_as(line)
        per = per if each.get("unit") in (None, unit_) else Decimal(1)
        if each.get("quantity") is not None:
            found.append({"op": "quantity", "line": name, "quantity": each["quantity"] * per})
        if each.get("unit_price") is not None:
            found.append({"op": "price", "line": name, "unit_price": in_unit_price(each["unit_price"], per)})
    if body.get("ship_to"):
        found.append({"op": "address", "ship_to": body["ship_to"]})
    return found


def _refuse(unit: Unit, connection_id: UUID, order_id: UUID, connection: str, number: str | None, why: str) -> None:
    evidence = {"connection": connection, "number": number or f"ord_{order_id.hex}", "detail": why}
    open_cases(
        unit,
        [
            Opened(
                TOO_LATE,
                f"{TOO_LATE.code}:{order_id.hex}",
                evidence,
                [Member("order", order_id, order_id)],
                connection_id=connection_id,
            )
        ],
    )
    unit.event("order.change_refused", "order", order_id, evidence, order_id=order_id)
