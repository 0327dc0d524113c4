"""What belongs to a connection: the one condition by which a caller of one connection is kept to its own rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, FromClause, Table, false, or_, select, true

from core.store import schema as t
from core.store.unit import DEFAULT_TENANT

Condition = Callable[[UUID], ColumnElement[bool]]


def _of_orders(column: ColumnElement[UUID]) -> Condition:
    o = t.orders.c
    return lambda own: column.in_(select(o.id).where(o.tenant_id == DEFAULT_TENANT, o.connection_id == own))


def _work(own: UUID) -> ColumnElement[bool]:
    # A shop sees the work on its orders, a warehouse system the work it was given.
    f = t.fulfillment_order.c
    return or_(f.connection_id == own, _of_orders(f.order_id)(own))


def _parcels(own: UUID) -> ColumnElement[bool]:
    f = t.fulfillment_order.c
    works = select(f.id).where(f.tenant_id == DEFAULT_TENANT, f.connection_id == own)
    return or_(t.shipment.c.fulfillment_id.in_(works), _of_orders(t.shipment.c.order_id)(own))


def _of_parcels(column: ColumnElement[UUID]) -> Condition:
    s = t.shipment.c
    return lambda own: column.in_(select(s.id).where(s.tenant_id == DEFAULT_TENANT, _parcels(own)))


def _happened(own: UUID) -> ColumnElement[bool]:
    return or_(t.event.c.subject_id == own, _of_orders(t.event.c.order_id)(own))


def _moved(own: UUID) -> ColumnElement[bool]:
    # The ledger of the stock itself is everybody's; whose order took from it is not.
    return or_(t.stock_movement.c.order_id.is_(None), _of_orders(t.stock_movement.c.order_id)(own))


def _anybodys(_: UUID) -> ColumnElement[bool]:
    return true()


OWNED: Mapping[FromClause, Condition] = {
    **{
        table: table.c.connection_id.__eq__
        for table in (
            t.orders, t.message, t.delivery, t.refund, t.exception_case, t.reservation, t.protection_rule,
            t.interchange, t.edi_document,
        )
    },
    t.connection: t.connection.c.id.__eq__,
    t.fulfillment_order: _work,
    t.shipment: _parcels,
    t.tracking_event: _of_parcels(t.tracking_event.c.shipment_id),
    t.shipment_serial: _of_parcels(t.shipment_serial.c.shipment_id),
    t.event: _happened,
    t.decision: _of_orders(t.decision.c.order_id),
    t.promise: _of_orders(t.promise.c.order_id),
    t.stock_movement: _moved,
    t.item: _anybodys,
    t.node: _anybodys,
    t.stock_position: _anybodys,
    t.stock_lot: _anybodys,
    t.supply: _anybodys,
    t.transfer: _anybodys,
}  # fmt: skip


def owned(table: FromClause, own: UUID) -> ColumnElement[bool]:
    """Return the condition that a row of the table belongs to a connection; false where no rule says how."""
    rule = OWNED.get(table)
    return false() if rule is None else rule(own)


def is_foreign(
    conn: Connection, key: ColumnElement[UUID], value: UUID, own: UUID, tenant: int = DEFAULT_TENANT
) -> bool:
    """Return whether rows with this key exist and none of them belongs to the connection.

    Args:
        conn: a session.
        key: the column a path names things by, such as `orders.id`.
        value: what it is.
        own: the connection of the caller.
        tenant: the tenant.
    """
    table = key.table
    assert isinstance(table, Table)
    there = (
        conn.execute(select(owned(table, own).label("own")).where(table.c.tenant_id == tenant, key == value))
        .scalars()
        .all()
    )
    return bool(there) and not any(there)
