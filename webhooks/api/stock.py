"""Stock: positions, ledger, counts and corrections, what may be promised, and soft reservations."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from marshmallow import ValidationError, validate, validates_schema
from sqlalchemy import Connection

from core.domain.documents import NOT_NEGATIVE, StockSchema, Strict, a_quantity, a_text
from core.domain.ids import parse_id
from core.domain.quick import Exact
from core.errors import InputError
from core.services.stock import adjust_stock, count_stock
from core.store.read.page import Json, Listed, Slice
from core.store.read.stock import (
    list_movements,
    list_positions,
    read_availability,
    read_position,
)
from core.store.unit import Unit
from webhooks.api.auth import asked_for
from webhooks.api.blueprint import ApiBlueprint, PageQuery, word, words

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
    return {"data": read_availability(conn, query["sku"], asked_for(conn, query["connection"]))}
