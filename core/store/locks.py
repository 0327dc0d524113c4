"""Every statement that takes row locks on shared rows, and the one order they are taken in.

Order of locking for all code: message -> order -> serial number by (item, number) -> reservation -> stock position by
(item, node) -> item by SKU -> listing by (connection, item) -> lane (delivery insert). Whoever needs two of these takes
them in this order; whoever needs many of one kind takes them in key order. Two transactions then never wait for each
other in a circle. Positions are locked to take stock of them by `core.store.taking`, and where their stock ages by
`core.store.aged`, in the same order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text

from core.errors import NotFound
from core.store import schema as t
from core.store.unit import Unit


@dataclass(slots=True)
class Position:
    """A locked stock position, as it is now."""

    item_id: UUID
    node_id: UUID
    on_hand: Decimal
    reserved: Decimal
    allocated: Decimal
    safety: Decimal
    safety_target: Decimal
    uncertain: Decimal
    backorder_limit: Decimal
    shortfall: Decimal

    @property
    def free(self) -> Decimal:
        """Units that may still be promised (ATP), backorder limit included."""
        return self.on_hand - self.safety - self.uncertain - self.reserved - self.allocated + self.backorder_limit


LOCK_POSITIONS = """
SELECT p.item_id, p.node_id, on_hand, reserved, allocated, safety, safety_target, uncertain, backorder_limit,
       shortfall
FROM stock_position p JOIN unnest(%b::uuid[], %b::uuid[]) AS w(item_id, node_id)
     ON p.item_id = w.item_id AND p.node_id = w.node_id
WHERE p.tenant_id = %s
ORDER BY p.item_id, p.node_id
FOR NO KEY UPDATE OF p
"""

MARK_ALL_LISTINGS = """
UPDATE listing SET dirty_at = clock_timestamp()
FROM (SELECT connection_id, item_id FROM listing WHERE tenant_id = %(tenant)s
      ORDER BY connection_id, item_id FOR NO KEY UPDATE) s
WHERE listing.tenant_id = %(tenant)s AND listing.connection_id = s.connection_id AND listing.item_id = s.item_id
"""
MARK_LISTINGS = MARK_ALL_LISTINGS.replace(
    "%(tenant)s\n",
    """%(tenant)s AND item_id = ANY(ARRAY(
          SELECT unnest(%(items)b::uuid[]) UNION
          SELECT kit_id FROM kit_component
          WHERE tenant_id = %(tenant)s AND component_id = ANY(%(items)b::uuid[])
            AND ended_at IS NULL))\n""",
    1,
)

WAIT_NO_MORE = """
UPDATE orders SET sourcing_at = clock_timestamp() FROM (
    SELECT o.id FROM orders o
    WHERE o.tenant_id = %(tenant)s AND o.phase IN ('backordered', 'partly_shipped') AND o.state <> 'held'
      AND o.sourcing_at > clock_timestamp()
      AND (%(items)s::uuid[] IS NULL OR EXISTS (
        SELECT 1 FROM order_line l
        LEFT JOIN kit_component k ON k.tenant_id = l.tenant_id AND k.kit_id = l.item_id AND k.ended_at IS NULL
        WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id AND l.quantity > l.canceled + l.shipped
          AND coalesce(k.component_id, l.item_id) = ANY(%(items)s::uuid[])))
    ORDER BY o.id FOR NO KEY UPDATE OF o SKIP LOCKED
) waiting WHERE orders.tenant_id = %(tenant)s AND orders.id = waiting.id
"""

# A limit a position is born with is in the ledger, like every later change of it.
ENSURE_POSITIONS = """
WITH made AS (
    INSERT INTO stock_position (tenant_id, item_id, node_id, backorder_limit)
    SELECT %s, w.item_id, w.node_id, i.backorder_limit
    FROM unnest(%s::uuid[], %s::uuid[]) AS w(item_id, node_id)
    JOIN item i ON i.tenant_id = %s AND i.id = w.item_id
    ORDER BY w.item_id, w.node_id
    ON CONFLICT DO NOTHING
    RETURNING tenant_id, item_id, node_id, backorder_limit
)
INSERT INTO stock_movement (tenant_id, item_id, node_id, kind, backorder_limit, cause, actor)
SELECT tenant_id, item_id, node_id, 'limit', backorder_limit, %s, %s FROM made WHERE backorder_limit <> 0
"""


def lock_positions(unit: Unit, keys: Collection[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], Position]:
    """Lock stock positions in key order and return them; a pair without a position is left out."""
    if not keys:
        return {}
    rows = unit.conn.exec_driver_sql(
        LOCK_POSITIONS, ([item for item, _ in keys], [node for _, node in keys], unit.tenant)
    )
    return {(row.item_id, row.node_id): Position(*row) for row in rows}


def ensure_positions(unit: Unit, keys: Collection[tuple[UUID, UUID]]) -> None:
    """Make the positions that do not exist yet."""
    pairs = sorted(keys)
    unit.conn.exec_driver_sql(
        ENSURE_POSITIONS,
        (
            unit.tenant, [item for item, _ in pairs], [node for _, node in pairs], unit.tenant, unit.cause, unit.actor,
        ),
    )  # fmt: skip


def mark_listings(unit: Unit, items: Collection[UUID]) -> None:
    """Mark what channels must be told again of these items and of kits they are part of.

    Marked rows are written even when already marked: the pusher then waits for this transaction instead of reading
    stock without it and clearing the mark.
    """
    if items:
        unit.conn.exec_driver_sql(MARK_LISTINGS, {"tenant": unit.tenant, "items": sorted(items)})


def mark_listings_at(unit: Unit, nodes: Collection[UUID]) -> None:
    """Mark what channels must be told again after these nodes were switched on or off: all that lies there."""
    if nodes:
        items = unit.conn.exec_driver_sql(
            "SELECT DISTINCT item_id FROM stock_position WHERE tenant_id = %s AND node_id = ANY(%s::uuid[])",
            (unit.tenant, list(nodes)),
        )
        mark_listings(unit, items.scalars().all())


def mark_all_listings(unit: Unit) -> None:
    """Mark everything channels list, after a change that touches every item."""
    unit.conn.exec_driver_sql(MARK_ALL_LISTINGS, {"tenant": unit.tenant})


def lock_waiting_orders(unit: Unit, items: Collection[UUID] | None) -> int:
    """Lock backorders of these items, or all of them, and have them sourced now; return how many.

    Orders somebody else works on are left out: they are looked at anyway.
    """
    return unit.conn.exec_driver_sql(
        WAIT_NO_MORE, {"tenant": unit.tenant, "items": None if items is None else sorted(items)}
    ).rowcount


def lock_order(unit: Unit, order_id: UUID) -> Row[Any]:
    """Lock an order and return its row.

    Raises:
        NotFound: there is no such order.
    """
    this = t.orders.c.tenant_id == unit.tenant, t.orders.c.id == order_id
    row = unit.conn.execute(select(t.orders).where(*this).with_for_update(key_share=True)).one_or_none()
    if row is None:
        raise NotFound(f"There is no order ord_{order_id.hex}.")
    return row


def lock_whole_orders(unit: Unit, order_ids: Collection[UUID]) -> dict[UUID, Row[Any]]:
    """Lock several orders in id order, before anything else is locked for any of them, and return their rows."""
    o = t.orders.c
    query = select(t.orders).where(o.tenant_id == unit.tenant, o.id.in_(sorted(order_ids))).order_by(o.id)
    return {row.id: row for row in unit.conn.execute(query.with_for_update(key_share=True))}


def lock_held(unit: Unit, order_ids: Collection[UUID]) -> Sequence[Row[Any]]:
    """Lock and return what checkouts held for these locked orders, in id order."""
    return unit.conn.exec_driver_sql(
        "SELECT * FROM reservation WHERE tenant_id = %s AND order_id = ANY(%s::uuid[]) AND state = 'held'"
        " ORDER BY id FOR NO KEY UPDATE",
        (unit.tenant, list(order_ids)),
    ).all()


def lock_orders(unit: Unit, order_ids: Collection[UUID], *, free: bool = False) -> dict[UUID, Row[Any]]:
    """Lock several orders in id order, before anything else is locked for any of them; return what names each.

    With `free` those that somebody else works on are left out.
    Each has `id`, `connection_id`, `external_id`, `number`, `type`, `state` and `placed_at`.
    """
    rows = unit.conn.exec_driver_sql(
        "SELECT id, connection_id, external_id, number, type, state, placed_at FROM orders"  # noqa: S608 - constants
        " WHERE tenant_id = %s AND id = ANY(%s::uuid[]) ORDER BY id FOR NO KEY UPDATE"
        + (" SKIP LOCKED" if free else ""),
        (unit.tenant, sorted(order_ids)),
    )
    return {row.id: row for row in rows}


def lock_allocated(unit: Unit, order_ids: Collection[UUID]) -> set[tuple[UUID, UUID]]:
    """Lock what is allocated to these locked orders, in id order, and return the positions it is of."""
    rows = unit.conn.exec_driver_sql(
        "SELECT item_id, node_id FROM reservation WHERE tenant_id = %s AND order_id = ANY(%s::uuid[])"
        " AND state = 'allocated' ORDER BY id FOR NO KEY UPDATE",
        (unit.tenant, list(order_ids)),
    )
    return {(row.item_id, row.node_id) for row in rows}


def lock_orders_by_source(unit: Unit, keys: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], Row[Any]]:
    """Lock the orders known under these (connection, external id) in id order."""
    rows = unit.conn.execute(
        text(
            """
            SELECT o.* FROM orders o
            JOIN unnest(CAST(:connections AS uuid[]), CAST(:ids AS text[])) AS w(connection_id, external_id)
                 ON o.connection_id = w.connection_id AND o.external_id = w.external_id
            WHERE o.tenant_id = :tenant ORDER BY o.id FOR NO KEY UPDATE OF o
            """
        ),
        {"connections": [c for c, _ in keys], "ids": [e for _, e in keys], "tenant": unit.tenant},
    )
    return {(row.connection_id, row.external_id): row for row in rows}


def lock_due_orders(unit: Unit, limit: int) -> list[UUID]:
    """Lock up to `limit` orders whose sourcing is due and that nobody else works on."""
    rows = unit.conn.execute(
        text(
            """
            SELECT id FROM orders WHERE tenant_id = :tenant AND sourcing_at <= clock_timestamp()
            ORDER BY sourcing_at, id LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
            """
        ),
        {"tenant": unit.tenant, "limit": limit},
    )
    return [row.id for row in rows]


def lock_orders_to_release(unit: Unit, limit: int) -> list[UUID]:
    """Lock up to `limit` orders in progress whose waiting work is to be released and that nobody else works on."""
    rows = unit.conn.exec_driver_sql(
        "SELECT id FROM orders WHERE tenant_id = %s AND state IN ('accepted', 'in_progress') AND id = ANY(ARRAY("
        "SELECT order_id FROM fulfillment_order WHERE tenant_id = %s AND state = 'planned'"
        " AND release_at <= clock_timestamp() ORDER BY release_at LIMIT %s))"
        " ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
        (unit.tenant, unit.tenant, limit),
    )
    return [row.id for row in rows]


def lock_orders_to_watch(unit: Unit, limit: int) -> list[UUID]:
    """Lock up to `limit` orders whose promise is due for a look and that nobody else works on."""
    rows = unit.conn.exec_driver_sql(
        "SELECT o.id FROM promise p JOIN orders o ON o.tenant_id = p.tenant_id AND o.id = p.order_id"
        " WHERE p.tenant_id = %s AND p.watch_at <= clock_timestamp() ORDER BY p.watch_at LIMIT %s"
        " FOR NO KEY UPDATE OF o SKIP LOCKED",
        (unit.tenant, limit),
    )
    return [row.id for row in rows]


def lock_serials(unit: Unit, serials: Collection[tuple[UUID, str]]) -> None:
    """Lock serial numbers of items, whether or not they have left before, in the order of (item, number)."""
    if serials:
        pairs = sorted(serials)
        # One by one in this order: two parcels that name the same unit are judged one after the other.
        unit.conn.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(hashtextextended(w.name, %s)) FROM ("
            "SELECT item::text || ':' || number AS name FROM unnest(%b::uuid[], %b::text[])"
            " WITH ORDINALITY AS g(item, number, place) ORDER BY place) w",
            (unit.tenant, [item for item, _ in pairs], [number for _, number in pairs]),
        )


def lock_items(unit: Unit, skus: Collection[str]) -> dict[str, UUID]:
    """Lock the items with these SKUs in SKU order and return their ids."""
    if not skus:
        return {}
    rows = unit.conn.exec_driver_sql(
        "SELECT sku, id FROM item WHERE tenant_id = %s AND sku = ANY(%s::text[]) ORDER BY sku FOR NO KEY UPDATE",
        (unit.tenant, sorted(skus)),
    )
    return {row.sku: row.id for row in rows}


def lock_listings(unit: Unit, connection_id: UUID, items: Collection[UUID]) -> None:
    """Lock what one channel lists of these items, in the order `mark_listings` uses."""
    unit.conn.exec_driver_sql(
        "SELECT 1 FROM listing WHERE tenant_id = %s AND connection_id = %s AND item_id = ANY(%s::uuid[])"
        " ORDER BY connection_id, item_id FOR NO KEY UPDATE",
        (unit.tenant, connection_id, sorted(items)),
    )
