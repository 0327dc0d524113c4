"""What buyers say they received of shipments, as API, console and command line show it beside them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select

from core.domain.ids import public_id
from core.domain.money import plain
from core.store import schema as t
from core.store.read.page import Json, joined
from core.store.read.text import instant
from core.store.unit import DEFAULT_TENANT

_r, _s = t.receipt_report.c, t.shipment.c


def received_of(conn: Connection, shipments: Collection[UUID], tenant: int) -> dict[UUID, list[Json]]:
    """Return by shipment what its buyer reported of it, oldest first: which lines, and in words what differs."""
    found: defaultdict[UUID, list[Json]] = defaultdict(list)
    if shipments:
        query = select(t.receipt_report).where(_r.tenant_id == tenant, _r.shipment_id == func.any(list(shipments)))
        for row in conn.execute(query.order_by(_r.created_at, _r.id)):
            found[row.shipment_id].append(_report(row))
    return found


def received_of_order(conn: Connection, order_id: UUID, tenant: int = DEFAULT_TENANT) -> list[Json]:
    """Return what the buyer reported of all shipments of an order, oldest first.

    Each says its shipment, and how many units were accepted and how many were not.
    """
    query = (
        select(t.receipt_report, _s.number.label("shipment_number"))
        .join(t.shipment, joined(t.receipt_report, t.shipment, _r.shipment_id))
        .where(_r.tenant_id == tenant, _s.order_id == order_id)
        .order_by(_r.created_at, _r.id)
    )
    return [
        {
            "shipment": public_id("shipment", row.shipment_id),
            "shipment_number": row.shipment_number,
            **_report(row),
            "accepted": _units(row, "accepted"),
            "rejected": _units(row, "rejected"),
        }
        for row in conn.execute(query)
    ]


def _report(row: Row[Any]) -> Json:
    return {
        "external_id": row.external_id,
        "received_at": row.body.get("received_at"),
        "lines": row.body["lines"],
        "difference": row.difference,
        "reported_at": instant(row.created_at),
    }


def _units(row: Row[Any], name: str) -> str:
    return plain(sum((Decimal(str(line.get(name) or 0)) for line in row.body["lines"]), Decimal(0)))
