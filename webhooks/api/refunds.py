"""Refunds: money given back, by channels or to partners."""

from __future__ import annotations

from marshmallow import fields, validate
from sqlalchemy import Connection

from core.domain.documents import MAX_LINES, NOT_NEGATIVE, Strict, a_quantity, a_text
from core.domain.ids import parse_id
from core.services import audit
from core.services.refunding import refund_order
from core.store.locks import lock_order
from core.store.read.page import Json, Listed, Slice
from core.store.read.refunds import list_refunds, read_refund
from core.store.unit import Unit
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, require_version, word
from webhooks.runtime import facts

routes = ApiBlueprint("refunds", "Money given back, by channels or to partners.")
READ, WRITE = "refunds:read", "refunds:write"


class RefundQuery(PageQuery):
    """What narrows the list of refunds."""

    order, connection, external_id = word(), word(), word()
    since = fields.AwareDateTime(load_default=None, metadata={"description": "Given back then or later."})


class RefundedLineBody(Strict):
    """What is given back of one line, named by its id (`lin_…`), external id or SKU.

    `cancel` takes open units off the order, `return` brings back what was shipped, `none` is money only.
    """

    line = a_text(128, required=True)
    quantity = a_quantity(NOT_NEGATIVE, required=False)
    restock = fields.String(load_default="none", validate=validate.OneOf(["cancel", "return", "none"]))
    amount = a_quantity(NOT_NEGATIVE, required=False)


class RefundBody(Strict):
    """What is given back of an order; without any amount it is units alone, and no credit note is made."""

    external_id = a_text(128)
    amount = a_quantity(required=False)
    note = a_text()
    lines = fields.List(fields.Nested(RefundedLineBody), validate=validate.Length(min=1, max=MAX_LINES))


@routes.writes("/orders/<order>/refunds", scope=WRITE, shape="Refund", body=RefundBody, status=201, also=(200,))
def post_refund(unit: Unit, body: Json, order: str) -> Answer:
    """Give back money or units of a partner's order; a credit note then leaves by itself.

    The same `external_id` again is the same refund and is answered with 200. Orders of shops are refunded at the shop.
    """
    order_id = parse_id("order", order)
    require_version(lock_order(unit, order_id).version)
    refund_id, new = refund_order(unit, facts(unit), order_id, body)
    shown = read_refund(unit.conn, refund_id, unit.tenant)
    if new:
        audit.record(unit, "order.refunded", order, {"refund": shown["id"], "amount": shown["amount"]})
    return Answer(shown, 201 if new else 200, f"/api/v1/refunds/{shown['id']}")


@routes.lists("/refunds", scope=READ, shape="Refund", query=RefundQuery, keeps=True)
def list_(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List refunds, the newest received first."""
    order = query.pop("order")
    return list_refunds(
        conn, piece, order_id=parse_id("order", order) if order else None, occurred_since=query.pop("since"), **query
    )


@routes.reads("/refunds/<refund>", scope=READ, shape="Refund")
def get_refund(conn: Connection, refund: str) -> Json:
    """Return one refund with its lines."""
    return read_refund(conn, parse_id("refund", refund))
