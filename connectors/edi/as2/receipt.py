"""Receipts (MDN, RFC 3798 and RFC 4130, 7): what became of a message, signed, with the hash of what was received."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from uuid import uuid4

from connectors.edi.as2 import cms, mime
from connectors.edi.as2.errors import As2Error
from connectors.edi.as2.message import Outgoing, Received, as_text, quote, verified
from connectors.edi.as2.profile import Profile

AGENT = "Crossdock"
AUTOMATIC = "automatic-action/MDN-sent-automatically"
DISPOSITION = re.compile(r"^[^;]*;\s*([a-z-]+)\s*(?:/\s*([a-z]+)\s*:\s*(.*))?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a partner says became of our message.

    Args:
        original: the name of our message.
        taken: whether it was processed with the content we sent, duplicates included.
        modifier: what the partner objects to, in its words; nothing when it does not.
        signed_with: hash of the receipt's signature, or nothing.
        text: the sentence for people.
    """

    original: str
    taken: bool
    modifier: str | None
    signed_with: str | None
    text: str


def write(
    found: Received, profile: Profile, now: datetime, *, error: As2Error | None = None, duplicate: bool = False
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of a receipt, signed when the sender asked for that.

    Args:
        found: the message; one that could not be opened has no hash.
        profile: the connection.
        now: what our certificate is chosen by.
        error: why the message was not taken.
        duplicate: whether it had been taken before: that is told as a warning and changes nothing.
    """
    said = "processed"
    sentence = f"The message {found.message_id} was received and is stored."
    if error is not None:
        said, sentence = f"processed/error: {error.modifier}", f"The message was not taken: {error.what}"
    elif duplicate:
        said, sentence = "processed/warning: duplicate-document", "The message had been received before."
    lines = [
        f"Reporting-UA: {AGENT}",
        f"Original-Recipient: rfc822; {quote(profile.ours)}",
        f"Final-Recipient: rfc822; {quote(profile.ours)}",
        f"Original-Message-ID: {found.message_id}",
        f"Disposition: {AUTOMATIC}; {said}",
    ]
    if error is None:
        lines.append(f"Received-Content-MIC: {as_text(found.mic)}, {found.mic_algorithm}")
    fields = "\r\n".join(lines).encode("utf-8") + b"\r\n"
    parts = [
        mime.build("text/plain; charset=utf-8", sentence.encode() + b"\r\n", content_transfer_encoding="8bit"),
        mime.build("message/disposition-notification", fields, content_transfer_encoding="7bit"),
    ]
    kind, body = mime.join('multipart/report; report-type="disposition-notification"', parts)
    if found.wish is not None and found.wish.signed:
        entity = mime.build(kind, body)
        algorithm = found.wish.algorithm if _signs(found.wish.algorithm) else "sha256"
        signature = cms.sign(entity, profile.signer(now), algorithm)
        closing = 'application/pkcs7-signature; name="smime.p7s"'
        protocol = f'multipart/signed; protocol="application/pkcs7-signature"; micalg={algorithm}'
        signed = [entity, mime.build(closing, signature, content_transfer_encoding="base64")]
        kind, body = mime.join(protocol, signed)
    headers = {
        "AS2-Version": "1.2",
        "AS2-From": quote(profile.ours),
        "AS2-To": quote(profile.theirs),
        "Message-ID": f"<crossdock-mdn-{uuid4().hex}@as2>",
        "MIME-Version": "1.0",
        "Content-Type": kind,
    }
    return headers, body


def _signs(algorithm: str) -> bool:
    return cms.hash_named(algorithm).name not in ("md5", "sha1")


def is_receipt(headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether an HTTP message is a receipt, by its content type and that of what is signed in it."""
    part = mime.part_from(headers, body)
    if part.kind == "multipart/report":
        return True
    if part.kind != "multipart/signed":
        return False
    try:
        return mime.split(part)[0].kind == "multipart/report"
    except As2Error:
        return False


def read(headers: Mapping[str, str], body: bytes, profile: Profile, now: datetime) -> tuple[Message, Receipt]:
    """Open a receipt and return its fields and what it says, its hash not yet compared (see `judge`).

    Raises:
        As2Error: it is no receipt, is unsigned where the profile asks for signed ones, or is signed by somebody else.
    """
    part = mime.part_from(headers, body)
    signed_with = None
    if part.kind == "multipart/signed":
        content, *rest = mime.split(part)
        if len(rest) != 1:
            raise As2Error("A signed receipt is the report and its signature.", "unexpected-processing-error")
        part, signed_with = verified(content, rest[0], profile, now)
    elif profile.receipt_signed:
        raise As2Error("The receipt is not signed.", "insufficient-message-security")
    if part.kind != "multipart/report":
        raise As2Error(f"What came is a {part.kind} and no receipt.", "unexpected-processing-error")
    text = ""
    for each in mime.split(part):
        if each.kind == "message/disposition-notification":
            fields = BytesHeaderParser(policy=compat32).parsebytes(each.content.lstrip(b"\r\n"))
            return fields, _said(fields, signed_with, text)
        text = text or each.content.decode("utf-8", "replace").strip()[:2000]
    raise As2Error("The receipt has no disposition.", "unexpected-processing-error")


def _said(fields: Message, signed_with: str | None, text: str) -> Receipt:
    disposition = DISPOSITION.match(str(fields.get("Disposition", "")).strip())
    original = str(fields.get("Original-Message-ID", "")).strip()
    if disposition is None or not original:
        raise As2Error(
            "The receipt does not say of which message it is, or what became of it.", "unexpected-processing-error"
        )
    state, level, words = disposition[1].lower(), (disposition[2] or "").lower(), (disposition[3] or "").strip()
    taken = state == "processed" and level in ("", "warning")
    return Receipt(original, taken, words or None, signed_with, text)


def judge(sent: Outgoing, fields: Message, receipt: Receipt) -> Receipt:
    """Return what a receipt is worth for the message sent: one without the hash of what we sent is none.

    Raises:
        As2Error: it is for another message, has no hash, or another one.
    """
    if receipt.original.strip("<> ") != sent.message_id.strip("<> "):
        raise As2Error(
            f"The receipt is for {receipt.original[:80]!r}, not for this message.", "unexpected-processing-error"
        )
    if not receipt.taken:
        return receipt
    said, _, algorithm = str(fields.get("Received-Content-MIC", "")).partition(",")
    try:
        mic = base64.b64decode(said.strip(), validate=True)
        same = cms.hash_named(algorithm).name == cms.hash_named(sent.mic_algorithm).name
    except (binascii.Error, As2Error):
        mic, same = b"", False
    if not (mic and same and hmac.compare_digest(mic, sent.mic)):
        raise As2Error(
            "The receipt does not prove that the partner has what we sent.",
            "integrity-check-failed",
            why=f"Its hash is {said.strip()[:80] or 'missing'} ({algorithm.strip()[:20]}), ours {as_text(sent.mic)}.",
            fix="Ask the partner what arrived before sending again.",
        )
    return receipt
