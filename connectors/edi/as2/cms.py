"""Cryptographic messages (CMS, RFC 5652) as AS2 uses them: signed, enveloped, compressed (RFC 3274).

`cryptography` does the arithmetic and signs; `asn1crypto` reads and writes the structures, because partners still send
ciphers (triple DES, AES-192) and encodings (BER) that nothing else here reads.
"""

from __future__ import annotations

import hmac
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from connectors.edi.as2.errors import As2Error

HASHES: dict[str, type[hashes.HashAlgorithm]] = {
    "md5": hashes.MD5, "sha1": hashes.SHA1, "sha224": hashes.SHA224, "sha256": hashes.SHA256, "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}  # fmt: skip
# Key length in bytes of each cipher, all of them in CBC mode.
CIPHERS = {"aes128_cbc": 16, "aes192_cbc": 24, "aes256_cbc": 32, "tripledes_3key": 24}
CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its private key: who signs, and who can decrypt."""

    certificate: x509.Certificate
    key: RSAPrivateKey


def hash_named(name: str) -> hashes.HashAlgorithm:
    """Return a hash by any of its spellings (`sha-256`, `SHA256`, `rsa-sha1`).

    Raises:
        As2Error: nobody here knows it.
    """
    plain = name.strip().lower().replace("-", "").replace("_", "").removeprefix("rsa")
    if plain not in HASHES:
        raise As2Error(f"The hash {name[:40]!r} is not known.", "unsupported-MIC-algorithms")
    return HASHES[plain]()


def digest(name: str, content: bytes) -> bytes:
    """Return the hash of the content, as a MIC is made."""
    made = hashes.Hash(hash_named(name))
    made.update(content)
    return made.finalize()


def sign(content: bytes, who: Identity, algorithm: str = "sha256") -> bytes:
    """Return a detached signature over the content as DER."""
    wanted = hash_named(algorithm)
    if not isinstance(wanted, hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512):
        raise As2Error(
            f"Nothing is signed with {algorithm} any more.",
            "unsupported-MIC-algorithms",
            fix="Use sha256, sha384 or sha512 in the partner's profile.",
        )
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content).add_signer(who.certificate, who.key, wanted)
    return builder.sign(Encoding.DER, options)


def verify(
    content: bytes,
    signature: bytes,
    trusted: Sequence[x509.Certificate],
    lapsed: Sequence[tuple[x509.Certificate, str]] = (),
) -> tuple[x509.Certificate, str]:
    """Return the trusted certificate that signed the content, and the name of the hash.

    Only certificates of the partner's profile count: those that come with the message prove nothing.

    Args:
        content: what was signed.
        signature: detached, as DER or BER.
        trusted: the partner's certificates that hold.
        lapsed: those that do not, each with when it ended or begins; they are only told of.

    Raises:
        As2Error: none of them did, or the content is not what was signed.
    """
    signed = _content(signature, "signed_data", "authentication-failed")
    for signer in signed["signer_infos"]:
        for certificate in trusted:
            if _is_of(signer["sid"], certificate):
                algorithm = str(signer["digest_algorithm"]["algorithm"].native)
                _verify(content, signer, certificate, algorithm)
                return certificate, algorithm
        for certificate, when in lapsed:
            if _is_of(signer["sid"], certificate):
                number = f"{certificate.serial_number:x}"
                raise As2Error(
                    f"The message is signed with the partner's certificate of serial number {number}, which {when}.",
                    "authentication-failed",
                    why="His profile holds it; what is signed with a certificate outside of its time is not taken.",
                    fix="Have him sign with one that holds, put that into `their_certificates` of his profile if it is "
                    "not there, and have him send the message again.",
                )
    raise As2Error(
        "The message is signed with a certificate that its partner's profile does not hold.",
        "authentication-failed",
        fix="Add the partner's new certificate to the profile, or ask who sent this.",
    )


def _verify(content: bytes, signer: Any, certificate: x509.Certificate, algorithm: str) -> None:
    attributes = signer["signed_attrs"]
    signed = content
    if attributes:
        found = {each["type"].native: each["values"] for each in attributes}
        said = found["message_digest"][0].native if "message_digest" in found else b""
        if not hmac.compare_digest(said, digest(algorithm, content)):
            raise As2Error("The content is not the one that was signed.", "integrity-check-failed")
        # What is signed is the SET OF, whatever tag it travels under (RFC 5652, 5.4).
        signed = b"\x31" + attributes.dump()[1:]
    public = certificate.public_key()
    if not isinstance(public, RSAPublicKey):
        raise As2Error("The partner's certificate has no RSA key.", "authentication-failed")
    scheme = signer["signature_algorithm"]["algorithm"].native
    pad: padding.AsymmetricPadding = padding.PKCS1v15()
    if scheme == "rsassa_pss":
        pad = padding.PSS(padding.MGF1(hash_named(algorithm)), padding.PSS.AUTO)
    try:
        public.verify(signer["signature"].native, signed, pad, hash_named(algorithm))
    except InvalidSignature:
        raise As2Error("The signature does not fit the content.", "integrity-check-failed") from None


def encrypt(content: bytes, whom: x509.Certificate, cipher: str = "aes256_cbc") -> bytes:
    """Return the content as DER that only the owner of the certificate can read.

    Raises:
        As2Error: the cipher is not known, or the certificate has no RSA key.
    """
    if cipher not in CIPHERS:
        raise As2Error(f"The cipher {cipher[:40]!r} is not known.", "unexpected-processing-error")
    public = whom.public_key()
    if not isinstance(public, RSAPublicKey):
        raise As2Error("The partner's certificate has no RSA key.", "unexpected-processing-error")
    key = os.urandom(CIPHERS[cipher])
    start = os.urandom(8 if cipher == "tripledes_3key" else 16)
    padder = PKCS7(len(start) * 8).padder()
    sealer = _cipher(cipher, key, start).encryptor()
    padded = padder.update(content) + padder.finalize()
    theirs = asn1_x509.Certificate.load(whom.public_bytes(Encoding.DER))
    recipient = cms.KeyTransRecipientInfo(
        {
            "version": "v0",
            "rid": {
                "issuer_and_serial_number": {"issuer": theirs.issuer, "serial_number": theirs.serial_number},
            },
            "key_encryption_algorithm": {"algorithm": "rsaes_pkcs1v15"},
            "encrypted_key": public.encrypt(key, padding.PKCS1v15()),
        }
    )
    enveloped = cms.EnvelopedData(
        {
            "version": "v0",
            "recipient_infos": [recipient],
            "encrypted_content_info": {
                "content_type": "data",
                "content_encryption_algorithm": {"algorithm": cipher, "parameters": start},
                "encrypted_content": sealer.update(padded) + sealer.finalize(),
            },
        }
    )
    return bytes(cms.ContentInfo({"content_type": "enveloped_data", "content": enveloped}).dump())


def decrypt(sealed: bytes, ours: Sequence[Identity]) -> tuple[bytes, str]:
    """Return what was encrypted for one of our certificates, and the name of the cipher.

    Raises:
        As2Error: it is for none of them or was damaged; which one is not told, so that nobody can probe.
    """
    enveloped = _content(sealed, "enveloped_data", "decryption-failed")
    inner = enveloped["encrypted_content_info"]
    algorithm: algos.EncryptionAlgorithm = inner["content_encryption_algorithm"]
    cipher = str(algorithm["algorithm"].native)
    for recipient in enveloped["recipient_infos"]:
        if recipient.name != "ktri":
            continue
        for identity in ours:
            if _is_of(recipient.chosen["rid"], identity.certificate):
                try:
                    key = identity.key.decrypt(recipient.chosen["encrypted_key"].native, _padding(recipient.chosen))
                    opener = _cipher(cipher, key, algorithm["parameters"].native).decryptor()
                    unpadder = PKCS7(64 if cipher == "tripledes_3key" else 128).unpadder()
                    padded = opener.update(inner["encrypted_content"].native) + opener.finalize()
                    return unpadder.update(padded) + unpadder.finalize(), cipher
                except (ValueError, TypeError, KeyError):
                    raise As2Error("The message cannot be decrypted.", "decryption-failed") from None
    raise As2Error(
        "The message is encrypted for a certificate that is not ours.",
        "decryption-failed",
        fix="Send the partner our present certificate.",
    )


def compress(content: bytes) -> bytes:
    """Return the content compressed, as DER."""
    inner = cms.EncapsulatedContentInfo(
        {"content_type": "data", "content": core.ParsableOctetString(zlib.compress(content))}
    )
    data = cms.CompressedData(
        {"version": "v0", "compression_algorithm": {"algorithm": "zlib"}, "encap_content_info": inner}
    )
    return bytes(cms.ContentInfo({"content_type": "compressed_data", "content": data}).dump())


def decompress(packed: bytes, limit: int) -> bytes:
    """Return what was compressed.

    Args:
        packed: DER or BER.
        limit: bytes the result may have; what would be larger is not unpacked.

    Raises:
        As2Error: it is larger, or damaged.
    """
    data = _content(packed, "compressed_data", "decompression-failed")
    stream = data["encap_content_info"]["content"].native
    reader = zlib.decompressobj()
    try:
        found = reader.decompress(stream, limit + 1)
    except (zlib.error, TypeError) as error:
        raise As2Error("The message cannot be decompressed.", "decompression-failed", why=str(error)) from None
    if len(found) > limit:
        raise As2Error(
            f"The message has more than {limit:,} bytes when it is decompressed.",
            "decompression-failed",
            fix="Raise `reading.max_bytes` in the partner's profile if that is meant.",
        )
    if not reader.eof:
        raise As2Error("The compressed message ends too early.", "decompression-failed")
    return found


def _content(encoded: bytes, kind: str, modifier: str) -> Any:
    try:
        info = cms.ContentInfo.load(encoded)
        if info["content_type"].native != kind:
            raise ValueError(f"it holds {info['content_type'].native}")
        content = info["content"]
        content.native  # noqa: B018 - reads all of it, so that damage shows here and not later
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, AttributeError) as error:
        name = kind.replace("_", " ")
        raise As2Error(f"The part that should be {name} is not.", modifier, why=str(error)[:200]) from None
    return content


def _is_of(identifier: Any, certificate: x509.Certificate) -> bool:
    theirs = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
    if identifier.name == "issuer_and_serial_number":
        named = identifier.chosen
        same = named["serial_number"].native == theirs.serial_number
        return bool(same and named["issuer"].hashable == theirs.issuer.hashable)
    return bool(theirs.key_identifier and identifier.chosen.native == theirs.key_identifier)


def _padding(recipient: Any) -> padding.AsymmetricPadding:
    named = recipient["key_encryption_algorithm"]
    if named["algorithm"].native == "rsaes_oaep":
        used = hash_named(str(named["parameters"]["hash_algorithm"]["algorithm"].native))
        return padding.OAEP(padding.MGF1(used), used, None)
    return padding.PKCS1v15()


def _cipher(name: str, key: bytes, start: bytes) -> Cipher[CBC]:
    if len(key) != CIPHERS[name]:
        raise ValueError("the key has another length than the cipher")
    block = TripleDES(key) if name == "tripledes_3key" else AES(key)
    return Cipher(block, CBC(start))
