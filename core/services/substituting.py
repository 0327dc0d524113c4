"""Approved substitutes: what goes instead of a line nobody has, and the mark it leaves on the line."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from core.domain.ids import public_id
from core.domain.money import plain
from core.domain.shelf import Shelf
from core.store.unit import Unit

if TYPE_CHECKING:
    from core.services.sourcing import Sourced

NONE = Decimal(0)
READ = """
SELECT s.item_id, CASE WHEN s.ratio = 1 THEN s.substitute_id ELSE b.id END AS substitute_id, s.connections
FROM substitute s
JOIN item i ON i.tenant_id = s.tenant_id AND i.id = s.substitute_id AND i.active
LEFT JOIN kit_component k ON k.tenant_id = s.tenant_id AND k.component_id = s.substitute_id AND k.units = s.ratio
     AND k.ended_at IS NULL
     AND EXISTS (SELECT 1 FROM item m WHERE m.tenant_id = k.tenant_id AND m.id = k.kit_id AND m.bundle_of = i.id)
LEFT JOIN item b ON b.tenant_id = k.tenant_id AND b.id = k.kit_id
WHERE s.tenant_id = %s AND s.item_id = ANY(%b::uuid[]) AND s.active AND (s.ratio = 1 OR b.id IS NOT NULL)
ORDER BY s.item_id, s.rank, i.sku
"""
GOES = """
SELECT i.id, coalesce(i.bundle_of, i.id) AS item_id, coalesce(k.units, 1) AS units FROM item i
LEFT JOIN kit_component k ON k.tenant_id = i.tenant_id AND k.kit_id = i.id AND k.component_id = i.bundle_of
     AND k.ended_at IS NULL
WHERE i.tenant_id = %s AND i.id = ANY(%b::uuid[])
"""
NAMES = """
SELECT i.id, coalesce(b.sku, i.sku) AS sku FROM item i
LEFT JOIN item b ON b.tenant_id = i.tenant_id AND b.id = i.bundle_of
WHERE i.tenant_id = %s AND i.id = ANY(%b::uuid[])
"""
# Only whole lines nothing has happened to yet are changed; a unit once promised stays what it is.
MARK = """
UPDATE order_line l SET item_id = d.item_id, substituted_item_id = coalesce(l.substituted_item_id, l.item_id)
FROM unnest(%b::uuid[], %b::uuid[]) AS d(id, item_id) WHERE l.tenant_id = %s AND l.id = d.id
"""
WHOLE = """
SELECT l.id FROM order_line l WHERE l.tenant_id = %s AND l.id = ANY(%b::uuid[]) AND l.canceled = 0 AND l.shipped = 0
  AND NOT EXISTS (SELECT 1 FROM reservation r WHERE r.tenant_id = l.tenant_id AND r.line_id = l.id
                  AND r.order_id = l.order_id AND r.state = 'allocated')
"""


class Substitutes:
    """What may go instead of the items of a batch, best first, by item: (substitute, channels it is approved for)."""

    def __init__(self, unit: Unit, items: Collection[UUID]) -> None:
        self._unit = unit
        self._known: dict[UUID, list[tuple[UUID, list[str]]]] = {}
        for row in unit.conn.exec_driver_sql(READ, (unit.tenant, list(items))):
            self._known.setdefault(row.item_id, []).append((row.substitute_id, row.connections))

    @property
    def items(self) -> set[UUID]:
        """Return every item that may stand for another."""
        return {item for found in self._known.values() for item, _ in found}

    def swap(
        self,
        order: Sourced,
        short: Mapping[UUID, Decimal],
        shelf: Shelf,
        nodes: Collection[UUID],
        *,
        ordered: bool = True,
    ) -> bool:
        """Put approved substitutes in place of an order's lines nobody has a unit of; return whether any was.

        Args:
            order: its demands are changed, and `substituted` says how.
            short: what the best plan could not give, by line.
            shelf: what its channel may take, the substitutes included.
            nodes: where it may come from.
            ordered: whether its lines are an order's, of which something may have happened to some; not so of an offer.
        """
        candidates = [
            each for each in order.demands if short.get(each.line_id) == each.quantity and each.item_id in self._known
        ]
        if not candidates:
            return False
        whole = {each.line_id for each in candidates}
        if ordered:
            rows = self._unit.conn.exec_driver_sql(WHOLE, (self._unit.tenant, list(whole)))
            whole = {row.id for row in rows}
        taken: dict[UUID, Decimal] = {}
        for demand in candidates:
            for item, channels in self._known[demand.item_id]:
                wanted = taken.get(item, NONE) + demand.quantity
                offered = shelf.offered(order.connection_id, {item: wanted}, nodes)
                fits = sum(offered.values(), NONE) >= wanted
                if demand.line_id in whole and fits and (not channels or order.traits.connection in channels):
                    taken[item] = wanted
                    order.substituted[demand.line_id] = item
                    break
        order.demands = [
            replace(each, item_id=order.substituted.get(each.line_id, each.item_id)) for each in order.demands
        ]
        return bool(order.substituted)


def substitute_names(unit: Unit, items: Collection[UUID]) -> dict[UUID, str]:
    """Return the SKUs of substitutes as they are shown: of units that go together, that of the one unit."""
    return {row.id: row.sku for row in unit.conn.exec_driver_sql(NAMES, (unit.tenant, list(items)))} if items else {}


def mark_substituted(unit: Unit, order_id: UUID, lines: Mapping[UUID, UUID]) -> None:
    """Write which item goes instead on lines of a locked order.

    Args:
        unit: the running transaction.
        order_id: the order.
        lines: the substitute by order line.
    """
    if lines:
        unit.conn.exec_driver_sql(MARK, (list(lines), list(lines.values()), unit.tenant))
        rows = unit.conn.exec_driver_sql(GOES, (unit.tenant, list(set(lines.values()))))
        goes = {row.id: row for row in rows}
        told = {public_id("line", line): public_id("item", goes[item].item_id) for line, item in lines.items()}
        ratios = {public_id("line", line): plain(goes[item].units) for line, item in lines.items()}
        unit.event("order.substituted", "order", order_id, {"lines": told, "ratios": ratios}, order_id=order_id)
