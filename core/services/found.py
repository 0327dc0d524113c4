"""Lost parcels: told to people where no promise does, and when their carrier finds what was made good meanwhile.

Nothing that was given back or sent again is undone by it. A person may still stop a parcel that only moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text

from core.domain.cases import FOUND, LOST
from core.domain.cause import Cause
from core.domain.money import plain
from core.domain.payloads import jsonable
from core.domain.states import LIVE_CASE
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.parcels import FAILED
from core.store.unit import Unit

# Money is often given back before a carrier admits a loss, so all since the parcel left counts; of a refund that names
# lines, those of the parcel.
REFUNDS = text(
    """
    SELECT r.external_id, r.amount, r.currency, r.occurred_at FROM refund r
    WHERE r.tenant_id = :t AND r.order_id = :o AND r.occurred_at > :left
      AND (NOT EXISTS (SELECT FROM refund_line l WHERE l.tenant_id = r.tenant_id AND l.refund_id = r.id)
           OR EXISTS (SELECT FROM refund_line l WHERE l.tenant_id = r.tenant_id AND l.refund_id = r.id
                      AND (l.line_id IS NULL OR l.line_id IN (SELECT s.line_id FROM shipment_line s
                                                              WHERE s.tenant_id = :t AND s.shipment_id = :id))))
    ORDER BY r.occurred_at, r.id
    """
)
# No order says that it replaces units of another: the same buyer and an item of the parcel are what can be known.
ORDERS = text(
    """
    SELECT coalesce(n.number, n.external_id) AS number, n.placed_at FROM orders o
    JOIN orders n ON n.tenant_id = o.tenant_id AND lower(n.buyer_email) = lower(o.buyer_email) AND n.id <> o.id
         AND n.placed_at > :lost AND n.state <> 'canceled'
    WHERE o.tenant_id = :t AND o.id = :o AND EXISTS (
        SELECT FROM order_line mine JOIN shipment_line s ON s.tenant_id = mine.tenant_id AND s.line_id = mine.id
        JOIN order_line l ON l.tenant_id = mine.tenant_id AND l.item_id = mine.item_id AND l.order_id = n.id
        WHERE s.tenant_id = o.tenant_id AND s.shipment_id = :id)
    ORDER BY n.placed_at, n.id LIMIT 5
    """
)
HEAD = text("SELECT coalesce(number, external_id) AS number, total FROM orders WHERE tenant_id = :t AND id = :o")
WATCHED = text(
    "SELECT EXISTS (SELECT FROM promise WHERE tenant_id = :t AND order_id = :o AND state IN ('standing', 'late'))"
)
CASE = text("SELECT state FROM exception_case WHERE tenant_id = :t AND fingerprint = :mark")


def tell_lost(unit: Unit, shipment: Row[Any], state: str, at: datetime) -> None:
    """Have a person look after a parcel that is lost or on its way back, where no promise that is watched tells of it.

    Args:
        unit: the running transaction; it holds the lock of the order.
        shipment: its row as it was before.
        state: the state it has now.
        at: since when.
    """
    if unit.conn.execute(WATCHED, {"t": unit.tenant, "o": shipment.order_id}).scalar_one():
        return
    _open(unit, LOST, shipment, state, at)


def tell_found(unit: Unit, shipment: Row[Any], state: str, at: datetime) -> None:
    """Say that a parcel is found, and have a person look where money or goods were given for it meanwhile.

    What a found parcel does further is said in the case that is open; one that is lost again or comes back to its
    sender leaves nothing to settle with the buyer.

    Args:
        unit: the running transaction; it holds the lock of the order.
        shipment: its row as it was before, with `lost_at`, its newest loss.
        state: the state it has now.
        at: since when.
    """
    if shipment.state == "lost":
        data = {"state": state, "occurred_at": jsonable(at), "lost_at": jsonable(shipment.lost_at)}
        unit.event("shipment.found", "shipment", shipment.id, data, order_id=shipment.order_id)
        _settle(unit, LOST, shipment)
    if state in FAILED:
        _settle(unit, FOUND, shipment)
        return
    if shipment.state != "lost":
        known = unit.conn.execute(CASE, {"t": unit.tenant, "mark": _mark(FOUND, shipment)}).scalar()
        if known is not None and known not in LIVE_CASE:
            return  # a person has settled it, knowing that the parcel was on its way
    values = {"t": unit.tenant, "o": shipment.order_id, "id": shipment.id}
    left = {"left": shipment.shipped_at or shipment.created_at}
    meanwhile = [
        *_refunded(unit.conn.execute(REFUNDS, values | left).all()),
        *_ordered(unit.conn.execute(ORDERS, values | {"lost": shipment.lost_at}).all()),
    ]
    if meanwhile:
        lost = _moment(shipment.lost_at)
        _open(unit, FOUND, shipment, state, at, lost=lost, meanwhile=" and ".join(meanwhile))


def _open(unit: Unit, cause: Cause, shipment: Row[Any], state: str, at: datetime, **more: str) -> None:
    """Open the case of a parcel with what its carrier says, and what else there is to be known."""
    order = unit.conn.execute(HEAD, {"t": unit.tenant, "o": shipment.order_id}).one()
    evidence = {
        "number": order.number,
        "carrier": shipment.carrier or "The carrier",
        "parcel": shipment.tracking_number or shipment.number,
        "state": state.replace("_", " "),
        "at": _moment(at),
        **more,
    }
    member = Member("fulfillment", shipment.fulfillment_id, shipment.order_id, order.total)
    open_cases(unit, [Opened(cause, _mark(cause, shipment), evidence, [member], node_id=shipment.node_id)])


def _settle(unit: Unit, cause: Cause, shipment: Row[Any]) -> None:
    settle_members(unit, "fulfillment", [shipment.fulfillment_id], fingerprints=[_mark(cause, shipment)])


def _mark(cause: Cause, shipment: Row[Any]) -> str:
    return f"{cause.code}:{shipment.id.hex}"


def _refunded(rows: Sequence[Row[Any]]) -> list[str]:
    return [
        f"{'units' if row.amount is None else f'{plain(row.amount)} {row.currency}'} of the order were given back"
        f" ({row.external_id}, {_moment(row.occurred_at)})"
        for row in rows
    ]


def _ordered(rows: Sequence[Row[Any]]) -> list[str]:
    return [
        f"the same buyer's {row.number} has items of it and may replace it (placed {_moment(row.placed_at)})"
        for row in rows
    ]


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
