"""Refunds: money the channels have given back."""

from __future__ import annotations

from marshmallow import fields
from sqlalchemy import Connection

from core.domain.ids import parse_id
from core.store.read.page import Json, Listed, Slice
from core.store.read.refunds import list_refunds, read_refund
from webhooks.api.blueprint import ApiBlueprint, PageQuery, word

routes = ApiBlueprint("refunds", "Money the channels have given back.")
READ = "refunds:read"


class RefundQuery(PageQuery):
    """What narrows the list of refunds."""

    order, connection, external_id = word(), word(), word()
    since = fields.AwareDateTime(load_default=None, metadata={"description": "Given back then or later."})


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
