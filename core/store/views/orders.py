"""The orders list: one filter for the page, its counts, its export and every figure that opens it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Select, and_, case, exists, func, literal, or_, select, union

from core.domain.ids import kind_of, parse_id
from core.domain.states import LIVE_CASE, OrderState
from core.errors import NotFound
from core.store import schema as t
from core.store.views.order_tabs import GONE, TABS, backordered, tab_condition

COUNT_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What narrows the orders list; every field is one parameter of the address.

    Attributes:
        tab: a key of TABS.
        connection: the name of the connection the order came by.
        node: the code of a node that has work for it.
        country: where it goes.
        carrier: who carries a parcel of it.
        hold: the kind of an active hold.
        placed_from, placed_to: when it was placed, the end not included.
        touched: `yes` for orders a person had to look at, `no` for the others.
        shipped: `yes` for orders whose units have all left, `no` for the others.
        waiting: `yes` for orders that are held or backordered.
        text: any identifier of it: ours, the channel's, a tracking number, a SKU, an e-mail address.
    """

    tab: str = "all"
    connection: str = ""
    node: str = ""
    country: str = ""
    carrier: str = ""
    hold: str = ""
    placed_from: datetime | None = None
    placed_to: datetime | None = None
    touched: str = ""
    shipped: str = ""
    waiting: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order as the list shows it."""

    id: UUID
    number: str
    external_id: str
    state: str
    phase: str
    placed_at: datetime
    currency: str
    total: Decimal
    connection: str
    connector: str
    buyer: str | None
    country: str | None
    units: Decimal
    skus: int
    holds: tuple[str, ...]
    nodes: tuple[str, ...]
    carriers: tuple[str, ...]
    case_id: UUID | None
    due_at: datetime | None
    promise_state: str | None
    promise_risk: float | None
    case_title: str | None


def touched(order_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that an order was ever held or part of an exception case."""
    held = exists().where(t.hold.c.tenant_id == t.orders.c.tenant_id, t.hold.c.order_id == order_id)
    member = exists().where(t.case_member.c.tenant_id == t.orders.c.tenant_id, t.case_member.c.order_id == order_id)
    return or_(held, member)


def conditions(tenant: int, wanted: OrderFilter) -> list[ColumnElement[bool]]:
    """Return what an order must meet to be in the list."""
    o = t.orders.c
    found: list[ColumnElement[bool]] = [o.tenant_id == tenant]
    if wanted.tab != "all":
        found.append(tab_condition(tenant, wanted.tab))
    if wanted.connection:
        owner = select(t.connection.c.id).where(
            t.connection.c.tenant_id == tenant, t.connection.c.name == wanted.connection
        )
        found.append(o.connection_id.in_(owner))
    if wanted.node:
        f, n = t.fulfillment_order.c, t.node.c
        work = exists().where(
            f.tenant_id == tenant, f.order_id == o.id, n.tenant_id == tenant, n.id == f.node_id, n.code == wanted.node
        )
        found.append(work)
    if wanted.country:
        found.append(o.ship_country == wanted.country)
    if wanted.carrier:
        s = t.shipment.c
        found.append(exists().where(s.tenant_id == tenant, s.order_id == o.id, s.carrier == wanted.carrier))
    if wanted.hold:
        h = t.hold.c
        found.append(
            exists().where(h.tenant_id == tenant, h.order_id == o.id, h.state == "active", h.kind == wanted.hold)
        )
    if wanted.placed_from:
        found.append(o.placed_at >= wanted.placed_from)
    if wanted.placed_to:
        found.append(o.placed_at < wanted.placed_to)
    if wanted.touched:
        found.append(touched(o.id) if wanted.touched == "yes" else ~touched(o.id))
    if wanted.shipped:
        found.append(o.shipped_at.is_not(None) if wanted.shipped == "yes" else o.shipped_at.is_(None))
    if wanted.waiting:
        found += [or_(o.phase == "held", backordered(tenant)), o.state.not_in((*GONE, OrderState.COMPLETED))]
    if wanted.text:
        found.append(o.id.in_(matching(tenant, wanted.text)))
    return found


def matching(tenant: int, text: str) -> Select[tuple[UUID]]:
    """Return the ids of orders that any identifier names; each branch is an index look-up."""
    o, s, f, n = t.orders.c, t.shipment.c, t.fulfillment_order.c, t.order_line.c
    accounts = select(t.connection.c.id).where(t.connection.c.tenant_id == tenant)
    branches: list[Select[tuple[UUID]]] = [
        select(o.id).where(o.tenant_id == tenant, o.number.in_([text, f"#{text}"])),
        select(o.id).where(o.tenant_id == tenant, o.connection_id.in_(accounts), o.external_id == text),
        select(s.order_id).where(s.tenant_id == tenant, s.tracking_number == text),
        select(f.order_id).where(f.tenant_id == tenant, f.number == text),
        select(n.order_id).join(
            t.item, and_(t.item.c.tenant_id == n.tenant_id, t.item.c.id == n.item_id)
        ).where(n.tenant_id == tenant, t.item.c.sku == text),
    ]  # fmt: skip
    if "@" in text:
        branches.append(select(o.id).where(o.tenant_id == tenant, func.lower(o.buyer_email) == text.lower()))
    if kind_of(text) == "order":
        with suppress(NotFound):
            branches.append(select(literal(parse_id("order", text), t.orders.c.id.type)))
    return select(union(*branches).subquery().c[0])


def total(conn: Connection, tenant: int, wanted: OrderFilter) -> int:
    """Return how many orders the filter finds; COUNT_LIMIT + 1 stands for more than COUNT_LIMIT."""
    some = select(literal(1)).select_from(t.orders).where(*conditions(tenant, wanted)).limit(COUNT_LIMIT + 1)
    return int(conn.execute(select(func.count()).select_from(some.subquery())).scalar_one())


def tab_counts(conn: Connection, tenant: int, wanted: OrderFilter) -> dict[str, int]:
    """Return how many orders each tab holds under the same filter."""
    columns = [func.count().label("all")]
    columns += [func.count().filter(tab_condition(tenant, name)).label(name) for name in TABS if name != "all"]
    base = conditions(tenant, replace(wanted, tab="all"))
    return dict(conn.execute(select(*columns).where(*base)).mappings().one())


def page(
    conn: Connection,
    tenant: int,
    wanted: OrderFilter,
    *,
    before: UUID | None = None,
    newest: UUID | None = None,
    limit: int = 50,
) -> tuple[list[OrderRow], UUID | None]:
    """Return orders, newest arrival first, and where the next page begins.

    Args:
        before: only orders that came before this one.
        newest: no orders that came after this one, so that a page that is read again keeps its rows.
        limit: rows at most.
    """
    query = select(t.orders.c.id).where(*conditions(tenant, wanted))
    if before:
        query = query.where(t.orders.c.id < before)
    if newest:
        query = query.where(t.orders.c.id <= newest)
    ids = [row.id for row in conn.execute(query.order_by(t.orders.c.id.desc()).limit(limit + 1))]
    more = ids[limit - 1] if len(ids) > limit else None
    return rows(conn, tenant, ids[:limit]), more


def newer(conn: Connection, tenant: int, wanted: OrderFilter, than: UUID) -> int:
    """Return how many orders of the list came after a given one."""
    query = select(func.count()).where(*conditions(tenant, wanted), t.orders.c.id > than)
    return int(conn.execute(query).scalar_one())


def every(conn: Connection, tenant: int, wanted: OrderFilter, size: int = 500) -> Iterator[OrderRow]:
    """Yield all orders of the list, for the export, a batch at a time."""
    before: UUID | None = None
    while True:
        found, before = page(conn, tenant, wanted, before=before, limit=size)
        yield from found
        if before is None:
            return


def rows(conn: Connection, tenant: int, ids: Sequence[UUID]) -> list[OrderRow]:
    """Return the list rows of these orders, newest first."""
    if not ids:
        return []
    o, n, h, f, s, m, e, p = (
        t.orders.c,
        t.order_line.c,
        t.hold.c,
        t.fulfillment_order.c,
        t.shipment.c,
        t.case_member.c,
        t.exception_case.c,
        t.promise.c,
    )
    units = (
        select(func.coalesce(func.sum(n.quantity - n.canceled), 0), func.count(n.sku.distinct()))
        .where(n.tenant_id == tenant, n.order_id == o.id)
        .lateral("units")
    )
    holds = select(func.array_agg(h.kind.distinct())).where(
        h.tenant_id == tenant, h.order_id == o.id, h.state == "active"
    )
    nodes = (
        select(func.array_agg(t.node.c.code.distinct()))
        .where(f.tenant_id == tenant, f.order_id == o.id, f.state.not_in(("canceled", "rejected")))
        .where(t.node.c.tenant_id == tenant, t.node.c.id == f.node_id)
    )
    carriers = select(func.array_agg(s.carrier.distinct())).where(
        s.tenant_id == tenant, s.order_id == o.id, s.carrier.is_not(None)
    )
    open_case = (
        select(m.case_id, e.title)
        .join(t.exception_case, and_(e.tenant_id == m.tenant_id, e.id == m.case_id))
        .where(m.tenant_id == tenant, m.order_id == o.id, m.resolved_at.is_(None), e.state.in_(LIVE_CASE))
        .order_by(case((e.severity == "high", 0), (e.severity == "medium", 1), else_=2), m.case_id)
        .limit(1)
        .lateral("open_case")
    )
    query = (
        select(
            o.id, o.number, o.external_id, o.state, o.phase, o.placed_at, o.currency, o.total, o.ship_country,
            t.connection.c.name.label("connection"), t.connection.c.connector,
            o.body["buyer"]["name"].as_string().label("buyer"),
            units.c[0].label("units"), units.c[1].label("skus"),
            holds.scalar_subquery().label("holds"), nodes.scalar_subquery().label("nodes"),
            carriers.scalar_subquery().label("carriers"),
            p.due_at, p.state.label("promise_state"), p.risk.label("promise_risk"),
            open_case.c.case_id, open_case.c.title.label("case_title"),
        )
        .join(t.connection, and_(t.connection.c.tenant_id == o.tenant_id, t.connection.c.id == o.connection_id))
        .join(units, literal(True))
        .outerjoin(open_case, literal(True))
        .outerjoin(t.promise, and_(p.tenant_id == o.tenant_id, p.order_id == o.id))
        .where(o.tenant_id == tenant, o.id.in_(ids))
        .order_by(o.id.desc())
    )  # fmt: skip
    return [
        OrderRow(
            row.id, row.number or row.external_id, row.external_id, row.state, row.phase, row.placed_at,
            row.currency, row.total, row.connection, row.connector, row.buyer, row.ship_country, row.units,
            row.skus, tuple(row.holds or ()), tuple(row.nodes or ()), tuple(row.carriers or ()), row.case_id,
            row.due_at, row.promise_state, row.promise_risk, row.case_title,
        )
        for row in conn.execute(query)
    ]  # fmt: skip
