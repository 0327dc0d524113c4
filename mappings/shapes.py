"""Shapes: a document arranged as a syntax needs it where rules alone cannot: each line inside the packages it is in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mappings.edi import (
    canceled,
    packs,
    reports,
    warehouse_goods,
    warehouse_orders,
    warehouse_shipments,
    x12_money,
    x12_shapes,
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A pair of functions around a map.

    Args:
        read: what the map has read -> the canonical document.
        write: a canonical document -> what the map writes.
    """

    read: Callable[[Json], Json]
    write: Callable[[Json], Json]


SHAPES: Mapping[str, Shape] = {
    "edifact_answers": Shape(canceled.from_answers, canceled.to_answers),
    "pack_levels": Shape(packs.from_levels, packs.to_levels),
    "pack_tree": Shape(packs.from_tree, packs.to_tree),
    "received_levels": Shape(reports.from_received, reports.to_received),
    "sales_levels": Shape(reports.from_sales, reports.to_sales),
    "warehouse_cancellation": Shape(warehouse_orders.from_cancellation, warehouse_orders.to_cancellation),
    "warehouse_incoming": Shape(warehouse_goods.from_incoming, warehouse_goods.to_incoming),
    "warehouse_order": Shape(warehouse_orders.from_order, warehouse_orders.to_order),
    "warehouse_receipt": Shape(warehouse_goods.from_receipt, warehouse_goods.to_receipt),
    "warehouse_receipt_levels": Shape(warehouse_goods.from_receipt, warehouse_goods.to_receipt_levels),
    "warehouse_shipment": Shape(warehouse_shipments.from_shipment, warehouse_shipments.to_shipment),
    "x12": Shape(x12_shapes.together, x12_shapes.apart),
    "x12_answers": Shape(x12_shapes.from_answers, x12_shapes.to_answers),
    "x12_change": Shape(x12_money.from_change, x12_money.to_change),
    "x12_change_answers": Shape(x12_money.from_change_answers, x12_money.to_change_answers),
    "x12_invoice": Shape(x12_money.from_invoice, x12_money.to_invoice),
    "x12_order": Shape(x12_money.from_order, x12_money.to_order),
    "x12_pack_tree": Shape(x12_shapes.from_tree, x12_shapes.to_tree),
    "x12_remittance": Shape(x12_money.to_remittance, x12_money.to_remittance),
}
