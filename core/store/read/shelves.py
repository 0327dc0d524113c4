"""Shelves: free units, protection rules and kits read together, so that every figure is made the same way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from core.domain.lots import Lot
from core.domain.protection import Rule
from core.domain.shelf import Key, Kits, Shelf
from core.domain.vocabulary import Protection
from core.store.direct import run
from core.store.read.days import node_days
from core.store.unit import DEFAULT_TENANT
from core.store.working import works

# What is one thing per node or item is looked up once, not joined to each of the hundreds of positions of an answer.
FREE = f"""
SELECT p.item_id, p.node_id, p.on_hand - p.safety - p.uncertain - p.reserved - p.allocated AS free, p.backorder_limit,
       p.node_id = ANY(ARRAY(SELECT n.id FROM node n WHERE n.tenant_id = %(t)s AND NOT {works()})) AS idle,
       p.item_id = ANY(ARRAY(SELECT i.id FROM item i WHERE i.tenant_id = %(t)s AND i.id = ANY(%(items)b::uuid[])
                             AND i.tracking = 'lot')) AS lotted,
       p.backorder_limit > 0 AND EXISTS (
           SELECT 1 FROM supply s WHERE s.tenant_id = p.tenant_id AND s.item_id = p.item_id AND s.node_id = p.node_id
           AND s.state IN ('expected', 'in_transit') AND s.promisable > 0) AS awaits
FROM stock_position p WHERE p.tenant_id = %(t)s AND p.item_id = ANY(%(items)b::uuid[])
"""  # noqa: S608 - the interpolated text is a constant
RULES = """
SELECT connection_id, item_id, node_id, kind, quantity FROM protection_rule
WHERE tenant_id = %(t)s AND (item_id IS NULL OR item_id = ANY(%(items)b::uuid[]) OR (kind = 'floor' AND item_id = ANY(
        ARRAY(SELECT kit_id FROM kit_component WHERE tenant_id = %(t)s AND component_id = ANY(%(items)b::uuid[])
              AND ended_at IS NULL))))
  AND valid_from <= clock_timestamp() AND (valid_to IS NULL OR valid_to > clock_timestamp())
ORDER BY valid_from, id
"""
# Kits are counted on the rows of one component; those of several lots make whole kits only together.
PROMISED = """
SELECT connection_id, item_id, node_id, sum(quantity) AS units FROM reservation
WHERE tenant_id = %(t)s AND item_id = ANY(%(items)b::uuid[]) AND state IN ('held', 'allocated')
  AND connection_id = ANY(%(owners)b::uuid[])
GROUP BY connection_id, item_id, node_id
UNION ALL
SELECT connection_id, kit_id, node_id, sum(units) FROM (
    SELECT connection_id, kit_id, node_id, sum(quantity) / per_unit AS units FROM reservation
    WHERE tenant_id = %(t)s AND kit_id = ANY(%(kits)b::uuid[]) AND NOT follows AND state IN ('held', 'allocated')
      AND connection_id = ANY(%(owners)b::uuid[])
    GROUP BY connection_id, kit_id, node_id, per_unit) kits
GROUP BY connection_id, kit_id, node_id
"""
LOTS = """
SELECT l.item_id, l.node_id, l.lot, l.on_hand - l.promised AS free, l.expires_on, i.lot_order
FROM stock_lot l JOIN item i ON i.tenant_id = l.tenant_id AND i.id = l.item_id
WHERE l.tenant_id = %s AND l.item_id = ANY(%b::uuid[]) AND l.status = 'sellable'
ORDER BY l.item_id, l.node_id, l.lot
"""
KITS = """
SELECT kit_id, component_id, units FROM kit_component WHERE tenant_id = %(t)s AND kit_id = ANY(%(items)b::uuid[])
  AND CASE WHEN %(at)s::timestamptz IS NULL THEN ended_at IS NULL
           ELSE created_at <= %(at)s AND (ended_at IS NULL OR ended_at > %(at)s) END
"""
ZERO = Decimal(0)
IDLE = f"SELECT id FROM node WHERE tenant_id = %s AND NOT {works('node')}"  # noqa: S608 - as above


def add_up(rows: Iterable[Row[Any]]) -> dict[tuple[UUID, UUID, UUID], Decimal]:
    """Return units by (connection, item, node): what was a kit once has rows of both kinds."""
    found: dict[tuple[UUID, UUID, UUID], Decimal] = {}
    for row in rows:
        place = row.connection_id, row.item_id, row.node_id
        found[place] = found.get(place, Decimal(0)) + row.units
    return found


def read_kits(
    conn: Connection, items: Collection[UUID], tenant: int = DEFAULT_TENANT, as_of: datetime | None = None
) -> dict[UUID, dict[UUID, Decimal]]:
    """Return the units per component of those of these items that are kits, or were at a time."""
    found: dict[UUID, dict[UUID, Decimal]] = {}
    for row in conn.exec_driver_sql(KITS, {"t": tenant, "items": list(items), "at": as_of}):
        found.setdefault(row.kit_id, {})[row.component_id] = row.units
    return found


def read_shelf(
    conn: Connection, items: Collection[UUID], *, beyond: bool = True, tenant: int = DEFAULT_TENANT
) -> Shelf:
    """Return what is free of these items, and of their components, at every node, without locking anything.

    Args:
        conn: a session.
        items: items and kits.
        beyond: whether units up to the backorder limit count: they may be taken, and are not shown.
        tenant: whose.
    """
    return _shelf_of(conn, *_read_free(conn, items, tenant), beyond, tenant)


def read_shelves(conn: Connection, items: Collection[UUID], tenant: int = DEFAULT_TENANT) -> tuple[Shelf, Shelf]:
    """Return what `read_shelf` does without units beyond what is there, and with them; one shelf where none are."""
    kits, stored, rows = _read_free(conn, items, tenant)
    shown = _shelf_of(conn, kits, stored, rows, beyond=False, tenant=tenant)
    limited = any(limit > 0 for _, _, _, limit, *_ in rows)
    return shown, _shelf_of(conn, kits, stored, rows, beyond=True, tenant=tenant) if limited else shown


def _read_free(
    conn: Connection, items: Collection[UUID], tenant: int
) -> tuple[dict[UUID, dict[UUID, Decimal]], list[UUID], list[tuple[Any, ...]]]:
    kits = read_kits(conn, items, tenant)
    stored = list({*(item for item in items if item not in kits), *(part for each in kits.values() for part in each)})
    return kits, stored, run(conn, FREE, {"t": tenant, "items": stored}).fetchall()


def _shelf_of(
    conn: Connection, kits: Kits, stored: Collection[UUID], rows: list[tuple[Any, ...]], beyond: bool, tenant: int
) -> Shelf:
    free = {(item, node): units + limit if beyond else max(units, ZERO) for item, node, units, limit, *_ in rows}
    idle = {node for _, node, _, _, off, *_ in rows if off}
    lotted = [(item, node) for item, node, _, _, _, with_lots, _ in rows if with_lots]
    shelf = guarded_shelf(conn, free, stored, kits, idle, lotted=lotted, tenant=tenant)
    if beyond:
        shelf.beyond = {(item, node): limit for item, node, _, limit, _, _, awaits in rows if awaits}
    return shelf


def guarded_shelf(
    conn: Connection,
    free: Mapping[Key, Decimal],
    items: Collection[UUID],
    kits: Kits | None = None,
    idle: Collection[UUID] | None = None,
    *,
    lotted: Collection[Key] = (),
    tenant: int = DEFAULT_TENANT,
) -> Shelf:
    """Return a shelf of these free units with the rules that hold for them, and for these kits, now.

    The positions `lotted` have lots. Called while the positions are locked, the promises it counts are exact: they
    change only under that lock.
    """
    stored = list(items)
    kits = kits or {}
    rules = [
        Rule(row.connection_id, row.item_id, row.node_id, Protection(row.kind), row.quantity)
        for row in conn.exec_driver_sql(RULES, {"t": tenant, "items": [*stored, *kits]})
    ]
    ruled = {rule.item_id for rule in rules if rule.item_id is not None}
    # Kits nobody asked for, that keep their components all the same.
    if keeping := ruled - set(stored) - kits.keys():
        kits = {**kits, **read_kits(conn, keeping, tenant)}
    if idle is None:
        idle = [row.id for row in conn.exec_driver_sql(IDLE, (tenant,))]
    if not rules and not lotted:
        return Shelf(free, idle=idle, kits=kits)
    counting = {rule.connection_id for rule in rules if rule.kind in (Protection.CAP, Protection.FLOOR)}
    promised: dict[tuple[UUID, UUID, UUID], Decimal] = {}
    if counting:
        values = {"t": tenant, "items": stored, "kits": list(ruled), "owners": list(counting)}
        promised = add_up(conn.exec_driver_sql(PROMISED, values))
    if not lotted:
        return Shelf(free, rules, promised, idle, kits)
    lots: dict[Key, list[Lot]] = {key: [] for key in lotted}
    freshest: set[UUID] = set()
    for row in conn.exec_driver_sql(LOTS, (tenant, stored)):
        if (row.item_id, row.node_id) not in lots:
            continue
        lots[row.item_id, row.node_id].append(Lot(row.lot, row.free, row.expires_on))
        if row.lot_order == "freshest":
            freshest.add(row.item_id)
    return Shelf(free, rules, promised, idle, kits, lots, freshest, node_days(conn, tenant))
