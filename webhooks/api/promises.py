"""Promises: offers for lines and a destination, what was promised, and how well it was kept; scores behind it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from marshmallow import fields, validate
from sqlalchemy import Connection

from core.domain.documents import COUNTRY, CURRENCY, TEXT, Strict, TotalsSchema, a_quantity, a_text, an_amount
from core.domain.ids import parse_id, public_id
from core.domain.quick import NO_NUL, Real
from core.intelligence.lanes import LEVELS
from core.services.catalog import connection_named
from core.services.offer_terms import TERMS
from core.services.promising import Wanted, offer
from core.store.read.calibration import read_calibration
from core.store.read.page import Json, Listed, Slice
from core.store.read.promises import list_promises, list_scores, read_promise
from core.store.unit import Unit
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, word, words
from webhooks.runtime import facts

routes = ApiBlueprint("promises", "Dates with probabilities, how they were kept, and the scores of carriers and nodes.")
READ, WRITE = "promises:read", "promises:write"
MONTH = timedelta(days=30)


class PromisedSchema(Strict):
    """Units of one item, and their price where policies look at it."""

    sku = fields.String(required=True, validate=[validate.Length(1, 128), NO_NUL])
    quantity = a_quantity()
    unit_price, discount = an_amount(), an_amount()


class OfferBody(Strict):
    """What would be ordered, where it would go, and what else the order would say, by the names orders have for it."""

    lines = fields.List(fields.Nested(PromisedSchema), required=True, validate=validate.Length(1, 200))
    country = fields.String(required=True, validate=COUNTRY)
    postal_code = a_text(32)
    probability = Real(validate=validate.OneOf(LEVELS))
    connection = a_text(128)
    type = fields.String(validate=validate.OneOf(["b2c", "b2b"]))
    tags = fields.List(fields.String(validate=[TEXT, NO_NUL]), allow_none=True, validate=validate.Length(max=250))
    service_level, pickup_node = a_text(40), a_text(64)
    requested_ship_date, requested_delivery_date = fields.Date(allow_none=True), fields.Date(allow_none=True)
    ship_not_before, ship_not_after = fields.Date(allow_none=True), fields.Date(allow_none=True)
    deliver_not_before, deliver_not_after = fields.Date(allow_none=True), fields.Date(allow_none=True)
    partial_shipment_allowed = fields.Boolean()
    currency = fields.String(allow_none=True, validate=CURRENCY)
    totals = fields.Nested(TotalsSchema, allow_none=True)


class PromiseQuery(PageQuery):
    """What narrows the list of promises."""

    state = words()
    order = word()


class ReportQuery(Strict):
    """Since when promises must have been settled; 30 days ago by default."""

    since = fields.AwareDateTime(load_default=None, default_timezone=UTC)


class ScoreQuery(PageQuery):
    """What narrows the list of scores."""

    subject, name, measure = words(), words(), words()


@routes.writes("/promises", scope=WRITE, shape="Promise", body=OfferBody, status=201, keeps=True)
def post_promise(unit: Unit, body: Json) -> Answer:
    """Offer a date: nothing is reserved; an order that names the offer while it stands is held to it."""
    wanted = [
        Wanted(line["sku"], line["quantity"], line.get("unit_price"), line.get("discount")) for line in body["lines"]
    ]
    channel = body.get("connection")
    found = offer(
        unit,
        facts(unit),
        wanted,
        body["country"],
        body.get("postal_code"),
        body.get("probability"),
        connection_named(unit, channel).id if channel else None,
        {name: value for name in (*TERMS, "totals") if (value := body.get(name)) not in (None, "")},
    )
    promise = public_id("promise", found)
    return Answer(read_promise(unit.conn, found, unit.tenant), location=f"/api/v1/promises/{promise}")


@routes.lists("/promises", scope=READ, shape="Promise", query=PromiseQuery, keeps=True)
def list_all_promises(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List promises, newest first."""
    order = query.pop("order")
    return list_promises(conn, piece, order_id=parse_id("order", order) if order else None, **query)


@routes.reads("/promises/report", scope=READ, shape="Calibration", query=ReportQuery)
def get_report(conn: Connection, query: Json) -> Json:
    """Return what promises said and what was kept, in all and by carrier, lane and node."""
    return read_calibration(conn, query["since"] or datetime.now(UTC) - MONTH)


@routes.reads("/promises/<promise>", scope=READ, shape="Promise")
def get_promise(conn: Connection, promise: str) -> Json:
    """Return one promise."""
    return read_promise(conn, parse_id("promise", promise))


@routes.lists("/scores", scope=READ, shape="Score", query=ScoreQuery)
def list_all_scores(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List the scores of carriers and nodes, as of the last hour."""
    return list_scores(conn, piece, **query)
