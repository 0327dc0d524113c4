"""Orders by the number their buyer issued them under: one order, or its parts where it is split by store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.trade_terms import issued_as
from core.errors import NotFound
from core.store.locks import lock_orders_by_source
from core.store.unit import Unit

# Parts written before the hub kept whose part they are have the number of the whole.
PARTS = text(
    "SELECT id, external_id, number, body FROM orders WHERE tenant_id = :t AND connection_id = :c"
    " AND (body->>'split_from' = :x OR number = :x) AND external_id <> :x ORDER BY id"
)


def order_of(unit: Unit, connection_id: UUID, external_id: str) -> Row[Any]:
    """Lock and return the order a connection knows under this id.

    Raises:
        NotFound: it has not come in (yet).
    """
    found = lock_orders_by_source(unit, [(connection_id, external_id)])
    if not found:
        raise NotFound(
            f"There is no order {external_id!r} of this connection.",
            fix="It is tried again: the order itself may still be on its way.",
            code="ORDER-UNKNOWN-404",
        )
    return found[connection_id, external_id]


def split_parts(unit: Unit, connection_id: UUID, issued: str) -> list[Row[Any]]:
    """Return the parts by store of the order a connection issued under a number, none of them locked."""
    rows = unit.conn.execute(PARTS, {"t": unit.tenant, "c": connection_id, "x": issued}).all()
    return [row for row in rows if issued_as(row.external_id, row.number, row.body) == issued]


def orders_issued(unit: Unit, connection_id: UUID, issued: str) -> Sequence[Row[Any]]:
    """Lock and return the order of a number, or all its parts by store in the order of their external ids.

    Raises:
        NotFound: neither has come in (yet).
    """
    found = lock_orders_by_source(unit, [(connection_id, issued)])
    if not found:
        parts = [(connection_id, row.external_id) for row in split_parts(unit, connection_id, issued)]
        found = lock_orders_by_source(unit, parts) if parts else {}
    if not found:
        return [order_of(unit, connection_id, issued)]
    return [found[key] for key in sorted(found)]
