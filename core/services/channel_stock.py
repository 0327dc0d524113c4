"""What channels are told to show as available: computed when it is pushed, newest value wins."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from core.domain.ids import uuid7
from core.domain.money import plain
from core.domain.payloads import jsonable
from core.domain.vocabulary import Write
from core.ports.connectors import Json
from core.services.facts import Facts
from core.services.outbox import PRIORITY
from core.store.locks import lock_listings
from core.store.read.shelves import read_shelf
from core.store.unit import DELIVERIES, Unit

MOST_ITEMS = 250
STOCK_LANE = "stock"
CLAIM = """
UPDATE listing SET dirty_at = NULL FROM (
    SELECT item_id FROM listing WHERE tenant_id = :tenant AND connection_id = :connection AND dirty_at IS NOT NULL
    ORDER BY item_id LIMIT :most FOR NO KEY UPDATE SKIP LOCKED
) due WHERE listing.tenant_id = :tenant AND listing.connection_id = :connection AND listing.item_id = due.item_id
RETURNING listing.item_id
"""
REFERENCES = """
SELECT i.id, i.sku, coalesce(json_object_agg(r.scheme, r.code) FILTER (WHERE r.code IS NOT NULL), '{}') AS codes
FROM item i LEFT JOIN item_reference r ON r.tenant_id = i.tenant_id AND r.item_id = i.id
     AND r.connection_id = :connection AND (r.valid_to IS NULL OR r.valid_to > clock_timestamp())
WHERE i.tenant_id = :tenant AND i.id = ANY(CAST(:items AS uuid[])) GROUP BY i.id, i.sku ORDER BY i.sku
"""


def available(unit: Unit, items: Collection[UUID], connection_id: UUID) -> dict[UUID, Decimal]:
    """Return what a channel may show as available per item: what it could take that is there, at active nodes."""
    shelf = read_shelf(unit.conn, items, beyond=False, tenant=unit.tenant)
    return {item: shelf.total(connection_id, item) for item in items}


def claim_changes(unit: Unit, connection_id: UUID) -> Json:
    """Take up to 250 changed items of a channel and return the push_stock payload; empty items when there are none.

    The marks are cleared before the stock is read, so that a change during the push marks its item again.
    """
    values = {"tenant": unit.tenant, "connection": connection_id, "most": MOST_ITEMS}
    items = unit.conn.execute(text(CLAIM), values).scalars().all()
    if not items:
        return {"items": []}
    units = available(unit, items, connection_id)
    rows = unit.conn.execute(
        text(REFERENCES), {"tenant": unit.tenant, "connection": connection_id, "items": list(items)}
    )
    as_of = jsonable(unit.now)
    return {
        "items": [
            {"sku": row.sku, "available": plain(units[row.id]), "as_of": as_of, "references": row.codes} for row in rows
        ]
    }


def note_pushed(unit: Unit, connection_id: UUID, payload: Json) -> None:
    """Remember what a channel was told.

    A doubt about what it shows ends with that (`core.services.drift`), unless it showed more and has only been told the
    same again.
    """
    told = {each["sku"]: Decimal(each["available"]) for each in payload["items"]}
    rows = unit.conn.execute(
        text("SELECT id, sku FROM item WHERE tenant_id = :t AND sku = ANY(:skus)"),
        {"t": unit.tenant, "skus": list(told)},
    ).all()
    lock_listings(unit, connection_id, [row.id for row in rows])
    unit.conn.exec_driver_sql(
        "UPDATE listing l SET pushed_quantity = d.units, pushed_at = clock_timestamp(), doubted_at = CASE"
        " WHEN d.units = l.pushed_quantity AND d.units < l.shown_quantity THEN l.doubted_at END"
        " FROM unnest(%s::uuid[], %s::numeric[]) AS d(item_id, units)"
        " WHERE l.tenant_id = %s AND l.connection_id = %s AND l.item_id = d.item_id",
        ([row.id for row in rows], [told[row.sku] for row in rows], unit.tenant, connection_id),
    )


def plan_pushes(unit: Unit, facts: Facts) -> int:
    """Make one delivery for each channel that has changed items and none waiting; return how many."""
    takers = {each.id for each in facts.takers(Write.PUSH_STOCK)}
    dirty = unit.conn.execute(
        text("SELECT DISTINCT connection_id FROM listing WHERE tenant_id = :t AND dirty_at IS NOT NULL"),
        {"t": unit.tenant},
    ).scalars()
    made = 0
    for connection_id in sorted(set(dirty) & takers):
        made += unit.conn.execute(
            text(
                "INSERT INTO delivery (tenant_id, id, connection_id, lane, kind, dedupe, priority)"
                " VALUES (:t, :id, :c, :lane, :kind, :dedupe, :priority)"
                " ON CONFLICT (tenant_id, dedupe) WHERE dedupe IS NOT NULL AND state = 'due' DO NOTHING"
            ),
            {
                "t": unit.tenant,
                "id": uuid7(),
                "c": connection_id,
                "lane": STOCK_LANE,
                "kind": str(Write.PUSH_STOCK),
                "dedupe": f"stock:{connection_id.hex}",
                "priority": PRIORITY[Write.PUSH_STOCK],
            },
        ).rowcount
    if made:
        unit.wake(DELIVERIES)
    return made


def mark(unit: Unit, connection_id: UUID, items: Collection[UUID]) -> None:
    """Have a channel told again of these items."""
    lock_listings(unit, connection_id, items)
    unit.conn.execute(
        text(
            "UPDATE listing SET dirty_at = clock_timestamp() WHERE tenant_id = :t AND connection_id = :c"
            " AND item_id = ANY(CAST(:items AS uuid[]))"
        ),
        {"t": unit.tenant, "c": connection_id, "items": list(items)},
    )


def mark_skus(unit: Unit, connection_id: UUID, skus: Collection[str]) -> None:
    """Have a channel told again of the items with these SKUs."""
    items = unit.conn.execute(
        text("SELECT id FROM item WHERE tenant_id = :t AND sku = ANY(:s)"), {"t": unit.tenant, "s": list(skus)}
    ).scalars()
    mark(unit, connection_id, list(items))
