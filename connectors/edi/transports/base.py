"""What carries files between a partner and us: taken over whole, given up only once they are stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from core.ports.connectors import Exchange

# Topic of a stored message that is a transport receipt for something of ours.
RECEIPT_TOPIC = "transport.receipt"


@dataclass(frozen=True)
class Incoming:
    """One file or message, bytes as they came.

    Args:
        body: the bytes.
        name: of the file or message, for people.
        content_type: as it was said, or by the transport's own rule.
        dedupe_key: the same when the same file comes again by a fault of the transport.
        received_at: when it was complete here, UTC.
        done: called once, after the bytes are durably stored; without it the file comes again.
    """

    body: bytes
    name: str
    content_type: str
    dedupe_key: str
    received_at: datetime
    done: Callable[[], None]


@dataclass(frozen=True)
class Sent:
    """What is known of a file that was handed over.

    Args:
        reference: name or message id under which the partner knows it.
        received_at: when the partner proved that he has it (a receipt), UTC; None where the transport proves nothing.
        detail: more that is worth keeping; never secrets.
    """

    reference: str
    received_at: datetime | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


class Transport(Protocol):
    """One way to one partner."""

    def send(self, name: str, body: bytes, content_type: str) -> Sent:
        """Hand over a file; the same name again with the same bytes has the effect of once.

        Raises:
            Transient: nothing was handed over; try again.
            OutcomeUnknown: it may have been handed over.
            Rejected: the partner refuses it.
            Misconfigured: address, credentials or folders are wrong.
        """

    def fetch(self, limit: int) -> Iterator[Incoming]:
        """Claim at most `limit` files and yield them; what is not `done` is given back when the transport is closed.

        Raises:
            Transient: nothing can be fetched now.
            Misconfigured: address, credentials or folders are wrong.
        """

    def check(self) -> Mapping[str, Any]:
        """Look whether files could go both ways, without sending any; return what is known.

        Raises:
            ConnectorError: they could not.
        """

    def close(self) -> None:
        """Give back sockets, and what was claimed and is not done."""


@runtime_checkable
class KeepsExchanges(Protocol):
    """A transport whose calls are worth keeping with the delivery."""

    def exchanges(self) -> Sequence[Exchange]:
        """Return and forget the exchanges since the last call, without secrets."""
