"""Items and nodes as the API shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select

from core.domain.ids import kind_of, parse_id, public_id
from core.domain.vocabulary import NODE_KINDS
from core.errors import NotFound
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, joined, only, rows_by_text
from core.store.read.text import instant, money, quantity
from core.store.unit import DEFAULT_TENANT


def list_items(
    conn: Connection,
    piece: Slice,
    *,
    sku: Sequence[str] = (),
    gtin: str | None = None,
    code: str | None = None,
    active: bool | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of items by SKU; `code` is what any partner calls them."""
    i, r = t.item.c, t.item_reference.c
    query = only(select(t.item), t.item, tenant, sku=(i.sku, sku), gtin=(i.gtin, gtin), active=(i.active, active))
    if code is not None:
        query = query.where(i.id.in_(select(r.item_id).where(r.tenant_id == tenant, r.code == code)))
    rows, after = rows_by_text(conn, query, [i.sku], piece)
    return Listed(_items(conn, rows, tenant), after)


def read_item(conn: Connection, name: str, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one item by its id (`itm_…`) or SKU.

    Raises:
        NotFound: there is no such item.
    """
    i = t.item.c
    key = i.id == parse_id("item", name) if kind_of(name) == "item" else i.sku == name
    rows = conn.execute(select(t.item).where(i.tenant_id == tenant, key)).all()
    if not rows:
        raise NotFound(f"There is no item {name[:130]!r}.")
    return _items(conn, rows, tenant)[0]


def _items(conn: Connection, rows: Sequence[Row[Any]], tenant: int) -> list[Json]:
    references: defaultdict[UUID, list[Json]] = defaultdict(list)
    components: defaultdict[UUID, list[Json]] = defaultdict(list)
    r, k = t.item_reference.c, t.kit_component.c
    if rows:
        for each in conn.execute(
            select(t.kit_component, t.item.c.sku)
            .join(t.item, joined(t.kit_component, t.item, k.component_id))
            .where(k.tenant_id == tenant, k.kit_id == func.any([row.id for row in rows]), k.ended_at.is_(None))
            .order_by(t.item.c.sku)
        ):
            components[each.kit_id].append({"sku": each.sku, "units": quantity(each.units)})
        for each in conn.execute(
            select(t.item_reference, t.connection.c.name)
            .outerjoin(t.connection, joined(t.item_reference, t.connection, r.connection_id))
            .where(r.tenant_id == tenant, r.item_id == func.any([row.id for row in rows]))
            .order_by(r.scheme, r.code)
        ):
            references[each.item_id].append({"connection": each.name, "scheme": each.scheme, "code": each.code})
    return [
        {
            "id": public_id("item", row.id),
            "sku": row.sku,
            "title": row.title,
            "gtin": row.gtin,
            "unit": row.unit,
            "price": money(row.price, row.currency),
            "currency": row.currency,
            "weight_g": row.weight_g,
            "backorder_limit": quantity(row.backorder_limit),
            "tracking": row.tracking,
            "lot_order": row.lot_order,
            "components": components[row.id],
            "active": row.active,
            "attributes": row.attributes,
            "references": references[row.id],
            "created_at": instant(row.created_at),
            "version": row.version,
        }
        for row in rows
    ]


def list_nodes(
    conn: Connection,
    piece: Slice,
    *,
    kind: Sequence[str] = (),
    country: str | None = None,
    active: bool | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of nodes by code."""
    n = t.node.c
    query = only(
        _NODES, t.node, tenant,
        kind=(n.kind, kind, NODE_KINDS), country=(n.country, country), active=(n.active, active),
    )  # fmt: skip
    rows, after = rows_by_text(conn, query, [n.code], piece)
    return Listed([_node(row) for row in rows], after)


def read_node(conn: Connection, name: str, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one node by its id (`nod_…`) or code.

    Raises:
        NotFound: there is no such node.
    """
    n = t.node.c
    key = n.id == parse_id("node", name) if kind_of(name) == "node" else n.code == name
    row = conn.execute(_NODES.where(n.tenant_id == tenant, key)).one_or_none()
    if row is None:
        raise NotFound(f"There is no node {name[:130]!r}.")
    return _node(row)


_NODES = select(t.node, t.connection.c.name.label("connection_name")).outerjoin(
    t.connection, joined(t.node, t.connection, t.node.c.connection_id)
)


def _node(row: Row[Any]) -> Json:
    return {
        "id": public_id("node", row.id),
        "code": row.code,
        "name": row.name,
        "kind": row.kind,
        "connection": row.connection_name,
        "country": row.country,
        "postal_code": row.postal_code,
        "city": row.city,
        "latitude": row.latitude,
        "longitude": row.longitude,
        "timezone": row.timezone,
        "cutoff": None if row.cutoff is None else row.cutoff.strftime("%H:%M"),
        "active": row.active,
        "off_until": instant(row.off_until),
        "off_reason": row.off_reason,
        "shipment_cost": quantity(row.shipment_cost),
        "unit_cost": quantity(row.unit_cost),
        "distance_cost": quantity(row.distance_cost),
        "capacity_per_day": row.capacity_per_day,
        "stock_mode": row.stock_mode,
        "count_hours": quantity(row.count_hours),
        "count_error": quantity(row.count_error),
        "count_samples": row.count_samples,
        "count_quantile": quantity(row.count_quantile),
        "attributes": row.attributes,
        "created_at": instant(row.created_at),
        "version": row.version,
    }
