"""Soft reservations: units held for checkouts, one at a time or many in one call, given back or made an order's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy import Connection

from core.domain.documents import Strict, a_quantity, a_text
from core.domain.ids import parse_id
from core.domain.quick import NO_NUL, Whole
from core.errors import CrossdockError, Unavailable
from core.services.checkout_desk import Served
from core.services.checkouts import Checkout, granted_of, reserve_each
from core.services.converting import convert_reservation
from core.services.reserving import release_group
from core.store.read.page import Json, Listed, Slice
from core.store.read.stock import list_reservations, read_reservation, read_reservations
from core.store.unit import Unit
from webhooks.api.answers import shown_after
from webhooks.api.auth import asked_for, caller
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, word, words
from webhooks.api.transactions import reading
from webhooks.problems import of_error
from webhooks.runtime import facts, parts

routes = ApiBlueprint("reservations", "Soft reservations: units held for a while, as checkouts do it.")
WRITE = "reservations:write"
MOST_SECONDS = 7 * 86_400
MOST_RESERVATIONS, MOST_LINES = 200, 1_000


class ReservedSchema(Strict):
    """Units of one item, at the node named or wherever they are."""

    sku = fields.String(required=True, validate=[validate.Length(1, 128), NO_NUL])
    node = a_text(64)
    quantity = a_quantity()


class ReservationBody(Strict):
    """Units to hold, all of them or none, for a while."""

    lines = fields.List(fields.Nested(ReservedSchema), required=True, validate=validate.Length(1, 200))
    seconds = Whole(load_default=900, validate=validate.Range(1, MOST_SECONDS))
    connection = fields.String(validate=[validate.Length(1, 128), NO_NUL])


class ReservationsBody(Strict):
    """What many checkouts want kept, each for itself."""

    reservations = fields.List(
        fields.Nested(ReservationBody), required=True, validate=validate.Length(1, MOST_RESERVATIONS)
    )

    @validates_schema
    def is_not_too_much(self, data: Json, **_: Any) -> None:
        """Refuse more lines than one transaction should lock."""
        if sum(len(each["lines"]) for each in data["reservations"]) > MOST_LINES:
            raise ValidationError(f"at most {MOST_LINES} lines together", "reservations")


class ReservationQuery(PageQuery):
    """What narrows the list of reservations."""

    state = words()
    sku = word()


@routes.lists("/reservations", scope="reservations:read", shape="Reservation", query=ReservationQuery, keeps=True)
def list_soft_reservations(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List soft reservations, newest first."""
    return list_reservations(conn, piece, **query)


@routes.reads("/reservations/<reservation>", scope="reservations:read", shape="Reservation")
def get_reservation(conn: Connection, reservation: str) -> Json:
    """Return one soft reservation."""
    return read_reservation(conn, parse_id("reservation", reservation))


def _with_others(bodies: Sequence[Json]) -> list[Served]:
    """Reserve together with other callers: the fast way when no answer has to be stored."""
    return parts().checkouts.reserve(_checkouts(bodies, reading))


def _reserve_with_others(body: Json) -> Answer:
    [served] = _with_others([body])
    if isinstance(served, CrossdockError):
        raise served
    return _reserved(served)


@routes.writes(
    "/reservations",
    scope=WRITE,
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
    [outcome] = reserve_each(unit, _checkouts([body], lambda work: work(unit.conn)))
    return _reserved(read_reservation(unit.conn, granted_of(outcome), unit.tenant))


def _reserve_many_with_others(body: Json) -> Json:
    return _told(_with_others(body["reservations"]))


@routes.writes(
    "/reservations/batch",
    scope=WRITE,
    shape="Reserved",
    body=ReservationsBody,
    shared=_reserve_many_with_others,
    keeps=True,
)
def post_reservations(unit: Unit, body: Json) -> Json:
    """Hold units for many checkouts in one call; each gets all it asks for or a problem, whatever becomes of others.

    They are served in the order given, and answered in it.
    """
    outcomes = reserve_each(unit, _checkouts(body["reservations"], lambda work: work(unit.conn)))
    shown = read_reservations(unit.conn, [each for each in outcomes if isinstance(each, UUID)], unit.tenant)
    return _told([each if isinstance(each, CrossdockError) else shown[each] for each in outcomes])


def _told(served: Sequence[Served]) -> Json:
    """Return the answer to many checkouts.

    Raises:
        Unavailable: the database was away for some of it and nothing was granted, so all of it may be asked again.
    """
    refused = [each for each in served if isinstance(each, CrossdockError)]
    away = [each for each in refused if isinstance(each, Unavailable)]
    if away and len(refused) == len(served):
        raise away[0]
    rows = [
        {"reservation": None, "problem": of_error(each)[0]}
        if isinstance(each, CrossdockError)
        else {"reservation": each, "problem": None}
        for each in served
    ]
    return {"granted": len(served) - len(refused), "refused": len(refused), "data": rows}


def _reserved(shown: Json) -> Answer:
    return Answer(shown, location=f"/api/v1/reservations/{shown['id']}")


def _checkouts(bodies: Sequence[Json], within: Callable[[Callable[[Connection], Any]], Any]) -> list[Checkout]:
    """Return what bodies ask for and for whom; `within` runs a function in a session, where one is needed."""
    whose = {None: caller().connection_id}
    if named := {body["connection"] for body in bodies if body.get("connection")}:
        whose.update(within(lambda conn: {name: asked_for(conn, name) for name in named}))
    return [Checkout(body["lines"], body["seconds"], whose[body.get("connection") or None]) for body in bodies]


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
