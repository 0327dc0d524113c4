"""Stock: positions, ledger, counts and corrections, what may be promised, and soft reservations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy import Connection

from core.domain.documents import NOT_NEGATIVE, StockSchema, Strict, a_quantity, a_text
from core.domain.ids import parse_id
from core.domain.quick import NO_NUL, Exact, Whole
from core.errors import InputError
from core.services.checkouts import LOOKS, reserve_lines, shortage, wanted_of
from core.services.converting import convert_reservation
from core.services.reserving import Granted, Wanted, release_group
from core.services.stock import adjust_stock, count_stock
from core.store.read.page import Json, Listed, Slice
from core.store.read.plumbing import read_connection
from core.store.read.stock import (
    list_movements,
    list_positions,
    list_reservations,
    read_availability,
    read_position,
    read_reservation,
)
from core.store.unit import Unit
from webhooks.api.answers import shown_after
from webhooks.api.auth import caller
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, word, words
from webhooks.api.bounds import require_own_connection
from webhooks.api.transactions import reading
from webhooks.runtime import facts, parts

routes = ApiBlueprint("stock", "Positions, ledger, availability and soft reservations.")
READ, WRITE = "stock:read", "stock:write"
MOST_SECONDS = 7 * 86_400
MOST_SKUS = 200


class PositionQuery(PageQuery):
    """What narrows the list of positions."""

    sku, node = words(), words()


class MovementQuery(PageQuery):
    """What narrows the ledger."""

    sku, node, order = word(), word(), word()
    kind = words()


class AvailabilityQuery(Strict):
    """Which items, and for which connection."""

    sku = words()
    connection = word()


class AdjustmentBody(Strict):
    """A correction by hand: the new figure or the difference, and why."""

    sku = a_text(128, required=True)
    node = a_text(64, required=True)
    on_hand = a_quantity(NOT_NEGATIVE, required=False)
    delta = Exact(validate=validate.Range(-(Decimal(10) ** 12), Decimal(10) ** 12))
    safety = a_quantity(NOT_NEGATIVE, required=False)
    reason = a_text(500, required=True)

    @validates_schema
    def says_one_thing(self, data: Json, **_: Any) -> None:
        """Refuse both ways of saying it at once, and neither."""
        if "on_hand" in data and "delta" in data:
            raise ValidationError("give on_hand or delta, not both", "delta")
        if not {"on_hand", "delta", "safety"} & data.keys():
            raise ValidationError("give on_hand, delta or safety", "on_hand")


class ReservedSchema(Strict):
    """Units of one item, at the node named or wherever they are."""

    sku = fields.String(required=True, validate=[validate.Length(1, 128), NO_NUL])
    node = a_text(64)
    quantity = a_quantity()


class ReservationBody(Strict):
    """Units to hold, all of them or none, for a while."""

    lines = fields.List(fields.Nested(ReservedSchema), required=True, validate=validate.Length(1, 200))
    seconds = Whole(load_default=900, validate=validate.Range(1, MOST_SECONDS))
    connection = a_text(128)


class ReservationQuery(PageQuery):
    """What narrows the list of reservations."""

    state = words()
    sku = word()


@routes.lists("/stock", scope=READ, shape="Position", query=PositionQuery)
def list_stock(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List stock positions by SKU and node."""
    return list_positions(conn, piece, **query)


@routes.writes("/stock", scope=WRITE, shape="Count", body=StockSchema)
def post_count(unit: Unit, body: Json) -> Json:
    """Report absolute counts as of a time; a count older than the last one applied changes nothing."""
    return count_stock(unit, body)


@routes.writes("/stock/adjustments", scope=WRITE, shape="Position", body=AdjustmentBody)
def post_adjustment(unit: Unit, body: Json) -> Json:
    """Correct one position by hand."""
    adjust_stock(unit, **body)
    return read_position(unit.conn, body["sku"], body["node"], unit.tenant)


@routes.lists("/stock/movements", scope=READ, shape="Movement", query=MovementQuery, keeps=True)
def list_ledger(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List stock movements, newest first."""
    order = query.pop("order")
    return list_movements(conn, piece, order_id=parse_id("order", order) if order else None, **query)


@routes.reads("/availability", scope=READ, shape="Availability", query=AvailabilityQuery)
def get_availability(conn: Connection, query: Json) -> Json:
    """Return what may be promised of items now, in all and by active node, to one connection or to anybody."""
    if not 1 <= len(query["sku"]) <= MOST_SKUS:
        raise InputError(
            f"Ask for 1 to {MOST_SKUS} SKUs.", errors=[{"path": "sku", "reason": "Missing data for required field."}]
        )
    return {"data": read_availability(conn, query["sku"], _for_whom(conn, query["connection"]))}


@routes.lists("/reservations", scope="reservations:read", shape="Reservation", query=ReservationQuery, keeps=True)
def list_soft_reservations(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List soft reservations, newest first."""
    return list_reservations(conn, piece, **query)


@routes.reads("/reservations/<reservation>", scope="reservations:read", shape="Reservation")
def get_reservation(conn: Connection, reservation: str) -> Json:
    """Return one soft reservation."""
    return read_reservation(conn, parse_id("reservation", reservation))


def _reserve_with_others(body: Json) -> Answer:
    """Reserve in a transaction shared with other callers: the fast way when no answer has to be stored."""
    granted = Granted(None)
    for _ in range(LOOKS):
        granted = parts().reservations.reserve(reading(lambda conn: _wanted(conn, body)))
        if granted.group_id is not None:
            break
    group_id, refused = granted.group_id, granted
    if group_id is None:
        raise reading(lambda conn: shortage(conn, refused))
    return _reserved(reading(lambda conn: read_reservation(conn, group_id)))


@routes.writes(
    "/reservations",
    scope="reservations:write",
    shape="Reservation",
    body=ReservationBody,
    status=201,
    shared=_reserve_with_others,
    keeps=True,
)
def post_reservation(unit: Unit, body: Json) -> Answer:
    """Hold units for a while, all of them or none; 409 says what is missing.

    Without `node` the units are taken from the fewest nodes that have them.
    """
    group_id = reserve_lines(unit, body["lines"], body["seconds"], _for_whom(unit.conn, body.get("connection")))
    return _reserved(read_reservation(unit.conn, group_id, unit.tenant))


def _reserved(shown: Json) -> Answer:
    return Answer(shown, location=f"/api/v1/reservations/{shown['id']}")


def _wanted(conn: Connection, body: Json) -> Wanted:
    return wanted_of(conn, body["lines"], body["seconds"], _for_whom(conn, body.get("connection")))


def _for_whom(conn: Connection, name: str | None) -> UUID | None:
    """Return the connection stock is asked for: the one named, else the one of the key, else nobody's."""
    key = caller()
    if name and key.connection_id is not None:
        require_own_connection(conn, key.name, key.connection_id, name)
    return parse_id("connection", read_connection(conn, name)["id"]) if name else key.connection_id


@routes.writes("/reservations/<reservation>/release", scope="reservations:write", shape="Reservation")
@shown_after("reservation", read_reservation)
def post_release(unit: Unit, reservation: UUID) -> None:
    """Give a soft reservation back before its time."""
    release_group(unit, reservation)


class ConversionBody(Strict):
    """Whose the reservation becomes."""

    order = a_text(64, required=True)


@routes.writes(
    "/reservations/<reservation>/convert", scope="reservations:write", shape="Reservation", body=ConversionBody
)
@shown_after("reservation", read_reservation)
def post_conversion(unit: Unit, reservation: UUID, body: Json) -> None:
    """Give what was held to an order that is there; a new order names its `reservation` itself."""
    read_reservation(unit.conn, reservation, unit.tenant)
    convert_reservation(unit, facts(unit), reservation, parse_id("order", body["order"]))
