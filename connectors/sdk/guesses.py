"""Which field of a sample is probably which canonical field: names compared, nothing more; a person decides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import Schema, fields

from core.domain.documents import SCHEMAS
from core.domain.vocabulary import DocumentType

# Canonical field -> names partners use for it, in lower case without separators; the field's own name always counts.
NAMES: Mapping[str, tuple[str, ...]] = {
    "external_id": ("id", "orderid", "uuid", "uid", "refundid", "shipmentid"),
    "number": ("ordernumber", "name", "orderno", "increment", "incrementid", "reference"),
    "placed_at": ("createdat", "orderdate", "ordered", "orderedat", "datecreated", "created", "purchasedate"),
    "source_updated_at": ("updatedat", "modifiedat", "lastmodified", "datemodified", "changedat", "lastupdate"),
    "canceled_at": ("cancelledat",),
    "occurred_at": ("at", "timestamp", "eventtime", "createdat", "shippedat", "leftat", "date", "time"),
    "as_of": ("timestamp", "countedat", "takenat", "updatedat", "at"),
    "currency": ("currencycode", "ordercurrency"),
    "note": ("customernote", "comment", "remark", "notes"),
    "buyer": ("customer", "contact", "client"),
    "ship_to": ("shippingaddress", "deliveryaddress", "shipping", "recipient", "shipto"),
    "bill_to": ("billingaddress", "invoiceaddress", "billing", "billto"),
    "lines": ("lineitems", "items", "orderlines", "positions", "products", "orderitems", "rows"),
    "items": ("stock", "inventory", "levels", "positions", "articles", "products"),
    "sku": ("itemsku", "articlenumber", "productcode", "itemcode", "article", "productsku", "partnumber", "itemnumber"),
    "title": ("name", "description", "producttitle", "label"),
    "quantity": ("qty", "count", "pieces", "amountordered", "qtyordered", "units", "orderedquantity"),
    "on_hand": ("quantity", "qty", "stock", "available", "onhand", "count", "pieces"),
    "unit_price": ("price", "itemprice", "netprice", "priceperunit"),
    "position": ("line", "lineno", "linenumber", "row"),
    "company": ("companyname", "organization", "organisation"),
    "name": ("fullname", "recipientname", "contactname", "customername"),
    "email": ("mail", "emailaddress"),
    "phone": ("telephone", "phonenumber", "tel", "mobile"),
    "line1": ("address1", "street", "street1", "addressline1", "addressline"),
    "line2": ("address2", "street2", "addressline2"),
    "postal_code": ("zip", "zipcode", "postcode", "postalcode"),
    "region": ("state", "province", "county", "provincecode", "statecode"),
    "country": ("countrycode", "countryiso", "countryid"),
    "tracking_number": ("trackingno", "trackingcode", "trackingid", "barcode"),
    "tracking_url": ("trackinglink",),
    "carrier": ("carriercode", "shipper", "carriername"),
    "fulfillment": ("externalid", "clientreference", "yourreference", "customerreference", "ref"),
    "reference": ("id", "uid"),
    "line": ("lineref", "linereference", "externallineid", "ref"),
    "status": ("state", "event", "code"),
    "reason": ("message", "comment"),
    "shipment": ("shipmentid",),
    "location": ("place", "depot", "city"),
}
# Words in a sample's name -> what it probably is; the first that fits.
KINDS: tuple[tuple[str, DocumentType], ...] = (
    ("refund", DocumentType.REFUND),
    ("cancel", DocumentType.ORDER_CANCEL),
    ("track", DocumentType.TRACKING),
    ("ship", DocumentType.SHIPMENT),
    ("fulfil", DocumentType.FULFILLMENT_UPDATE),
    ("pick", DocumentType.FULFILLMENT_UPDATE),
    ("stock", DocumentType.STOCK),
    ("inventory", DocumentType.STOCK),
    ("order", DocumentType.ORDER),
)
# What a kind of partner mostly says, where it is not orders.
USUAL = {"wms": DocumentType.FULFILLMENT_UPDATE, "carrier": DocumentType.TRACKING}
QUANTITIES = frozenset(["quantity", "removed", "on_hand", "backorder_limit"])
PLAIN = re.compile(r"\A[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Guess:
    """What a map's rule would be.

    Args:
        path: in the sample; None where nothing looks like the field.
        transform: the `as:` it needs.
        required: the canonical model refuses a document without it.
        parts: of an object or list.
        many: whether it is a list.
        words: the closed list of words the canonical field takes, which needs a code list.
        seen: the value in the sample, for a code list.
    """

    name: str
    path: str | None
    transform: str | None = None
    required: bool = False
    parts: tuple[Guess, ...] = ()
    many: bool = False
    words: tuple[str, ...] = ()
    seen: Any = None


@dataclass(slots=True)
class Tally:
    """How many fields were found, and how many are left to a person."""

    mapped: int = 0
    todo: int = 0
    open: list[str] = field(default_factory=list)


def guess_kind(name: str, sample: Mapping[str, Any], partner: str = "shop") -> DocumentType:
    """Return what a sample probably is, by its name, else by its fields, else by what such a partner mostly says."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    for word, kind in KINDS:
        if word in plain:
            return kind
    known = {bare(key) for key in sample}
    if known & {"trackingnumber", "trackingcode"} and "status" in known:
        return DocumentType.TRACKING
    return USUAL.get(partner, DocumentType.ORDER)


def guess_fields(kind: DocumentType, sample: Mapping[str, Any]) -> tuple[Guess, ...]:
    """Return a guess for every field of a canonical document."""
    return tuple(guesses(SCHEMAS[kind], sample))


def bare(name: str) -> str:
    """Return a name in lower case without separators."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def guesses(schema: Schema, sample: Mapping[str, Any]) -> Iterator[Guess]:
    """Yield a guess for each field of a schema; a field of the sample is used once."""
    used: set[str] = set()
    for name, rule in schema.fields.items():
        key = match(name, rule, sample, used)
        if key is not None:
            used.add(key)
        yield guess(name, rule, key, sample.get(key) if key else None)


def match(name: str, rule: fields.Field[Any], sample: Mapping[str, Any], used: set[str]) -> str | None:
    """Return the sample's key that looks like a field and holds the right kind of value."""
    wanted = (bare(name), *NAMES.get(name, ()))
    for want in wanted:
        for key, value in sample.items():
            if key not in used and bare(key) == want and suits(rule, value) and PLAIN.match(key):
                return key
    return None


def suits(rule: fields.Field[Any], value: Any) -> bool:
    """Return whether a value could belong to a field: objects to objects, lists to lists, the rest to the rest."""
    if isinstance(rule, fields.Nested):
        return isinstance(value, Mapping)
    if isinstance(rule, fields.List):
        members = isinstance(value, list) and bool(value)
        return members and isinstance(value[0], Mapping) == isinstance(rule.inner, fields.Nested)
    if isinstance(rule, fields.Dict):
        return False
    return not isinstance(value, Mapping | list)


def guess(name: str, rule: fields.Field[Any], key: str | None, value: Any) -> Guess:
    """Return the guess for one field."""
    if key is None:
        return Guess(name, None, required=rule.required)
    if isinstance(rule, fields.Nested):
        return whole(Guess(name, key, required=rule.required, parts=tuple(guesses(rule.schema, value))))
    if isinstance(rule, fields.List) and isinstance(rule.inner, fields.Nested):
        parts = tuple(guesses(rule.inner.schema, value[0]))
        return whole(Guess(name, key, required=rule.required, parts=parts, many=True))
    words = closed(rule)
    return Guess(name, key, transform_for(name, rule, words), rule.required, words=words, seen=value)


def whole(found: Guess) -> Guess:
    """Return the guess for an object or list, or none where nothing inside it was recognized."""
    known = any(each.path for each in found.parts)
    return found if known else Guess(found.name, None, required=found.required)


def closed(rule: fields.Field[Any]) -> tuple[str, ...]:
    """Return the words a field takes, when they are a short closed list."""
    for each in rule.validators:
        choices = getattr(each, "choices", None)
        if choices is not None and len(choices) <= 20:
            return tuple(str(choice) for choice in choices)
    return ()


def transform_for(name: str, rule: fields.Field[Any], words: tuple[str, ...]) -> str | None:
    """Return the `as:` that turns partners' values into the field's type."""
    if words:
        return None
    if name in {"country", "currency"}:
        return name
    if isinstance(rule, fields.AwareDateTime):
        return "datetime"
    if isinstance(rule, fields.Date):
        return "date"
    if isinstance(rule, fields.Decimal):
        return "quantity" if name in QUANTITIES else "money"
    if isinstance(rule, fields.Integer):
        return "integer"
    return "boolean" if isinstance(rule, fields.Boolean) else None
