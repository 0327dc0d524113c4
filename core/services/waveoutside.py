"""What a wave must not touch: kits, protected items, units that are not there (yet), two works at one node."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.shelf import Key, Shelf
from core.routing.problem import Assignment
from core.store.unit import Unit

if TYPE_CHECKING:
    from core.services.sourcing import Sourced

# A rule without an item is for each; a kit's floor keeps its components as well.
GUARDED = text("""
WITH holding AS (
    SELECT item_id, kind FROM protection_rule
    WHERE tenant_id = :t AND valid_from <= clock_timestamp() AND (valid_to IS NULL OR valid_to > clock_timestamp()))
SELECT item_id FROM holding
UNION SELECT k.component_id FROM holding h JOIN kit_component k ON k.tenant_id = :t AND k.kit_id = h.item_id
WHERE h.kind = 'floor' AND k.ended_at IS NULL
""")
# Who waits for supply there keeps its turn: nobody says which of the promised units are there. Of a shortfall neither,
# and units given back there pay it: they are nobody's to have.
OVERPROMISED = text("""
SELECT item_id, node_id, shortfall > 0 AS short FROM stock_position
WHERE tenant_id = :t AND item_id = ANY(:items)
  AND (shortfall > 0 OR reserved + allocated > on_hand - safety)
""")


def overpromised(unit: Unit, items: Collection[UUID]) -> dict[Key, bool]:
    """Return the positions of items of which more is promised than is there, and whether a count found less."""
    rows = unit.conn.execute(OVERPROMISED, {"t": unit.tenant, "items": list(items)})
    return {(row.item_id, row.node_id): row.short for row in rows}


class Outside:
    """Why orders of one moment stay as they are.

    Args:
        unit: the running transaction; nothing is locked or written in it.
        items: what the orders have.
        shelf: with these items.
    """

    def __init__(self, unit: Unit, items: Collection[UUID], shelf: Shelf) -> None:
        self._shelf = shelf
        self._guarded = set(unit.conn.execute(GUARDED, {"t": unit.tenant}).scalars())
        self._over = overpromised(unit, items)

    def reason(self, order: Sourced, plan: Sequence[Assignment], works: Sequence[Row[Any]]) -> str | None:
        """Return why an order stays as it is planned, None when it need not."""
        items = {demand.item_id for demand in order.demands}
        if not items:
            return "has nothing to ship"
        if items & self._shelf.kits.keys():
            return "has a kit"
        if None in self._guarded or items & self._guarded:
            return "has an item that a protection rule holds for"
        over = [self._over[each.item_id, each.node_id] for each in plan if (each.item_id, each.node_id) in self._over]
        if over:
            return "has units that a count did not find" if any(over) else "has units that are not there yet"
        if len({work.node_id for work in works}) < len(works):
            return "has two works at one node"
        return None
