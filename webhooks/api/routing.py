"""What routing knows: carriers' services and rates, places, substitutes, supplier prices, markdowns."""

from __future__ import annotations

from marshmallow import fields, validate
from sqlalchemy import Connection

from core.domain.documents import COUNTRY, Strict
from core.domain.ids import public_id
from core.errors import NotFound
from core.services import audit
from core.services.geography import find_points, finish_places, write_places
from core.services.merchandise import write_markdowns, write_substitutes, write_supplier_prices
from core.services.tariffs import write_rates, write_service
from core.store.read.page import Json, Listed, Slice
from core.store.read.routing import list_rates, list_services, list_substitutes, read_service
from core.store.unit import Unit
from webhooks.api.blueprint import Answer, ApiBlueprint, PageQuery, word, words
from webhooks.api.routingbodies import (
    MarkdownBody,
    PlaceBody,
    RateBody,
    ServiceBody,
    SubstituteBody,
    SupplierPriceBody,
    many,
)

routes = ApiBlueprint("routing", "Carriers' services, rates, places and what else routing decides by.")
READ, WRITE = "routing:read", "routing:write"


class ServiceQuery(PageQuery):
    """What narrows the list of services."""

    carrier = words()
    active = fields.Boolean(load_default=None)


class RateQuery(PageQuery):
    """What narrows the list of rates."""

    carrier, service, to_country = word(64), word(64), word(2)


class SubstituteQuery(PageQuery):
    """What narrows the list of substitutes."""

    sku = word()


class PointQuery(Strict):
    """A postcode as written."""

    country = fields.String(required=True, validate=COUNTRY)
    postal_code = fields.String(required=True, validate=validate.Length(1, 32))


@routes.lists("/carrier-services", scope=READ, shape="CarrierService", query=ServiceQuery)
def list_all_services(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List carriers' services by carrier and name."""
    return list_services(conn, piece, **query)


@routes.reads("/carrier-services/<path:service>", scope=READ, shape="CarrierService")
def get_service(conn: Connection, service: str) -> Json:
    """Return one service by its id, or as carrier/service."""
    return read_service(conn, service)


@routes.writes("/carrier-services", scope=WRITE, shape="CarrierService", body=ServiceBody)
def post_service(unit: Unit, body: Json) -> Answer:
    """Write a service by its carrier and name; what is left out stays as it is."""
    found = public_id("service", write_service(unit, body))
    audit.record(unit, "service.written", f"{body['carrier']}/{body['service']}")
    return Answer(read_service(unit.conn, found, unit.tenant), location=f"/api/v1/carrier-services/{found}")


@routes.lists("/rates", scope=READ, shape="Rate", query=RateQuery)
def list_all_rates(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List rates, the newest first."""
    return list_rates(conn, piece, **query)


@routes.writes("/rates/batch", scope=WRITE, shape="Counted", body=many(RateBody, "rates"))
def post_rates(unit: Unit, body: Json) -> Json:
    """Write up to 5,000 rates in one transaction, all or none; the same way, weight and first day again is the same."""
    done = write_rates(unit, body["rates"])
    audit.record(unit, "rates.written", "rates", {"rates": done})
    return {"written": done}


@routes.writes("/places/batch", scope=WRITE, shape="Counted", body=many(PlaceBody, "places"))
def post_places(unit: Unit, body: Json) -> Json:
    """Write up to 5,000 places with their postcodes and points."""
    done = write_places(unit, body["places"])
    finish_places(unit, {each["country"] for each in body["places"]})
    return {"written": done}


@routes.reads("/places/point", scope=READ, shape="Point", query=PointQuery)
def get_point(conn: Connection, query: Json) -> Json:
    """Return the point of a postcode: of the whole code, else of the smallest area known."""
    key = query["country"], query["postal_code"]
    point = find_points(conn, {key}).get(key)
    if point is None:
        raise NotFound(
            f"Nothing is known of the postcode {key[1]!r} in {key[0]}.", fix="Import places: `crossdock import places`."
        )
    return {**query, "area": point.area, "latitude": point.latitude, "longitude": point.longitude}


@routes.lists("/substitutes", scope=READ, shape="Substitute", query=SubstituteQuery)
def list_all_substitutes(conn: Connection, piece: Slice, query: Json) -> Listed:
    """List approved substitutes by item."""
    return list_substitutes(conn, piece, **query)


@routes.writes("/substitutes/batch", scope=WRITE, shape="Counted", body=many(SubstituteBody, "substitutes"))
def post_substitutes(unit: Unit, body: Json) -> Json:
    """Approve substitutes: who calls has approved those that name nobody."""
    done = write_substitutes(unit, body["substitutes"])
    audit.record(unit, "substitutes.written", "substitutes", {"substitutes": done})
    return {"written": done}


@routes.writes("/supplier-prices/batch", scope=WRITE, shape="Counted", body=many(SupplierPriceBody, "prices"))
def post_supplier_prices(unit: Unit, body: Json) -> Json:
    """Write what suppliers charge for one unit."""
    return {"written": write_supplier_prices(unit, body["prices"])}


@routes.writes("/markdowns/batch", scope=WRITE, shape="Counted", body=many(MarkdownBody, "markdowns"))
def post_markdowns(unit: Unit, body: Json) -> Json:
    """Write which units will be sold off where, and what selling one now saves."""
    return {"written": write_markdowns(unit, body["markdowns"])}
