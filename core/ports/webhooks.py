"""What a platform demands of the webhook door, where it differs from the hub's own answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from core.errors import CrossdockError
from core.ports.connectors import InboundRecord, Json, WebhookRequest


@dataclass(frozen=True, slots=True)
class WebhookTerms:
    """How a platform wants its calls answered.

    Attributes:
        status: answer to a call that was taken.
        content_types: media types the platform sends; everything else is refused unread.
        challenge: query parameter of a GET whose value is echoed to prove that the address is ours; None for none.
    """

    status: int = 202
    content_types: tuple[str, ...] = ("application/json",)
    challenge: str | None = None


@runtime_checkable
class HasWebhookTerms(Protocol):
    """A connector whose platform has terms of its own."""

    @property
    def webhook_terms(self) -> WebhookTerms:
        """Return the terms of this connector's platform."""


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """What a protocol wants a call answered with.

    Attributes:
        status: of HTTP.
        headers: beside the length.
        body: the bytes.
        owed: a transport receipt to be sent by a call of its own (`send_receipt`); None where the answer is all.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    owed: Json | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a protocol that proves what it took.

    Attributes:
        record: what to store; None where nothing was taken.
        answer: makes the answer once the record is durable, told whether it had been stored before.
        refusal: why nothing was taken, where somebody is to be told.
        unstored: makes the answer where the record could not be stored; None where the door's own will do.
        asked: whether the call only asked something, so that nothing was there to be taken.
        otherwise: makes the call it is where its name came before with other content; None where the name says all.
        aside: what is kept in quarantine because of the refusal, for people to decide on; None where nothing is.
    """

    record: InboundRecord | None
    answer: Callable[[bool], CallAnswer]
    refusal: CrossdockError | None = None
    unstored: Callable[[], CallAnswer] | None = None
    asked: bool = False
    otherwise: Callable[[], Call] | None = None
    aside: InboundRecord | None = None


@runtime_checkable
class AnswersCalls(Protocol):
    """A connector whose protocol has answers of its own: a proof of receipt instead of the hub's JSON."""

    @property
    def answers_calls(self) -> bool:
        """Return whether this connection's protocol does."""

    def take_call(self, request: WebhookRequest) -> Call:
        """Open a call; what is wrong with it is said in the protocol's own words where it has some.

        Raises:
            InputError, Refused: it is nobody's we know, or cannot be answered in the protocol; people are told of it
                where its data has a `modifier`, one case for each and for each `sender` it names.
        """


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate that ends soon and has none to follow it.

    Attributes:
        whose: the name of the side it belongs to.
        fingerprint: SHA-256, in hexadecimal.
        ends_at: the moment it ends.
    """

    whose: str
    fingerprint: str
    ends_at: datetime


@runtime_checkable
class HoldsCertificates(Protocol):
    """A connector whose connection ends with its certificates."""

    def ending_certificates(self, now: datetime) -> Sequence[Ending]:
        """Return the certificates somebody must be told of."""
