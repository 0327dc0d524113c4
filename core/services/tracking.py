"""Tracking: carriers' facts, ordered by (rank, time); a late one is stored and never moves a shipment back.

A loss begins that order anew: what happened before it changes nothing any more, whenever it is told, and what happens
after it finds the parcel.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.ids import uuid7
from core.domain.payloads import jsonable
from core.domain.states import FINDING, SHIPMENT, TRACKING_RANK, TRACKING_TRIGGER
from core.errors import CrossdockError, InputError, NotFound
from core.ports.connectors import Json
from core.services.found import tell_found, tell_lost
from core.services.parcel_finding import Fact, find_parcels
from core.services.parcels import ENDED, FAILED, correct_parcel, settle_parcel, unsettle_parcel
from core.services.phase import refresh_phases
from core.services.promise_looks import look_at_promise
from core.store.locks import lock_orders
from core.store.unit import Unit

# Its newest loss counts from its moment, or from when it was told where that is to come by another clock.
SHIPMENTS_NOW = text(
    """
    SELECT s.*, least(o.placed_at, o.created_at) AS placed_at,
           greatest(CASE WHEN s.state = 'lost' THEN s.state_at END, (
               SELECT max(least(e.occurred_at, e.created_at)) FROM tracking_event e
               WHERE e.tenant_id = s.tenant_id AND e.shipment_id = s.id AND e.status = 'lost'
                 AND e.occurred_at BETWEEN least(o.placed_at, o.created_at) - :clocks AND e.created_at + :clocks
           )) AS lost_at
    FROM shipment s JOIN orders o ON o.tenant_id = s.tenant_id AND o.id = s.order_id
    WHERE s.tenant_id = :t AND s.id = ANY(:ids)
    """
)
STORE = """
INSERT INTO tracking_event (tenant_id, id, shipment_id, status, occurred_at, location, detail)
SELECT %s, * FROM unnest(%b::uuid[], %b::uuid[], %b::text[], %b::timestamptz[], %b::text[], %b::text[])
ON CONFLICT DO NOTHING RETURNING shipment_id
"""
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


def track(unit: Unit, document: Json, connection_id: UUID | None = None, *, refuse: bool = False) -> Tracked:
    """Store a tracking event, move its shipment when it is newer, and return the order it concerns.

    Arguments are those of `Fact` and `track_all`.

    Raises:
        NotFound: no shipment has this id or tracking number (yet).
        InputError: `refuse`, and it is to come or before the order was placed.
    """
    [told] = track_all(unit, [Fact(document, connection_id)], refuse=refuse)
    if isinstance(told, CrossdockError):
        raise told
    return told


def track_all(unit: Unit, facts: Sequence[Fact], *, refuse: bool = False) -> list[Tracked | CrossdockError]:
    """Store facts about parcels of different orders, move those parcels, and return what became of each fact, in order.

    A fact of a time at which it cannot have happened moves and settles nothing; another time of delivery than the one
    known corrects that, and what was settled by it. A fact about no shipment (yet) keeps back none of the others.

    Args:
        unit: the running transaction.
        facts: what carriers and partners say.
        refuse: whether an impossible time is an error; otherwise the fact is kept, since it does not come again.

    Raises:
        ValueError: two of them are about the same order.
    """
    places = find_parcels(unit, facts)
    orders = [order_id for _, order_id in places.values()]
    if len(set(orders)) < len(orders):
        raise ValueError("Two facts of a batch are about the same order.")
    lock_orders(unit, orders)
    ids = [shipment_id for own, _ in places.values() for shipment_id in own]
    values = {"t": unit.tenant, "ids": ids, "clocks": CLOCKS}
    shipments = {row.id: row for row in unit.conn.execute(SHIPMENTS_NOW, values)} if ids else {}
    told: list[Tracked | CrossdockError] = []
    kept: list[tuple[Fact, Row[Any], str | None]] = []
    for place, fact in enumerate(facts):
        if place not in places:
            told.append(_unknown(fact.document))
            continue
        parcels = [shipments[shipment_id] for shipment_id in places[place][0]]
        said: datetime = fact.document["occurred_at"]
        doubt = _doubt(said, parcels[0].placed_at, unit.now)
        if doubt is not None and refuse:
            told.append(_impossible(fact.document, doubt))
            continue
        kept += [(fact, shipment, doubt) for shipment in parcels]
        effect = doubt and f"kept without effect: {fact.document['status']} at {said.isoformat()} {doubt}"
        told.append(Tracked(parcels[0].order_id, effect))
    stored = _store(unit, [(fact.document, shipment.id) for fact, shipment, _ in kept])
    for fact, shipment, doubt in kept:
        if fact.reason:
            unit.reasons[shipment.order_id] = fact.reason
        document = fact.document
        if shipment.id in stored and doubt is not None:
            _doubted(unit, shipment, document, f"that {doubt}")
        elif doubt is None and (shipment.id in stored or shipment.state == "lost"):
            _move(unit, shipment, document)  # what finds a lost one may have been told when nothing could
    return told


def _store(unit: Unit, facts: Sequence[tuple[Json, UUID]]) -> set[UUID]:
    """Write facts about shipments and return the shipments of those that are new."""
    if not facts:
        return set()
    columns = [
        [uuid7() for _ in facts],
        [shipment_id for _, shipment_id in facts],
        *([document.get(name) for document, _ in facts] for name in ("status", "occurred_at", "location", "detail")),
    ]
    return {row.shipment_id for row in unit.conn.exec_driver_sql(STORE, (unit.tenant, *columns))}


def _unknown(document: Json) -> NotFound:
    return NotFound(
        f"No shipment has the tracking number {document.get('tracking_number') or document.get('shipment')!r}.",
        fix="Compare the number. A message about it is tried again by itself, because carriers are sometimes "
        "quicker than the node; a call to the API is not.",
        code="TRACK-UNKNOWN-404",
    )


def _impossible(document: Json, doubt: str) -> InputError:
    return InputError(
        f"The parcel cannot be {document['status'].replace('_', ' ')} since "
        f"{document['occurred_at'].isoformat()}; nothing was changed.",
        why=f"That {doubt}.",
        fix="Send the moment at which it happened.",
        code="TRACK-TIME-422",
        errors=[{"path": "occurred_at", "reason": doubt}],
    )


def _doubt(said: datetime, placed: datetime, now: datetime) -> str | None:
    """Return why nothing can have happened to an order's parcel at a time, allowing for clocks of other zones."""
    if placed - CLOCKS <= said <= now + CLOCKS:
        return None
    return "is to come" if said > now else f"is before the order was placed, {placed:%Y-%m-%d %H:%M} UTC"


def _doubted(unit: Unit, shipment: Row[Any], document: Json, reason: str) -> None:
    data = {"status": document["status"], "occurred_at": jsonable(document["occurred_at"]), "reason": reason}
    unit.event("shipment.doubted", "shipment", shipment.id, data, order_id=shipment.order_id)


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
        if shipment.state == "delivered" and document["status"] in FAILED and at > shipment.delivered_at:
            _doubted(unit, shipment, document, "the parcel was delivered before")
        elif document["status"] == "voided" != shipment.state:
            _doubted(unit, shipment, document, "the parcel had left before")
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
    if state in FAILED:
        tell_lost(unit, shipment, state, at)
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
