"""The closed word lists that core, connectors and console share."""

from __future__ import annotations

from enum import StrEnum


class DocumentType(StrEnum):
    """The canonical documents a message can carry; bodies are described in core/domain/documents.py."""

    ORDER = "order"
    ORDER_CANCEL = "order_cancel"
    ORDER_CHANGE = "order_change"
    REFUND = "refund"
    FULFILLMENT_UPDATE = "fulfillment_update"
    SHIPMENT = "shipment"
    TRACKING = "tracking"
    STOCK = "stock"
    CHANNEL_STOCK = "channel_stock"
    ITEM = "item"
    PRIVACY_REQUEST = "privacy_request"
    REMITTANCE = "remittance"
    STOCK_RECEIPT = "stock_receipt"
    RECEIVING_ADVICE = "receiving_advice"
    SALES_REPORT = "sales_report"
    TRANSPORT_RECEIPT = "transport_receipt"
    CONNECTION_REVOKED = "connection_revoked"
    IGNORE = "ignore"


class Paper(StrEnum):
    """The papers of a B2B order we send; bodies are described in core/domain/papers.py."""

    ORDER_RESPONSE = "order_response"
    DESPATCH_ADVICE = "despatch_advice"
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class BuyerCode(StrEnum):
    """Kinds of codes that buyers give items besides the usual one, their item number."""

    PART = "part"
    CATALOG = "catalog"
    PURCHASER = "purchaser"


class Answer(StrEnum):
    """What an order response says of one line; the strongest that is true of a part of it."""

    ACCEPTED = "accepted"
    CHANGED = "changed"
    BACKORDERED = "backordered"
    REJECTED = "rejected"


class Answers(StrEnum):
    """What an order response is the answer to."""

    ORDER = "order"
    CHANGE = "change"


class Check(StrEnum):
    """What a partner's rules ask of our papers; the checks are in core/services/compliance.py."""

    ALL_LINES_ANSWERED = "all_lines_answered"
    ANSWERED_IN_TIME = "answered_in_time"
    SSCC_ON_EVERY_PACKAGE = "sscc_on_every_package"
    GTIN_ON_EVERY_LINE = "gtin_on_every_line"
    ONE_LINE_PER_CARTON = "one_line_per_carton"
    WITHIN_SHIP_WINDOW = "within_ship_window"
    ADVISED_IN_TIME = "advised_in_time"
    SHIPPED_IN_FULL = "shipped_in_full"
    LOT_ON_EVERY_CONTENT = "lot_on_every_content"
    REFERENCES_KEPT = "references_kept"


class Write(StrEnum):
    """The outgoing writes; each is also the name of the connector method that performs it."""

    PUSH_ORDER = "push_order"
    CANCEL_ORDER = "cancel_order"
    PUSH_FULFILLMENT_ORDER = "push_fulfillment_order"
    CANCEL_FULFILLMENT_ORDER = "cancel_fulfillment_order"
    PUSH_INCOMING = "push_incoming"
    PUSH_SHIPMENT = "push_shipment"
    PUSH_STOCK = "push_stock"
    ACKNOWLEDGE_ORDER = "acknowledge_order"
    PUSH_DESPATCH_ADVICE = "push_despatch_advice"
    PUSH_INVOICE = "push_invoice"
    PUSH_CREDIT_NOTE = "push_credit_note"
    SEND_RECEIPT = "send_receipt"
    PUSH_ACKNOWLEDGEMENT = "push_acknowledgement"
    ANSWER_DOCUMENT = "answer_document"


class Mode(StrEnum):
    """How far a connection is switched on: observe takes in only, shadow stores would-be writes without sending."""

    OFF = "off"
    OBSERVE = "observe"
    SHADOW = "shadow"
    LIVE = "live"


class Via(StrEnum):
    """The door a message came in by."""

    WEBHOOK = "webhook"
    POLL = "poll"
    FILE = "file"
    API = "api"
    IMPORT = "import"


NODE_KINDS = ("warehouse", "store", "3pl", "supplier")


class Phase(StrEnum):
    """Where an order stands, derived by core/services/phase.py from its lines, holds and fulfillment."""

    HELD = "held"
    BACKORDERED = "backordered"
    READY = "ready"
    RELEASING = "releasing"
    PARTLY_SHIPPED = "partly_shipped"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    PARTLY_RETURNED = "partly_returned"
    RETURNED = "returned"
    CANCELED = "canceled"


class HoldKind(StrEnum):
    """Why an order waits; each kind says what releases it in docs/holds.md."""

    UNMAPPED_SKU = "unmapped_sku"
    MISSING_PRICE = "missing_price"
    TOTALS_MISMATCH = "totals_mismatch"
    BAD_ADDRESS = "bad_address"
    MISSING_FIELD = "missing_field"
    UNMAPPED_CODE = "unmapped_code"
    POSSIBLE_DUPLICATE = "possible_duplicate"
    MANUAL = "manual"
    NO_NODE = "no_node"
    PRICE_MISMATCH = "price_mismatch"
    PART_OF_UNIT = "part_of_unit"
    IMPLAUSIBLE_QUANTITY = "implausible_quantity"


class MovementKind(StrEnum):
    """Why a stock position changed."""

    COUNT = "count"
    RECEIPT = "receipt"
    ADJUST = "adjust"
    ALLOCATE = "allocate"
    RELEASE = "release"
    RESERVE = "reserve"
    EXPIRE = "expire"
    CONVERT = "convert"
    SHIP = "ship"
    SAFETY = "safety"
    TRANSFER_OUT = "transfer_out"
    TRANSFER_IN = "transfer_in"
    STATUS = "status"
    SUPPLY = "supply"
    LIMIT = "limit"
    AGE = "age"
    # Of lots only: what is there of an item that gets lots.
    TRACKING = "tracking"


class StockMode(StrEnum):
    """How the stock of a node is known: as it changes, or by counts that come in batches and age in between."""

    LIVE = "live"
    BATCH = "batch"


class StockStatus(StrEnum):
    """What state units are in; only sellable ones are on hand for anybody."""

    SELLABLE = "sellable"
    DAMAGED = "damaged"
    QUALITY_HOLD = "quality_hold"
    EXPIRED = "expired"


class Protection(StrEnum):
    """What a protection rule does for its channel."""

    BUFFER = "buffer"
    CAP = "cap"
    FLOOR = "floor"
    REMAINING_LIFE = "remaining_life"
