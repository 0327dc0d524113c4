"""What nodes say of their work: acknowledged, picking, rejected, short, canceled or too late to cancel."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from core.domain.states import FULFILLMENT
from core.ports.connectors import Json
from core.services.allocations import take_back
from core.services.canceling import cancel_requested, settle_cancel
from core.services.facts import Facts
from core.services.fulfilling import (
    cancel_work_units,
    find_work,
    give_back,
    match_lines,
    set_work_state,
    source_again,
    work_lines,
)
from core.services.phase import refresh_phases
from core.store.unit import DEFAULT_TENANT, Unit

ZERO = Decimal(0)
TRIGGER = {
    "acknowledged": "acknowledge",
    "picking": "pick",
    "rejected": "reject",
    "canceled": "cancel",
    "cancel_declined": "decline",
}


# Reports that move only their order and its work: no stock, no case, no delivery.
LIGHT = frozenset({"acknowledged", "picking"})
ORDERS_OF = """
SELECT f.id::text AS named, f.order_id FROM fulfillment_order f
WHERE f.tenant_id = %(tenant)s AND f.id = ANY(%(works)s::uuid[])
UNION ALL
SELECT s.tracking_number, s.order_id FROM shipment s
WHERE s.tenant_id = %(tenant)s AND s.tracking_number = ANY(%(tracks)s::text[])
"""


def orders_of(
    conn: Connection, works: Collection[UUID], tracks: Collection[str], tenant: int = DEFAULT_TENANT
) -> dict[str, UUID]:
    """Return the order behind each fulfillment order id (as text) and each tracking number."""
    rows = conn.exec_driver_sql(ORDERS_OF, {"tenant": tenant, "works": list(works), "tracks": list(tracks)})
    return {row.named: row.order_id for row in rows}


def update_fulfillment(unit: Unit, facts: Facts, document: Json, connection_id: UUID | None = None) -> UUID:
    """Apply a node's report and return the order it concerns.

    A report that comes late (the work is past that point) changes nothing.

    Raises:
        NotFound: nothing released has that id.
    """
    work, order = find_work(unit, document, connection_id)
    status = document["status"]
    if status == "canceled" and work.state != "canceling":
        status = "rejected"  # nobody asked the node to stop: it gives the work back
    if document.get("reference") and not work.reference:
        set_work_state(unit, work.id, work.state, reference=document["reference"])
    if status == "short":
        _short(unit, work, order, document)
    elif not FULFILLMENT.may(work.state, TRIGGER[status]):
        unit.event(
            "fulfillment.report_late",
            "fulfillment",
            work.id,
            {"status": status, "state": work.state},
            order_id=order.id,
        )
        return UUID(str(order.id))
    else:
        state = FULFILLMENT.advance(work.state, TRIGGER[status])
        set_work_state(unit, work.id, state, reason=document.get("reason"))
        unit.event(
            f"fulfillment.{status}", "fulfillment", work.id, {"reason": document.get("reason")}, order_id=order.id
        )
        if status == "rejected":
            give_back(unit, work, order)
            settle_cancel(unit, order.id)
            source_again(unit, order.id)
        elif status == "canceled":
            cancel_requested(unit, facts, work, order)
        elif status == "cancel_declined":
            unit.event(
                "order.cancel_declined", "order", order.id, {"reason": document.get("reason")}, order_id=order.id
            )
            settle_cancel(unit, order.id)
    refresh_phases(unit, [order.id])
    return UUID(str(order.id))


def _short(unit: Unit, work: Row[Any], order: Row[Any], document: Json) -> None:
    lines = work_lines(unit, work.id)
    units, _ = match_lines(lines, document.get("lines"))
    if not units or work.state in FULFILLMENT.final:
        return
    cancel_work_units(unit, units)
    by_line = {line.line_id: units[line.id] for line in lines if line.id in units}
    take_back(unit, order.id, by_line, work.id)
    left = sum((line.quantity - line.shipped - line.canceled - units.get(line.id, ZERO) for line in lines), ZERO)
    shipped = any(line.shipped > 0 for line in lines)
    if left <= 0:
        set_work_state(
            unit, work.id, "shipped" if shipped else FULFILLMENT.advance(work.state, "run_short"),
            reason=document.get("reason") or "short pick",
        )  # fmt: skip
    unit.event(
        "fulfillment.short",
        "fulfillment",
        work.id,
        {"units": format(sum(units.values(), ZERO), "f"), "reason": document.get("reason")},
        order_id=order.id,
    )
    source_again(unit, order.id)
