"""What buyers say they received of shipments, as the API shows it beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, func, select

from core.store import schema as t
from core.store.read.page import Json
from core.store.read.text import instant

_r = t.receipt_report.c


def received_of(conn: Connection, shipments: Collection[UUID], tenant: int) -> dict[UUID, list[Json]]:
    """Return by shipment what its buyer reported of it, oldest first: which lines, and in words what differs."""
    found: defaultdict[UUID, list[Json]] = defaultdict(list)
    if shipments:
        query = select(t.receipt_report).where(_r.tenant_id == tenant, _r.shipment_id == func.any(list(shipments)))
        for row in conn.execute(query.order_by(_r.created_at, _r.id)):
            found[row.shipment_id].append(
                {
                    "external_id": row.external_id,
                    "received_at": row.body.get("received_at"),
                    "lines": row.body["lines"],
                    "difference": row.difference,
                    "reported_at": instant(row.created_at),
                }
            )
    return found
