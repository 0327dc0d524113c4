"""Refunds as the API shows them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select

from core.domain.ids import public_id
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, joined, only, require_named, row_of, rows_by_id, since
from core.store.read.text import instant, money, quantity, ref
from core.store.unit import DEFAULT_TENANT

_r, _l = t.refund.c, t.refund_line.c
_REFUNDS = (
    select(
        t.refund,
        t.connection.c.name.label("connection_name"),
        t.orders.c.number.label("order_number"),
        t.orders.c.external_id.label("order_external_id"),
        t.orders.c.currency.label("order_currency"),
    )
    .join(t.orders, joined(t.refund, t.orders, _r.order_id))
    .outerjoin(t.connection, joined(t.refund, t.connection, _r.connection_id))
)


def list_refunds(
    conn: Connection,
    piece: Slice,
    *,
    order_id: UUID | None = None,
    connection: str | None = None,
    external_id: str | None = None,
    occurred_since: datetime | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of refunds, the newest received first."""
    require_named(conn, t.connection, t.connection.c.name, connection, tenant)
    query = only(
        _REFUNDS,
        t.refund,
        tenant,
        order=(_r.order_id, order_id),
        connection=(t.connection.c.name, connection),
        external_id=(_r.external_id, external_id),
    )
    rows, after = rows_by_id(conn, since(query, _r.occurred_at, occurred_since), _r.id, piece)
    return Listed(_refunds(conn, rows, tenant), after)


def read_refund(conn: Connection, refund_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one refund.

    Raises:
        NotFound: there is no such refund.
    """
    rows = [row_of(conn, _REFUNDS, _r.id, refund_id, "refund", tenant)]
    return _refunds(conn, rows, tenant)[0]


def _refunds(conn: Connection, rows: Sequence[Row[Any]], tenant: int) -> list[Json]:
    currencies = {row.id: row.currency or row.order_currency for row in rows}
    lines: defaultdict[UUID, list[Json]] = defaultdict(list)
    if rows:
        for line in conn.execute(
            select(t.refund_line, t.order_line.c.sku)
            .outerjoin(t.order_line, joined(t.refund_line, t.order_line, _l.line_id))
            .where(_l.tenant_id == tenant, _l.refund_id == func.any(list(currencies)))
            .order_by(_l.id)
        ):
            lines[line.refund_id].append(
                {
                    "line": ref("line", line.line_id),
                    "external_id": line.external_id,
                    "sku": line.sku,
                    "quantity": quantity(line.quantity),
                    "restock": line.restock,
                    "amount": money(line.amount, currencies[line.refund_id]),
                }
            )
    return [
        {
            "id": public_id("refund", row.id),
            "connection": row.connection_name,
            "external_id": row.external_id,
            "order": public_id("order", row.order_id),
            "order_number": row.order_number or row.order_external_id,
            "amount": money(row.amount, currencies[row.id]),
            "currency": currencies[row.id],
            "note": row.note,
            "lines": lines[row.id],
            "occurred_at": instant(row.occurred_at),
            "created_at": instant(row.created_at),
        }
        for row in rows
    ]
