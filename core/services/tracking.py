"""Tracking: carriers' facts, ordered by (rank, time); a late one is stored and never moves a shipment back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from core.domain.ids import uuid7
from core.domain.states import SHIPMENT, TRACKING_RANK, TRACKING_TRIGGER
from core.errors import NotFound
from core.ports.connectors import Json
from core.services.fulfilling import as_uuid
from core.services.parcels import ENDED, settle_parcel
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


def tracked_orders(conn: Connection, numbers: Collection[str], tenant: int = DEFAULT_TENANT) -> dict[str, UUID]:
    """Return the orders behind tracking numbers, without locking them."""
    if not numbers:
        return {}
    rows = conn.exec_driver_sql(
        "SELECT tracking_number, order_id FROM shipment WHERE tenant_id = %s AND tracking_number = ANY(%s::text[])",
        (tenant, list(numbers)),
    )
    return {row.tracking_number: row.order_id for row in rows}


def track(unit: Unit, document: Json, connection_id: UUID | None = None) -> UUID:
    """Store a tracking event, move its shipment when it is newer, and return the order it concerns.

    Args:
        unit: the running transaction.
        document: the canonical tracking event; `shipment` may be the number of a despatch advice of ours.
        connection_id: who says so, to whom the advice went.

    Raises:
        NotFound: no shipment has this id or tracking number (yet).
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
    shipment = unit.conn.execute(
        text("SELECT * FROM shipment WHERE tenant_id = :t AND id = :id"), {"t": unit.tenant, "id": found.id}
    ).one()
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
    if stored:
        _move(unit, shipment, document)
    return UUID(str(found.order_id))


def _move(unit: Unit, shipment: Row[Any], document: Json) -> None:
    rank, at = TRACKING_RANK[document["status"]], document["occurred_at"]
    trigger = TRACKING_TRIGGER[document["status"]]
    newer = (rank, at) > (shipment.rank, shipment.state_at) or rank > shipment.rank
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
    else:
        look_at_promise(unit, shipment.order_id)
    kind = state if state in ("delivered", "lost") else "updated"
    unit.event(f"shipment.{kind}", "shipment", shipment.id, {"state": str(state)}, order_id=shipment.order_id)
