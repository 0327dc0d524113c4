"""Stock positions, the ledger behind them, and what may still be promised."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, and_, func, select
from sqlalchemy import text as sql

from core.domain.ids import public_id
from core.domain.states import ReservationState
from core.domain.vocabulary import MovementKind
from core.errors import NotFound
from core.store import schema as t
from core.store.direct import run
from core.store.read.days import node_days
from core.store.read.page import Json, Listed, Slice, joined, only, require_named, rows_by_id, rows_by_text
from core.store.read.shelves import read_shelves
from core.store.read.text import ZERO, instant, quantity, ref
from core.store.unit import DEFAULT_TENANT
from core.store.working import works

BY_SKU = """
SELECT sku, id, backorder_limit FROM item WHERE tenant_id = %(t)s AND sku = ANY(%(skus)s) AND active
"""
_p = t.stock_position.c
_l = t.stock_lot.c

# The day it is at each node is given with the statement.
_EXPIRED = (
    select(func.coalesce(func.sum(_l.on_hand - _l.promised), 0))
    .where(
        _l.tenant_id == _p.tenant_id, _l.item_id == _p.item_id, _l.node_id == _p.node_id, _l.status == "sellable",
        sql(
            "stock_lot.expires_on < (SELECT d.day FROM unnest(CAST(:places AS uuid[]), CAST(:days AS date[]))"
            " AS d(place, day) WHERE d.place = stock_lot.node_id)"
        ),
    )
    .correlate(t.stock_position)
    .scalar_subquery()
)  # fmt: skip
_POSITIONS = (
    select(t.stock_position, t.item.c.sku, t.node.c.code, _EXPIRED.label("expired"))
    .join(t.item, joined(t.stock_position, t.item, _p.item_id))
    .join(t.node, joined(t.stock_position, t.node, _p.node_id))
)
_m = t.stock_movement.c
_MOVEMENTS = (
    select(t.stock_movement, t.item.c.sku, t.node.c.code)
    .join(t.item, joined(t.stock_movement, t.item, _m.item_id))
    .join(t.node, joined(t.stock_movement, t.node, _m.node_id))
)


def list_positions(
    conn: Connection,
    piece: Slice,
    *,
    sku: Sequence[str] = (),
    node: Sequence[str] = (),
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of stock positions by SKU and node."""
    require_named(conn, t.node, t.node.c.code, node, tenant)
    days = node_days(conn, tenant)
    positions = _POSITIONS.params(places=list(days), days=list(days.values()))
    query = only(positions, t.stock_position, tenant, sku=(t.item.c.sku, sku), node=(t.node.c.code, node))
    rows, after = rows_by_text(conn, query, [t.item.c.sku, t.node.c.code], piece)
    return Listed([_position(row) for row in rows], after)


def read_position(conn: Connection, sku: str, node: str, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one stock position.

    Raises:
        NotFound: this item has no position at this node.
    """
    found = list_positions(conn, Slice(1), sku=[sku], node=[node], tenant=tenant).data
    if not found:
        raise NotFound(f"There is no stock of {sku[:130]!r} at {node[:70]!r}.")
    return found[0]


def _position(row: Row[Any]) -> Json:
    return {
        "sku": row.sku,
        "node": row.code,
        "on_hand": quantity(row.on_hand),
        "reserved": quantity(row.reserved),
        "allocated": quantity(row.allocated),
        "safety": quantity(row.safety),
        "safety_target": quantity(row.safety_target),
        "uncertain": quantity(row.uncertain),
        "available": quantity(_free(row)),
        "backorder_limit": quantity(row.backorder_limit),
        "shortfall": quantity(row.shortfall),
        "counted_at": instant(row.counted_at),
        "version": row.version,
    }


def _free(row: Row[Any]) -> Decimal:
    """Return what may be promised from units that are there; neither expired lots nor the backorder limit are.

    What is kept back (safety, uncertain) is kept from expired lots first: the sum is what `/availability` says.
    """
    free: Decimal = row.on_hand - row.reserved - row.allocated - max(row.safety + row.uncertain, row.expired)
    return max(free, ZERO)


def list_movements(
    conn: Connection,
    piece: Slice,
    *,
    sku: str | None = None,
    node: str | None = None,
    kind: Sequence[str] = (),
    order_id: UUID | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of stock movements, newest first."""
    require_named(conn, t.node, t.node.c.code, node, tenant)
    query = only(
        _MOVEMENTS,
        t.stock_movement,
        tenant,
        sku=(t.item.c.sku, sku),
        node=(t.node.c.code, node),
        kind=(_m.kind, kind, MovementKind),
        order=(_m.order_id, order_id),
    )
    rows, after = rows_by_id(conn, query, _m.id, piece)
    return Listed(
        [
            {
                "number": row.id,
                "sku": row.sku,
                "node": row.code,
                "kind": row.kind,
                "on_hand": quantity(row.on_hand),
                "reserved": quantity(row.reserved),
                "allocated": quantity(row.allocated),
                "uncertain": quantity(row.uncertain),
                "order": ref("order", row.order_id),
                "cause": row.cause,
                "actor": row.actor,
                "at": instant(row.at),
            }
            for row in rows
        ],
        after,
    )


def read_availability(
    conn: Connection, skus: Sequence[str], connection_id: UUID | None = None, tenant: int = DEFAULT_TENANT
) -> list[Json]:
    """Return what may be promised of items now, in all and by node that works, to a connection or to anybody.

    What protection rules keep is left out: anybody is kept from every floor. A kit is available as often
    as its scarcest component at a node allows. `available` is what is there; `promisable` is what an order may be
    promised, with what may be promised beyond it: supply that is expected, and the item's own limit.

    Raises:
        NotFound: one of the SKUs is nobody's.
    """
    wanted = list(dict.fromkeys(skus))
    known = {sku: (item, limit) for sku, item, limit in run(conn, BY_SKU, {"t": tenant, "skus": wanted})}
    if missing := [sku for sku in wanted if sku not in known]:
        raise NotFound(f"There is no active item {', '.join(repr(sku[:130]) for sku in missing[:5])}.")
    shown, promised = read_shelves(conn, [item for item, _ in known.values()], tenant)
    n = t.node.c
    codes = conn.execute(select(n.id, n.code).where(n.tenant_id == tenant, sql(works("node"))).order_by(n.code)).all()
    found = []
    for sku in wanted:
        item, limit = known[sku]
        total, rooms = shown.figures(connection_id, item)
        most, more = (total, rooms) if promised is shown else promised.figures(connection_id, item)
        nodes = []
        for node, code in codes:
            if (units := rooms.get(node)) is not None:
                beyond = max(units if more is rooms else more[node], ZERO)
                available = quantity(units)
                promisable = available if beyond == units else quantity(beyond)
                nodes.append({"node": code, "available": available, "promisable": promisable})
        found.append(
            {
                "sku": sku, "available": quantity(total), "promisable": quantity(most),
                "backorder_limit": quantity(limit), "nodes": nodes,
            }
        )  # fmt: skip
    return found


def list_reservations(
    conn: Connection,
    piece: Slice,
    *,
    state: Sequence[str] = (),
    sku: str | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of soft reservations, newest first."""
    r = t.reservation.c
    query = only(
        select(r.group_id.label("group_id")), t.reservation, tenant, state=(r.state, state, ReservationState)
    ).where(r.group_id.is_not(None))
    if sku is not None:
        query = query.join(t.item, joined(t.reservation, t.item, r.item_id)).where(t.item.c.sku == sku)
    rows, after = rows_by_id(conn, query.distinct(), r.group_id, piece)
    groups = read_reservations(conn, [row.group_id for row in rows], tenant)
    return Listed([groups[row.group_id] for row in rows], after)


def read_reservation(conn: Connection, group_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one soft reservation.

    Raises:
        NotFound: there is no such reservation.
    """
    found = read_reservations(conn, [group_id], tenant)
    if not found:
        raise NotFound(f"There is no reservation {public_id('reservation', group_id)}.")
    return found[group_id]


def read_reservations(conn: Connection, groups: Sequence[UUID], tenant: int = DEFAULT_TENANT) -> dict[UUID, Json]:
    """Return those of these soft reservations that there are."""
    r = t.reservation.c
    found: dict[UUID, Json] = {}
    kit = t.item.alias()
    for row in conn.execute(
        select(t.reservation, t.item.c.sku, t.node.c.code, t.connection.c.name, kit.c.sku.label("kit"))
        .join(t.item, joined(t.reservation, t.item, r.item_id))
        .join(t.node, joined(t.reservation, t.node, r.node_id))
        .outerjoin(t.connection, joined(t.reservation, t.connection, r.connection_id))
        .outerjoin(kit, and_(kit.c.tenant_id == r.tenant_id, kit.c.id == r.kit_id))
        .where(r.tenant_id == tenant, r.group_id.in_(groups))
        .order_by(t.item.c.sku, t.node.c.code, r.id)
    ):
        group = found.setdefault(
            row.group_id,
            {
                "id": public_id("reservation", row.group_id),
                "state": row.state,
                "connection": row.name,
                "expires_at": instant(row.expires_at),
                "created_at": instant(row.created_at),
                "finished_at": instant(row.finished_at),
                "lines": [],
            },
        )
        group["lines"].append({"sku": row.sku, "node": row.code, "quantity": quantity(row.quantity), "kit": row.kit})
    return found
