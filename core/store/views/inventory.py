"""The inventory screen: items by nodes, and the ledger of one position."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from core.store.read.days import node_days
from core.store.working import works

# Of what is free, units of expired lots are for nobody; what is kept back is taken from them first.
FREE = "p.on_hand - p.reserved - p.allocated - greatest(p.safety + p.uncertain, coalesce(e.units, 0))"
EXPIRED = """LEFT JOIN (
           SELECT tenant_id, item_id, node_id, sum(on_hand - promised) AS units FROM stock_lot
            JOIN unnest(CAST(:places AS uuid[]), CAST(:days AS date[])) AS d(place, day) ON d.place = node_id
            WHERE tenant_id = :tenant AND status = 'sellable' AND expires_on < d.day
            GROUP BY tenant_id, item_id, node_id
       ) e ON e.tenant_id = p.tenant_id AND e.item_id = p.item_id AND e.node_id = p.node_id"""
# Over all nodes, what lies where nothing is sold now does not count.
OFF = f"SELECT n.id FROM node n WHERE n.tenant_id = :tenant AND NOT {works()}"  # noqa: S608 - the text is a constant
TOTAL = f"coalesce(sum({FREE}) FILTER (WHERE p.node_id <> ALL(ARRAY({OFF}))), 0)"
ITEMS = text(
    f"""
    SELECT i.id, i.sku, i.title, i.gtin, i.unit, i.backorder_limit,
           coalesce(sum(p.on_hand), 0) AS on_hand, coalesce(sum(p.reserved), 0) AS reserved,
           coalesce(sum(p.allocated), 0) AS allocated, coalesce(sum(p.safety), 0) AS safety,
           coalesce(sum(p.uncertain), 0) AS uncertain, {TOTAL} AS available,
           coalesce(sum(p.shortfall), 0) AS shortfall
      FROM item i LEFT JOIN stock_position p ON p.tenant_id = i.tenant_id AND p.item_id = i.id {EXPIRED}
     WHERE i.tenant_id = :tenant AND i.active AND i.sku > :after
       AND (:like = '' OR i.sku ILIKE :like OR i.title ILIKE :like OR i.gtin = :exact)
     GROUP BY i.tenant_id, i.id
    HAVING :show = ''
        OR (:show = 'out' AND {TOTAL} <= 0)
        OR (:show = 'short' AND coalesce(sum(p.shortfall), 0) > 0)
        OR (:show = 'promised' AND coalesce(sum(p.reserved + p.allocated), 0) > 0)
     ORDER BY i.sku LIMIT :limit
    """  # noqa: S608 - the interpolated texts are constants
)
COUNTS = text(
    f"""
    SELECT count(*) AS all, count(*) FILTER (WHERE available <= 0) AS out,
           count(*) FILTER (WHERE shortfall > 0) AS short, count(*) FILTER (WHERE promised > 0) AS promised
      FROM (SELECT i.id, {TOTAL} AS available,
                   coalesce(sum(p.shortfall), 0) AS shortfall, coalesce(sum(p.reserved + p.allocated), 0) AS promised
              FROM item i LEFT JOIN stock_position p ON p.tenant_id = i.tenant_id AND p.item_id = i.id {EXPIRED}
             WHERE i.tenant_id = :tenant AND i.active
               AND (:like = '' OR i.sku ILIKE :like OR i.title ILIKE :like OR i.gtin = :exact)
             GROUP BY i.id) sums
    """  # noqa: S608 - the interpolated texts are constants
)
CELLS = text(
    f"""
    SELECT p.item_id, n.code, p.on_hand, p.reserved, p.allocated, p.safety, p.safety_target, p.uncertain,
           p.backorder_limit, p.shortfall, p.counted_at, {FREE} AS available
      FROM stock_position p JOIN node n ON n.tenant_id = p.tenant_id AND n.id = p.node_id {EXPIRED}
     WHERE p.tenant_id = :tenant AND p.item_id = ANY(:items)
    """  # noqa: S608 - the interpolated texts are constants
)
NODES = text("SELECT code, name FROM node WHERE tenant_id = :tenant AND active ORDER BY code")
POSITION = text(
    f"""
    SELECT i.id AS item_id, i.sku, i.title, i.unit, n.id AS node_id, n.code, n.name, p.on_hand, p.reserved, p.allocated,
           p.safety, p.safety_target, p.uncertain, p.backorder_limit, p.shortfall, p.counted_at, {FREE} AS available
      FROM item i JOIN node n ON n.tenant_id = i.tenant_id
      JOIN stock_position p ON p.tenant_id = i.tenant_id AND p.item_id = i.id AND p.node_id = n.id {EXPIRED}
     WHERE i.tenant_id = :tenant AND i.sku = :sku AND n.code = :node
    """  # noqa: S608 - the interpolated texts are constants
)
LEDGER = text(
    """
    SELECT m.id, m.kind, m.on_hand, m.reserved, m.allocated, m.order_id, coalesce(o.number, o.external_id) AS number,
           m.cause, m.actor, m.at
      FROM stock_movement m LEFT JOIN orders o ON o.tenant_id = m.tenant_id AND o.id = m.order_id
     WHERE m.tenant_id = :tenant AND m.item_id = :item AND m.node_id = :node
       AND (CAST(:before AS bigint) IS NULL OR m.id < :before)
     ORDER BY m.id DESC LIMIT :limit
    """
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One item at one node.

    `available` is what may still be promised from stock: on hand less reserved, allocated, and what is kept back
    (safety, uncertain) or, where they are more, the units of expired lots.
    """

    on_hand: Decimal
    reserved: Decimal
    allocated: Decimal
    safety: Decimal
    safety_target: Decimal
    uncertain: Decimal
    backorder_limit: Decimal
    shortfall: Decimal
    counted_at: datetime | None
    available: Decimal

    @property
    def promisable(self) -> Decimal:
        """Return what an order may be promised: available, and up to the limit what is still to come."""
        return max(self.available + self.backorder_limit, Decimal(0))


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item with its cells by node code."""

    id: UUID
    sku: str
    title: str | None
    unit: str
    on_hand: Decimal
    promised: Decimal
    available: Decimal
    shortfall: Decimal
    cells: dict[str, Cell]


@dataclass(frozen=True, slots=True)
class Movement:
    """One line of the ledger: by how much each quantity changed, and why."""

    id: int
    kind: str
    on_hand: Decimal
    reserved: Decimal
    allocated: Decimal
    order_id: UUID | None
    number: str | None
    cause: str | None
    actor: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """One item at one node, with the newest lines of its ledger."""

    item_id: UUID
    sku: str
    title: str | None
    unit: str
    node_id: UUID
    node: str
    node_name: str
    cell: Cell
    ledger: tuple[Movement, ...]
    older: int | None


def nodes(conn: Connection, tenant: int) -> list[tuple[str, str]]:
    """Return code and name of the active nodes."""
    return [(row.code, row.name) for row in conn.execute(NODES, {"tenant": tenant})]


def _find(words: str) -> dict[str, str]:
    escaped = words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return {"like": f"%{escaped}%" if words else "", "exact": words}


def _days(conn: Connection, tenant: int) -> dict[str, Any]:
    """Return what `EXPIRED` is given: the day it is at each node."""
    days = node_days(conn, tenant)
    return {"tenant": tenant, "places": list(days), "days": list(days.values())}


def counts(conn: Connection, tenant: int, words: str) -> dict[str, int]:
    """Return how many items each tab holds."""
    return dict(conn.execute(COUNTS, {**_days(conn, tenant), **_find(words)}).mappings().one())


def page(
    conn: Connection, tenant: int, *, words: str = "", show: str = "", after: str = "", limit: int = 50
) -> tuple[list[ItemRow], str | None]:
    """Return items by SKU with their cells, and the SKU after which the next page begins.

    Args:
        words: part of SKU or title, or a GTIN.
        show: `out` (nothing available), `short` (promised units are missing), `promised`, or all.
    """
    days = _days(conn, tenant)
    values = {**days, **_find(words), "show": show, "after": after, "limit": limit + 1}
    items = conn.execute(ITEMS, values).all()
    shown = items[:limit]
    cells: dict[UUID, dict[str, Cell]] = {}
    if shown:
        for row in conn.execute(CELLS, {**days, "items": [item.id for item in shown]}):
            cells.setdefault(row.item_id, {})[row.code] = Cell(*row[2:])
    found = [
        ItemRow(
            i.id, i.sku, i.title, i.unit, i.on_hand, i.reserved + i.allocated,
            i.available, i.shortfall, cells.get(i.id, {}),
        )
        for i in shown
    ]  # fmt: skip
    return found, shown[-1].sku if len(items) > limit else None


def position(
    conn: Connection, tenant: int, sku: str, node: str, *, before: int | None = None, limit: int = 50
) -> Position | None:
    """Return one cell with its ledger, newest first; None when the item was never at that node."""
    row = conn.execute(POSITION, {**_days(conn, tenant), "sku": sku, "node": node}).one_or_none()
    if row is None:
        return None
    values = {"tenant": tenant, "item": row.item_id, "node": row.node_id, "before": before, "limit": limit + 1}
    moves = [Movement(*move) for move in conn.execute(LEDGER, values)]
    older = moves[limit - 1].id if len(moves) > limit else None
    return Position(
        row.item_id, row.sku, row.title, row.unit, row.node_id, row.code, row.name, Cell(*row[7:]),
        tuple(moves[:limit]), older,
    )  # fmt: skip
