"""Changes to an order by hand: what is asked for becomes a new picture of the order and goes the way of all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from core.domain.documents import check_document
from core.domain.ids import public_id, uuid7
from core.domain.payloads import jsonable
from core.domain.states import ORDER
from core.domain.units import is_part
from core.domain.vocabulary import DocumentType, HoldKind
from core.errors import InputError
from core.ports.connectors import Json
from core.services.changing import apply_snapshot
from core.services.facts import Facts
from core.services.line_items import clashes, item_of, resolve_lines
from core.services.ordering import Incoming, judge
from core.services.trading import compare_prices, prepare
from core.services.validation import Stop
from core.store import schema as t
from core.store.locks import lock_order
from core.store.read.orders import read_order
from core.store.unit import Unit

# Fields of the order as it is shown that are also fields of the order as it is sent.
SENT = (
    "external_id", "number", "type", "placed_at", "currency", "requested_ship_date", "requested_delivery_date",
    "service_level", "partial_shipment_allowed", "tags", "note", "buyer", "seller", "ship_to", "bill_to", "charges",
    "payments", "totals", "source_version", "source_updated_at", "references", "ship_not_before", "ship_not_after",
    "deliver_not_before", "deliver_not_after",
)  # fmt: skip
SENT_OF_LINE = (
    "external_id", "position", "sku", "item_ref", "title", "quantity", "unit", "unit_price", "discount", "taxes",
    "tax_included", "requires_shipping",
)  # fmt: skip
SAID_OF_NEW = ("sku", "gtin", "buyer_code", "quantity", "title", "unit_price", "discount", "unit", "external_id")
# What changes need to know of a line and its source does not send.
OURS = ("id", "shipped")
# These alter what the order comes to: the totals its source stated are then about another order.
ABOUT_MONEY = frozenset({"quantity", "remove", "add", "price"})


def change_order(unit: Unit, facts: Facts, order_id: UUID, changes: Sequence[Json], reason: str | None) -> Json:
    """Carry out changes to an order and return {id, state, canceled, requested}.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        order_id: the order.
        changes: one after the other; `op` is quantity, remove, add, price, address or note, the other keys are what it
            needs: `line` (id, external id or SKU), `quantity`, `sku`, `title`, `unit_price`, `discount`, `ship_to`,
            `note`.
        reason: why, for the history and the partners.

    Raises:
        NotFound: there is no such order.
        InputError: a change names no line of the order or asks for a part of a piece, or the changed order does not
            fit the canonical model.
    """
    order = lock_order(unit, order_id)
    change_id = uuid7()
    asked = {"asked": jsonable(list(changes))}
    if order.state in ORDER.final or order.state == "canceling":
        answer = f"too late: the order is {order.state}"
        _write(unit, change_id, order_id, asked, "declined", reason, answer)
        return {"id": public_id("change", change_id), "state": "declined", "canceled": {}, "requested": {}}
    document = _picture(read_order(unit.conn, order_id, unit.tenant), _traded(unit, order_id))
    before = _stops(unit, facts, order.connection_id, document)
    for number, change in enumerate(changes):
        _apply(document, change, number)
    document = _sent(document)
    if not document["lines"]:
        raise InputError("An order keeps at least one line.", fix="Cancel the order instead.", code="CHANGE-EMPTY-422")
    if any(change["op"] in ABOUT_MONEY for change in changes):
        document["totals"] = None
    checked = check_document(DocumentType.ORDER, document)
    incoming = Incoming(order.connection_id, checked, correlation=unit.correlation)
    if any(change["op"] == "add" for change in changes):
        prepare(unit, [incoming])
    else:
        compare_prices(unit, incoming)
    apply_snapshot(unit, facts, incoming, order, again=True, before=before)
    _refuse_parts(incoming, changes)
    # The source's last picture stays the one it is compared with: sent again, it does not undo what was changed here.
    unit.conn.execute(
        update(t.orders)
        .where(t.orders.c.tenant_id == unit.tenant, t.orders.c.id == order_id)
        .values(source_hash=order.source_hash)
    )
    effect = _effect(unit, order_id)
    canceled = (effect.changes if effect else {}).get("canceled") or {}
    state = "requested" if canceled.get("requested") else "confirmed"
    if effect is None:
        _write(unit, change_id, order_id, asked, state, reason, None)
    else:
        change_id = effect.id
        unit.conn.execute(
            update(t.change_set)
            .where(t.change_set.c.tenant_id == unit.tenant, t.change_set.c.id == change_id)
            .values(changes={**effect.changes, **asked}, reason=reason)
        )
    return {
        "id": public_id("change", change_id),
        "state": state,
        "canceled": canceled.get("canceled") or {},
        "requested": canceled.get("requested") or {},
    }


def _sent(document: Json) -> Json:
    """Return a picture without what only changes need to know."""
    lines = [{name: value for name, value in line.items() if name not in OURS} for line in document["lines"]]
    return {**document, "lines": lines}


def _stops(unit: Unit, facts: Facts, connection_id: UUID, document: Json) -> list[Stop]:
    """Return what keeps an order from being processed as it is now, whatever of it was released."""
    picture = Incoming(connection_id, check_document(DocumentType.ORDER, _sent(document)))
    lines = picture.document["lines"]
    known = resolve_lines(unit, ((connection_id, line) for line in lines))
    picture.items = [item_of(known, connection_id, line) for line in lines]
    picture.clashes = clashes(known, connection_id, lines)
    compare_prices(unit, picture)
    judge(unit, facts, [picture])
    return picture.stops


def _refuse_parts(incoming: Incoming, changes: Sequence[Json]) -> None:
    """Refuse a change to a part of a piece: who asks for it can be told, and the order is not held for it."""
    asked = [number for number, change in enumerate(changes) if is_part(change.get("quantity") or Decimal(0))]
    stops = [stop for stop in incoming.stops if stop.kind is HoldKind.PART_OF_UNIT]
    if asked and stops:
        raise InputError(
            f"The change does not fit: {stops[0].detail}.",
            fix="Ask for a whole number; an item that is divided needs a unit that is measured, such as KGM or MTR.",
            code="CHANGE-PART-422",
            errors=[{"path": f"changes.{number}.quantity", "reason": "must be a whole number"} for number in asked],
        )


def _traded(unit: Unit, order_id: UUID) -> dict[str, Json]:
    """Return by line the GTIN and the buyer's part number it came with."""
    c = t.order_line.c
    rows = unit.conn.execute(select(c.id, c.trade).where(c.tenant_id == unit.tenant, c.order_id == order_id))
    return {
        public_id("line", row.id): {name: row.trade[name] for name in ("gtin", "buyer_code") if name in row.trade}
        for row in rows
        if row.trade
    }


def _picture(shown: Json, traded: Mapping[str, Json]) -> Json:
    """Return an order as its source would send it now."""
    document = {name: shown[name] for name in SENT if shown[name] is not None}
    document["lines"] = [
        {
            **{name: line[name] for name in SENT_OF_LINE if line[name] is not None},
            **({"removed": line["canceled"]} if line["canceled"] else {}),
        }
        for line in shown["lines"]
    ]
    for line, own in zip(document["lines"], shown["lines"], strict=True):
        line.update({name: own[name] for name in OURS})
        line.update(traded.get(own["id"], {}))
    return document


def _apply(document: Json, change: Json, number: int) -> None:
    op = change["op"]
    if op == "add":
        position = max((line.get("position") or 0 for line in document["lines"]), default=0) + 1
        given = {name: change[name] for name in SAID_OF_NEW if name in change}
        document["lines"].append({"position": position, **given})
    elif op == "address":
        document["ship_to"] = change["ship_to"]
    elif op == "note":
        document["note"] = change.get("note")
    else:
        line = _line(document, change["line"], number)
        wanted = Decimal(0) if op == "remove" else change.get("quantity")
        if wanted is not None and wanted < Decimal(line.get("shipped", "0")):
            raise InputError(
                f"{line['shipped']} units of {name_of(line)} have been shipped already.",
                fix="What has left comes back as a return.",
                code="CHANGE-SHIPPED-422",
                errors=[{"path": f"changes.{number}.quantity", "reason": f"must be at least {line['shipped']}"}],
            )
        if op == "remove":
            document["lines"].remove(line)
        elif op == "quantity":
            line["quantity"], line["removed"] = wanted, Decimal(0)
        else:
            line.update({name: change[name] for name in ("unit_price", "discount") if name in change})


def name_of(line: Json) -> str:
    """Return what people call a line."""
    return str(line.get("sku") or line.get("external_id") or line.get("id"))


def _line(document: Json, name: str, number: int) -> Json:
    found: list[Json] = [
        line for line in document["lines"] if name in (line.get("id"), line.get("external_id"), line.get("sku"))
    ]
    if len(found) != 1:
        why = "The order has no such line." if not found else "Several lines are named like that."
        raise InputError(
            f"{name[:60]!r} is not one line of the order.",
            fix="Name lines by their id (`lin_…`).",
            code="CHANGE-LINE-422",
            errors=[{"path": f"changes.{number}.line", "reason": why}],
        )
    return found[0]


def _effect(unit: Unit, order_id: UUID) -> Any:
    """Return the row `apply_snapshot` wrote under the lock held here, if it changed anything."""
    c = t.change_set.c
    return unit.conn.execute(
        select(c.id, c.changes)
        .where(c.tenant_id == unit.tenant, c.order_id == order_id, c.kind == "edit", c.created_at >= unit.now)
        .order_by(c.id.desc())
        .limit(1)
    ).one_or_none()


def _write(
    unit: Unit, change_id: UUID, order_id: UUID, asked: Json, state: str, reason: str | None, answer: str | None
) -> None:
    unit.conn.execute(
        insert(t.change_set).values(
            tenant_id=unit.tenant,
            id=change_id,
            order_id=order_id,
            kind="edit",
            changes=asked,
            state=state,
            reason=reason,
            answer=answer,
            actor=unit.actor,
            answered_at=unit.now,
        )
    )
