"""Protection rules as API and console show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select

from core.domain.ids import public_id
from core.domain.vocabulary import Protection
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, joined, only, require_named, row_of, rows_by_id
from core.store.read.text import instant, quantity
from core.store.unit import DEFAULT_TENANT

_r = t.protection_rule.c
_RULES = (
    select(t.protection_rule, t.connection.c.name, t.item.c.sku, t.node.c.code, func.clock_timestamp().label("now"))
    .join(t.connection, joined(t.protection_rule, t.connection, _r.connection_id))
    .outerjoin(t.item, joined(t.protection_rule, t.item, _r.item_id))
    .outerjoin(t.node, joined(t.protection_rule, t.node, _r.node_id))
)


def list_rules(
    conn: Connection,
    piece: Slice,
    *,
    connection: Sequence[str] = (),
    sku: Sequence[str] = (),
    kind: Sequence[str] = (),
    ended: bool = False,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of protection rules, newest first; those that have ended only when asked for."""
    require_named(conn, t.connection, t.connection.c.name, connection, tenant)
    query = only(
        _RULES, t.protection_rule, tenant,
        connection=(t.connection.c.name, connection), sku=(t.item.c.sku, sku), kind=(_r.kind, kind, Protection),
    )  # fmt: skip
    if not ended:
        query = query.where(_r.valid_to.is_(None) | (_r.valid_to > func.clock_timestamp()))
    rows, after = rows_by_id(conn, query, _r.id, piece)
    return Listed([_rule(row) for row in rows], after)


def read_rule(conn: Connection, rule_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one protection rule.

    Raises:
        NotFound: there is no such rule.
    """
    row = row_of(conn, _RULES, _r.id, rule_id, "protection", tenant, called="protection rule")
    return _rule(row)


def _rule(row: Row[Any]) -> Json:
    ended = row.valid_to is not None and row.valid_to <= row.now
    return {
        "id": public_id("protection", row.id),
        "connection": row.name,
        "sku": row.sku,
        "node": row.code,
        "kind": row.kind,
        "quantity": quantity(row.quantity),
        "state": "ended" if ended else "holds" if row.valid_from <= row.now else "planned",
        "valid_from": instant(row.valid_from),
        "valid_to": instant(row.valid_to),
        "actor": row.actor,
        "created_at": instant(row.created_at),
    }
