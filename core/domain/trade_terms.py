"""How we trade with one partner: who we are to them, when papers are due, what they check and what it costs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from core.domain.checkdigits import GLN
from core.domain.documents import (
    CURRENCY,
    NOT_NEGATIVE,
    AddressSchema,
    Strict,
    a_quantity,
    a_text,
    checked,
)
from core.domain.papers import AllowanceSchema, SellerSchema, TermsSchema
from core.domain.quick import Sized, Whole
from core.domain.vocabulary import Check

FRACTION = Sized(min=0, max=1)
HOURS = validate.Range(min=0, max=24 * 90)


class SsccSchema(Strict):
    """Whose numbers our packages carry: extension digit and GS1 company prefix, 7 to 10 digits."""

    extension = fields.String(load_default="0", validate=validate.Regexp(r"\A[0-9]\Z"))
    company_prefix = fields.String(required=True, validate=validate.Regexp(r"\A[0-9]{7,10}\Z"))


class OurselvesSchema(SellerSchema):
    """We, as this partner knows us; the address is that of invoices and credit notes."""

    gln = fields.String(allow_none=True, validate=GLN)


class AgreedAllowanceSchema(AllowanceSchema):
    """An allowance or charge agreed with the partner; `rate` of the lines' sum, or a fixed `amount`."""

    amount = a_quantity(NOT_NEGATIVE, required=False)
    rate = a_quantity(FRACTION, required=False)


class PartnerRuleSchema(Strict):
    """One check of the partner: what breaking it costs, and which code his deductions then carry."""

    check = fields.String(required=True, validate=validate.OneOf([str(each) for each in Check]))
    # Whether a paper that fails is kept back; else it leaves, and the failure stands in the ledger.
    block = fields.Boolean(load_default=True)
    fee = a_quantity(NOT_NEGATIVE, required=False)
    code = a_text(40)


class TradeTermsSchema(Strict):
    """The terms of one partner; everything has a sensible default but who we are."""

    seller = fields.Nested(OurselvesSchema, required=True)
    sscc = fields.Nested(SsccSchema, allow_none=True)
    # An order response leaves when every line is decided, and at the latest so many hours after the order came.
    respond_within_hours = Whole(load_default=24, validate=HOURS)
    on_shortage = fields.String(load_default="backorder", validate=validate.OneOf(["backorder", "reject"]))
    # What an order is in that states no currency; without it that of the agreed prices, then that of the standard.
    currency = fields.String(allow_none=True, validate=CURRENCY)
    # An order whose price differs from the agreed one by more than this part of it is held.
    price_tolerance = a_quantity(FRACTION, required=False)
    # An order with a line of more units of its item is held; 0 holds none. Without it the hub's own limit counts.
    most_units = a_quantity(NOT_NEGATIVE, required=False)
    # The despatch advice must be sent, and where the second is given accepted, so many hours after the goods left.
    advise_within_hours = Whole(load_default=1, validate=HOURS)
    accept_within_hours = Whole(allow_none=True, validate=HOURS)
    # So many minutes before that there is an alarm.
    alarm_minutes = Whole(load_default=30, validate=validate.Range(min=0, max=60 * 24 * 7))
    tax_rate = a_quantity(FRACTION, required=False)
    payment = fields.Nested(TermsSchema, allow_none=True)
    allowances = fields.List(fields.Nested(AgreedAllowanceSchema), validate=validate.Length(max=20))
    stores = fields.List(fields.Nested(AddressSchema), validate=validate.Length(max=5_000))
    rules = fields.List(fields.Nested(PartnerRuleSchema), validate=validate.Length(max=100))

    @validates_schema
    def each_store_once(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse a store that stands twice: which of the two an order means could not be told."""
        wrong: dict[int, Any] = {}
        for key in ("external_id", "gln"):
            seen: set[str] = set()
            for at, each in enumerate(data.get("stores") or ()):
                if each.get(key) in seen:
                    wrong.setdefault(at, {})[key] = [f"{each[key]} is a store above already"]
                if each.get(key):
                    seen.add(each[key])
        if wrong:
            raise ValidationError({"stores": wrong})


SCHEMA = TradeTermsSchema()


def check_terms(body: Any) -> dict[str, Any]:
    """Return terms of trade with every value in its type.

    Raises:
        InputError: with `errors` = [{path, reason}] for every field that does not fit.
    """
    return checked(
        SCHEMA, body, "The terms of trade do not fit", code="TRADE-TERMS-422", fix="The reference is docs/b2b.md."
    )


def series_of(sscc: dict[str, str]) -> str:
    """Return the digits every SSCC of a partner's terms begins with: extension digit and company prefix."""
    return sscc["extension"] + sscc["company_prefix"]


STORE = re.compile(r"[^A-Za-z0-9._-]+")


def store_suffix(store: str) -> str:
    """Return what a store adds to the external id of its part of an order."""
    return "/" + STORE.sub("-", store)


def issued_as(external_id: str, number: str | None, body: Mapping[str, Any]) -> str:
    """Return the number the buyer issued an order under: for the part of one store that of the whole order.

    Parts written before the hub kept it (`split_from`) are known by their number, store and external id.
    """
    kept: str | None = body.get("split_from")
    if kept:
        return kept
    ship_to = body.get("ship_to") or {}
    stores: list[str] = [each for each in (ship_to.get("external_id"), ship_to.get("gln")) if each]
    if number and any(external_id == number + store_suffix(store) for store in stores):
        return number
    return external_id


def as_seller(terms: Mapping[str, Any]) -> dict[str, Any]:
    """Return us as papers name us: where terms give a name alone, it is the company's and no person's in it."""
    seller = dict(terms["seller"])
    if seller.get("name") and not seller.get("company"):
        seller["company"] = seller.pop("name")
    return seller
