"""Protection rules as API and console show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, case, func, select

from core.domain.ids import public_id
from core.domain.vocabulary import Protection
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, joined, only, require_named, row_of, rows_by_id
from core.store.read.text import instant, quantity
from core.store.unit import DEFAULT_TENANT

STATES = ("holds", "planned", "ended")
_r = t.protection_rule.c
_STATE = case(
    (_r.valid_to <= func.clock_timestamp(), "ended"),
    (_r.valid_from <= func.clock_timestamp(), "holds"),
    else_="planned",
)
_RULES = (
    select(t.protection_rule, t.connection.c.name, t.item.c.sku, t.node.c.code, _STATE.label("state"))
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
    state: Sequence[str] = (),
    ended: bool = False,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of protection rules, newest first; those that have ended only when asked for.

    Raises:
        InputError: there is no such state.
        NotFound: there is no such connection.
    """
    require_named(conn, t.connection, t.connection.c.name, connection, tenant)
    query = only(
        _RULES, t.protection_rule, tenant,
        connection=(t.connection.c.name, connection), sku=(t.item.c.sku, sku), kind=(_r.kind, kind, Protection),
        state=(_STATE, state, STATES),
    )  # fmt: skip
    if not ended and not state:
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
    return {
        "id": public_id("protection", row.id),
        "connection": row.name,
        "sku": row.sku,
        "node": row.code,
        "kind": row.kind,
        "quantity": quantity(row.quantity),
        "state": row.state,
        "valid_from": instant(row.valid_from),
        "valid_to": instant(row.valid_to),
        "actor": row.actor,
        "created_at": instant(row.created_at),
    }
