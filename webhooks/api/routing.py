"""What routing knows: carriers' services and rates, places, substitutes, supplier prices, markdowns."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from core.domain.countries import known_country
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

    country = fields.String(required=True, validate=[COUNTRY, known_country])
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


def _write_many(
    path: str,
    row: type[Schema],
    write: Callable[[Unit, Sequence[Json]], int],
    sentence: str,
    *,
    name: str | None = None,
) -> None:
    """Register the route that writes many rows in one transaction, all or none, and answers how many.

    Args:
        path: of the rows; `/batch` is added.
        row: what one looks like.
        write: writes them and returns how many were given.
        sentence: what the route does, for its documentation.
        name: the body's field that holds them, where it is not the last word of the path.
    """
    what = path.strip("/").replace("-", "_")
    listed = name or what

    def handler(unit: Unit, body: Json) -> Json:
        done = write(unit, body[listed])
        audit.record(unit, f"{what}.written", what, {what: done})
        return {"written": done}

    handler.__name__, handler.__doc__ = f"post_{what}", sentence
    routes.writes(f"{path}/batch", scope=WRITE, shape="Counted", body=many(row, listed))(handler)


def _write_places(unit: Unit, rows: Sequence[Json]) -> int:
    done = write_places(unit, rows)
    finish_places(unit, {each["country"] for each in rows})
    return done


_write_many(
    "/rates", RateBody, write_rates,
    "Write up to 5,000 rates in one transaction, all or none; the same way, weight and first day again is the same.",
)  # fmt: skip
_write_many("/places", PlaceBody, _write_places, "Write up to 5,000 places with their postcodes and points.")
_write_many(
    "/substitutes", SubstituteBody, write_substitutes,
    "Approve substitutes: who calls has approved those that name nobody.",
)  # fmt: skip
_write_many(
    "/supplier-prices", SupplierPriceBody, write_supplier_prices, "Write what suppliers charge for one unit.",
    name="prices",
)  # fmt: skip
_write_many(
    "/markdowns", MarkdownBody, write_markdowns,
    "Write which units will be sold off where, and what selling one now saves.",
)  # fmt: skip
