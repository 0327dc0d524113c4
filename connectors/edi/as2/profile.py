"""Who the two sides of an AS2 connection are, what they ask of each other, and which certificates hold when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509

from connectors.edi.as2.cms import Identity
from core.errors import Misconfigured

# Days before a certificate ends at which somebody must be told.
WARNINGS = (60, 30, 7)


@dataclass(frozen=True, slots=True)
class Profile:
    """An AS2 connection with one partner.

    Args:
        ours: our AS2 name.
        theirs: the partner's AS2 name.
        identities: our certificates with their keys, several while one takes over from another.
        certificates: the partner's certificates, several likewise.
        sign: hash to sign with, or nothing.
        encrypt: cipher to encrypt with, or nothing.
        compress: whether payloads are compressed before they are signed.
        require_signed: whether an unsigned message is refused.
        require_encrypted: whether an unencrypted message is refused.
        receipt: how we ask for receipts: `sync`, `async` or `none`.
        receipt_signed: whether we ask for signed receipts, and take no others.
        receipt_url: where the partner is to send asynchronous receipts to us.
        their_receipt_url: where we send asynchronous receipts; what a message says is not followed.
        max_bytes: bytes a payload may have, decompressed.
    """

    ours: str
    theirs: str
    identities: Sequence[Identity]
    certificates: Sequence[x509.Certificate]
    sign: str | None = "sha256"
    encrypt: str | None = "aes256_cbc"
    compress: bool = False
    require_signed: bool = True
    require_encrypted: bool = True
    receipt: str = "sync"
    receipt_signed: bool = True
    receipt_url: str | None = None
    their_receipt_url: str | None = None
    max_bytes: int = 200_000_000

    def signer(self, now: datetime) -> Identity:
        """Return our identity to sign with: of those that hold now the one that began first.

        A new certificate is made known and lies ready while partners still trust only the old one.

        Raises:
            Misconfigured: none holds.
        """
        held = [each for each in self.identities if holds(each.certificate, now)]
        if not held:
            raise _noneholds("our", self.ours)
        return min(held, key=lambda each: each.certificate.not_valid_before_utc)

    def receivers(self, now: datetime) -> list[x509.Certificate]:
        """Return the partner's certificates that hold now, to encrypt for in this order: the one that began first.

        He makes a new one known while his station may still know only the old one.

        Raises:
            Misconfigured: none holds.
        """
        held = self.trusted(now)
        if not held:
            raise _noneholds("the partner's", self.theirs)
        return sorted(held, key=lambda each: each.not_valid_before_utc)

    def trusted(self, now: datetime) -> list[x509.Certificate]:
        """Return the partner's certificates that hold now."""
        return [each for each in self.certificates if holds(each, now)]

    def lapsed(self, now: datetime) -> list[tuple[x509.Certificate, str]]:
        """Return the partner's certificates that do not hold now, and when each has ended or begins."""
        return [
            (each, f"ended on {each.not_valid_after_utc:%Y-%m-%d}")
            if each.not_valid_after_utc < now
            else (each, f"begins only on {each.not_valid_before_utc:%Y-%m-%d}")
            for each in self.certificates
            if not holds(each, now)
        ]

    def ending(self, now: datetime) -> list[tuple[str, x509.Certificate, int]]:
        """Return whose certificate ends within days of warning without another to follow it, and in how many days."""
        found = []
        ours = [each.certificate for each in self.identities]
        for whose, certificates in ((self.ours, ours), (self.theirs, list(self.certificates))):
            if not certificates:
                continue
            last = max(certificates, key=lambda each: each.not_valid_after_utc)
            left = (last.not_valid_after_utc - now) // timedelta(days=1)
            if left <= max(WARNINGS):
                found.append((whose, last, left))
        return found


def holds(certificate: x509.Certificate, now: datetime) -> bool:
    """Return whether a certificate has begun and not ended."""
    at = now.astimezone(UTC)
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def _noneholds(whose: str, name: str) -> Misconfigured:
    return Misconfigured(
        f"None of {whose} certificates for {name} holds now.",
        why="Each has ended or has not begun.",
        fix="Add a certificate that holds to the partner's profile.",
        code="AS2-CERTIFICATE-503",
    )
