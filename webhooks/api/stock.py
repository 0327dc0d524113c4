"""Stock: positions, ledger, counts and corrections, what may be promised, and soft reservations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy import Connection, select

from core.domain.documents import NOT_NEGATIVE, StockSchema, Strict, a_quantity, a_text
from core.domain.ids import parse_id
from core.domain.money import plain
from core.domain.quick import NO_NUL, Exact
from core.errors import Conflict, InputError
from core.services.converting import convert_reservation
from core.services.reserving import Granted, Wanted, release_group, reserve_many
from core.services.stock import adjust_stock, count_stock
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice
from core.store.read.plumbing import read_connection
from core.store.read.shelves import read_shelf
from core.store.read.stock import (
    list_movements,
    list_positions,
    list_reservations,
    read_availability,
    read_position,
    read_reservation,
)
from core.store.unit import DEFAULT_TENANT, Unit
from webhooks.api.auth import caller
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, word, words
from webhooks.api.bounds import require_own_connection
from webhooks.api.transactions import reading
from webhooks.runtime import facts, parts

routes = ApiBlueprint("stock", "Positions, ledger, availability and soft reservations.")
READ, WRITE = "stock:read", "stock:write"
MOST_SECONDS = 7 * 86_400
MOST_SKUS = 200
# Between reading free stock and taking it others may take it: look again this often before it is a refusal.
LOOKS = 3


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
    seconds = fields.Integer(load_default=900, validate=validate.Range(1, MOST_SECONDS))
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
        raise reading(lambda conn: _short(conn, refused))
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
    for _ in range(LOOKS):
        [granted] = reserve_many(unit, [_wanted(unit.conn, body)])
        if granted.group_id is not None:
            return _reserved(read_reservation(unit.conn, granted.group_id, unit.tenant))
    raise _short(unit.conn, granted)


def _reserved(shown: Json) -> Answer:
    return Answer(shown, location=f"/api/v1/reservations/{shown['id']}")


def _wanted(conn: Connection, body: Json) -> Wanted:
    connection_id = _for_whom(conn, body.get("connection"))
    return Wanted(_where(conn, body["lines"], connection_id), float(body["seconds"]), connection_id)


def _for_whom(conn: Connection, name: str | None) -> UUID | None:
    """Return the connection stock is asked for: the one named, else the one of the key, else nobody's."""
    key = caller()
    if name and key.connection_id is not None:
        require_own_connection(conn, key.name, key.connection_id, name)
    return parse_id("connection", read_connection(conn, name)["id"]) if name else key.connection_id


@routes.writes("/reservations/<reservation>/release", scope="reservations:write", shape="Reservation")
def post_release(unit: Unit, reservation: str) -> Json:
    """Give a soft reservation back before its time."""
    group_id = parse_id("reservation", reservation)
    release_group(unit, group_id)
    return read_reservation(unit.conn, group_id, unit.tenant)


class ConversionBody(Strict):
    """Whose the reservation becomes."""

    order = a_text(64, required=True)


@routes.writes(
    "/reservations/<reservation>/convert", scope="reservations:write", shape="Reservation", body=ConversionBody
)
def post_conversion(unit: Unit, body: Json, reservation: str) -> Json:
    """Give what was held to an order that is there; a new order names its `reservation` itself."""
    group_id = parse_id("reservation", reservation)
    read_reservation(unit.conn, group_id, unit.tenant)
    convert_reservation(unit, facts(unit), group_id, parse_id("order", body["order"]))
    return read_reservation(unit.conn, group_id, unit.tenant)


def _where(
    conn: Connection, lines: list[Json], connection_id: UUID | None, tenant: int = DEFAULT_TENANT
) -> dict[tuple[UUID, UUID], Decimal]:
    """Return which units to take where: the node asked for, else one node that has all, else the fullest ones first."""
    i, n = t.item.c, t.node.c
    skus = sorted({line["sku"] for line in lines})
    known = conn.execute(select(i.sku, i.id).where(i.tenant_id == tenant, i.sku.in_(skus)))
    items = {row.sku: row.id for row in known}
    active = conn.execute(select(n.code, n.id).where(n.tenant_id == tenant, n.active))
    nodes = {row.code: row.id for row in active}
    shelf = read_shelf(conn, list(items.values()), tenant=tenant)
    taken: dict[tuple[UUID, UUID], Decimal] = {}

    def take(item: UUID, node: UUID, units: Decimal) -> None:
        needs = shelf.needs([(item, node, units)])
        shelf.take(connection_id, needs)
        for key, number in needs.items():
            taken[key] = taken.get(key, Decimal(0)) + number

    for number, line in enumerate(lines):
        item, code = items.get(line["sku"]), line.get("node")
        if item is None or (code is not None and code not in nodes):
            path = "sku" if item is None else "node"
            raise InputError(
                f"There is no {'item' if item is None else 'active node'} {line[path]!r}.",
                errors=[{"path": f"lines.{number}.{path}", "reason": "Nothing has this name."}],
            )
        left: Decimal = line["quantity"]
        places = [nodes[code]] if code is not None else list(nodes.values())
        whole = shelf.total(connection_id, item)
        room = {node: min(shelf.room(connection_id, item, node), whole) for node in places}
        order = sorted(places, key=lambda node: (room[node] < left, -room[node], node))
        for node in order:
            units = min(left, max(room[node], Decimal(0)))
            if units > 0:
                take(item, node, units)
                left -= units
        if left > 0 and order:
            # What is nowhere is asked for at the best place, so that the refusal names it.
            take(item, order[0], left)
        elif left > 0:
            raise Conflict("No node is active, so nothing can be reserved.", code="RESERVE-SHORT-409")
    return taken


def _short(conn: Connection, granted: Granted, tenant: int = DEFAULT_TENANT) -> Conflict:
    items = {item for item, _ in granted.missing}
    known = conn.execute(select(t.item.c.id, t.item.c.sku).where(t.item.c.tenant_id == tenant, t.item.c.id.in_(items)))
    names = {row.id: row.sku for row in known}
    errors = [
        {"path": names[item], "reason": f"{plain(units)} more than available"}
        for (item, _), units in sorted(granted.missing.items())
    ]
    return Conflict(
        "There is not enough stock; nothing was reserved.",
        fix="Ask for less, or look at /api/v1/availability.",
        code="RESERVE-SHORT-409",
        errors=errors,
    )
