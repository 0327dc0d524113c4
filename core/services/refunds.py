"""Refunds a channel reports: units taken off before shipment, units coming back after it, or money only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.payloads import jsonable
from core.errors import InputError, NotFound
from core.ports.connectors import Json
from core.services.canceling import cancel_order
from core.services.facts import Facts
from core.services.phase import refresh_phases
from core.store.locks import lock_order, lock_orders_by_source
from core.store.unit import Unit

ZERO = Decimal(0)


def order_of(unit: Unit, connection_id: UUID, external_id: str) -> Row[Any]:
    """Lock and return the order a connection knows under this id.

    Raises:
        NotFound: it has not come in (yet).
    """
    found = lock_orders_by_source(unit, [(connection_id, external_id)])
    if not found:
        raise NotFound(
            f"There is no order {external_id!r} of this connection.",
            fix="It is tried again: the order itself may still be on its way.",
            code="ORDER-UNKNOWN-404",
        )
    return found[connection_id, external_id]


def line_ids(unit: Unit, order_id: UUID, lines: Sequence[Mapping[str, Any]]) -> dict[UUID, Decimal]:
    """Return units by our line id for lines named by the source's ids.

    Raises:
        InputError: the order has no such line.
    """
    rows = unit.conn.execute(
        text("SELECT id, external_id FROM order_line WHERE tenant_id = :t AND order_id = :o"),
        {"t": unit.tenant, "o": order_id},
    )
    known = {row.external_id: row.id for row in rows}
    found: dict[UUID, Decimal] = {}
    for line in lines:
        if line["external_id"] not in known:
            raise InputError(
                f"The order has no line {line['external_id']!r}.",
                code="ORDER-LINE-404",
                fix="Send the order itself again.",
            )
        line_id = known[line["external_id"]]
        found[line_id] = found.get(line_id, ZERO) + line["quantity"]
    return found


def apply_refund(unit: Unit, facts: Facts, connection_id: UUID, body: Json) -> UUID:
    """Apply a refund once and return the order it concerns.

    Units marked `cancel` leave the open part of the order; what of them has been shipped meanwhile counts as returned
    with the units marked `return`. The money is kept in the order's history.
    """
    order = order_of(unit, connection_id, body["order_external_id"])
    seen = unit.conn.execute(
        text(
            "SELECT EXISTS (SELECT 1 FROM event WHERE tenant_id = :t AND order_id = :o AND type = 'refund.succeeded'"
            " AND data->>'external_id' = :x)"
        ),
        {"t": unit.tenant, "o": order.id, "x": body["external_id"]},
    ).scalar_one()
    if seen:
        return UUID(str(order.id))
    lines = body.get("lines") or []
    off = line_ids(unit, order.id, [line for line in lines if line["restock"] == "cancel"])
    back = line_ids(unit, order.id, [line for line in lines if line["restock"] == "return"])
    rows = {
        row.id: row
        for row in unit.conn.execute(
            text(
                "SELECT id, quantity - canceled - shipped AS open, shipped - returned AS out FROM order_line"
                " WHERE tenant_id = :t AND order_id = :o"
            ),
            {"t": unit.tenant, "o": order.id},
        )
    }
    cancel = {line: min(units, rows[line].open) for line, units in off.items()}
    returned = {
        line: min(back.get(line, ZERO) + off.get(line, ZERO) - cancel.get(line, ZERO), rows[line].out)
        for line in {*off, *back}
    }
    cancel = {line: units for line, units in cancel.items() if units > 0}
    if cancel and order.state not in ("completed", "canceled"):
        cancel_order(unit, facts, order.id, cancel, body.get("note") or "refunded")
    returned = {line: units for line, units in returned.items() if units > 0}
    unit.conn.exec_driver_sql(
        "UPDATE order_line l SET returned = l.returned + d.units FROM unnest(%s::uuid[], %s::numeric[]) AS d(id, units)"
        " WHERE l.tenant_id = %s AND l.id = d.id",
        (list(returned), list(returned.values()), unit.tenant),
    )
    lock_order(unit, order.id)
    refresh_phases(unit, [order.id])
    unit.event(
        "refund.succeeded",
        "order",
        order.id,
        {name: jsonable(body.get(name)) for name in ("external_id", "amount", "currency", "note")},
        order_id=order.id,
    )
    return UUID(str(order.id))
