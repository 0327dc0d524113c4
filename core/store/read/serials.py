"""Serial numbers of units that have left, as API and command line show them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, Text, cast, select

from core.domain.ids import public_id
from core.store import schema as t
from core.store.read.page import Listed, Slice, joined, only, rows_by_text
from core.store.read.text import instant
from core.store.unit import DEFAULT_TENANT

_n = t.shipment_serial.c
_parcel = cast(_n.shipment_id, Text).label("parcel")
_SERIALS = (
    select(t.shipment_serial, t.item.c.sku, t.node.c.code, t.shipment.c.order_id, t.shipment.c.shipped_at, _parcel)
    .join(t.shipment, joined(t.shipment_serial, t.shipment, _n.shipment_id))
    .join(t.node, joined(t.shipment, t.node, t.shipment.c.node_id))
    .join(t.item, joined(t.shipment_serial, t.item, _n.item_id))
)


def list_serials(
    conn: Connection,
    piece: Slice,
    *,
    sku: Sequence[str] = (),
    serial: Sequence[str] = (),
    order_id: UUID | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of the serial numbers of units that have left, by number; one that left twice is there twice."""
    query = only(
        _SERIALS, t.shipment_serial, tenant,
        sku=(t.item.c.sku, sku), serial=(_n.serial, serial), order=(t.shipment.c.order_id, order_id),
    )  # fmt: skip
    rows, after = rows_by_text(conn, query, [_n.serial, t.item.c.sku, _parcel], piece)
    return Listed(
        [
            {
                "serial": row.serial,
                "sku": row.sku,
                "node": row.code,
                "shipment": public_id("shipment", row.shipment_id),
                "order": public_id("order", row.order_id),
                "shipped_at": instant(row.shipped_at),
            }
            for row in rows
        ],
        after,
    )
