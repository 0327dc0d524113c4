"""Transports by which partners call us: cXML over HTTP, and AS2 with its receipts and certificates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from connectors.edi.transports.base import Sent, Transport
from connectors.sdk.base import document
from core.domain.vocabulary import DocumentType
from core.errors import Misconfigured, Refused
from core.ports.connectors import Document, InboundMessage, Json, Push, Receipt, WebhookRequest
from core.ports.webhooks import Call, Ending


@runtime_checkable
class TakesCalls(Protocol):
    """A transport by which the partner calls us."""

    def take_call(self, request: WebhookRequest) -> Call:
        """Open what a partner posted."""


@runtime_checkable
class HasReceipts(Protocol):
    """A transport with receipts that go by calls of their own, and certificates."""

    def send(self, name: str, body: bytes, content_type: str, unread: int = 0) -> Sent:
        """Hand over a file; `unread` is how many of the partner's certificates he could not read it by."""

    def send_receipt(self, owed: Json) -> Json:
        """Send a receipt by a call of its own."""

    def read_receipt(self, stored: InboundMessage) -> Json:
        """Return a stored receipt as the canonical transport receipt."""

    def ending_certificates(self, now: datetime) -> Sequence[Ending]:
        """Return the certificates somebody must be told of."""


class Calls:
    """What a connector does with calls."""

    @property
    def transport(self) -> Transport:
        """The way files go."""
        raise NotImplementedError

    @property
    def answers_calls(self) -> bool:
        """Whether the partner calls us, and wants a proof in the transport's own form."""
        return isinstance(self.transport, TakesCalls)

    def take_call(self, request: WebhookRequest) -> Call:
        """Open what the partner posted.

        Raises:
            InputError, Refused: it is not his, or cannot be taken.
        """
        if not isinstance(self.transport, TakesCalls):
            raise Refused("This partner's files do not come by calls.", fix="Remove this address at the partner.")
        return self.transport.take_call(request)

    def send_receipt(self, push: Push) -> Receipt:
        """Send the proof that a file of the partner's arrived."""
        detail = self._called().send_receipt(push.payload)
        return Receipt(None, detail)

    def read_receipt(self, message: InboundMessage) -> Document:
        """Return a receipt that came by itself as a canonical document.

        Raises:
            CrossdockError: it is none, or not the partner's.
        """
        return document(DocumentType.TRANSPORT_RECEIPT, self._called().read_receipt(message))

    def ending_certificates(self, now: datetime) -> Sequence[Ending]:
        """Return the certificates somebody must be told of."""
        return self.transport.ending_certificates(now) if isinstance(self.transport, HasReceipts) else ()

    def _called(self) -> HasReceipts:
        if not isinstance(self.transport, HasReceipts):
            raise Misconfigured(
                "The partner's transport has no receipts.",
                why="It was another one when the file came.",
                fix="Discard the delivery or message, or set the transport back.",
                code="EDI-TRANSPORT-409",
            )
        return self.transport
