"""What routing's facts look like as they are posted and as rows of an import file; cells are text, so lists may be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate, validates_schema

from core.domain.countries import known_country
from core.domain.documents import COUNTRY, CURRENCY, NOT_NEGATIVE, POSITIVE, Strict, a_quantity, a_text
from core.domain.quick import NO_NUL, Real, Whole

MOST_ROWS = 5_000
MOST_GRAMS = 2_000_000_000
NAME = [validate.Length(1, 64), validate.Regexp(r"\A[^/\x00]+\Z", error="must not have a slash or NUL")]
WEIGHT = validate.Range(1, MOST_GRAMS)
CLOCK = validate.Regexp(r"\A([01][0-9]|2[0-3]):[0-5][0-9]\Z")
LATITUDE, LONGITUDE = validate.Range(-90, 90), validate.Range(-180, 180)
# Fields of GeoNames files and of others who publish them, by the name they have here.
PLACE_NAMES = {
    "country_code": "country", "country code": "country", "zipcode": "postal_code", "postal code": "postal_code",
    "place name": "place", "place_name": "place", "lat": "latitude", "lng": "longitude", "lon": "longitude",
}  # fmt: skip


def names() -> fields.Field[Any]:
    """Return a list of names."""
    return fields.List(fields.String(validate=[validate.Length(1, 128), NO_NUL]), validate=validate.Length(max=1_000))


class Celled(Strict):
    """A body that may be a row of a file: lists are names with spaces, commas or semicolons between them."""

    @pre_load
    def split_cells(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Return the row with its lists as lists and its days by zone (`1:1 2:3 *:5`) as an object."""
        found = dict(data)
        for name, value in data.items():
            if not isinstance(value, str):
                continue
            words = [each for each in re.split(r"[\s,;]+", value) if each]
            if isinstance(self.fields.get(name), fields.List):
                found[name] = words
            elif isinstance(self.fields.get(name), fields.Dict):
                found[name] = {zone or "*": days for zone, _, days in (each.rpartition(":") for each in words)}
        return found


class ServiceBody(Celled):
    """A carrier's service; what is left out stays as it is."""

    carrier = fields.String(required=True, validate=NAME)
    service = fields.String(required=True, validate=NAME)
    label, level = a_text(200), a_text(40)
    nodes, connections, storage = names(), names(), names()
    cutoff = fields.Time(allow_none=True, format="%H:%M")
    pickup_limit = Whole(allow_none=True, validate=validate.Range(0, 10**9))
    transit_days = fields.Dict(
        keys=fields.String(validate=[validate.Length(1, 64), NO_NUL]),
        values=Whole(validate=validate.Range(0, 365)),
    )
    on_time = fields.Decimal(allow_none=True, validate=validate.Range(Decimal(0), Decimal(1)))
    carbon_g = Whole(validate=validate.Range(0, MOST_GRAMS))
    carbon_g_kg_km = fields.Decimal(validate=validate.Range(Decimal(0), Decimal(10_000)))
    max_weight_g = Whole(allow_none=True, validate=WEIGHT)
    hazmat, active = fields.Boolean(), fields.Boolean()


class RateBody(Strict):
    """The price of one shipment of a service on a way, up to a weight; `per_kg` comes on top for each kilogram.

    Countries and postcode prefixes that are left out are all.
    """

    carrier = fields.String(required=True, validate=NAME)
    service = fields.String(required=True, validate=NAME)
    zone = a_text(64)
    from_country, to_country = (fields.String(allow_none=True, validate=[COUNTRY, known_country]) for _ in range(2))
    from_postal, to_postal = a_text(12), a_text(12)
    up_to_g = Whole(allow_none=True, validate=WEIGHT)
    price = a_quantity(NOT_NEGATIVE)
    per_kg = a_quantity(NOT_NEGATIVE, required=False)
    currency = fields.String(required=True, validate=CURRENCY)
    valid_from, valid_to = fields.Date(allow_none=True), fields.Date(allow_none=True)

    @validates_schema
    def fits(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a postcode without its country, and an end before the beginning."""
        for side in ("from", "to"):
            if data.get(f"{side}_postal") and not data.get(f"{side}_country"):
                raise ValidationError("needs its country", f"{side}_postal")
        if data.get("valid_from") and data.get("valid_to") and data["valid_to"] < data["valid_from"]:
            raise ValidationError("is before valid_from", "valid_to")


class PlaceBody(Schema):
    """A place with its postcode and point, as GeoNames publishes them; other columns are left alone."""

    class Meta:
        """Files of places have many more columns."""

        unknown = EXCLUDE

    country = fields.String(required=True, validate=[COUNTRY, known_country])
    postal_code = a_text(32, required=True)
    place = a_text(200)
    latitude = Real(required=True, validate=LATITUDE)
    longitude = Real(required=True, validate=LONGITUDE)

    @pre_load
    def named(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Return the row under the names used here."""
        return {PLACE_NAMES.get(str(name).strip().lower(), name): value for name, value in data.items()}


class SubstituteBody(Celled):
    """An item that may go instead of another; `ratio` units of it for one, lower `rank` first."""

    sku = a_text(128, required=True)
    substitute = a_text(128, required=True)
    ratio = a_quantity(POSITIVE, required=False)
    rank = Whole(validate=validate.Range(0, 1_000))
    connections = names()
    approved_by = a_text(200)
    active = fields.Boolean()

    @validates_schema
    def differs(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse an item that stands for itself."""
        if data.get("sku") == data.get("substitute"):
            raise ValidationError("is the item itself", "substitute")


class SupplierPriceBody(Strict):
    """What a supplier charges for one unit, and what it calls the item."""

    node = a_text(64, required=True)
    sku = a_text(128, required=True)
    code = a_text(128)
    price = a_quantity(NOT_NEGATIVE)
    currency = fields.String(required=True, validate=CURRENCY)


class MarkdownBody(Strict):
    """Units of an item at a node that will be sold off, and what selling one now saves."""

    sku = a_text(128, required=True)
    node = a_text(64, required=True)
    units = a_quantity(POSITIVE)
    benefit = a_quantity(NOT_NEGATIVE)
    valid_to = fields.Date(allow_none=True)


def many(row: type[Schema], name: str) -> type[Strict]:
    """Return the body that holds many rows under a name."""
    listed = fields.List(fields.Nested(row), required=True, validate=validate.Length(1, MOST_ROWS))
    return Strict.from_dict({name: listed}, name=f"{row.__name__}s")  # type: ignore[return-value]
