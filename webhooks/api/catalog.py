"""Items and nodes: the master data everything else names."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from marshmallow import ValidationError, fields, validate, validates
from sqlalchemy import Connection, select

from core.domain.countries import known_country
from core.domain.documents import COUNTRY, ItemSchema, ItemsSchema, Strict, a_text
from core.domain.ids import public_id
from core.domain.quick import NO_NUL, Exact, Real, Whole
from core.domain.vocabulary import NODE_KINDS, StockMode
from core.services.catalog import connection_named, upsert_items, upsert_node
from core.store import schema as t
from core.store.read.catalog import list_items, list_nodes, read_item, read_node
from core.store.read.page import Json, Listed, Slice
from core.store.unit import Unit
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, require_version, word, words
from webhooks.api.routingbodies import NAME

routes = ApiBlueprint("catalog", "Items and nodes.")
COST = validate.Range(0, 10**9)


class ItemQuery(PageQuery):
    """What narrows the list of items; `code` is what any partner calls them."""

    sku = words()
    gtin, code = word(14), word()
    active = fields.Boolean(load_default=None)


class PostedItem(ItemSchema):
    """An item; `connection` says whose codes its references are."""

    connection = a_text(128)


class PostedItems(ItemsSchema):
    """Many items; `connection` says whose codes their references are."""

    connection = a_text(128)


class NodeQuery(PageQuery):
    """What narrows the list of nodes."""

    kind = words()
    country = word(2)
    active = fields.Boolean(load_default=None)


class NodeBody(Strict):
    """A node; what is left out stays as it is."""

    code = fields.String(required=True, validate=NAME)
    name = fields.String(validate=[validate.Length(1, 200), NO_NUL])
    kind = fields.String(validate=validate.OneOf(NODE_KINDS))
    connection = a_text(128)
    country = fields.String(allow_none=True, validate=[COUNTRY, known_country])
    postal_code, city = a_text(32), a_text(200)
    latitude = Real(allow_none=True, validate=validate.Range(-90, 90))
    longitude = Real(allow_none=True, validate=validate.Range(-180, 180))
    timezone = fields.String(validate=validate.Length(1, 64))
    cutoff = fields.String(allow_none=True, validate=validate.Regexp(r"\A([01][0-9]|2[0-3]):[0-5][0-9]\Z"))
    active = fields.Boolean()
    shipment_cost, unit_cost, distance_cost = (Exact(validate=COST) for _ in range(3))
    capacity_per_day = Whole(allow_none=True, validate=validate.Range(0, 10**9))
    stock_mode = fields.String(validate=validate.OneOf([str(each) for each in StockMode]))
    count_hours = Exact(validate=validate.Range(Decimal("0.1"), Decimal(8_760)))
    count_error = Exact(validate=validate.Range(Decimal(0), Decimal(1)))
    count_samples = Whole(validate=validate.Range(0, 100_000))
    count_quantile = Exact(validate=validate.Range(Decimal(0), Decimal(1)))
    attributes = fields.Dict()

    @validates("timezone")
    def known_timezone(self, value: str, **_: Any) -> None:
        """Refuse a time zone nobody knows."""
        if value not in available_timezones():
            raise ValidationError("must be an IANA time zone such as Europe/Berlin")


@routes.lists("/items", scope="items:read", shape="Item", query=ItemQuery)
def list_all_items(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List items by SKU."""
    return list_items(conn, piece, **query)


@routes.reads("/items/<path:item>", scope="items:read", shape="Item")
def get_item(conn: Connection, item: str) -> Json:
    """Return one item by its id or SKU."""
    return read_item(conn, item)


@routes.writes("/items", scope="items:write", shape="Item", body=PostedItem, status=201, also=(200,))
def post_item(unit: Unit, body: Json) -> Answer:
    """Write an item by its SKU; one that is there already is updated and answered with 200."""
    connection = body.pop("connection", None)
    i = t.item.c
    known = unit.conn.execute(
        select(i.version).where(i.tenant_id == unit.tenant, i.sku == body["sku"]).with_for_update(key_share=True)
    ).scalar_one_or_none()
    if known is not None:
        require_version(known)
    upsert_items(unit, [body], connection_named(unit, connection).id if connection else None)
    shown = read_item(unit.conn, body["sku"], unit.tenant)
    return Answer(shown, 200 if known else 201, f"/api/v1/items/{shown['id']}")


@routes.writes("/items/batch", scope="items:write", shape="Written", body=PostedItems)
def post_items(unit: Unit, body: Json) -> Json:
    """Write up to 5,000 items by SKU in one transaction, all or none."""
    connection = body.get("connection")
    found = upsert_items(unit, body["items"], connection_named(unit, connection).id if connection else None)
    return {"data": [{"id": public_id("item", item), "name": sku} for sku, item in sorted(found.items())]}


@routes.lists("/nodes", scope="nodes:read", shape="Node", query=NodeQuery)
def list_all_nodes(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List nodes by code."""
    return list_nodes(conn, piece, **query)


@routes.reads("/nodes/<node>", scope="nodes:read", shape="Node")
def get_node(conn: Connection, node: str) -> Json:
    """Return one node by its id or code."""
    return read_node(conn, node)


@routes.writes("/nodes", scope="nodes:write", shape="Node", body=NodeBody, status=201, also=(200,))
def post_node(unit: Unit, body: Json) -> Answer:
    """Write a node by its code; one that is there already is updated and answered with 200."""
    n = t.node.c
    known = unit.conn.execute(
        select(n.version).where(n.tenant_id == unit.tenant, n.code == body["code"]).with_for_update(key_share=True)
    ).scalar_one_or_none()
    if known is not None:
        require_version(known)
    if body.get("cutoff") is not None:
        body["cutoff"] = time.fromisoformat(body["cutoff"])
    upsert_node(unit, body)
    shown = read_node(unit.conn, body["code"], unit.tenant)
    return Answer(shown, 200 if known else 201, f"/api/v1/nodes/{shown['id']}")
