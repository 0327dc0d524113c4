"""The settings of an AS2 partner as a profile: names, addresses, certificates, and what is asked of messages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from connectors.edi.as2.cms import CIPHERS, HASHES, Identity
from connectors.edi.as2.message import quote, unquote
from connectors.edi.as2.profile import Profile, holds
from connectors.edi.transports.tables import ADDED, Faults, know
from connectors.sdk.http import origin
from core.errors import Misconfigured

KEYS = "as2_keys"
KEY = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.+?-----END \1PRIVATE KEY-----", re.DOTALL)
SMALLEST_KEY = 2048
# Days before the end of a certificate at which whoever sets up a partner is told.
SOON = 30
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
CODE = "AS2-PROFILE-422"
SIDES = {
    "our_certificates": "make one: `crossdock as2 certificate NAME`",
    "their_certificates": "ask the partner for his",
}


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
        Misconfigured: one is missing, not known or does not fit; all are named, and never a key.
    """
    faults = Faults("as2", CODE)
    given, ours, theirs = _read(faults, settings)
    identities = _identities(faults, ours, secrets.get(KEYS, ""))
    faults.refuse()
    profile = Profile(
        ours=given["our_name"],
        theirs=given["their_name"],
        identities=identities,
        certificates=theirs,
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


def vet(faults: Faults, table: Mapping[str, Any], *, here: bool) -> None:
    """Note what is wrong with the settings of an AS2 partner, whose certificates must hold now, and with the keys.

    Args:
        faults: takes it.
        table: the profile's `transport`, with `secrets`; keys that are not there yet are not missed.
        here: has no meaning for a partner who is called.
    """
    del here
    given, ours, theirs = _read(faults, {name: value for name, value in table.items() if name not in ADDED})
    keys = table.get("secrets", {}).get(KEYS, "")
    if keys.strip():
        _identities(faults, ours, keys)
    now = datetime.now(UTC)
    for name, found in (("our_certificates", ours), ("their_certificates", theirs)):
        if found and not any(holds(each, now) for each in found):
            last = max(found, key=lambda each: each.not_valid_after_utc)
            ended = last.not_valid_after_utc < now
            when = f"ended on {last.not_valid_after_utc:%Y-%m-%d}" if ended else (
                f"begins on {min(each.not_valid_before_utc for each in found):%Y-%m-%d}"
            )  # fmt: skip
            faults.add(name, f"has none that holds now: it {when}; {SIDES[name]}")
    if {each.public_bytes(Encoding.DER) for each in ours} & {each.public_bytes(Encoding.DER) for each in theirs}:
        faults.add("their_certificates", "has one of ours: ask the partner for his own")
    if given["our_name"] and given["our_name"] == given["their_name"]:
        faults.add("their_name", "is the same as our_name: each side has a name of its own; ask the partner for his")


def ending_soon(table: Mapping[str, Any], now: datetime) -> list[str]:
    """Return a sentence for each side whose last certificate ends within 30 days; nothing of another transport.

    Args:
        table: the profile's `transport`, as it was checked.
        now: what the days are counted from.
    """
    if table.get("kind") != "as2":
        return []
    said = []
    for name, advice in SIDES.items():
        found = _certificates(Faults("as2", CODE), name, table.get(name))
        last = max((each.not_valid_after_utc for each in found), default=None)
        if last is not None and now <= last <= now + timedelta(days=SOON):
            days = (last - now) // timedelta(days=1)
            said.append(
                f"transport.{name}: the last one ends on {last:%Y-%m-%d}, in {days} days, and no other follows it; "
                f"{advice}, and add it beside the old one."
            )
    return said


def _read(
    faults: Faults, settings: Mapping[str, Any]
) -> tuple[dict[str, Any], list[x509.Certificate], list[x509.Certificate]]:
    """Return the settings with our certificates and the partner's; what does not fit is noted."""
    know(faults, settings, {*DEFAULTS, *REQUIRED})
    given = {**dict.fromkeys(REQUIRED), **DEFAULTS, **{name: value for name, value in settings.items() if value != ""}}
    for name in REQUIRED:
        if not given[name]:
            faults.add(name, "is missing")
    for name, choices in CHOICES.items():
        if given[name] in ("none", False) and None in choices:
            given[name] = None
        if not _among(given[name], choices):
            faults.add(name, f"is none of {', '.join(each or 'none' for each in choices)}")
    for name in ("compress", "require_signed", "require_encrypted", "receipt_signed"):
        if not isinstance(given[name], bool):
            faults.add(name, "is neither true nor false")
    for name, most in (("receipt_hours", 240), ("max_bytes", 1_073_741_824), ("timeout", 25)):
        value = given[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
            faults.add(name, f"is no number from 1 to {most}")
    for name in ("url", "receipt_url", "their_receipt_url"):
        if given[name]:
            _address(faults, name, given[name])
    if given["receipt"] == "async" and not given["receipt_url"]:
        faults.add("receipt_url", "is missing: an asynchronous receipt needs our address, this connection's webhook")
    for name in ("our_name", "their_name"):
        if given[name]:
            _as2_name(faults, name, given[name])
    ours, theirs = (_certificates(faults, name, given[name]) for name in SIDES)
    return given, ours, theirs


def _among(value: Any, choices: Sequence[str | None]) -> bool:
    return (value is None or isinstance(value, str)) and value in choices


def _address(faults: Faults, name: str, value: Any) -> None:
    try:
        origin(str(value))
    except Misconfigured:
        faults.add(name, "is no address: it must be http:// or https:// with a host and without user name or password")


def _as2_name(faults: Faults, name: str, value: Any) -> None:
    fits = isinstance(value, str) and 0 < len(value) <= 128 and value.isascii() and value.isprintable()
    if not fits or unquote(quote(value)) != value or value != value.strip():
        faults.add(name, "is no AS2 name: it has 1 to 128 printable ASCII characters, and no space at either end")


def _certificates(faults: Faults, name: str, given: Any) -> list[x509.Certificate]:
    if not given:
        return []  # said to be missing
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list | tuple) or not all(isinstance(each, str) for each in texts):
        faults.add(name, "is no list of certificates")
        return []
    found: list[x509.Certificate] = []
    for number, each in enumerate(texts):
        try:
            read = x509.load_pem_x509_certificates(each.encode())
            small = [one for one in read if not _is_large(one)]
        except (ValueError, UnsupportedAlgorithm):
            faults.add(f"{name}.{number}", f"is no certificate in PEM form{_begins(each)}; {SIDES[name]}")
            continue
        if "PRIVATE KEY" in each:
            faults.add(f"{name}.{number}", f"holds a private key: it is a secret, given by --secret-file {KEYS}=FILE")
            continue
        if small:
            faults.add(f"{name}.{number}", f"is a certificate without an RSA key of at least {SMALLEST_KEY} bits")
        found += read
    return found


def _begins(text: str) -> str:
    """Return what somebody sees of a text that is no certificate; a key that was put there by mistake is not shown."""
    line = text.strip().partition("\n")[0]
    return "" if "-----" in text or not line else f": it begins with {line[:40]!r}"


def _is_large(certificate: x509.Certificate) -> bool:
    key = certificate.public_key()
    return isinstance(key, RSAPublicKey) and key.key_size >= SMALLEST_KEY


def _identities(faults: Faults, certificates: Sequence[x509.Certificate], pem: str) -> list[Identity]:
    """Return our certificates with their keys, found by what they have in common."""
    keys: list[RSAPrivateKey] = []
    for each in KEY.finditer(pem):
        try:
            key = load_pem_private_key(each[0].encode(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            faults.secret(KEYS, "holds a private key that cannot be read; it must be PEM without a passphrase")
            continue
        if isinstance(key, RSAPrivateKey):
            keys.append(key)
    by_number = {key.public_key().public_numbers(): key for key in keys}
    found = []
    for certificate in certificates:
        public = certificate.public_key()
        held = by_number.get(public.public_numbers()) if isinstance(public, RSAPublicKey) else None
        if held is None:
            faults.secret(
                KEYS, f"has no key for our certificate with serial number {certificate.serial_number:x}: give the key "
                "that was made with it",
            )  # fmt: skip
        else:
            found.append(Identity(certificate, held))
    return found
