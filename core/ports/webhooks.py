"""What a platform demands of the webhook door, where it differs from the hub's own answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


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
