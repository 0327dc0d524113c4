"""Orders: submit, read, cancel, change, hold and release."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request
from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy import Connection, select

from core.domain.documents import AddressSchema, OrderSchema, Strict, a_quantity, a_text, an_amount
from core.domain.ids import parse_id
from core.domain.vocabulary import HoldKind
from core.errors import InputError, NotFound
from core.services.canceling import cancel_order
from core.services.catalog import connection_named
from core.services.changes import change_order
from core.services.holds import place_hold, release_hold
from core.services.submit import submit_order
from core.services.validation import implausible
from core.store import schema as t
from core.store.locks import lock_order
from core.store.read.order_list import OrderFilter, list_orders
from core.store.read.orders import read_order
from core.store.read.page import Json, Listed, Slice
from core.store.read.timeline import read_timeline
from core.store.unit import Unit
from webhooks.api.auth import caller
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, require_version, word, words
from webhooks.api.bounds import Forbidden
from webhooks.api.transactions import previewed
from webhooks.runtime import facts

routes = ApiBlueprint("orders", "Orders, whatever door they came in by.")
READ, WRITE = "orders:read", "orders:write"
# What each change needs, and what it may say besides.
NEEDED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "quantity": (("line", "quantity"), ()),
    "remove": (("line",), ()),
    "add": (("sku", "quantity"), ("title", "unit_price", "discount", "unit", "external_id")),
    "price": (("line", "unit_price"), ("discount",)),
    "address": (("ship_to",), ()),
    "note": ((), ("note",)),
}


class OrderQuery(PageQuery):
    """What narrows the list of orders."""

    phase, state = words(), words()
    connection, number, external_id, sku, tracking, email = (word() for _ in range(6))
    since = fields.AwareDateTime(load_default=None, metadata={"description": "Changed then or later."})
    placed_since = fields.AwareDateTime(load_default=None, metadata={"description": "Placed then or later."})


class UnitsSchema(Strict):
    """Units of one line, named by our line id (`lin_…`), its external id or its SKU."""

    line = a_text(128, required=True)
    quantity = a_quantity()


class CancelSchema(Strict):
    """What to cancel; everything still open without `lines`."""

    lines = fields.List(fields.Nested(UnitsSchema), allow_none=True, validate=validate.Length(min=1, max=2_000))
    reason = a_text(500)


class ChangeSchema(Strict):
    """One change: `op` says what is done, and which of the other fields it needs."""

    op = fields.String(required=True, validate=validate.OneOf(sorted(NEEDED)))
    line = a_text(128)
    quantity = a_quantity(required=False)
    sku, title, unit, external_id = a_text(128), a_text(), a_text(3), a_text(128)
    unit_price, discount = an_amount(), an_amount()
    ship_to = fields.Nested(AddressSchema)
    note = a_text(5_000)

    @validates_schema
    def says_enough(self, data: Json, **_: Any) -> None:
        """Refuse a change that lacks what it needs, or says more than it can mean."""
        needed, allowed = NEEDED.get(data.get("op", ""), ((), ()))
        missing = {name: ["Missing data for required field."] for name in needed if data.get(name) is None}
        odd = {name: [f"Means nothing for {data['op']}."] for name in data.keys() - {"op", *needed, *allowed}}
        if missing or odd:
            raise ValidationError({**missing, **odd})


class ChangesSchema(Strict):
    """Changes, carried out one after the other, and why."""

    changes = fields.List(fields.Nested(ChangeSchema), required=True, validate=validate.Length(min=1, max=500))
    reason = a_text(500)
    preview = fields.Boolean(load_default=False)


class HoldSchema(Strict):
    """Why the order is to wait."""

    kind = fields.String(load_default=str(HoldKind.MANUAL), validate=validate.OneOf([str(kind) for kind in HoldKind]))
    detail = a_text(500, required=True)


@routes.lists("/orders", scope=READ, shape="Order", query=OrderQuery, keeps=True)
def list_all_orders(conn: Connection, piece: Slice, query: dict[str, Any]) -> Listed:
    """List orders, the newest received first."""
    return list_orders(conn, OrderFilter(**query), piece)


@routes.writes("/orders", scope=WRITE, shape="Order", body=OrderSchema, status=201, also=(200,), keeps=True)
def post_order(unit: Unit, document: Json) -> Answer:
    """Submit a canonical order.

    The same `connection` and `external_id` again is the same order: it is updated and answered with 200.
    """
    _refuse_doubtful(unit, document)
    connection_id = _connection(unit, document)
    o = t.orders.c
    known = unit.conn.execute(
        select(o.id).where(
            o.tenant_id == unit.tenant, o.connection_id == connection_id, o.external_id == document["external_id"]
        )
    ).scalar_one_or_none()
    order_id = submit_order(unit, facts(unit), connection_id, document, request.get_data(cache=True))
    shown = read_order(unit.conn, order_id, unit.tenant)
    return Answer(shown, 200 if known else 201, f"/api/v1/orders/{shown['id']}")


def _refuse_doubtful(unit: Unit, document: Json) -> None:
    """Refuse what a channel's order is held for: whoever calls the API can be told at once."""
    found = implausible(document, unit.now)
    seen: set[str] = set()
    for index, line in enumerate(document["lines"]):
        name = line.get("external_id")
        if name is not None and name in seen:
            found.append((f"lines.{index}.external_id", "is another line's too"))
        seen.add(name)
    if found:
        raise InputError(
            f"The order does not fit: {'; '.join(f'{path} {reason}' for path, reason in found[:3])}.",
            errors=[{"path": path, "reason": reason} for path, reason in found[:50]],
        )


def _connection(unit: Unit, document: Json) -> UUID:
    """Return the connection an order belongs to: the one it names, else the one of the key."""
    own, name = caller().connection_id, document.get("connection")
    if name is None:
        if own is None:
            raise InputError(
                "The order names no connection.",
                fix="Send `connection`, such as the `api` a hub is born with, or use a key that belongs to one.",
                errors=[{"path": "connection", "reason": "Missing data for required field."}],
            )
        return own
    try:
        found = UUID(str(connection_named(unit, name).id))
    except NotFound as error:
        raise InputError(
            error.what, fix=error.fix, errors=[{"path": "connection", "reason": "There is no such connection."}]
        ) from None
    if own is not None and own != found:
        raise Forbidden(f"The key belongs to another connection than {name!r}.")
    return found


@routes.reads("/orders/<order>", scope=READ, shape="Order")
def get_order(conn: Connection, order: str) -> Json:
    """Return one order."""
    return read_order(conn, parse_id("order", order))


@routes.reads("/orders/<order>/timeline", scope=READ, shape="Timeline")
def get_timeline(conn: Connection, order: str) -> Json:
    """Return what happened to an order: events, messages, deliveries, decisions, changes."""
    order_id = parse_id("order", order)
    read_order(conn, order_id)
    return {"data": read_timeline(conn, order_id)}


@routes.writes("/orders/<order>/cancel", scope=WRITE, shape="ChangedOrder", body=CancelSchema)
def cancel(unit: Unit, body: Json, order: str) -> Json:
    """Cancel an order, or units of some lines.

    `requested` means that a node works on it already and is asked; `declined` means that nothing is open any more.
    """
    order_id = parse_id("order", order)
    require_version(lock_order(unit, order_id).version)
    shown = read_order(unit.conn, order_id, unit.tenant)
    lines = None if not body.get("lines") else _lines(shown, body["lines"])
    change = cancel_order(unit, facts(unit), order_id, lines, body.get("reason"))
    state = "requested" if change["requested"] else "declined" if change["too_late"] else "confirmed"
    return {
        **read_order(unit.conn, order_id, unit.tenant),
        "change": {"state": state, "canceled": change["canceled"], "requested": change["requested"]},
    }


@routes.writes("/orders/<order>/changes", scope=WRITE, shape="ChangedOrder", body=ChangesSchema)
def change(unit: Unit, body: Json, order: str) -> Json:
    """Change an order by hand: quantities, lines, prices, address or note, all of them or none.

    With `preview` the answer shows the order as it would be, and nothing is changed. `declined` means that it is too
    late; `requested` that a node works on units that are to be canceled, and is asked.
    """
    order_id = parse_id("order", order)
    require_version(lock_order(unit, order_id).version)

    def work() -> Json:
        done = change_order(unit, facts(unit), order_id, body["changes"], body.get("reason"))
        return {**read_order(unit.conn, order_id, unit.tenant), "change": done}

    return previewed(unit, work) if body["preview"] else work()


def _lines(order: Json, wanted: list[Json]) -> dict[UUID, Any]:
    found: dict[UUID, Any] = {}
    for number, each in enumerate(wanted):
        matches = [line for line in order["lines"] if each["line"] in (line["id"], line["external_id"], line["sku"])]
        if len(matches) != 1:
            reason = "The order has no such line." if not matches else "Several lines are named like that."
            raise InputError(
                f"{each['line'][:60]!r} is not one line of the order.",
                fix="Name lines by their id (`lin_…`).",
                errors=[{"path": f"lines.{number}.line", "reason": reason}],
            )
        line_id = parse_id("line", matches[0]["id"])
        found[line_id] = found.get(line_id, 0) + each["quantity"]
    return found


@routes.writes("/orders/<order>/holds", scope=WRITE, shape="Order", body=HoldSchema, status=201)
def hold(unit: Unit, body: Json, order: str) -> Answer:
    """Stop an order until somebody releases it."""
    order_id = parse_id("order", order)
    require_version(lock_order(unit, order_id).version)
    place_hold(unit, facts(unit), order_id, HoldKind(body["kind"]), body["detail"])
    return Answer(read_order(unit.conn, order_id, unit.tenant))


@routes.writes("/orders/<order>/holds/<hold>/release", scope=WRITE, shape="Order")
def release(unit: Unit, order: str, hold: str) -> Json:
    """Release a hold; the order goes on when it was the last."""
    order_id, hold_id = parse_id("order", order), parse_id("hold", hold)
    require_version(lock_order(unit, order_id).version)
    release_hold(unit, order_id, hold_id)
    return read_order(unit.conn, order_id, unit.tenant)
