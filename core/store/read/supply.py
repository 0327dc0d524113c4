"""Supplies, transfers and lots as API and console show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, exists, func, select, text

from core.domain.ids import public_id
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, joined, only, row_of, rows_by_id, rows_by_text
from core.store.read.text import instant, quantity, ref
from core.store.unit import DEFAULT_TENANT

OPEN = ("expected", "in_transit")
_s = t.supply.c
_SUPPLIES = (
    select(t.supply, t.item.c.sku, t.node.c.code)
    .join(t.item, joined(t.supply, t.item, _s.item_id))
    .join(t.node, joined(t.supply, t.node, _s.node_id))
)
# What is promised beyond the units that are there waits for supply, the earliest first.
AWAITED = """
SELECT s.id, greatest(least(s.promisable, p.awaited - coalesce(sum(s.promisable) OVER (
           PARTITION BY s.item_id, s.node_id ORDER BY s.expected_at NULLS LAST, s.id
           ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)), 0) AS promised
FROM supply s JOIN LATERAL (
    SELECT greatest(reserved + allocated - (on_hand - safety - uncertain), 0) AS awaited FROM stock_position
    WHERE tenant_id = s.tenant_id AND item_id = s.item_id AND node_id = s.node_id
) p ON true
WHERE s.tenant_id = :t AND s.state IN ('expected', 'in_transit') AND s.item_id = ANY(CAST(:items AS uuid[]))
"""


def list_supplies(
    conn: Connection,
    piece: Slice,
    *,
    sku: Sequence[str] = (),
    node: Sequence[str] = (),
    state: Sequence[str] = (),
    late: bool = False,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of incoming supply, newest first, with what is promised of it; `late` is what should be there."""
    query = only(
        _SUPPLIES, t.supply, tenant, sku=(t.item.c.sku, sku), node=(t.node.c.code, node), state=(_s.state, state)
    )
    if late:
        query = query.where(_s.state.in_(OPEN), _s.expected_at < func.clock_timestamp())
    rows, after = rows_by_id(conn, query, _s.id, piece)
    return Listed(_supplies(conn, rows, tenant), after)


def read_supply(conn: Connection, supply_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one supply.

    Raises:
        NotFound: there is no such supply.
    """
    rows = [row_of(conn, _SUPPLIES, _s.id, supply_id, "supply", tenant)]
    return _supplies(conn, rows, tenant)[0]


def _supplies(conn: Connection, rows: Sequence[Row[Any]], tenant: int) -> list[Json]:
    awaited = conn.execute(text(AWAITED), {"t": tenant, "items": list({row.item_id for row in rows})})
    promised = {row.id: row.promised for row in awaited}
    return [
        {
            "id": public_id("supply", row.id),
            "sku": row.sku,
            "node": row.code,
            "reference": row.reference,
            "transfer": ref("transfer", row.transfer_id),
            "quantity": quantity(row.quantity),
            "received": quantity(row.received),
            "promisable": quantity(row.promisable),
            "promised": quantity(promised.get(row.id)) or "0",
            "expected_at": instant(row.expected_at),
            "state": row.state,
            "created_at": instant(row.created_at),
            "finished_at": instant(row.finished_at),
        }
        for row in rows
    ]


_f = t.transfer.c
_source, _target = t.node.alias("source"), t.node.alias("target")
_TRANSFERS = (
    select(t.transfer, _source.c.code.label("from_code"), _target.c.code.label("to_code"))
    .join(_source, (_source.c.tenant_id == _f.tenant_id) & (_source.c.id == _f.from_node_id))
    .join(_target, (_target.c.tenant_id == _f.tenant_id) & (_target.c.id == _f.to_node_id))
)


def list_transfers(
    conn: Connection,
    piece: Slice,
    *,
    state: Sequence[str] = (),
    reference: str | None = None,
    late: bool = False,
    lost: bool = False,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of transfers, newest first; `late` are those that should be there, `lost` those that lost units."""
    query = only(_TRANSFERS, t.transfer, tenant, state=(_f.state, state), reference=(_f.reference, reference))
    if late:
        query = query.where(_f.state == "in_transit", _f.expected_at < func.clock_timestamp())
    if lost:
        m = t.transfer_line.c
        query = query.where(exists().where(m.tenant_id == tenant, m.transfer_id == _f.id, m.lost > 0))
    rows, after = rows_by_id(conn, query, _f.id, piece)
    return Listed(_transfers(conn, rows, tenant), after)


def read_transfer(conn: Connection, transfer_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one transfer.

    Raises:
        NotFound: there is no such transfer.
    """
    rows = [row_of(conn, _TRANSFERS, _f.id, transfer_id, "transfer", tenant)]
    return _transfers(conn, rows, tenant)[0]


def _transfers(conn: Connection, rows: Sequence[Row[Any]], tenant: int) -> list[Json]:
    m = t.transfer_line.c
    lines: dict[UUID, list[Json]] = {row.id: [] for row in rows}
    for each in conn.execute(
        select(t.transfer_line, t.item.c.sku)
        .join(t.item, joined(t.transfer_line, t.item, m.item_id))
        .where(m.tenant_id == tenant, m.transfer_id.in_(lines))
        .order_by(t.item.c.sku, m.lot)
    ):
        lines[each.transfer_id].append(
            {
                "sku": each.sku,
                "lot": each.lot or None,
                "quantity": quantity(each.quantity),
                "received": quantity(each.received),
                "lost": quantity(each.lost),
            }
        )
    return [
        {
            "id": public_id("transfer", row.id),
            "reference": row.reference,
            "from_node": row.from_code,
            "to_node": row.to_code,
            "state": row.state,
            "expected_at": instant(row.expected_at),
            "lines": lines[row.id],
            "actor": row.actor,
            "created_at": instant(row.created_at),
            "finished_at": instant(row.finished_at),
        }
        for row in rows
    ]


_l = t.stock_lot.c
_LOTS = (
    select(t.stock_lot, t.item.c.sku, t.node.c.code)
    .join(t.item, joined(t.stock_lot, t.item, _l.item_id))
    .join(t.node, joined(t.stock_lot, t.node, _l.node_id))
    .where(_l.on_hand > 0)
)


def list_lots(
    conn: Connection,
    piece: Slice,
    *,
    sku: Sequence[str] = (),
    node: Sequence[str] = (),
    status: Sequence[str] = (),
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of the units that lie in lots or in another status than sellable."""
    query = only(
        _LOTS, t.stock_lot, tenant, sku=(t.item.c.sku, sku), node=(t.node.c.code, node), status=(_l.status, status)
    )
    rows, after = rows_by_text(conn, query, [t.item.c.sku, t.node.c.code, _l.lot, _l.status], piece)
    return Listed(
        [
            {
                "sku": row.sku,
                "node": row.code,
                "lot": row.lot or None,
                "status": row.status,
                "on_hand": quantity(row.on_hand),
                "promised": quantity(row.promised),
                "expires_on": None if row.expires_on is None else row.expires_on.isoformat(),
            }
            for row in rows
        ],
        after,
    )
