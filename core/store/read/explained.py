"""Why an availability figure is what it is, or was: its parts, from the ledger and the rules of that time.

Parts of a node: on hand, reserved, allocated, safety stock, the backorder limit when asked for, then what protection
rules keep. They sum to the figure, exactly. What lots are too old for is known for now only: a lot keeps no history.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Connection, select, text

from core.domain.shelf import Part, Rule, Shelf
from core.domain.vocabulary import Protection
from core.errors import NotFound
from core.store import schema as t
from core.store.read.page import Json
from core.store.read.shelves import read_kits, read_shelf
from core.store.read.text import ZERO, instant, quantity
from core.store.unit import DEFAULT_TENANT

SUMS = """
SELECT n.id, n.code, n.active, sum(m.on_hand) AS on_hand, sum(m.reserved) AS reserved, sum(m.allocated) AS allocated,
       sum(m.safety) AS safety, sum(m.backorder_limit) AS backorder_limit, count(*) AS movements, max(m.at) AS last_at
FROM stock_movement m JOIN node n ON n.tenant_id = m.tenant_id AND n.id = m.node_id
WHERE m.tenant_id = :t AND m.item_id = :i AND m.at <= :at GROUP BY n.id, n.code, n.active ORDER BY n.code
"""
RULES = """
SELECT r.connection_id, r.item_id, r.node_id, r.kind, r.quantity FROM protection_rule r
WHERE r.tenant_id = :t AND (r.item_id IS NULL OR r.item_id = :i) AND r.kind <> 'remaining_life'
  AND greatest(r.valid_from, r.created_at) <= :at AND (r.valid_to IS NULL OR r.valid_to > :at)
ORDER BY r.valid_from, r.id
"""
# A row that ended in part was split: both halves began when the whole did.
PROMISED = """
SELECT connection_id, node_id, sum(quantity) AS units FROM reservation
WHERE tenant_id = :t AND item_id = :i AND connection_id IS NOT NULL AND created_at <= :at
  AND (finished_at IS NULL OR finished_at > :at)
GROUP BY connection_id, node_id
"""


def explain_availability(
    conn: Connection,
    sku: str,
    *,
    node: str | None = None,
    connection: str | None = None,
    as_of: datetime | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Json:
    """Return an item's availability at a time with the parts of each figure.

    Args:
        conn: a session.
        sku: the item; of a kit each component is explained.
        node: only at this node.
        connection: as this connection may be promised it; as anybody when left out.
        as_of: the time; now when left out.
        tenant: whose.

    Returns:
        `items`, each with `sku`, `units` (in one kit, else 1), `nodes` with `available` and `parts`, and `total` with
        the same over all active nodes. A part has `name`, `units` and, where it is a rule's, `connection`.

    Raises:
        NotFound: there is no such item, node or connection.
    """
    i, c = t.item.c, t.connection.c
    item = conn.execute(select(i.id, i.sku).where(i.tenant_id == tenant, i.sku == sku)).one_or_none()
    if item is None:
        raise NotFound(f"No item has the SKU {sku[:120]!r}.")
    names: dict[UUID, str] = dict(conn.execute(select(c.id, c.name).where(c.tenant_id == tenant)).all())
    owner = next((key for key, name in names.items() if name == connection), None)
    if connection is not None and owner is None:
        raise NotFound(f"There is no connection {connection[:120]!r}.")
    kit = read_kits(conn, [item.id], tenant).get(item.id)
    skus = {item.id: item.sku}
    if kit is not None:
        skus = dict(conn.execute(select(i.id, i.sku).where(i.tenant_id == tenant, i.id.in_(list(kit)))).all())
    items = [
        {
            "sku": skus[part],
            "units": quantity(kit[part] if kit else Decimal(1)),
            **_figures(conn, part, names, owner, as_of, node, tenant),
        }
        for part in sorted(skus, key=lambda each: skus[each])
    ]
    if node is not None and not any(each["nodes"] for each in items):
        raise NotFound(f"{sku[:120]} was never at a node {node[:64]!r}.")
    return {"sku": item.sku, "kit": kit is not None, "connection": connection, "as_of": instant(as_of), "items": items}


def _figures(
    conn: Connection,
    item: UUID,
    names: dict[UUID, str],
    owner: UUID | None,
    as_of: datetime | None,
    only: str | None,
    tenant: int,
) -> Json:
    values = {"t": tenant, "i": item, "at": as_of or conn.execute(text("SELECT clock_timestamp()")).scalar_one()}
    rows = conn.execute(text(SUMS), values).all()
    rules = [
        Rule(row.connection_id, row.item_id, row.node_id, Protection(row.kind), row.quantity)
        for row in conn.execute(text(RULES), values)
    ]
    promised = {(row.connection_id, item, row.node_id): row.units for row in conn.execute(text(PROMISED), values)}
    free = {(item, row.id): max(row.on_hand - row.safety - row.reserved - row.allocated, ZERO) for row in rows}
    idle = {row.id for row in rows if not row.active}
    # Of now the shelf itself knows best: it also has the lots.
    shelf = Shelf(free, rules, promised, idle) if as_of else read_shelf(conn, [item], beyond=False, tenant=tenant)
    nodes, total = [], ZERO
    for row in rows:
        room = shelf.room(owner, item, row.id)
        if row.active:
            total += room
        if only in (None, row.code):
            base = [
                Part("on_hand", row.on_hand), Part("reserved", -row.reserved), Part("allocated", -row.allocated),
                Part("safety", -row.safety),
            ]  # fmt: skip
            below = free[item, row.id] - sum((part.units for part in base), ZERO)
            if below:
                # Promised beyond what is there, up to the backorder limit: shown as nothing, not as less than nothing.
                base.append(Part("promised_beyond", below))
            nodes.append(
                {
                    "node": row.code,
                    "active": row.active,
                    "available": quantity(room),
                    "on_hand": quantity(row.on_hand),
                    "reserved": quantity(row.reserved),
                    "allocated": quantity(row.allocated),
                    "safety": quantity(row.safety),
                    "free": quantity(row.on_hand - row.reserved - row.allocated),
                    "backorder_limit": quantity(row.backorder_limit),
                    "movements": row.movements,
                    "last_at": instant(row.last_at),
                    "parts": _parts([*base, *shelf.parts(owner, item, row.id)], names),
                }
            )
    over = [Part("nodes", total), *shelf.parts(owner, item, None)]
    return {
        "nodes": nodes,
        "total": {"available": quantity(shelf.total(owner, item)), "parts": _parts(over, names)},
    }


def _parts(parts: Iterable[Part], names: dict[UUID, str]) -> list[Json]:
    return [
        {
            "name": str(part.name),
            "units": quantity(part.units),
            "connection": names.get(part.connection_id) if part.connection_id else None,
        }
        for part in parts
        if part.units != 0 or part.name == "on_hand"
    ]
