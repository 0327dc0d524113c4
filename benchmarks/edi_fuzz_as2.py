"""AS2 in the EDI fuzz: messages and receipts of an invented partner, damaged inside and outside, and bombs."""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from asn1crypto import cms as asn1_cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from benchmarks.edi_fuzz_inputs import LONGEST, damaged
from connectors.edi.as2 import cms, message, mime, receipt
from connectors.edi.as2.cms import Identity
from connectors.edi.as2.errors import As2Error
from connectors.edi.as2.profile import Profile

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
PAYLOAD = b"UNB+UNOC:3+A+B+261128:1200+1'UNZ+0+1'" * 20
MOST = 1_000_000
"""Bytes a payload may have."""
BOMB = 64_000_000
SPECIAL = [
    b"\r\n\r\n",
    b"--",
    b"Content-Type: multipart/signed; boundary=x\r\n",
    b"\x30\x80",
    b"\x30\x84\xff\xff\xff\xff",
    b"\xa0\x80",
    b"\x00\x00",
    b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02",
    b"=_",
    b"Content-Transfer-Encoding: base64\r\n",
]


@cache
def identity(name: str) -> Identity:
    """Return an invented company's certificate and key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=10))
        .not_valid_after(NOW + timedelta(days=300))
        .sign(key, hashes.SHA256())
    )
    return Identity(certificate, key)


@cache
def profiles() -> tuple[Profile, Profile]:
    """Return the connection as the partner has it, who writes, and as we have it, who read."""
    ours, theirs = identity("hub"), identity("partner")
    write = Profile("PARTNER", "HUB", [theirs], [ours.certificate], max_bytes=MOST)
    return write, Profile("HUB", "PARTNER", [ours], [theirs.certificate], max_bytes=MOST)


def packed(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return a request as one input: its headers as a line of JSON, and its body."""
    return json.dumps(headers).encode() + b"\n" + body


def unpacked(data: bytes) -> tuple[dict[str, str], bytes]:
    """Return headers and body of an input."""
    headers, _, body = data.partition(b"\n")
    return json.loads(headers), body


@cache
def written() -> list[tuple[dict[str, str], bytes]]:
    """Return messages of all kinds a partner may send."""
    write, _ = profiles()
    kinds = [
        {}, {"compress": True}, {"encrypt": None}, {"encrypt": None, "compress": True}, {"sign": None},
        {"encrypt": "tripledes_3key"}, {"sign": "sha512", "encrypt": "aes192_cbc"},
    ]  # fmt: skip
    made = [message.write(PAYLOAD, replace(write, **each), NOW, filename="orders.edi") for each in kinds]  # type: ignore[arg-type]
    return [(each.headers, each.body) for each in made]


@cache
def bombs() -> list[bytes]:
    """Return compressed parts that are small and would be large: plain, in chunks of BER, and one in another."""
    stream = zlib.compressobj(9)
    zeros = b"".join(stream.compress(b"\0" * 1_000_000) for _ in range(BOMB // 1_000_000)) + stream.flush()
    plain = _compressed(zeros)
    entity = mime.build('application/pkcs7-mime; smime-type=compressed-data; name="smime.p7z"', plain)
    return [plain, cms.compress(entity), _compressed(zeros[: len(zeros) // 2]), _compressed(zeros * 3)]


def _compressed(stream: bytes) -> bytes:
    data = asn1_cms.CompressedData(
        {
            "version": "v0",
            "compression_algorithm": {"algorithm": "zlib"},
            "encap_content_info": {"content_type": "data", "content": stream},
        }
    )
    return bytes(asn1_cms.ContentInfo({"content_type": "compressed_data", "content": data}).dump())


def _layers(chance: random.Random) -> tuple[str, bytes]:
    entity = mime.build("text/plain", PAYLOAD)
    for _ in range(chance.randrange(1, 9)):
        entity = mime.build("application/pkcs7-mime; smime-type=compressed-data", cms.compress(entity))
    part = mime.part_of(entity)
    return str(part.head["Content-Type"]), part.body


def _parts(chance: random.Random) -> tuple[str, bytes]:
    boundary = "x" * chance.choice((1, 70, 50_000))
    line = b"--" + boundary.encode() + b"\r\n"
    return f'multipart/signed; boundary="{boundary}"', (line + b"\r\n") * chance.randrange(
        1, min(20_000, LONGEST // len(line)) + 1
    )


def _deep(chance: random.Random) -> tuple[str, bytes]:
    tags = chance.choice((b"\x30\x80", b"\xa0\x80", b"\x24\x80", b"\x30\x84\x7f\xff\xff\xff"))
    return "application/pkcs7-mime; smime-type=" + chance.choice(
        ("enveloped-data", "compressed-data")
    ), tags * chance.randrange(1, 200_000)


def _bomb(chance: random.Random) -> tuple[str, bytes]:
    return "application/pkcs7-mime; smime-type=compressed-data", chance.choice(bombs())


def _signed_deep(chance: random.Random) -> tuple[str, bytes]:
    content = mime.build("text/plain", PAYLOAD)
    signature = mime.build("application/pkcs7-signature", b"\x30\x80" * chance.randrange(1, 100_000))
    return mime.join('multipart/signed; protocol="application/pkcs7-signature"', [content, signature])


def _head(chance: random.Random) -> tuple[str, bytes]:
    entity = b"X-A: b\r\n" * chance.randrange(1, 200_000) + b"\r\n" + PAYLOAD
    return "application/pkcs7-mime; smime-type=compressed-data", cms.compress(entity)


HOSTILE: list[Callable[[random.Random], tuple[str, bytes]]] = [_layers, _parts, _deep, _bomb, _signed_deep, _head]


def made(chance: random.Random) -> bytes:
    """Return one request."""
    headers, body = chance.choice(written())
    if chance.random() < 0.2:
        kind, body = chance.choice(HOSTILE)(chance)
        headers = {**headers, "Content-Type": kind}
        if chance.random() < 0.3:
            # What is hostile inside of what is sealed for us.
            write, _ = profiles()
            sealed = cms.encrypt(mime.build(kind, body), write.receivers(NOW)[0])
            headers["Content-Type"], body = "application/pkcs7-mime; smime-type=enveloped-data", sealed
        return packed(headers, body)
    others = [each for _, each in written()]
    if chance.random() < 0.2:
        name = chance.choice(list(headers))
        raw = damaged(chance, headers[name].encode(), SPECIAL, [b"x" * 3000])
        headers = {**headers, name: raw.decode("latin-1").replace("\r", "").replace("\n", "")}
    if chance.random() < 0.9:
        body = damaged(chance, body, SPECIAL, others)
    return packed(headers, body)


def door(data: bytes) -> None:
    """Open a request, and write the receipt for it whatever became of it.

    Raises:
        AssertionError: something came out that the partner did not write, or that is larger than it may be.
    """
    headers, body = unpacked(data)
    _, ours = profiles()
    try:
        found = message.begin(headers)
    except As2Error:
        return
    error = None
    try:
        found = message.read(headers, body, ours, NOW)
    except As2Error as raised:
        error = raised
    receipt.write(found, ours, NOW, error=error)
    if error is None:
        assert len(found.payload) <= MOST, f"A payload of {len(found.payload)} bytes was taken."
        assert found.signed_with, "A message was taken that is not signed."
        assert found.payload == PAYLOAD, "A message was taken that the partner did not write."


@cache
def receipts() -> list[tuple[dict[str, str], bytes]]:
    """Return receipts of all kinds for one message of ours."""
    write, ours = profiles()
    out = message.write(PAYLOAD, ours, NOW, message_id="<1@hub>")
    found = message.read(out.headers, out.body, write, NOW)
    refusal = As2Error("It is damaged.", "integrity-check-failed")
    return [receipt.write(found, write, NOW), receipt.write(found, write, NOW, duplicate=True),
            receipt.write(found, write, NOW, error=refusal)]  # fmt: skip


def receipt_made(chance: random.Random) -> bytes:
    """Return one receipt."""
    headers, body = chance.choice(receipts())
    if chance.random() < 0.1:
        kind, body = chance.choice([_parts, _signed_deep])(chance)
        return packed({**headers, "Content-Type": kind}, body)
    return packed(headers, damaged(chance, body, SPECIAL, [each for _, each in receipts()]))


def receipt_door(data: bytes) -> None:
    """Open a receipt and judge it.

    Raises:
        AssertionError: one was taken that the partner did not sign.
    """
    headers, body = unpacked(data)
    _, ours = profiles()
    sent = message.Outgoing("<1@hub>", {}, b"", b"\0" * 32, "sha-256")
    fields, said = receipt.read(headers, body, ours, NOW)
    assert said.signed_with, "A receipt was taken that is not signed."
    receipt.judge(sent, fields, said)
