"""The papers of a B2B order as we send them, from order response to credit note, checked like what comes in.

They are the canonical side of every map of such papers, read in both directions. A line is named as the buyer named it
(`external_id`, `position`) and carries every code known for the item, because each partner looks it up by another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate

from core.domain.checkdigits import GTIN, SSCC
from core.domain.documents import (
    CURRENCY,
    MAX_LINES,
    NOT_NEGATIVE,
    AddressSchema,
    PartySchema,
    Strict,
    a_buyer_code_kind,
    a_quantity,
    a_references,
    a_text,
    an_amount,
    an_instant,
    checked,
    some_serials,
)
from core.domain.quick import Whole
from core.domain.vocabulary import Answer, Answers, Paper

MAX_PACKAGES = 5_000
SEQUENCE = validate.Range(min=1, max=1_000_000)


def short_number(letter: str, of: UUID) -> str:
    """Return the number of a paper: a letter and twelve signs of what it is about, as X12 takes no more than 22."""
    return f"{letter}{of.hex[-12:].upper()}"


class SellerSchema(PartySchema, AddressSchema):
    """We as papers name us, with the address that invoices must have in some networks."""


class PaperSchema(Strict):
    """What every paper says of its order."""

    number = a_text(35, required=True)
    order_number, order_external_id = a_text(128), a_text(128)
    ordered_on = fields.Date(allow_none=True)
    issued_at = an_instant(required=True)
    # Department, vendor number, contract … by their canonical names, as the buyer sent them.
    references = a_references()
    buyer = fields.Nested(PartySchema, allow_none=True)
    seller = fields.Nested(SellerSchema, allow_none=True)
    ship_to = fields.Nested(AddressSchema, allow_none=True)


class PaperLineSchema(Strict):
    """An item as buyer and seller call it; `external_id` is the line number of the buyer."""

    external_id = a_text(128)
    position = Whole(required=True, validate=SEQUENCE)
    sku, buyer_code, title = a_text(128), a_text(128), a_text()
    buyer_code_kind = a_buyer_code_kind()
    gtin = fields.String(allow_none=True, validate=GTIN)
    unit = fields.String(load_default="C62", validate=validate.Length(min=1, max=3))


class AnsweredLineSchema(PaperLineSchema):
    """What becomes of one ordered line: `quantity` is confirmed, the rest comes later or never.

    `quantity + backordered + rejected` is what was ordered, in the unit it was ordered in. `canceled` is how much of
    what is rejected the buyer took off himself.
    """

    status = fields.String(required=True, validate=validate.OneOf([str(each) for each in Answer]))
    ordered_quantity = a_quantity(NOT_NEGATIVE)
    quantity = a_quantity(NOT_NEGATIVE)
    backordered, rejected = a_quantity(NOT_NEGATIVE, required=False), a_quantity(NOT_NEGATIVE, required=False)
    canceled = a_quantity(NOT_NEGATIVE, required=False)
    ordered_unit_price, unit_price = an_amount(), an_amount()
    ship_on, deliver_on = fields.Date(allow_none=True), fields.Date(allow_none=True)
    reason = a_text()


class OrderResponseSchema(PaperSchema):
    """Our answer to an order or a change of it: every line accepted, changed, rejected or back-ordered.

    `answers` says to which of the two; `change` is the number the buyer gave the change. `refused` says why nothing of
    the change was done: lines are then as they were before it. `canceled` says that he canceled the order: what is
    rejected of its lines is what he wants no more.
    """

    answers = fields.String(allow_none=True, validate=validate.OneOf([str(each) for each in Answers]))
    change = a_text(128)
    refused = a_text()
    canceled = fields.Boolean(allow_none=True)
    status = fields.String(required=True, validate=validate.OneOf(["accepted", "changed", "rejected"]))
    currency = fields.String(required=True, validate=CURRENCY)
    lines = fields.List(fields.Nested(AnsweredLineSchema), required=True, validate=validate.Length(1, MAX_LINES))


class DespatchedLineSchema(PaperLineSchema):
    """An order line with what of it is in this shipment."""

    quantity = a_quantity()
    ordered_quantity = a_quantity(NOT_NEGATIVE, required=False)


class ContentSchema(Strict):
    """Units of one line in one package; `position` is that of the line in `lines`."""

    position = Whole(required=True, validate=SEQUENCE)
    quantity = a_quantity()
    lot = a_text(64)
    expires_on = fields.Date(allow_none=True)
    serials = some_serials()


class PackedSchema(Strict):
    """A pallet or carton. `number` counts from 1, a package stands after the one it stands on (`parent`)."""

    number = Whole(required=True, validate=SEQUENCE)
    parent = Whole(allow_none=True, validate=SEQUENCE)
    kind = fields.String(required=True, validate=validate.OneOf(["pallet", "carton"]))
    sscc = fields.String(allow_none=True, validate=SSCC)
    tracking_number = a_text(128)
    weight_g = Whole(allow_none=True, validate=validate.Range(min=0, max=100_000_000))
    contents = fields.List(fields.Nested(ContentSchema), validate=validate.Length(max=MAX_LINES))


class DespatchAdviceSchema(PaperSchema):
    """What left, before it arrives: lines with their quantities, and the tree of pallets and cartons they are in."""

    shipment_number = a_text(35, required=True)
    shipped_at, deliver_at = an_instant(required=True), an_instant()
    carrier, service, tracking_number, bill_of_lading = a_text(64), a_text(64), a_text(128), a_text(64)
    ship_from = fields.Nested(AddressSchema, allow_none=True)
    gross_weight_g = Whole(allow_none=True, validate=validate.Range(min=0))
    lines = fields.List(fields.Nested(DespatchedLineSchema), required=True, validate=validate.Length(1, MAX_LINES))
    packages = fields.List(fields.Nested(PackedSchema), required=True, validate=validate.Length(max=MAX_PACKAGES))


class AllowanceSchema(Strict):
    """An allowance (taken off) or, with `charge`, something added; `amount` is never negative."""

    charge = fields.Boolean(load_default=False)
    kind = a_text(40, required=True)
    title = a_text()
    amount = a_quantity(NOT_NEGATIVE)
    tax_rate = an_amount()


class InvoicedLineSchema(PaperLineSchema):
    """Shipped units and what they cost: `net = quantity * unit_price - allowances + charges`, rounded once."""

    quantity = a_quantity()
    unit_price = an_amount(required=True)
    allowances = fields.List(fields.Nested(AllowanceSchema), validate=validate.Length(max=50))
    net = an_amount(required=True)
    tax_rate = an_amount()


class TaxSumSchema(Strict):
    """The tax of one rate: `amount = base * rate`, rounded once."""

    rate, base, amount = an_amount(required=True), an_amount(required=True), an_amount(required=True)


class TermsSchema(Strict):
    """When to pay, and what paying early is worth (rates as fractions: 0.02 is 2 %)."""

    days, discount_days = Whole(allow_none=True), Whole(allow_none=True)
    discount_rate = an_amount()


class InvoiceTotalsSchema(Strict):
    """`net = lines - allowances + charges`, `grand = net + tax`."""

    lines, allowances, charges = an_amount(required=True), an_amount(required=True), an_amount(required=True)
    net, tax, grand = an_amount(required=True), an_amount(required=True), an_amount(required=True)


class InvoiceSchema(PaperSchema):
    """What is to be paid for one shipment."""

    currency = fields.String(required=True, validate=CURRENCY)
    shipment_number = a_text(35)
    shipped_at = an_instant()
    due_on = fields.Date(allow_none=True)
    terms = fields.Nested(TermsSchema, allow_none=True)
    bill_to = fields.Nested(AddressSchema, allow_none=True)
    lines = fields.List(fields.Nested(InvoicedLineSchema), required=True, validate=validate.Length(1, MAX_LINES))
    allowances = fields.List(fields.Nested(AllowanceSchema), validate=validate.Length(max=50))
    taxes = fields.List(fields.Nested(TaxSumSchema), required=True, validate=validate.Length(max=50))
    totals = fields.Nested(InvoiceTotalsSchema, required=True)


class CreditedInvoiceSchema(Strict):
    """An invoice that is credited."""

    number = a_text(35, required=True)
    issued_on = fields.Date(allow_none=True)


class CreditedLineSchema(InvoicedLineSchema):
    """What of one line is given back; one that names no item is money alone."""


class CreditNoteSchema(PaperSchema):
    """What is given back of invoices: `grand` is the refund; the tax of a rate may be one minor unit off its base."""

    currency = fields.String(required=True, validate=CURRENCY)
    invoices = fields.List(fields.Nested(CreditedInvoiceSchema), validate=validate.Length(max=1_000))
    reason = a_text()
    bill_to = fields.Nested(AddressSchema, allow_none=True)
    lines = fields.List(fields.Nested(CreditedLineSchema), required=True, validate=validate.Length(1, MAX_LINES))
    allowances = fields.List(fields.Nested(AllowanceSchema), validate=validate.Length(max=50))
    taxes = fields.List(fields.Nested(TaxSumSchema), required=True, validate=validate.Length(max=50))
    totals = fields.Nested(InvoiceTotalsSchema, required=True)


PAPERS: Mapping[str, Schema] = {
    Paper.ORDER_RESPONSE: OrderResponseSchema(),
    Paper.DESPATCH_ADVICE: DespatchAdviceSchema(),
    Paper.INVOICE: InvoiceSchema(),
    Paper.CREDIT_NOTE: CreditNoteSchema(),
}


def check_paper(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a paper with every value in its canonical type.

    Raises:
        InputError: with `errors` = [{path, reason}] for every field that does not fit.
    """
    return checked(
        PAPERS[kind],
        body,
        f"The {kind.replace('_', ' ')} does not fit the canonical model",
        code="DOC-SCHEMA-422",
        fix="Mend what the paper was made from; the reference is docs/canonical.md.",
    )
