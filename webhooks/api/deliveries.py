"""Deliveries: every outgoing write, its attempts, and sending it again."""

from __future__ import annotations

from marshmallow import fields
from sqlalchemy import Connection

from core.domain.ids import parse_id
from core.services.replaying import retry_delivery
from core.store.read.page import Json, Listed, Slice
from core.store.read.plumbing import list_deliveries, read_delivery
from core.store.unit import Unit
from webhooks.api.blueprint import ApiBlueprint, PageQuery, word, words

routes = ApiBlueprint("deliveries", "What goes out to partners.")
READ, WRITE = "deliveries:read", "deliveries:write"


class DeliveryQuery(PageQuery):
    """What narrows the list of deliveries."""

    state, kind = words(), words()
    connection, order, fulfillment = word(), word(), word()
    since = fields.AwareDateTime(load_default=None, metadata={"description": "Created then or later."})


@routes.lists("/deliveries", scope=READ, shape="Delivery", query=DeliveryQuery, keeps=True)
def list_all_deliveries(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List deliveries, newest first."""
    order, fulfillment = query.pop("order"), query.pop("fulfillment")
    return list_deliveries(
        conn,
        piece,
        order_id=parse_id("order", order) if order else None,
        fulfillment_id=parse_id("fulfillment", fulfillment) if fulfillment else None,
        created_since=query.pop("since"),
        **query,
    )


@routes.reads("/deliveries/<delivery>", scope=READ, shape="DeliveryFull")
def get_delivery(conn: Connection, delivery: str) -> Json:
    """Return one delivery with its payload and attempts."""
    return read_delivery(conn, parse_id("delivery", delivery))


@routes.writes("/deliveries/<delivery>/retry", scope=WRITE, shape="DeliveryFull")
def retry(unit: Unit, delivery: str) -> Json:
    """Send a dead delivery again; the partner is asked first whether it has it already."""
    delivery_id = parse_id("delivery", delivery)
    retry_delivery(unit, delivery_id)
    return read_delivery(unit.conn, delivery_id, unit.tenant)
