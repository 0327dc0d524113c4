"""Which orders: the filters of the API and the CLI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, func, select

from core.domain.ids import parse_id, public_id
from core.domain.states import OrderState
from core.domain.vocabulary import Phase
from core.store import schema as t
from core.store.read.orders import read_orders
from core.store.read.page import Listed, Slice, joined, only, require_named, rows_by_id, since, sold_as
from core.store.read.text import money
from core.store.unit import DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What narrows the list; everything given must hold.

    Attributes:
        phase, state: any of these.
        connection: name of the connection it came by.
        number, external_id: exactly as stored.
        email: of the buyer, in any case.
        sku: of one of its lines.
        tracking: tracking number of one of its shipments.
        since: changed then or later.
        placed_since: placed then or later.
    """

    phase: Sequence[str] = ()
    state: Sequence[str] = ()
    connection: str | None = None
    number: str | None = None
    external_id: str | None = None
    email: str | None = None
    sku: str | None = None
    tracking: str | None = None
    since: datetime | None = None
    placed_since: datetime | None = None


def list_orders(conn: Connection, where: OrderFilter, piece: Slice, tenant: int = DEFAULT_TENANT) -> Listed:
    """Return a page of orders, the newest received first."""
    o = t.orders.c
    query = only(
        select(o.id),
        t.orders,
        tenant,
        phase=(o.phase, where.phase, Phase),
        state=(o.state, where.state, OrderState),
        number=(o.number, where.number),
        external_id=(o.external_id, where.external_id),
        email=(func.lower(o.buyer_email), where.email and where.email.lower()),
    )
    require_named(conn, t.connection, t.connection.c.name, where.connection, tenant)
    if where.connection is not None:
        query = query.join(t.connection, joined(t.orders, t.connection, o.connection_id)).where(
            t.connection.c.name == where.connection
        )
    if where.sku is not None:
        query = query.where(sold_as(o.id, where.sku, tenant))
    if where.tracking is not None:
        s = t.shipment.c
        query = query.where(
            exists().where(s.tenant_id == tenant, s.order_id == o.id, s.tracking_number == where.tracking)
        )
    query = since(since(query, o.updated_at, where.since), o.placed_at, where.placed_since)
    rows, after = rows_by_id(conn, query, o.id, piece)
    return Listed(read_orders(conn, [row.id for row in rows], tenant), after)


def list_with_totals(conn: Connection, where: OrderFilter, piece: Slice, tenant: int = DEFAULT_TENANT) -> Listed:
    """Return a page of orders, each with `order`, what its partner calls it, and `total`, what it comes to.

    A part by store is called by the number of the whole and its store. Where the source states no total, it is what
    lines and charges come to.
    """
    found = list_orders(conn, where, piece, tenant)
    o = t.orders.c
    ids = [parse_id("order", row["id"]) for row in found.data]
    split = o.body["split_from"].as_string().is_not(None).label("split")
    query = select(o.id, o.number, o.external_id, o.total, split).where(o.tenant_id == tenant, o.id.in_(ids))
    rows = {public_id("order", row.id): row for row in conn.execute(query)}
    return Listed(
        [
            {
                **order,
                "order": row.external_id if row.split else row.number or row.external_id,
                "total": money(row.total, order["currency"]),
            }
            for order in found.data
            if (row := rows[order["id"]])
        ],
        found.after,
    )
