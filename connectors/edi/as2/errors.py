"""What can be wrong with an AS2 message or receipt, in the words RFC 4130 (7.4.3) gives for it."""

from __future__ import annotations

from typing import ClassVar

from core.errors import CrossdockError


class As2Error(CrossdockError):
    """An AS2 message that cannot be taken; `modifier` is what the disposition of its receipt says.

    Args:
        what: one sentence naming what failed.
        modifier: `authentication-failed`, `decompression-failed`, `decryption-failed`, `duplicate-document`,
            `insufficient-message-security`, `integrity-check-failed`, `unexpected-processing-error`, …
        why: the cause, when it is known.
        fix: what the reader can do.
    """

    code: ClassVar[str] = "AS2-MESSAGE-400"
    status: ClassVar[int] = 400

    def __init__(self, what: str, modifier: str, *, why: str | None = None, fix: str | None = None) -> None:
        super().__init__(what, why=why, fix=fix, modifier=modifier)
        self.modifier = modifier


class OtherContent(As2Error):
    """A Message-ID that came before, now with other content."""

    code: ClassVar[str] = "AS2-AGAIN-409"
    status: ClassVar[int] = 409

    def __init__(self, message_id: str) -> None:
        super().__init__(
            f"The Message-ID {message_id[:200]} came before with other content.",
            # The standard has "duplicate-document" as a warning only: what is told by it counts as received.
            "unexpected-processing-error",
            why="A Message-ID names one file for good; the new content is kept, and nothing of it is done.",
            fix="Send it under a Message-ID of its own; or replay the message here to take it, or discard it.",
        )
