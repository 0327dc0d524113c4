"""Tracking: carriers' facts, ordered by (rank, time); a late one is stored and never moves a shipment back.

A loss begins that order anew: what happened before it changes nothing any more, whenever it is told, and what happens
after it finds the parcel.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Row, text

from core.domain.ids import uuid7
from core.domain.payloads import jsonable
from core.domain.states import FINDING, SHIPMENT, TRACKING_RANK, TRACKING_TRIGGER
from core.errors import InputError, NotFound
from core.ports.connectors import Json
from core.services.found import tell_found
from core.services.fulfilling import as_uuid
from core.services.parcels import ENDED, correct_parcel, settle_parcel, unsettle_parcel
from core.services.phase import refresh_phases
from core.services.promise_looks import look_at_promise
from core.store.locks import lock_order
from core.store.unit import DEFAULT_TENANT, Unit

FIND = """
SELECT id, order_id FROM shipment WHERE tenant_id = :tenant
  AND (id = :id OR number = :name OR external_id = :name
       OR (tracking_number = :tracking AND (CAST(:carrier AS text) IS NULL OR carrier IS NULL
                                            OR lower(carrier) = lower(:carrier))))
ORDER BY (id = :id) DESC NULLS LAST, created_at DESC LIMIT 1
"""
# A partner who says what arrived names our despatch advice, by which he knows the shipment.
ADVISED = """
SELECT s.id, s.order_id FROM paper p JOIN shipment s ON s.tenant_id = p.tenant_id AND s.id = p.shipment_id
WHERE p.tenant_id = :tenant AND p.connection_id = :connection AND p.kind = 'despatch_advice' AND p.number = :name
"""
# Its newest loss counts from its moment, or from when it was told where that is to come by another clock.
SHIPMENT_NOW = text(
    """
    SELECT s.*, least(o.placed_at, o.created_at) AS placed_at,
           greatest(CASE WHEN s.state = 'lost' THEN s.state_at END, (
               SELECT max(least(e.occurred_at, e.created_at)) FROM tracking_event e
               WHERE e.tenant_id = s.tenant_id AND e.shipment_id = s.id AND e.status = 'lost'
                 AND e.occurred_at BETWEEN least(o.placed_at, o.created_at) - :clocks AND e.created_at + :clocks
           )) AS lost_at
    FROM shipment s JOIN orders o ON o.tenant_id = s.tenant_id AND o.id = s.order_id
    WHERE s.tenant_id = :t AND s.id = :id
    """
)
SEEN_AFTER = text(
    """
    SELECT EXISTS (SELECT FROM tracking_event WHERE tenant_id = :t AND shipment_id = :id AND status = ANY(:finding)
                   AND least(occurred_at, created_at) > :at AND occurred_at <= created_at + :clocks)
    """
)
# Clocks differ, and times without a zone are taken for UTC.
CLOCKS = timedelta(days=1)


class Tracked(NamedTuple):
    """The order a tracking event concerns, and why the event was kept without moving anything, if so."""

    order_id: UUID
    doubt: str | None = None


def tracked_orders(conn: Connection, numbers: Collection[str], tenant: int = DEFAULT_TENANT) -> dict[str, UUID]:
    """Return the orders behind tracking numbers, without locking them."""
    if not numbers:
        return {}
    rows = conn.exec_driver_sql(
        "SELECT tracking_number, order_id FROM shipment WHERE tenant_id = %s AND tracking_number = ANY(%s::text[])",
        (tenant, list(numbers)),
    )
    return {row.tracking_number: row.order_id for row in rows}


def track(unit: Unit, document: Json, connection_id: UUID | None = None, *, refuse: bool = False) -> Tracked:
    """Store a tracking event, move its shipment when it is newer, and return the order it concerns.

    An event of a time at which it cannot have happened moves and settles nothing; another time of delivery than the
    one known corrects that, and what was settled by it.

    Args:
        unit: the running transaction.
        document: the canonical tracking event; `shipment` may be the number of a despatch advice of ours.
        connection_id: who says so, to whom the advice went.
        refuse: whether an impossible time is an error; otherwise the event is kept, since it does not come again.

    Raises:
        NotFound: no shipment has this id or tracking number (yet).
        InputError: `refuse`, and it is to come or before the order was placed.
    """
    found = unit.conn.execute(
        text(FIND),
        {
            "tenant": unit.tenant,
            "id": as_uuid(document.get("shipment")),
            "name": document.get("shipment"),
            "tracking": document.get("tracking_number"),
            "carrier": document.get("carrier"),
        },
    ).one_or_none()
    if found is None and connection_id is not None and document.get("shipment"):
        found = unit.conn.execute(
            text(ADVISED), {"tenant": unit.tenant, "connection": connection_id, "name": document["shipment"]}
        ).one_or_none()
    if found is None:
        raise NotFound(
            f"No shipment has the tracking number {document.get('tracking_number') or document.get('shipment')!r}.",
            fix="Compare the number. A message about it is tried again by itself, because carriers are sometimes "
            "quicker than the node; a call to the API is not.",
            code="TRACK-UNKNOWN-404",
        )
    lock_order(unit, found.order_id)
    shipment = unit.conn.execute(SHIPMENT_NOW, {"t": unit.tenant, "id": found.id, "clocks": CLOCKS}).one()
    doubt = _doubt(document["occurred_at"], shipment.placed_at, unit.now)
    if doubt is not None and refuse:
        raise InputError(
            f"The parcel cannot be {document['status'].replace('_', ' ')} since "
            f"{document['occurred_at'].isoformat()}; nothing was changed.",
            why=f"That {doubt}.",
            fix="Send the moment at which it happened.",
            code="TRACK-TIME-422",
            errors=[{"path": "occurred_at", "reason": doubt}],
        )
    stored = unit.conn.execute(
        text(
            "INSERT INTO tracking_event (tenant_id, id, shipment_id, status, occurred_at, location, detail)"
            " VALUES (:t, :id, :s, :status, :at, :location, :detail) ON CONFLICT DO NOTHING"
        ),
        {
            "t": unit.tenant,
            "id": uuid7(),
            "s": shipment.id,
            "status": document["status"],
            "at": document["occurred_at"],
            "location": document.get("location"),
            "detail": document.get("detail"),
        },
    ).rowcount
    if stored and doubt is not None:
        unit.event(
            "shipment.doubted", "shipment", shipment.id,
            {"status": document["status"], "occurred_at": jsonable(document["occurred_at"]), "reason": f"that {doubt}"},
            order_id=shipment.order_id,
        )  # fmt: skip
    elif stored or shipment.state == "lost":  # what finds it may have been told when nothing could
        _move(unit, shipment, document)
    return Tracked(
        UUID(str(found.order_id)),
        doubt and f"kept without effect: {document['status']} at {document['occurred_at'].isoformat()} {doubt}",
    )


def _doubt(said: datetime, placed: datetime, now: datetime) -> str | None:
    """Return why nothing can have happened to an order's parcel at a time, allowing for clocks of other zones."""
    if placed - CLOCKS <= said <= now + CLOCKS:
        return None
    return "is to come" if said > now else f"is before the order was placed, {placed:%Y-%m-%d %H:%M} UTC"


def _move(unit: Unit, shipment: Row[Any], document: Json) -> None:
    # Within what clocks differ by, what is to come is now: nobody tells of it sooner.
    rank, at = TRACKING_RANK[document["status"]], min(document["occurred_at"], unit.now)
    if _is_over(unit, shipment, document["status"], at):
        return
    if shipment.state == document["status"] == "delivered":
        _correct(unit, shipment, at)
        return
    trigger = TRACKING_TRIGGER[document["status"]]
    newer = shipment.state == "lost" or (rank, at) > (shipment.rank, shipment.state_at)
    if not newer or not SHIPMENT.may(shipment.state, trigger):
        return
    state = SHIPMENT.advance(shipment.state, trigger)
    unit.conn.execute(
        text(
            "UPDATE shipment SET state = :state, rank = :rank, state_at = :at, version = version + 1,"
            " delivered_at = CASE WHEN :state = 'delivered' THEN :at ELSE delivered_at END"
            " WHERE tenant_id = :t AND id = :id"
        ),
        {"t": unit.tenant, "id": shipment.id, "state": str(state), "rank": rank, "at": at},
    )
    if state == "delivered":
        unit.conn.execute(
            text(
                "UPDATE order_line l SET delivered = least(l.shipped, l.delivered + s.quantity) FROM shipment_line s"
                " WHERE s.tenant_id = :t AND s.shipment_id = :id AND l.tenant_id = s.tenant_id AND l.id = s.line_id"
            ),
            {"t": unit.tenant, "id": shipment.id},
        )
        refresh_phases(unit, [shipment.order_id])
    if state in ENDED:
        settle_parcel(unit, shipment.id, shipment.order_id)
    elif shipment.state == "lost":
        unsettle_parcel(unit, shipment.id, shipment.order_id)
    else:
        look_at_promise(unit, shipment.order_id)
    if shipment.lost_at is not None:
        tell_found(unit, shipment, state, at)
    kind = state if state in ("delivered", "lost") else "updated"
    unit.event(f"shipment.{kind}", "shipment", shipment.id, {"state": str(state)}, order_id=shipment.order_id)


def _is_over(unit: Unit, shipment: Row[Any], status: str, at: datetime) -> bool:
    """Return whether a fact is older than what counts: a loss than a later sighting, all else than the newest loss."""
    if status == "lost":
        values = {"t": unit.tenant, "id": shipment.id, "at": at, "finding": list(FINDING), "clocks": CLOCKS}
        return bool(unit.conn.execute(SEEN_AFTER, values).scalar_one())
    # What was there already when it was said to be lost was never lost.
    lost = shipment.lost_at is not None and not (
        shipment.state == "delivered" and shipment.delivered_at <= shipment.lost_at
    )
    return lost and at <= shipment.lost_at


def _correct(unit: Unit, shipment: Row[Any], at: datetime) -> None:
    """Let a parcel that is there have come at another time, and settle again what was settled by the one before."""
    if at == shipment.delivered_at:
        return
    unit.conn.execute(
        text(
            "UPDATE shipment SET state_at = :at, delivered_at = :at, version = version + 1"
            " WHERE tenant_id = :t AND id = :id"
        ),
        {"t": unit.tenant, "id": shipment.id, "at": at},
    )
    correct_parcel(unit, shipment.id, shipment.order_id)
    data = {"state": "delivered", "delivered_at": jsonable(at), "before": jsonable(shipment.delivered_at)}
    unit.event("shipment.updated", "shipment", shipment.id, data, order_id=shipment.order_id)
