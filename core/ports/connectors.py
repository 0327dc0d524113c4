"""What the core needs from a connector, vendor-free: records that go in and out, and one Protocol per capability.

A connector object serves one connection. Every method may raise the ConnectorError family of `core.errors`; the class
decides what the hub does next. Nothing here stores anything: the hub stores before and after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from core.domain.vocabulary import DocumentType, Mode, Write

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ConnectionConfig:
    """One configured account, as handed to a connector; `secrets` never leaves the connector."""

    id: UUID
    name: str
    connector: str
    mode: Mode
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False, default_factory=dict)
    # During a rotation window both the new and the previous secrets verify webhooks.
    previous_secrets: Mapping[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook as it came in; header names are lower case."""

    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InboundRecord:
    """One thing received, to be stored raw as a message.

    `dedupe_key` is what makes the same fact arriving twice one message; it is unique within a connection.
    """

    topic: str
    dedupe_key: str
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    source_id: str | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A stored message handed to `normalize`."""

    id: UUID
    topic: str
    body: bytes
    content_type: str
    headers: Mapping[str, str]
    received_at: datetime
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One canonical document read from a message.

    `holds` are rules the map could not satisfy but that must not lose the order: [{kind, path, detail}].
    """

    type: DocumentType
    body: Json
    holds: Sequence[Json] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a poll: raw records, the cursor after them, and whether more is waiting."""

    records: Sequence[InboundRecord]
    cursor: Json
    more: bool = False


@dataclass(frozen=True, slots=True)
class Push:
    """One outgoing write.

    `reference` is ours, stable over retries, and is sent as idempotency key and as the reference to look up by.
    """

    kind: Write
    reference: str
    payload: Json
    attempt: int = 1


UNREAD = "unread"
"""Key of a push's payload: how many of the partner's certificates he could not read the file by (sent again after a
transport receipt that came by itself)."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the partner answered: its own identifier and whatever is worth keeping (secrets redacted)."""

    reference: str | None = None
    detail: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One HTTP or SOAP exchange for the attempt log, redacted and shortened."""

    request: Json
    response: Json | None
    status: int | None
    duration_ms: int


class Connector(Protocol):
    """What every connector object can do."""

    @property
    def capabilities(self) -> frozenset[str]:
        """The verbs this connector has, as in its manifest."""

    def verify_webhook(self, request: WebhookRequest) -> InboundRecord:
        """Return what to store for an authentic webhook, or raise SignatureRefused or InputError."""

    def normalize(self, message: InboundMessage) -> Sequence[Document]:
        """Return the canonical documents in a stored message, or raise MappingError."""

    def check(self) -> Json | None:
        """Call the partner harmlessly and return what it said of itself, or raise ConnectorError.

        None where we never call this kind of partner.
        """

    def exchanges(self) -> Sequence[Exchange]:
        """Return and forget the exchanges made since the last call (for the attempt log)."""

    def close(self) -> None:
        """Give back sockets and files."""


@runtime_checkable
class ListsOrders(Protocol):
    """Orders changed since a cursor: reconciliation and first import."""

    def list_orders(self, cursor: Json) -> Page:
        """Return the next page of orders changed since the cursor; `{}` means from the beginning."""


@runtime_checkable
class ListsStock(Protocol):
    """Stock as the partner counts it."""

    def list_stock(self, cursor: Json) -> Page:
        """Return the next page of counted stock."""


@runtime_checkable
class ListsItems(Protocol):
    """Catalog import."""

    def list_items(self, cursor: Json) -> Page:
        """Return the next page of items."""


@runtime_checkable
class ReceivesFiles(Protocol):
    """Files waiting in a drop folder; claimed by rename, settled after the commit."""

    def claim_files(self) -> Iterable[InboundRecord]:
        """Yield the records of claimed files."""

    def settle_files(self, stored: bool) -> None:
        """Archive the claimed files after the commit, or give them back."""


@runtime_checkable
class PushesOrder(Protocol):
    """The order, with its allocation, to an ERP."""

    def push_order(self, push: Push) -> Receipt:
        """Create or update the order at the partner."""


@runtime_checkable
class PushesFulfillmentOrder(Protocol):
    """Work for a node."""

    def push_fulfillment_order(self, push: Push) -> Receipt:
        """Tell the node to pick and ship."""

    def cancel_fulfillment_order(self, push: Push) -> Receipt:
        """Ask the node to stop; Declined when it is too late."""


@runtime_checkable
class PushesIncoming(Protocol):
    """What is on its way to a node."""

    def push_incoming(self, push: Push) -> Receipt:
        """Tell the node what of a supply or transfer it will get."""


@runtime_checkable
class PushesShipment(Protocol):
    """A shipment to the shop (fulfillment with tracking) or to the ERP."""

    def push_shipment(self, push: Push) -> Receipt:
        """Tell the partner what left, and how to track it."""


@runtime_checkable
class PushesStock(Protocol):
    """Available quantities to a channel: absolute values, so a repeat does no harm."""

    def push_stock(self, push: Push) -> Receipt:
        """Set the available quantity of up to 250 items."""


@runtime_checkable
class AcknowledgesOrder(Protocol):
    """The answer to a B2B order, line by line."""

    def acknowledge_order(self, push: Push) -> Receipt:
        """Send the order response."""


@runtime_checkable
class PushesDespatchAdvice(Protocol):
    """What is on its way to a B2B buyer, with its packages."""

    def push_despatch_advice(self, push: Push) -> Receipt:
        """Send the despatch advice."""


@runtime_checkable
class PushesInvoice(Protocol):
    """What a B2B buyer is to pay."""

    def push_invoice(self, push: Push) -> Receipt:
        """Send the invoice."""


@runtime_checkable
class PushesCreditNote(Protocol):
    """What a B2B buyer gets back."""

    def push_credit_note(self, push: Push) -> Receipt:
        """Send the credit note."""


@runtime_checkable
class SendsReceipt(Protocol):
    """The proof that something of the partner's arrived, where he wants it by a call of its own."""

    def send_receipt(self, push: Push) -> Receipt:
        """Send the transport receipt in the payload."""


@runtime_checkable
class FindsByReference(Protocol):
    """Asked after an unknown outcome, before anything is written again."""

    def find_by_reference(self, push: Push) -> Receipt | None:
        """Return the receipt of an earlier effect of this push, or None when there was none."""


class Connectors(Protocol):
    """The connectors found on this installation."""

    def open(self, connection: ConnectionConfig) -> Connector:
        """Return a connector object for one connection.

        Raises:
            Misconfigured: the connector is missing or broken, or the settings do not fit its manifest.
        """

    def capabilities(self, connector: str) -> frozenset[str]:
        """Return a connector's verbs without opening it; empty when it is unknown."""

    def limits(self, connector: str) -> Mapping[str, float]:
        """Return rate (per second), burst, concurrency, timeout (seconds) and max_body (bytes), defaults filled in."""

    def kinds(self) -> Mapping[str, str]:
        """Return connector id -> kind (shop, erp, wms …)."""
