"""Drop-shipping: work for a supplier is a purchase order, at the price the supplier charges."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.ids import public_id
from core.domain.money import round_money
from core.store.unit import Unit

SUPPLIER = "supplier"
PRICES = """
SELECT p.node_id, p.item_id, p.code, p.price, p.currency FROM unnest(%b::uuid[], %b::uuid[]) AS w(node_id, item_id)
JOIN supplier_price p ON p.tenant_id = %s AND p.node_id = w.node_id AND p.item_id = w.item_id
"""
Prices = Mapping[tuple[UUID, UUID], Row[Any]]


def read_prices(unit: Unit, pairs: Collection[tuple[UUID, UUID]]) -> Prices:
    """Return what suppliers charge, by (node, item); a pair without a price is left out."""
    if not pairs:
        return {}
    rows = unit.conn.exec_driver_sql(PRICES, ([node for node, _ in pairs], [item for _, item in pairs], unit.tenant))
    return {(row.node_id, row.item_id): row for row in rows}


def supplier_order(
    number: str, node: UUID, lines: Sequence[tuple[UUID, UUID, UUID, Decimal]], prices: Prices
) -> dict[str, Any]:
    """Return the purchase order a supplier gets with its work.

    Args:
        number: of the fulfillment order, which is that of the purchase order.
        node: the supplier.
        lines: (fulfillment line, order line, item, units) each.
        prices: as `read_prices` gives them; a line without one has null, and then the total is null too, as it and the
            order's currency are where lines are in several.
    """
    found = [(line, units, prices.get((node, item))) for line, _, item, units in lines]
    known = [(units, row) for _, units, row in found if row is not None]
    currencies = {row.currency for _, row in known}
    whole = len(known) == len(found) and len(currencies) == 1
    total = sum((units * row.price for units, row in known), Decimal(0))
    return {
        "number": number,
        "currency": next(iter(currencies)) if len(currencies) == 1 else None,
        "total": format(round_money(total, next(iter(currencies))), "f") if whole else None,
        "lines": [
            {
                "id": public_id("fulfillment_line", line),
                "code": None if row is None else row.code,
                "price": None if row is None else format(row.price, "f"),
                "currency": None if row is None else row.currency,
            }
            for line, _, row in found
        ],
    }
