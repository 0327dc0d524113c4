"""Guessing a map from a sample: which of a partner's fields are which of ours, by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Sample = Any


@dataclass(frozen=True)
class Field:
    """A canonical field: names partners have for it, best first, and how its value is read."""

    name: str
    called: tuple[str, ...]
    read_as: str | None = None
    required: bool = False
    hold: str | None = None
    """Hold instead of a refusal where the value is missing."""


@dataclass(frozen=True)
class Part:
    """An object or list inside the document: what partners call it, and its fields."""

    name: str
    called: tuple[str, ...]
    fields: tuple[Field, ...]
    is_list: bool = False
    required: bool = False


@dataclass(frozen=True)
class Shape:
    """A canonical document as far as it is guessed."""

    kind: str
    fields: tuple[Field, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Guess:
    """A map's text, how many fields it fills, and what is left to do."""

    kind: str
    text: str
    mapped: int
    todo: list[str]


PERSON = (
    Field("name", ("name", "fullname", "displayname")),
    Field("email", ("email", "mail", "emailaddress")),
    Field("phone", ("phone", "telephone", "phonenumber", "tel")),
    Field("company", ("company", "companyname", "organization")),
)
ADDRESS = (
    Field("name", ("name", "fullname", "recipient", "recipientname")),
    Field("company", ("company", "companyname")),
    Field("line1", ("line1", "address1", "street", "street1", "addressline1", "address")),
    Field("line2", ("line2", "address2", "street2", "addressline2")),
    Field("city", ("city", "town", "locality")),
    Field("region", ("region", "provincecode", "province", "state")),
    Field("postal_code", ("postalcode", "zip", "zipcode", "postcode")),
    Field("country", ("countrycode", "country"), "country"),
    Field("phone", ("phone", "telephone", "phonenumber")),
)
SKU = Field("sku", ("sku", "article", "articlenumber", "itemcode", "productcode", "itemnumber", "code", "item"))
QUANTITY = Field("quantity", ("quantity", "qty", "count", "units", "amount"), "quantity", required=True)
SHAPES: Mapping[str, Shape] = {
    "order": Shape(
        "order",
        (
            Field("external_id", ("id", "orderid", "externalid", "uuid", "guid"), required=True),
            Field("number", ("number", "ordernumber", "orderno", "ref", "reference", "name")),
            Field(
                "placed_at",
                ("placedat", "createdat", "created", "orderdate", "orderedat", "datecreated", "date"),
                "datetime",
                required=True,
            ),
            Field(
                "source_updated_at",
                ("updatedat", "updated", "changed", "modified", "changedat", "modifiedat"),
                "datetime",
            ),
            Field("currency", ("currency", "currencycode"), "currency", required=True),
            Field("note", ("note", "comment", "remark", "customernote")),
        ),
        (
            Part("buyer", ("buyer", "customer", "client", "billto"), PERSON),
            Part("ship_to", ("shipto", "shippingaddress", "deliveryaddress", "ship", "shipping", "delivery"), ADDRESS),
            Part(
                "lines",
                ("lines", "lineitems", "items", "rows", "positions", "orderlines", "products"),
                (
                    Field("external_id", ("id", "lineid", "row", "line", "position")),
                    replace(SKU, required=True, hold="unmapped_sku"),
                    Field("title", ("title", "name", "text", "description")),
                    QUANTITY,
                    Field("unit_price", ("unitprice", "price"), "money"),
                ),
                is_list=True,
                required=True,
            ),
        ),
    ),
    "stock": Shape(
        "stock",
        (
            Field(
                "as_of",
                ("asof", "countedat", "at", "timestamp", "updatedat", "date", "time"),
                "datetime",
                required=True,
            ),
            Field("node", ("node", "warehouse", "location", "warehousecode", "locationid")),
        ),
        (
            Part(
                "items",
                ("items", "counts", "stock", "levels", "lines", "inventory", "positions"),
                (
                    SKU,
                    Field(
                        "on_hand",
                        ("onhand", "counted", "quantity", "qty", "stock", "count", "available"),
                        "quantity",
                        required=True,
                    ),
                ),
                is_list=True,
                required=True,
            ),
        ),
    ),
    "shipment": Shape(
        "shipment",
        (
            Field("external_id", ("shipmentid", "id", "uuid"), required=True),
            Field("fulfillment", ("clientreference", "externalid", "orderreference", "reference", "ref")),
            Field("occurred_at", ("shippedat", "occurredat", "at", "date", "createdat"), "datetime"),
            Field("carrier", ("carrier", "carriercode", "shipper")),
            Field("tracking_number", ("trackingnumber", "trackingcode", "tracking", "awb")),
        ),
        (
            Part(
                "lines",
                ("lines", "items", "positions", "rows"),
                (Field("line", ("lineref", "externallineid", "line", "id")), SKU, QUANTITY),
                is_list=True,
            ),
        ),
    ),
}
WORDS = {"order": "order", "stock": "stock", "inventory": "stock", "shipment": "shipment", "shipped": "shipment"}


def meaning(topic: str, kind: str) -> str | None:
    """Return which canonical document a topic carries, by its words; None when nobody can tell."""
    words = re.split(r"[^a-z]+", topic.lower())
    for word in words:
        for part, means in WORDS.items():
            # A warehouse's "order" is its work, and a cancellation is no new order.
            if word.startswith(part) and not (
                means == "order" and (kind == "wms" or any("cancel" in w for w in words))
            ):
                return means
    return None


def guess_map(means: str, sample: Sample) -> Guess:
    """Return a map for a sample."""
    shape = SHAPES[means]
    lines = [f"map: {shape.kind}", "from: json", "version: 1", "fields:"]
    todo: list[str] = []
    mapped = _fields(shape.fields, _leaves(sample), lines, todo, "", "  ")
    for part in shape.parts:
        found = _container(sample, part)
        if found is None:
            if part.required:
                todo.append(f"{part.name} (required)")
                lines.append(f"  # TODO: {part.name}")
            continue
        path, inner = found
        lines += [f"  {part.name}:", f"    {'each' if part.is_list else 'from'}: {path}", "    fields:"]
        mapped += _fields(part.fields, _leaves(inner), lines, todo, f"{part.name}.", "      ")
    return Guess(shape.kind, "\n".join(lines) + "\n", mapped, todo)


def _fields(
    fields: Sequence[Field], leaves: Mapping[str, str], lines: list[str], todo: list[str], prefix: str, indent: str
) -> int:
    mapped, taken = 0, set()
    for each in fields:
        path = next((leaves[name] for name in each.called if name in leaves and leaves[name] not in taken), None)
        if path is None:
            if each.required:
                todo.append(f"{prefix}{each.name} (required)")
                lines.append(f"{indent}# TODO: {each.name} is required")
            continue
        taken.add(path)
        mapped += 1
        extras = f", as: {each.read_as}" if each.read_as else ""
        extras += ", required: true" if each.required else ""
        extras += f", on_missing: hold.{each.hold}" if each.hold else ""
        lines.append(f"{indent}{each.name}: {{path: {path}{extras}}}" if extras else f"{indent}{each.name}: {path}")
    return mapped


def _leaves(sample: Sample) -> dict[str, str]:
    """Return normalized name -> path of the values of an object and of the objects around them, shallowest first."""
    found: dict[str, str] = {}
    for path, value in _walk(sample):
        if not isinstance(value, Mapping | list):
            found.setdefault(_plain(path[-1]), ".".join(path))
    return found


def _container(sample: Sample, part: Part) -> tuple[str, Sample] | None:
    """Return path and content of an object or list by its name; of a list, its first entry."""
    candidates: dict[str, tuple[str, Sample]] = {}
    for path, value in _walk(sample):
        if part.is_list and isinstance(value, list) and value and isinstance(value[0], Mapping):
            candidates.setdefault(_plain(path[-1]), (".".join(path), value[0]))
        elif not part.is_list and isinstance(value, Mapping):
            candidates.setdefault(_plain(path[-1]), (".".join(path), value))
    return next((candidates[name] for name in part.called if name in candidates), None)


def _walk(sample: Sample) -> Sequence[tuple[tuple[str, ...], Sample]]:
    """Return every path into objects, not into lists, level by level; an envelope of one key is no level."""
    found: list[tuple[tuple[str, ...], Sample]] = []
    level: list[tuple[tuple[str, ...], Sample]] = [((), sample)]
    while level:
        deeper: list[tuple[tuple[str, ...], Sample]] = []
        for path, value in level:
            if isinstance(value, Mapping):
                for name, inner in value.items():
                    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", str(name)):
                        found.append(((*path, str(name)), inner))
                        deeper.append(((*path, str(name)), inner))
        level = deeper
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
