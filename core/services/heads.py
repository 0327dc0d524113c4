"""Heads: what a node must know of an order before it picks, and the words on its lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.domain.ids import public_id
from core.domain.payloads import jsonable
from core.store.unit import Unit

FulfillmentLine = tuple[UUID, UUID, UUID, Decimal]
"""Its own id, order line, item, units."""


HEADS = """
SELECT o.id, o.external_id, o.number, o.placed_at, o.type, o.requested_ship_date, o.body,
       array_agg(l.id) AS lines, array_agg(coalesce(b.sku, i.sku, l.sku)) AS skus,
       array_agg(coalesce(b.title, i.title, l.title)) AS titles, array_agg(coalesce(b.unit, l.unit)) AS units,
       array_agg(b.id) AS bundled, array_agg(coalesce(b.units, 1)) AS per_unit
FROM orders o JOIN order_line l ON l.tenant_id = o.tenant_id AND l.order_id = o.id
LEFT JOIN item i ON l.substituted_item_id IS NOT NULL AND i.tenant_id = l.tenant_id AND i.id = l.item_id
LEFT JOIN LATERAL (
    SELECT b.id, b.sku, b.title, b.unit, k.units FROM item b
    LEFT JOIN kit_component k ON k.tenant_id = i.tenant_id AND k.kit_id = i.id AND k.component_id = i.bundle_of
         AND k.ended_at IS NULL
    WHERE i.bundle_of IS NOT NULL AND b.tenant_id = i.tenant_id AND b.id = i.bundle_of OFFSET 0) b ON true
WHERE o.tenant_id = %s AND o.id = ANY(%b::uuid[]) GROUP BY o.tenant_id, o.id
"""


@dataclass(frozen=True, slots=True)
class Head:
    """What a node must know of an order, and the words on its lines."""

    order: dict[str, Any]
    body: dict[str, Any]
    requested_ship_date: str | None
    lines: Mapping[UUID, tuple[str | None, str | None, str]]
    # Of lines for which a bundle goes: the item it is of, and its units for one of the line.
    bundles: Mapping[UUID, tuple[UUID, Decimal]]

    def told(self, lines: Sequence[FulfillmentLine]) -> list[FulfillmentLine]:
        """Return a work's lines as its node is told them: a bundle as units of its item."""
        found = []
        for line_id, order_line_id, item, units in lines:
            told, per_unit = self.bundles.get(order_line_id, (item, Decimal(1)))
            found.append((line_id, order_line_id, told, units * per_unit))
        return found


def read_heads(unit: Unit, order_ids: list[UUID]) -> dict[UUID, Head]:
    """Return the heads of orders by order id."""
    return {
        row.id: Head(
            {
                "id": public_id("order", row.id),
                "external_id": row.external_id,
                "number": row.number,
                "placed_at": jsonable(row.placed_at),
                "type": row.type,
            },
            row.body,
            day(row.requested_ship_date),
            {
                line: (sku, title, measure)
                for line, sku, title, measure in zip(row.lines, row.skus, row.titles, row.units, strict=True)
            },
            {
                line: (item, units)
                for line, item, units in zip(row.lines, row.bundled, row.per_unit, strict=True)
                if item is not None
            },
        )
        for row in unit.conn.exec_driver_sql(HEADS, (unit.tenant, order_ids))
    }


def day(when: date | None) -> str | None:
    """Return a day as it is written in a payload."""
    return None if when is None else when.isoformat()
