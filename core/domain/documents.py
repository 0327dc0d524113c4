"""Canonical documents: what a map must produce, checked by marshmallow with unknown fields refused.

Amounts and quantities are Decimal (strings in JSON), times are aware datetimes, empty text is None. The order is the
one of the public API (surface.md); the other documents are what partners report about it afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from core.domain.money import CURRENCIES
from core.domain.quick import NO_NUL, Check, Doubtful, Exact, Sized, Trimmed, Whole, compile_schema
from core.domain.vocabulary import BuyerCode, DocumentType, StockStatus
from core.errors import InputError

MAX_LINES = 2_000
COUNTRY = validate.Regexp(r"\A[A-Z]{2}\Z", error="must be an ISO 3166 two-letter code such as DE")
CURRENCY = validate.OneOf(sorted(CURRENCIES), error="must be an ISO 4217 code such as EUR")
TEXT = validate.Length(max=1_000)
POSITIVE = Sized(min=Decimal(0), min_inclusive=False, max=Decimal(10) ** 12)
NOT_NEGATIVE = Sized(min=Decimal(0), max=Decimal(10) ** 12)


class Strict(Schema):
    """A body that refuses what it does not know."""

    class Meta:
        """Unknown fields are errors."""

        unknown = RAISE


def a_unit() -> fields.String:
    """Return a field for a unit of measure: a UN/ECE code of Recommendation 20 or 21."""
    return fields.String(allow_none=True, validate=validate.Length(min=1, max=3))


def a_text(limit: int = 1_000, *, required: bool = False) -> fields.String:
    """Return a text field without NUL characters; null unless required."""
    return fields.String(
        required=required,
        allow_none=not required,
        validate=[validate.Length(min=1 if required else 0, max=limit), NO_NUL],
    )


def an_order_number(*, required: bool = True) -> fields.String:
    """Return a field of an order's number, which is not another one for blanks around it."""
    return Trimmed(
        required=required,
        allow_none=not required,
        validate=[validate.Length(min=1 if required else 0, max=128), NO_NUL],
    )


def some_serials() -> fields.List[str]:
    """Return a field of serial numbers, which are compared without the blanks around them."""
    return fields.List(Trimmed(validate=[validate.Length(1, 64), NO_NUL]), validate=validate.Length(max=10_000))


def a_buyer_code_kind() -> fields.String:
    """Return a field for which of the buyer's codes a `buyer_code` is; without it, his item number."""
    return fields.String(allow_none=True, validate=validate.OneOf([str(each) for each in BuyerCode]))


def an_amount(*, required: bool = False) -> fields.Decimal:
    """Return an exact amount field; null unless required."""
    return Exact(
        required=required,
        allow_none=not required,
        validate=Sized(-(Decimal(10) ** 12), Decimal(10) ** 12),
    )


def a_quantity(rule: validate.Range = POSITIVE, *, required: bool = True) -> fields.Decimal:
    """Return an exact quantity field."""
    return Exact(required=required, allow_none=False, validate=rule)


def an_instant(*, required: bool = False) -> fields.AwareDateTime:
    """Return an aware time field; a time without zone is refused."""
    return fields.AwareDateTime(required=required, allow_none=not required)


def a_references() -> fields.Dict:
    """Return a field of further numbers by their canonical names, such as {"department": "12"}."""
    return fields.Dict(keys=fields.String(), values=fields.String(), allow_none=True)


class AddressSchema(Strict):
    """A postal address as sent; `gln` and `external_id` are how the buyer numbers the place."""

    gln, external_id = a_text(13), a_text(128)
    name, company, phone = a_text(), a_text(), a_text(64)
    line1, line2, city, region = a_text(), a_text(), a_text(), a_text()
    postal_code = a_text(32)
    country = fields.String(allow_none=True, validate=COUNTRY)


class PartySchema(Strict):
    """A buyer or seller."""

    name, company, email, phone = a_text(), a_text(), a_text(254), a_text(64)
    vat_id, gln, external_id = a_text(32), a_text(13), a_text(128)


class TaxSchema(Strict):
    """One tax of a line or charge."""

    title = a_text(120)
    rate, amount = an_amount(), an_amount()


class DestinationSchema(Strict):
    """Units of a line for one store of the buyer, named by its number or GLN; `unit` where it is not the line's."""

    store = a_text(128, required=True)
    quantity = a_quantity()
    unit = a_unit()


class LineSchema(Strict):
    """An order line; `removed` is what the source has taken off again since it was ordered.

    `pack_size` is how many units of the item one ordered `unit` holds, where the buyer says so.

    Which item it is for is asked of its codes in this order: `item_ref` and `sku` are looked for among the references
    of the connection and those for all, then among our SKUs; `buyer_code` among references of the scheme `buyer`;
    `gtin`, with or without leading zeros, among references of the scheme `gtin`, then, when its check digit is right,
    as the GTIN of exactly one active item. A `gtin` that names another item than the code before it holds the order.
    `buyer_code_kind` changes none of this; papers call the item by it again.
    """

    external_id = a_text(128)
    position = Whole(allow_none=True, validate=validate.Range(min=0, max=100_000))
    sku = a_text(128)
    item_ref = fields.Dict(keys=fields.String(), values=fields.String(), allow_none=True)
    gtin, buyer_code = a_text(14), a_text(128)
    buyer_code_kind = a_buyer_code_kind()
    title = a_text()
    quantity = a_quantity(NOT_NEGATIVE)
    removed = a_quantity(NOT_NEGATIVE, required=False)
    unit = fields.String(load_default="C62", validate=validate.Length(min=1, max=3))
    unit_price, discount = an_amount(), an_amount()
    taxes = fields.List(fields.Nested(TaxSchema), allow_none=True, validate=validate.Length(max=50))
    tax_included = fields.Boolean(allow_none=True)
    requires_shipping = fields.Boolean(allow_none=True)
    pack_size = a_quantity(required=False)
    destinations = fields.List(fields.Nested(DestinationSchema), validate=validate.Length(max=5_000))


class ChargeSchema(Strict):
    """A charge that is not an item: shipping, gift wrap, fee."""

    kind = a_text(40, required=True)
    title = a_text()
    amount = an_amount(required=True)
    tax = an_amount()


class PaymentSchema(Strict):
    """What the source says of money."""

    kind = a_text(40, required=True)
    gateway = a_text(120)
    amount = an_amount(required=True)
    currency = fields.String(allow_none=True, validate=CURRENCY)
    external_id = a_text(128)
    at = an_instant()


class TotalsSchema(Strict):
    """The totals the source states; they are checked against the lines to the cent."""

    lines, discount, charges, tax, grand = an_amount(), an_amount(), an_amount(), an_amount(), an_amount()


class OrderSchema(Strict):
    """An order, whole: every sending replaces the earlier picture of it.

    `currency` is required as well, unless `currency_assumed` of a partner's order (b2b) says that it states none.
    """

    connection = a_text(128)
    external_id = an_order_number()
    number = an_order_number(required=False)
    type = fields.String(load_default="b2c", validate=validate.OneOf(["b2c", "b2b"]))
    # `replace` where a partner says that it replaces the order he sent before under its number: a change of it.
    purpose = fields.String(allow_none=True, validate=validate.OneOf(["original", "replace"]))
    placed_at = an_instant(required=True)
    # Required, unless a partner's order says by `currency_assumed` that it states none.
    currency = fields.String(validate=CURRENCY)
    # The source states no currency, `currency` is its standard's, if any: the partner's own counts where it is agreed.
    currency_assumed = fields.Boolean(allow_none=True)
    requested_ship_date, requested_delivery_date = fields.Date(allow_none=True), fields.Date(allow_none=True)
    # Not before and not after: of shipping and of delivery; requested dates lie within.
    ship_not_before, ship_not_after = fields.Date(allow_none=True), fields.Date(allow_none=True)
    deliver_not_before, deliver_not_after = fields.Date(allow_none=True), fields.Date(allow_none=True)
    service_level = a_text(40)
    # Department, vendor number, contract … by their canonical names; every paper of the order says them again.
    references = a_references()
    # A promise the hub offered (`prm_…`): the order is held to its date when the offer was made for it and stood.
    promise = a_text()
    # Code of the node where the buyer fetches the order.
    pickup_node = a_text(64)
    partial_shipment_allowed = fields.Boolean(load_default=True)
    tags = fields.List(fields.String(validate=[TEXT, NO_NUL]), allow_none=True, validate=validate.Length(max=250))
    note = a_text(5_000)
    # The soft reservation a checkout made for it.
    reservation = a_text(64)
    buyer = fields.Nested(PartySchema, allow_none=True)
    seller = fields.Nested(PartySchema, allow_none=True)
    ship_to = fields.Nested(AddressSchema, allow_none=True)
    bill_to = fields.Nested(AddressSchema, allow_none=True)
    # The buyer's stores that lines with `destinations` name; the order is split into one for each.
    stores = fields.List(fields.Nested(AddressSchema), validate=validate.Length(max=5_000))
    lines = fields.List(fields.Nested(LineSchema), required=True, validate=validate.Length(min=1, max=MAX_LINES))
    charges = fields.List(fields.Nested(ChargeSchema), allow_none=True, validate=validate.Length(max=200))
    payments = fields.List(fields.Nested(PaymentSchema), allow_none=True, validate=validate.Length(max=200))
    totals = fields.Nested(TotalsSchema, allow_none=True)
    # The source's own counter or time of change: what makes a late message late.
    source_version = Whole(allow_none=True)
    source_updated_at = an_instant()
    canceled_at = an_instant()
    cancel_reason = a_text()

    @validates_schema(skip_on_field_errors=False)
    def check_currency(self, data: Mapping[str, Any], **_kwargs: Any) -> None:
        """Refuse an order without a currency, unless it may be the partner's."""
        if not states_currency(data):
            raise ValidationError(fields.Field.default_error_messages["required"], "currency")


def states_currency(order: Mapping[str, Any]) -> bool:
    """Return whether an order has a currency, or is a partner's and says that it states none."""
    return bool(order.get("currency") or (order.get("currency_assumed") and order.get("type") == "b2b"))


class OrderCancelSchema(Strict):
    """The buyer or the channel wants the order, or some of its lines, no more."""

    external_id = an_order_number()
    # The buyer's number of this cancellation, by which it is answered.
    change = a_text(128)
    occurred_at = an_instant()
    reason = a_text()
    lines = fields.List(
        fields.Nested(Strict.from_dict({"external_id": a_text(128, required=True), "quantity": a_quantity()})),
        allow_none=True,
    )
    # What a cancellation of the whole order lists: it is done where that is all that is open.
    listed = fields.List(
        fields.Nested(Strict.from_dict({name: a_text(128) for name in ("external_id", "sku", "buyer_code")})),
        allow_none=True,
    )


class ChangedLineSchema(Strict):
    """One line of a change, named as in the order; `quantity` is the new one, not the difference.

    Of an order that was split by store, `destinations` say what each store gets from now on.
    """

    external_id = a_text(128)
    op = fields.String(required=True, validate=validate.OneOf(["add", "change", "remove"]))
    sku, gtin, buyer_code, title = a_text(128), a_text(14), a_text(128), a_text()
    buyer_code_kind = a_buyer_code_kind()
    quantity = a_quantity(NOT_NEGATIVE, required=False)
    unit = a_unit()
    unit_price = an_amount()
    destinations = fields.List(fields.Nested(DestinationSchema), validate=validate.Length(max=5_000))


class OrderChangeSchema(Strict):
    """The buyer changes lines of an order: applied to the order as it is now, not as it was sent."""

    external_id = an_order_number()
    # The buyer's number of this change: the same one again changes nothing.
    change = a_text(128)
    occurred_at = an_instant()
    reason = a_text()
    ship_to = fields.Nested(AddressSchema, allow_none=True)
    lines = fields.List(fields.Nested(ChangedLineSchema), required=True, validate=validate.Length(max=MAX_LINES))


class DeductionSchema(Strict):
    """Money the buyer has kept back, with his code and words for why."""

    code, reference, note = a_text(40), a_text(128), a_text()
    amount = a_quantity()


class PaidInvoiceSchema(Strict):
    """One invoice of a remittance."""

    invoice = a_text(128, required=True)
    paid = an_amount(required=True)
    discount = an_amount()
    deductions = fields.List(fields.Nested(DeductionSchema), validate=validate.Length(max=200))


class RemittanceSchema(Strict):
    """What a buyer has paid, invoice by invoice, and what was deducted."""

    external_id = a_text(128, required=True)
    paid_on = fields.Date(allow_none=True)
    currency = fields.String(required=True, validate=CURRENCY)
    amount = an_amount()
    invoices = fields.List(fields.Nested(PaidInvoiceSchema), required=True, validate=validate.Length(max=10_000))


class ReceivedLineSchema(Strict):
    """Units of one item that arrived; of them `unsellable` ones are not fit for sale, for `reason`."""

    sku = a_text(128, required=True)
    quantity = a_quantity(NOT_NEGATIVE)
    unit = a_unit()
    unsellable = a_quantity(NOT_NEGATIVE, required=False)
    reason = a_text(200)
    lot = a_text(64)
    expires_on = fields.Date(allow_none=True)


class StockReceiptSchema(Strict):
    """What a node took in of a supply or transfer, named by its reference; `external_id` is the receipt's number."""

    external_id = a_text(128, required=True)
    reference = a_text(128, required=True)
    node = a_text(64)
    occurred_at = an_instant()
    lines = fields.List(
        fields.Nested(ReceivedLineSchema), required=True, validate=validate.Length(min=1, max=MAX_LINES)
    )


class AcceptedLineSchema(Strict):
    """What a buyer says of one line of a despatch advice: units he accepted, and units that came and he did not."""

    position = Whole(allow_none=True, validate=validate.Range(min=0, max=100_000))
    sku, gtin, buyer_code = a_text(128), a_text(14), a_text(128)
    accepted = a_quantity(NOT_NEGATIVE, required=True)
    rejected = a_quantity(NOT_NEGATIVE, required=False)
    reason = a_text(200)


class ReceivingAdviceSchema(Strict):
    """What a buyer received of a despatch advice of ours, named by its number."""

    external_id = a_text(128, required=True)
    despatch_advice = a_text(128)
    order_external_id = a_text(128)
    received_at = an_instant()
    lines = fields.List(fields.Nested(AcceptedLineSchema), required=True, validate=validate.Length(max=MAX_LINES))


class SoldLineSchema(Strict):
    """Units of one item sold at one place; `returned` came back."""

    place = a_text(64)
    sku, gtin, buyer_code = a_text(128), a_text(14), a_text(128)
    sold = a_quantity(NOT_NEGATIVE, required=False)
    returned = a_quantity(NOT_NEGATIVE, required=False)
    amount, unit_price = an_amount(), an_amount()


class SalesReportSchema(Strict):
    """What a buyer sold of our items in a period: kept as it was said, no stock of ours changes by it."""

    external_id = a_text(128, required=True)
    issued_at = an_instant()
    starts_on, ends_on = fields.Date(allow_none=True), fields.Date(allow_none=True)
    currency = fields.String(allow_none=True, validate=CURRENCY)
    lines = fields.List(fields.Nested(SoldLineSchema), required=True, validate=validate.Length(min=1, max=50_000))


class TransportReceiptSchema(Strict):
    """A partner's proof, or denial, that a file of ours arrived; `mic` is the hash of what came, in base64.

    `certificates` is said where he could not read it: how many of his it may be encrypted for, one after the other.
    """

    message_id = a_text(998, required=True)
    taken = fields.Boolean(required=True)
    modifier = a_text(200)
    note = a_text()
    mic = a_text(200)
    mic_algorithm = a_text(40)
    certificates = fields.Integer(strict=True, allow_none=True, validate=validate.Range(min=1, max=1_000))


class RefundLineSchema(Strict):
    """One refunded line: `cancel` takes open units off the order, `return` follows a shipment, `none` is money only."""

    external_id = a_text(128, required=True)
    quantity = a_quantity(NOT_NEGATIVE)
    restock = fields.String(load_default="none", validate=validate.OneOf(["cancel", "return", "none"]))
    amount = an_amount()


class RefundSchema(Strict):
    """Money given back by the channel."""

    external_id = a_text(128, required=True)
    order_external_id = a_text(128, required=True)
    occurred_at = an_instant()
    amount = an_amount()
    currency = fields.String(allow_none=True, validate=CURRENCY)
    note = a_text()
    lines = fields.List(fields.Nested(RefundLineSchema), allow_none=True, validate=validate.Length(max=MAX_LINES))


class WorkLineSchema(Strict):
    """Units of one line, named by our line id (`lin_…`), our fulfillment line id (`fln_…`) or the SKU.

    `unit` is that of the quantity where it is not the item's, such as XCT; the item's packs say how many one holds.
    """

    line = a_text(128)
    sku = a_text(128)
    quantity = a_quantity()
    unit = a_unit()
    # Of the units that left, where the item is tracked by them.
    serials = some_serials()


class FulfillmentUpdateSchema(Strict):
    """What a node says of its work; `fulfillment` is our id (`ful_…`), `reference` the node's own."""

    fulfillment = a_text(128)
    reference = a_text(128)
    status = fields.String(
        required=True,
        validate=validate.OneOf(["acknowledged", "picking", "rejected", "short", "canceled", "cancel_declined"]),
    )
    occurred_at = an_instant()
    reason = a_text()
    lines = fields.List(fields.Nested(WorkLineSchema), allow_none=True, validate=validate.Length(max=MAX_LINES))


class PackageContentSchema(Strict):
    """Units of one line in one carton, named like lines of work."""

    line, sku = a_text(128), a_text(128)
    quantity = a_quantity()
    unit = a_unit()
    lot = a_text(64)
    expires_on = fields.Date(allow_none=True)


class PackageSchema(Strict):
    """One carton or pallet; `id` is the sender's, and `parent` the `id` of what it stands on."""

    sscc, tracking_number = a_text(18), a_text(128)
    weight_g = Whole(allow_none=True, validate=validate.Range(min=0, max=100_000_000))
    id, parent = a_text(64), a_text(64)
    kind = fields.String(allow_none=True, validate=validate.OneOf(["pallet", "carton"]))
    contents = fields.List(fields.Nested(PackageContentSchema), validate=validate.Length(max=MAX_LINES))


class ShipmentSchema(Strict):
    """What left a node; no lines means everything still open of that fulfillment order.

    With `short`, which is what of it will not come, empty lines mean that nothing left.
    """

    external_id = a_text(128, required=True)
    fulfillment = a_text(128)
    reference = a_text(128)
    occurred_at = an_instant()
    carrier, service, tracking_number, tracking_url = a_text(64), a_text(64), a_text(128), a_text(2_000)
    lines = fields.List(fields.Nested(WorkLineSchema), allow_none=True, validate=validate.Length(max=MAX_LINES))
    short = fields.List(fields.Nested(WorkLineSchema), allow_none=True, validate=validate.Length(max=MAX_LINES))
    packages = fields.List(fields.Nested(PackageSchema), allow_none=True, validate=validate.Length(max=MAX_LINES))


class TrackingSchema(Strict):
    """A carrier's fact about a shipment."""

    tracking_number = a_text(128)
    shipment = a_text(128)
    carrier = a_text(64)
    status = fields.String(
        required=True,
        validate=validate.OneOf(
            [
                "handed_over",
                "in_transit",
                "disturbed",
                "out_for_delivery",
                "delivered",
                "lost",
                "returned_to_sender",
                "voided",
            ]
        ),
    )
    occurred_at = an_instant(required=True)
    location, detail = a_text(200), a_text()
    external_id = a_text(128)


class CountSchema(Strict):
    """One counted position."""

    sku = a_text(128, required=True)
    on_hand = a_quantity(NOT_NEGATIVE)
    unit = a_unit()
    node = a_text(64)
    lot = a_text(64)
    expires_on = fields.Date(allow_none=True)
    status = fields.String(allow_none=True, validate=validate.OneOf([str(each) for each in StockStatus]))


def counted_once(items: list[Mapping[str, Any]]) -> None:
    """Refuse a count that names the same units twice: nobody can say whether to add the rows or to take the last.

    Raises:
        ValidationError: names both rows.
    """
    first: dict[tuple[Any, ...], int] = {}
    for index, each in enumerate(items):
        place = each["sku"], each.get("node"), each.get("lot") or "", each.get("status") or StockStatus.SELLABLE
        before = first.setdefault(place, index)
        if before != index:
            of = "".join(f", {name} {each[name]}" for name in ("node", "lot", "status") if each.get(name))
            raise ValidationError(
                {index: [f"{each['sku']}{of} was counted in items[{before}] already: give its units in one row"]}
            )


class StockSchema(Strict):
    """Absolute counts of a node as of a time; older counts than the last applied one change nothing."""

    node = a_text(64)
    as_of = an_instant(required=True)
    items = fields.List(fields.Nested(CountSchema), required=True, validate=[validate.Length(max=50_000), counted_once])


class ChannelStockSchema(Strict):
    """What a channel shows as available; compared with what we told it."""

    as_of = an_instant()
    items = fields.List(
        fields.Nested(
            Strict.from_dict(
                {
                    "scheme": a_text(64, required=True),
                    "code": a_text(128, required=True),
                    "location": a_text(128),
                    "available": an_amount(),
                }
            )
        ),
        required=True,
        validate=validate.Length(max=50_000),
    )


class ItemSchema(Strict):
    """A sellable unit and the codes the partner uses for it."""

    sku = a_text(128, required=True)
    title, gtin = a_text(), a_text(14)
    unit = fields.String(load_default="C62", validate=validate.Length(min=1, max=3))
    price = an_amount()
    currency = fields.String(allow_none=True, validate=CURRENCY)
    weight_g = Whole(allow_none=True, validate=validate.Range(min=0, max=100_000_000))
    backorder_limit = a_quantity(NOT_NEGATIVE, required=False)
    tracking = fields.String(allow_none=True, validate=validate.OneOf(["none", "lot", "serial"]))
    lot_order = fields.String(allow_none=True, validate=validate.OneOf(["fefo", "freshest"]))
    components = fields.List(
        fields.Nested(Strict.from_dict({"sku": a_text(128, required=True), "units": a_quantity()})), allow_none=True
    )
    active = fields.Boolean(load_default=True)
    attributes = fields.Dict(allow_none=True)
    references = fields.List(
        fields.Nested(Strict.from_dict({"scheme": a_text(64, required=True), "code": a_text(128, required=True)})),
        allow_none=True,
    )


class ItemsSchema(Strict):
    """Several items in one document, as a product with variants has them."""

    items = fields.List(fields.Nested(ItemSchema), required=True, validate=validate.Length(max=5_000))


class PrivacyRequestSchema(Strict):
    """A data subject's request as a channel passes it on."""

    kind = fields.String(required=True, validate=validate.OneOf(["data_request", "customer_redact", "shop_redact"]))
    external_id = a_text(128)
    customer_external_id = a_text(128)
    orders = fields.List(fields.String(), allow_none=True)


class RevokedSchema(Strict):
    """The partner has withdrawn our access."""

    reason = a_text()


class IgnoreSchema(Strict):
    """A message that is understood and needs nothing."""

    reason = a_text(required=True)


SCHEMAS: Mapping[str, Schema] = {
    DocumentType.ORDER: OrderSchema(),
    DocumentType.ORDER_CANCEL: OrderCancelSchema(),
    DocumentType.ORDER_CHANGE: OrderChangeSchema(),
    DocumentType.REFUND: RefundSchema(),
    DocumentType.FULFILLMENT_UPDATE: FulfillmentUpdateSchema(),
    DocumentType.SHIPMENT: ShipmentSchema(),
    DocumentType.TRACKING: TrackingSchema(),
    DocumentType.STOCK: StockSchema(),
    DocumentType.CHANNEL_STOCK: ChannelStockSchema(),
    DocumentType.ITEM: ItemsSchema(),
    DocumentType.PRIVACY_REQUEST: PrivacyRequestSchema(),
    DocumentType.REMITTANCE: RemittanceSchema(),
    DocumentType.STOCK_RECEIPT: StockReceiptSchema(),
    DocumentType.RECEIVING_ADVICE: ReceivingAdviceSchema(),
    DocumentType.SALES_REPORT: SalesReportSchema(),
    DocumentType.TRANSPORT_RECEIPT: TransportReceiptSchema(),
    DocumentType.CONNECTION_REVOKED: RevokedSchema(),
    DocumentType.IGNORE: IgnoreSchema(),
}


QUICK = {kind: compile_schema(schema) for kind, schema in SCHEMAS.items()}


def _in_a_currency(quick: Check) -> Check:
    """Return the quick check of orders with what no field tells alone."""

    def check(document: Any) -> Any:
        found = quick(document)
        if not states_currency(found):
            raise Doubtful
        return found

    return check


QUICK[DocumentType.ORDER] = _in_a_currency(QUICK[DocumentType.ORDER])


def reasons(messages: Any, path: str = "") -> list[dict[str, str]]:
    """Return marshmallow's nested messages as a flat list of {path, reason}."""
    if isinstance(messages, dict):
        return [
            reason
            for key, inner in messages.items()
            for reason in reasons(inner, path if key == "_schema" else f"{path}.{key}".lstrip("."))
        ]
    if isinstance(messages, list):
        return [reason for inner in messages for reason in reasons(inner, path)]
    return [{"path": path, "reason": str(messages)}]


def misfit(messages: Any, what: str, *, fix: str, code: str | None = None) -> InputError:
    """Return the refusal of what marshmallow complains about.

    Args:
        messages: its complaints, nested as it tells them.
        what: that something does not fit, such as "The policy does not fit"; the first three reasons follow.
        fix: where the right form is described.
        code: of the error; that of any input when left out.
    """
    found = reasons(messages)
    named = "; ".join(": ".join(filter(None, (each["path"], each["reason"].rstrip(".")))) for each in found[:3])
    return InputError(f"{what}: {named}.", code=code, fix=fix, errors=found[:50])


def checked(schema: Schema, given: Any, what: str, *, fix: str, code: str | None = None) -> dict[str, Any]:
    """Return what a schema makes of something given.

    Args:
        schema: what it must fit.
        given: as it came.
        what: that it does not fit, where it does not; `fix` and `code` are those of `misfit`.

    Raises:
        InputError: it does not fit; `errors` = [{path, reason}] for every field that does not.
    """
    try:
        found: dict[str, Any] = schema.load(given)
    except ValidationError as error:
        raise misfit(error.messages, what, fix=fix, code=code) from None
    return found


def check_document(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with every value in its canonical type.

    Raises:
        InputError: with `errors` = [{path, reason}] for every field that does not fit.
    """
    try:
        quick: dict[str, Any] = QUICK[kind](body)
    except Doubtful:
        pass
    else:
        return quick
    return checked(
        SCHEMAS[kind],
        body,
        f"The {kind.replace('_', ' ')} does not fit the canonical model",
        code="DOC-SCHEMA-422",
        fix="Mend the map or the source; the reference is docs/canonical.md.",
    )
