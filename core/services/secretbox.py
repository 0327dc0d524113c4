"""Secrets at rest: AES-GCM under a key derived from the hub's secret key."""

from __future__ import annotations

import os
from collections.abc import Mapping

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import Misconfigured


class SecretBox:
    """Seals and opens the secrets of connections.

    Args:
        secret_key: the hub's secret key, any length.
    """

    def __init__(self, secret_key: str) -> None:
        key = HKDF(SHA256(), 32, None, b"crossdock connection secrets").derive(secret_key.encode())
        self._cipher = AESGCM(key)

    def seal(self, secrets: Mapping[str, str]) -> bytes:
        """Return the secrets encrypted, with a nonce of their own."""
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, orjson.dumps(dict(secrets)), None)

    def open(self, sealed: bytes | None) -> dict[str, str]:
        """Return the secrets; none when nothing was sealed.

        Raises:
            Misconfigured: they were sealed under another key.
        """
        if not sealed:
            return {}
        raw = bytes(sealed)
        try:
            found: dict[str, str] = orjson.loads(self._cipher.decrypt(raw[:12], raw[12:], None))
        except (InvalidTag, ValueError):  # another key, or bytes that never were sealed here
            raise Misconfigured(
                "The connection's secrets cannot be decrypted.",
                why="They were stored under another CROSSDOCK_SECRET_KEY.",
                fix="Start with the key they were stored under, or enter the secrets again.",
                code="CONN-SECRET-500",
            ) from None
        return found
