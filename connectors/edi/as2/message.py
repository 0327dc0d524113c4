"""AS2 messages (RFC 4130): a payload signed, encrypted and compressed as the profile says, and read the other way."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from uuid import uuid4

from cryptography import x509

from connectors.edi.as2 import cms, mime
from connectors.edi.as2.errors import As2Error
from connectors.edi.as2.profile import Profile

VERSION = "1.2"
MOST_LAYERS = 4
QUOTED = re.compile(r'^"((?:[^"\\]|\\.)*)"$')


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message ready to be posted, and what its receipt must say of it."""

    message_id: str
    headers: dict[str, str]
    body: bytes
    mic: bytes
    mic_algorithm: str


@dataclass(frozen=True, slots=True)
class Wish:
    """The receipt a sender asks for."""

    signed: bool
    algorithm: str
    asynchronous: bool


@dataclass(slots=True)
class Received:
    """A message that was opened.

    Args:
        message_id: the sender's name for it.
        payload: what it is about.
        kind: content type of the payload.
        filename: the payload's name, if it has one.
        mic: hash the receipt answers with.
        mic_algorithm: how it was made.
        wish: the receipt asked for, if any.
        signed_with: hash of the signature, or nothing.
        encrypted_with: cipher, or nothing.
        compressed: whether it was compressed.
    """

    message_id: str
    payload: bytes = b""
    kind: str = "application/octet-stream"
    filename: str | None = None
    mic: bytes = b""
    mic_algorithm: str = "sha256"
    wish: Wish | None = None
    signed_with: str | None = None
    encrypted_with: str | None = None
    compressed: bool = False
    _entity: bytes = field(default=b"", repr=False)


def write(
    payload: bytes, profile: Profile, now: datetime, *, kind: str = "application/edifact", filename: str | None = None,
    message_id: str | None = None, whom: x509.Certificate | None = None,
) -> Outgoing:  # fmt: skip
    """Return a message for the partner: compressed, then signed, then encrypted, as the profile asks.

    Args:
        payload: what is sent.
        profile: the connection.
        now: what certificates are chosen by.
        kind: content type of the payload.
        filename: its name for the receiver.
        message_id: the name of an earlier try of the same message; a new one by default.
        whom: the partner's certificate to encrypt for; the first of those that hold by default.
    """
    named = {"content_disposition": f'attachment; filename="{_plain(filename)}"'} if filename else {}
    entity = mime.build(kind, payload, content_transfer_encoding="binary", **named)
    algorithm = profile.sign or "sha256"
    hashed = payload
    if profile.compress:
        packed = 'application/pkcs7-mime; smime-type=compressed-data; name="smime.p7z"'
        hashed = entity
        entity = mime.build(packed, cms.compress(entity), content_transfer_encoding="binary")
    if profile.sign:
        hashed = entity
        signature = cms.sign(entity, profile.signer(now), profile.sign)
        closing = 'application/pkcs7-signature; name="smime.p7s"'
        parts = [entity, mime.build(closing, signature, content_transfer_encoding="base64")]
        protocol = f'multipart/signed; protocol="application/pkcs7-signature"; micalg={_spelled(profile.sign)}'
        content_type, body = mime.join(protocol, parts)
        entity = mime.build(content_type, body)
    elif profile.encrypt:
        hashed = entity if not profile.compress else hashed
    if profile.encrypt:
        sealed = 'application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"'
        secret = cms.encrypt(entity, whom or profile.receivers(now)[0], profile.encrypt)
        entity = mime.build(sealed, secret, content_transfer_encoding="binary")
    part = mime.part_of(entity)
    name = message_id or f"<crossdock-{uuid4().hex}@{host(profile.ours)}>"
    headers = {
        "AS2-Version": VERSION,
        "AS2-From": quote(profile.ours),
        "AS2-To": quote(profile.theirs),
        "Message-ID": name,
        "Subject": "AS2 message",
        "Date": format_datetime(now),
        "MIME-Version": "1.0",
        **{str(key): str(value) for key, value in part.head.items()},
        **_asking(profile, algorithm),
    }
    return Outgoing(name, headers, part.body, cms.digest(algorithm, hashed), _spelled(algorithm))


def _asking(profile: Profile, algorithm: str) -> dict[str, str]:
    if profile.receipt == "none":
        return {}
    asked = {"Disposition-Notification-To": profile.receipt_url or quote(profile.ours)}
    if profile.receipt_signed:
        asked["Disposition-Notification-Options"] = (
            f"signed-receipt-protocol=required, pkcs7-signature; signed-receipt-micalg=required, {_spelled(algorithm)}"
        )
    if profile.receipt == "async" and profile.receipt_url:
        asked["Receipt-Delivery-Option"] = profile.receipt_url
    return asked


def begin(headers: Mapping[str, str]) -> Received:
    """Return what the header alone says of a message: its name and the receipt it wants.

    Raises:
        As2Error: it has no name, so no receipt can be written.
    """
    given = {name.lower(): value for name, value in headers.items()}
    name = given.get("message-id", "").strip()
    if not name or len(name) > 998:
        raise As2Error("The message has no Message-ID, or one longer than a line.", "unexpected-processing-error")
    found = Received(name)
    if "disposition-notification-to" in given:
        options = given.get("disposition-notification-options", "").lower()
        hashes = re.search(r"signed-receipt-micalg\s*=\s*(?:optional|required)\s*,\s*([^;]*)", options)
        names = [each.strip() for each in hashes[1].split(",")] if hashes else []
        known = next((each for each in names if _known(each)), "sha256")
        found.wish = Wish("pkcs7-signature" in options, known, "receipt-delivery-option" in given)
        found.mic_algorithm = known
    return found


def read(headers: Mapping[str, str], body: bytes, profile: Profile, now: datetime) -> Received:
    """Open a message of the partner and return its payload with the hash for its receipt.

    Raises:
        As2Error: it is not what the profile asks for, is damaged, or is signed by somebody else.
    """
    found = begin(headers)
    part = mime.part_from(headers, body)
    hashed: bytes | None = None
    for _ in range(MOST_LAYERS):
        if part.kind == "multipart/signed":
            if found.signed_with:
                raise As2Error("The message is signed twice.", "unexpected-processing-error")
            part = _signed(part, profile, now, found)
            hashed = part.raw
        elif part.kind in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
            if part.parameter("smime-type") == "compressed-data":
                part = mime.part_of(cms.decompress(part.content, profile.max_bytes))
                found.compressed = True
            else:
                opened, found.encrypted_with = cms.decrypt(part.content, profile.identities)
                part = mime.part_of(opened)
            hashed = hashed if found.signed_with else part.raw
        else:
            break
    else:
        raise As2Error(f"The message has more than {MOST_LAYERS} layers.", "unexpected-processing-error")
    for done, wanted, how in (
        (found.signed_with, profile.require_signed, "signed"),
        (found.encrypted_with, profile.require_encrypted, "encrypted"),
    ):
        if wanted and not done:
            raise As2Error(
                f"The message is not {how}, and its partner's profile asks for that.", "insufficient-message-security"
            )
    found.payload, found.kind, found.filename = part.content, part.kind, part.head.get_filename()
    if len(found.payload) > profile.max_bytes:
        raise As2Error(f"The payload has more than {profile.max_bytes:,} bytes.", "unexpected-processing-error")
    found.mic = cms.digest(found.mic_algorithm, found.payload if hashed is None else hashed)
    return found


def _signed(part: mime.Part, profile: Profile, now: datetime, found: Received) -> mime.Part:
    parts = mime.split(part)
    if len(parts) != 2:
        raise As2Error("A signed part is the content and its signature.", "unexpected-processing-error")
    content, signature = parts
    content, found.signed_with = verified(content, signature, profile, now)
    if found.wish is None or not found.wish.signed:
        found.mic_algorithm = found.signed_with
    return content


def verified(content: mime.Part, signature: mime.Part, profile: Profile, now: datetime) -> tuple[mime.Part, str]:
    """Return the content as it was signed, and the hash of the signature.

    Headers, and text, are signed with CR LF line ends (RFC 8551, 3.1.1); where something on the way has changed them,
    the content is what it is with them put back.

    Raises:
        As2Error: the signature is not the partner's, or is over something else.
    """
    refusal: As2Error | None = None
    for raw in mime.restorations(content):
        try:
            signer = cms.verify(raw, signature.content, profile.trusted(now), profile.lapsed(now))
            return mime.part_of(raw), signer[1]
        except As2Error as error:
            refusal = refusal or error
            if error.modifier != "integrity-check-failed":
                break
    assert refusal is not None
    raise refusal


def quote(name: str) -> str:
    """Return an AS2 name as a header value: in quotes where it is not one word (RFC 4130, 6.2)."""
    if re.fullmatch(r"[!#-\[\]-~]+", name):
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(value: str) -> str:
    """Return the AS2 name a header value stands for."""
    quoted = QUOTED.match(value.strip())
    return re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value.strip()


def as_text(mic: bytes) -> str:
    """Return a hash as receipts carry it."""
    return base64.b64encode(mic).decode()


def _known(name: str) -> bool:
    try:
        cms.hash_named(name)
    except As2Error:
        return False
    return True


def _spelled(algorithm: str) -> str:
    """Return a hash's name as RFC 5751 spells it: `sha-256`, `sha1`."""
    plain = cms.hash_named(algorithm).name
    return plain if plain in ("sha1", "md5") else f"sha-{plain[3:]}"


def _plain(filename: str) -> str:
    return re.sub(r"[^\w.\-]", "_", filename, flags=re.ASCII)[:200]


def host(name: str) -> str:
    """Return what stands behind the @ in the Message-IDs of an AS2 name."""
    return re.sub(r"[^a-z0-9.-]", "-", name.lower()) or "as2"
