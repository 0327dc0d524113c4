"""Fulfillment orders, shipments and tracking events: what nodes and carriers report, and what people decide."""

from __future__ import annotations

from uuid import UUID

from marshmallow import fields, validate
from sqlalchemy import Connection, or_, select

from core.domain.documents import (
    MAX_LINES,
    PackageSchema,
    ShipmentSchema,
    Strict,
    TrackingSchema,
    WorkLineSchema,
    a_text,
    an_instant,
)
from core.domain.ids import parse_id, public_id, uuid7
from core.domain.states import FULFILLMENT
from core.errors import NotFound
from core.services.fulfilling import as_uuid
from core.services.moving import (
    hold_fulfillment,
    merge_fulfillments,
    move_fulfillment,
    resume_fulfillment,
    split_fulfillment,
)
from core.services.reports import ship, update_fulfillment
from core.services.steps import TRIGGER
from core.services.tracking import track
from core.store import schema as t
from core.store.locks import lock_order
from core.store.read.fulfillment import (
    list_fulfillments,
    list_shipments,
    list_tracking,
    read_fulfillment,
    read_shipment,
)
from core.store.read.page import Json, Listed, Slice
from core.store.unit import Unit
from webhooks.api.auth import caller
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, require_version, word, words
from webhooks.api.bounds import require_own
from webhooks.runtime import facts

routes = ApiBlueprint("fulfillment", "Work of nodes, what left them, and where it is.")
READ, WRITE = "fulfillment:read", "fulfillment:write"


class FulfillmentQuery(PageQuery):
    """What narrows the list of fulfillment orders."""

    state, node = words(), words()
    order, number, reference = word(), word(), word()


class ShipmentQuery(PageQuery):
    """What narrows the list of shipments."""

    state, node = words(), words()
    order, fulfillment, tracking, carrier = (word() for _ in range(4))
    since = fields.AwareDateTime(load_default=None, metadata={"description": "Shipped then or later."})


class TrackingQuery(PageQuery):
    """What narrows the list of tracking events."""

    shipment, tracking = word(), word()
    status = words()


class AcceptBody(Strict):
    """The node takes the work; `reference` is its own name for it."""

    reference = a_text(128)


class RejectBody(Strict):
    """Why the node does not do it."""

    reason = a_text(500, required=True)


class MoveBody(Strict):
    """The node that is to do it, and why."""

    node = a_text(64, required=True)
    reason = a_text(500)


class SplitBody(Strict):
    """The units of the first half, and why."""

    lines = fields.List(fields.Nested(WorkLineSchema), required=True, validate=validate.Length(1, MAX_LINES))
    reason = a_text(500)


class MergeBody(Strict.from_dict({"with": fields.List(a_text(128, required=True), required=True)})):  # type: ignore[misc]
    """The other fulfillment orders, and why."""

    reason = a_text(500)


class ShipBody(Strict):
    """What left; everything still open without `lines`."""

    external_id = a_text(128)
    occurred_at = an_instant()
    carrier, service, tracking_number, tracking_url = a_text(64), a_text(64), a_text(128), a_text(2_000)
    lines = fields.List(fields.Nested(WorkLineSchema), allow_none=True, validate=validate.Length(1, MAX_LINES))
    packages = fields.List(fields.Nested(PackageSchema), allow_none=True, validate=validate.Length(max=MAX_LINES))


def _id(kind: str, text: str | None) -> UUID | None:
    return None if text is None else parse_id(kind, text)


@routes.lists("/fulfillment-orders", scope=READ, shape="FulfillmentOrder", query=FulfillmentQuery, keeps=True)
def list_work(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List fulfillment orders, newest first."""
    return list_fulfillments(conn, piece, order_id=_id("order", query.pop("order")), **query)


@routes.reads("/fulfillment-orders/<fulfillment>", scope=READ, shape="FulfillmentOrder")
def get_work(conn: Connection, fulfillment: str) -> Json:
    """Return one fulfillment order."""
    return read_fulfillment(conn, parse_id("fulfillment", fulfillment))


@routes.writes("/fulfillment-orders/<fulfillment>/accept", scope=WRITE, shape="FulfillmentOrder", body=AcceptBody)
def accept(unit: Unit, body: Json, fulfillment: str) -> Json:
    """Acknowledge the work in the node's name."""
    return _report(unit, fulfillment, "acknowledged", body)


@routes.writes("/fulfillment-orders/<fulfillment>/reject", scope=WRITE, shape="FulfillmentOrder", body=RejectBody)
def reject(unit: Unit, body: Json, fulfillment: str) -> Json:
    """Refuse the work in the node's name; the order is sourced again."""
    return _report(unit, fulfillment, "rejected", body)


@routes.writes("/fulfillment-orders/<fulfillment>/move", scope=WRITE, shape="FulfillmentOrder", body=MoveBody)
def move(unit: Unit, body: Json, fulfillment: str) -> Json:
    """Give the work whole to another node; answers with the new fulfillment order. 409 when its node may have begun."""
    lock_work(unit, parse_id("fulfillment", fulfillment))
    made = move_fulfillment(unit, facts(unit), fulfillment, body["node"], body.get("reason"))
    return read_fulfillment(unit.conn, made[0], unit.tenant)


@routes.writes("/fulfillment-orders/<fulfillment>/split", scope=WRITE, shape="FulfillmentOrders", body=SplitBody)
def split(unit: Unit, body: Json, fulfillment: str) -> Json:
    """Make two of one, at the same node: the named units, and the rest. 409 when the node may have begun."""
    lock_work(unit, parse_id("fulfillment", fulfillment))
    made = split_fulfillment(unit, facts(unit), fulfillment, body["lines"], body.get("reason"))
    return {"data": [read_fulfillment(unit.conn, each, unit.tenant) for each in made]}


@routes.writes("/fulfillment-orders/<fulfillment>/merge", scope=WRITE, shape="FulfillmentOrder", body=MergeBody)
def merge(unit: Unit, body: Json, fulfillment: str) -> Json:
    """Make one of several of the same order and node. 409 when the node may have begun with one of them."""
    lock_work(unit, parse_id("fulfillment", fulfillment))
    made = merge_fulfillments(unit, facts(unit), [fulfillment, *body["with"]], body.get("reason"))
    return read_fulfillment(unit.conn, made, unit.tenant)


@routes.writes("/fulfillment-orders/<fulfillment>/hold", scope=WRITE, shape="FulfillmentOrder", body=RejectBody)
def hold(unit: Unit, body: Json, fulfillment: str) -> Json:
    """Keep the work from its node until it is released; 409 when the node may have begun."""
    fulfillment_id = parse_id("fulfillment", fulfillment)
    lock_work(unit, fulfillment_id)
    hold_fulfillment(unit, facts(unit), fulfillment, body["reason"])
    return read_fulfillment(unit.conn, fulfillment_id, unit.tenant)


@routes.writes("/fulfillment-orders/<fulfillment>/release", scope=WRITE, shape="FulfillmentOrder")
def release(unit: Unit, fulfillment: str) -> Json:
    """Let held work go to its node; work that waits for its time goes at once, 409 when it waits for units."""
    fulfillment_id = parse_id("fulfillment", fulfillment)
    lock_work(unit, fulfillment_id)
    resume_fulfillment(unit, fulfillment)
    return read_fulfillment(unit.conn, fulfillment_id, unit.tenant)


def _report(unit: Unit, fulfillment: str, status: str, body: Json) -> Json:
    fulfillment_id = parse_id("fulfillment", fulfillment)
    state = lock_work(unit, fulfillment_id)
    FULFILLMENT.advance(state, TRIGGER[status])  # a person's report that does not fit is told so, not swallowed
    update_fulfillment(unit, facts(unit), {"fulfillment": fulfillment, "status": status, **body})
    return read_fulfillment(unit.conn, fulfillment_id, unit.tenant)


def lock_work(unit: Unit, fulfillment_id: UUID) -> str:
    """Lock the order of a fulfillment order, honor `If-Match`, and return the state it is in.

    Raises:
        NotFound: there is no such fulfillment order.
        VersionConflict: the caller saw another version.
    """
    f = t.fulfillment_order.c
    query = select(f.order_id, f.version, f.state).where(f.tenant_id == unit.tenant, f.id == fulfillment_id)
    row = unit.conn.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"There is no fulfillment order {public_id('fulfillment', fulfillment_id)}.")
    lock_order(unit, row.order_id)
    row = unit.conn.execute(query).one()
    require_version(row.version)
    return str(row.state)


@routes.writes(
    "/fulfillment-orders/<fulfillment>/ship", scope=WRITE, shape="Shipment", body=ShipBody, status=201, also=(200,)
)
def post_ship(unit: Unit, body: Json, fulfillment: str) -> Answer:
    """Report that units left the node; the same `external_id` again is the same shipment. 409 when it is not open."""
    lock_work(unit, parse_id("fulfillment", fulfillment))
    external_id = body.pop("external_id", None) or f"api:{uuid7().hex}"
    return _shipped(unit, {**body, "fulfillment": fulfillment, "external_id": external_id})


@routes.lists("/shipments", scope="shipments:read", shape="Shipment", query=ShipmentQuery, keeps=True)
def list_parcels(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List shipments, newest first."""
    return list_shipments(
        conn,
        piece,
        order_id=_id("order", query.pop("order")),
        fulfillment_id=_id("fulfillment", query.pop("fulfillment")),
        shipped_since=query.pop("since"),
        **query,
    )


@routes.reads("/shipments/<shipment>", scope="shipments:read", shape="Shipment")
def get_shipment(conn: Connection, shipment: str) -> Json:
    """Return one shipment with its tracking events."""
    return read_shipment(conn, parse_id("shipment", shipment))


@routes.writes(
    "/shipments", scope="shipments:write", shape="Shipment", body=ShipmentSchema, status=201, also=(200,), keeps=True
)
def post_shipment(unit: Unit, body: Json) -> Answer:
    """Report a shipment as a node does; the same `external_id` again is the same shipment. 409 when it is not open."""
    return _shipped(unit, body)


def _shipped(unit: Unit, document: Json) -> Answer:
    done = ship(unit, facts(unit), document, refuse=True)
    assert done.shipment_id is not None
    shown = _own(unit, done.shipment_id)
    return Answer(shown, 201 if done.new else 200, f"/api/v1/shipments/{shown['id']}")


@routes.lists("/tracking-events", scope="shipments:read", shape="TrackingEvent", query=TrackingQuery, keeps=True)
def list_facts(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List tracking events, the newest received first."""
    return list_tracking(conn, piece, shipment_id=_id("shipment", query.pop("shipment")), **query)


@routes.writes(
    "/tracking-events", scope="shipments:write", shape="Shipment", body=TrackingSchema, status=201, keeps=True
)
def post_fact(unit: Unit, body: Json) -> Json:
    """Report a carrier's fact; a late one is kept and never moves a shipment back. Answers with the shipment."""
    order_id = track(unit, body)
    s, name = t.shipment.c, body.get("shipment")
    found = unit.conn.execute(
        select(s.id)
        .where(
            s.tenant_id == unit.tenant,
            s.order_id == order_id,
            or_(
                s.tracking_number == body.get("tracking_number"),
                s.number == name,
                s.external_id == name,
                s.id == as_uuid(name),
            ),
        )
        .order_by((s.id == as_uuid(name)).desc().nulls_last(), s.created_at.desc())
        .limit(1)
    )
    return _own(unit, found.scalar_one())


def _own(unit: Unit, shipment_id: UUID) -> Json:
    """Return a shipment a report made or moved; a key of another connection is refused, and the report undone."""
    key, shown = caller(), read_shipment(unit.conn, shipment_id, unit.tenant)
    require_own(unit.conn, key.name, key.connection_id, "shipment", shown["id"])
    return shown
