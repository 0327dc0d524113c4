"""The shelf as it was at a time, put together from ledgers, rules and kits as they were then."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from core.domain.lots import Lot
from core.domain.protection import Rule
from core.domain.shelf import Key, Kits, Shelf
from core.domain.vocabulary import Protection
from core.store.read.days import node_days
from core.store.read.shelves import add_up, read_kits
from core.store.read.text import ZERO
from core.store.unit import DEFAULT_TENANT

# A node the records say nothing of has always been as it is.
SUMS = """
SELECT m.item_id, n.id, n.code, coalesce(
           (SELECT s.active FROM node_switch s WHERE s.tenant_id = n.tenant_id AND s.node_id = n.id AND s.at <= :at
            ORDER BY s.id DESC LIMIT 1),
           (SELECT s.active FROM node_switch s WHERE s.tenant_id = n.tenant_id AND s.node_id = n.id
            ORDER BY s.id LIMIT 1), n.active) AS active,
       sum(m.on_hand) AS on_hand, sum(m.reserved) AS reserved, sum(m.allocated) AS allocated,
       sum(m.safety) AS safety, sum(m.uncertain) AS uncertain, sum(m.backorder_limit) AS backorder_limit,
       count(*) AS movements, max(m.at) AS last_at,
       coalesce(
           (SELECT o.as_of FROM count_outcome o WHERE o.tenant_id = n.tenant_id AND o.item_id = m.item_id
            AND o.node_id = n.id AND o.at <= :at ORDER BY o.id DESC LIMIT 1),
           (SELECT p.counted_at FROM stock_position p WHERE p.tenant_id = n.tenant_id AND p.item_id = m.item_id
            AND p.node_id = n.id AND p.counted_at <= :at AND NOT EXISTS (
                SELECT 1 FROM stock_movement later WHERE later.tenant_id = p.tenant_id AND later.item_id = p.item_id
                AND later.node_id = p.node_id AND later.kind = 'count' AND later.at > :at)),
           max(m.at) FILTER (WHERE m.kind = 'count')) AS counted_at
FROM stock_movement m JOIN node n ON n.tenant_id = m.tenant_id AND n.id = m.node_id
WHERE m.tenant_id = :t AND m.item_id = ANY(:items) AND m.at <= :at
GROUP BY n.tenant_id, m.item_id, n.id, n.code, n.active ORDER BY n.code
"""
RULES = """
SELECT r.connection_id, r.item_id, r.node_id, r.kind, r.quantity FROM protection_rule r
WHERE r.tenant_id = :t AND (r.item_id IS NULL OR r.item_id = ANY(:items) OR r.item_id = ANY(:kits)
                         OR (r.kind = 'floor' AND r.item_id = ANY(ARRAY(
                             SELECT k.kit_id FROM kit_component k WHERE k.tenant_id = :t
                             AND k.component_id = ANY(:items)
                             AND k.created_at <= :at AND (k.ended_at IS NULL OR k.ended_at > :at)))))
  AND greatest(r.valid_from, r.created_at) <= :at AND (r.valid_to IS NULL OR r.valid_to > :at)
ORDER BY r.valid_from, r.id
"""
# A row that ended in part was split: both halves began when the whole did.
PROMISED = """
SELECT connection_id, item_id, node_id, sum(quantity) AS units FROM reservation
WHERE tenant_id = :t AND item_id = ANY(:items) AND connection_id IS NOT NULL AND created_at <= :at
  AND (finished_at IS NULL OR finished_at > :at)
GROUP BY connection_id, item_id, node_id
UNION ALL
SELECT connection_id, kit_id, node_id, sum(units) FROM (
    SELECT connection_id, kit_id, node_id, sum(quantity) / per_unit AS units FROM reservation
    WHERE tenant_id = :t AND kit_id = ANY(:ruled) AND NOT follows AND connection_id IS NOT NULL AND created_at <= :at
      AND (finished_at IS NULL OR finished_at > :at)
    GROUP BY connection_id, kit_id, node_id, per_unit) kits
GROUP BY connection_id, kit_id, node_id
"""
LOTS = """
SELECT item_id, node_id, lot, status, sum(on_hand) AS on_hand, sum(promised) AS promised,
       sum(shortfall) AS shortfall, (array_agg(expires_on ORDER BY id DESC))[1] AS expires_on
FROM lot_movement WHERE tenant_id = :t AND item_id = ANY(:items) AND at <= :at
GROUP BY item_id, node_id, lot, status HAVING sum(on_hand) <> 0 ORDER BY item_id, node_id, lot, status
"""


@dataclass(frozen=True, slots=True)
class Then:
    """What was there at a time.

    Args:
        shelf: what each channel might have taken of units that were there.
        positions: sums of the ledger of each item, by node code.
        lots: units by lot and status of each position.
    """

    shelf: Shelf
    positions: Mapping[UUID, Sequence[Row[Any]]]
    lots: Mapping[Key, Sequence[Row[Any]]]


def read_then(
    conn: Connection,
    items: Collection[UUID],
    kits: Kits,
    at: datetime,
    tenant: int = DEFAULT_TENANT,
) -> Then:
    """Return what was there of these items at a time.

    Args:
        conn: a session.
        items: that lie on shelves.
        kits: units per component, as they were then.
        at: the time.
        tenant: whose.
    """
    values: dict[str, Any] = {"t": tenant, "items": list(items), "kits": list(kits), "at": at}
    positions: dict[UUID, list[Row[Any]]] = {item: [] for item in items}
    for row in conn.execute(text(SUMS), values):
        positions[row.item_id].append(row)
    lots: dict[Key, list[Row[Any]]] = {}
    for row in conn.execute(text(LOTS), values):
        lots.setdefault((row.item_id, row.node_id), []).append(row)
    rows = [row for own in positions.values() for row in own]
    rules = [
        Rule(row.connection_id, row.item_id, row.node_id, Protection(row.kind), row.quantity)
        for row in conn.execute(text(RULES), values)
    ]
    values["ruled"] = [rule.item_id for rule in rules if rule.item_id is not None]
    # Kits that keep their components are part of the picture whether asked for or not.
    kits = {**read_kits(conn, set(values["ruled"]) - set(items), tenant, at), **kits}
    shelf = Shelf(
        {(r.item_id, r.id): max(r.on_hand - r.safety - r.uncertain - r.reserved - r.allocated, ZERO) for r in rows},
        rules,
        add_up(conn.execute(text(PROMISED), values)),
        {row.id for row in rows if not row.active},
        kits,
        _sellable(rows, lots),
        days=node_days(conn, tenant, at) if lots else None,
    )
    return Then(shelf, positions, lots)


def _sellable(rows: Sequence[Row[Any]], lots: Mapping[Key, Sequence[Row[Any]]]) -> dict[Key, list[Lot]]:
    """Return the lots behind each position that had some: those of a position sum to what it has, always.

    Where they do not, the item had no lots then, or their history begins later.
    """
    found: dict[Key, list[Lot]] = {}
    for row in rows:
        key = row.item_id, row.id
        own = [each for each in lots.get(key, ()) if each.status == "sellable"]
        if own and sum((each.on_hand for each in own), ZERO) == row.on_hand:
            found[key] = [Lot(each.lot, each.on_hand - each.promised, each.expires_on) for each in own]
    return found
