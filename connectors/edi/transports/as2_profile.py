"""The settings of an AS2 partner as a profile: names, addresses, certificates, and what is asked of messages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NoReturn

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.edi.as2.cms import CIPHERS, HASHES, Identity
from connectors.edi.as2.message import quote, unquote
from connectors.edi.as2.profile import Profile
from connectors.sdk.http import origin
from core.errors import Misconfigured

KEYS = "as2_keys"
KEY = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.+?-----END \1PRIVATE KEY-----", re.DOTALL)
SMALLEST_KEY = 2048
DEFAULTS: Mapping[str, Any] = {
    "sign": "sha256",
    "encrypt": "aes256_cbc",
    "compress": False,
    "require_signed": True,
    "require_encrypted": True,
    "receipt": "sync",
    "receipt_signed": True,
    "receipt_url": None,
    "their_receipt_url": None,
    "receipt_hours": 2,
    "max_bytes": 200_000_000,
    "timeout": 25,
}
REQUIRED = ("url", "our_name", "their_name", "our_certificates", "their_certificates")
HASHES_TO_SIGN = tuple(name for name in HASHES if name not in ("md5", "sha1"))
CHOICES: Mapping[str, Sequence[str | None]] = {
    "sign": (*HASHES_TO_SIGN, None),
    "encrypt": (*CIPHERS, None),
    "receipt": ("sync", "async", "none"),
}
FIX = "Every setting is described in docs/edi-transports.md."


@dataclass(frozen=True, slots=True)
class As2Settings:
    """An AS2 connection: its profile, and where and how long the partner is called.

    Args:
        profile: who both are and what they ask of each other.
        url: where messages are sent.
        receipt_hours: how long an asynchronous receipt may take before somebody is told.
        timeout: seconds the partner may take to answer.
    """

    profile: Profile
    url: str
    receipt_hours: float
    timeout: float


def read_settings(settings: Mapping[str, Any], secrets: Mapping[str, str]) -> As2Settings:
    """Return the checked settings of an AS2 connection.

    Args:
        settings: those of `DEFAULTS` that differ, and all of `REQUIRED`; certificates are PEM, one text or a list.
        secrets: `as2_keys`, the private keys of our certificates as PEM, in one text.

    Raises:
        Misconfigured: one is missing, not known or does not fit; the error never shows a key.
    """
    _know_all(settings)
    given = {**DEFAULTS, **{name: value for name, value in settings.items() if value != ""}}
    for name, choices in CHOICES.items():
        if given[name] in ("none", False) and None in choices:
            given[name] = None
        if given[name] not in choices:
            _wrong(name, f"is none of {', '.join(each or 'none' for each in choices)}")
    for name in ("compress", "require_signed", "require_encrypted", "receipt_signed"):
        if not isinstance(given[name], bool):
            _wrong(name, "is neither true nor false")
    for name, most in (("receipt_hours", 240), ("max_bytes", 1_073_741_824), ("timeout", 25)):
        value = given[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
            _wrong(name, f"is no number from 1 to {most}")
    for name in ("url", "receipt_url", "their_receipt_url"):
        if given[name] is not None:
            _address(name, given[name])
    if given["receipt"] == "async" and not given["receipt_url"]:
        _wrong("receipt_url", "is missing: an asynchronous receipt needs our address, this connection's webhook")
    for name in ("our_name", "their_name"):
        _as2_name(name, given[name])
    profile = Profile(
        ours=given["our_name"],
        theirs=given["their_name"],
        identities=_identities(_certificates("our_certificates", given["our_certificates"]), secrets.get(KEYS, "")),
        certificates=_certificates("their_certificates", given["their_certificates"]),
        max_bytes=int(given["max_bytes"]),
        **{
            name: given[name]
            for name in (
                "sign", "encrypt", "compress", "require_signed", "require_encrypted", "receipt", "receipt_signed",
                "receipt_url", "their_receipt_url",
            )
        },
    )  # fmt: skip
    return As2Settings(profile, given["url"], float(given["receipt_hours"]), float(given["timeout"]))


def _know_all(settings: Mapping[str, Any]) -> None:
    known = {*DEFAULTS, *REQUIRED}
    for name in settings:
        if name not in known:
            near = get_close_matches(str(name), known, 1)
            _wrong(str(name)[:60], f"is not known{f'; {near[0]} is' if near else ''}")
    for name in REQUIRED:
        if not settings.get(name):
            _wrong(name, "is missing")


def _address(name: str, value: Any) -> None:
    try:
        origin(str(value))
    except Misconfigured:
        _wrong(name, "is no address: it must be http:// or https:// with a host and without user name or password")


def _as2_name(name: str, value: Any) -> None:
    fits = isinstance(value, str) and 0 < len(value) <= 128 and value.isascii() and value.isprintable()
    if not fits or unquote(quote(value)) != value:
        _wrong(name, "is no AS2 name: it has 1 to 128 printable ASCII characters")


def _certificates(name: str, given: Any) -> list[x509.Certificate]:
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not all(isinstance(each, str) for each in texts):
        _wrong(name, "is no list of certificates")
    try:
        found = [one for each in texts for one in x509.load_pem_x509_certificates(each.encode())]
        small = [each for each in found if not _is_large(each)]
    except (ValueError, UnsupportedAlgorithm):
        _wrong(name, "holds something that is no certificate in PEM form")
    if small:
        _wrong(name, f"holds a certificate without an RSA key of at least {SMALLEST_KEY} bits")
    return found


def _is_large(certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    return isinstance(key, RSAPublicKey) and key.key_size >= SMALLEST_KEY


def _identities(certificates: Sequence[x509.Certificate], pem: str) -> list[Identity]:
    """Return our certificates with their keys, found by what they have in common."""
    keys: list[RSAPrivateKey] = []
    for each in KEY.finditer(pem):
        try:
            key = load_pem_private_key(each[0].encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            _wrong(KEYS, "holds a private key that cannot be read; it must be PEM without a passphrase")
        if isinstance(key, RSAPrivateKey):
            keys.append(key)
    by_number = {key.public_key().public_numbers(): key for key in keys}
    found = []
    for certificate in certificates:
        public = certificate.public_key()
        held = by_number.get(public.public_numbers()) if isinstance(public, RSAPublicKey) else None
        if held is None:
            _wrong(KEYS, f"has no key for our certificate with serial number {certificate.serial_number:x}")
        found.append(Identity(certificate, held))
    return found


def _wrong(name: str, what: str) -> NoReturn:
    raise Misconfigured(f"The AS2 setting {name} {what}.", fix=FIX, code="AS2-PROFILE-422")
