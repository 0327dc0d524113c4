"""A key and a certificate of our own for AS2, signed by itself as partners exchange them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

KEY_BITS = 3072
# Partners' clocks may be behind ours.
EARLIER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Made:
    """A new identity.

    Args:
        key: the private key as PEM (PKCS 8), not encrypted.
        certificate: as PEM.
        fingerprint: SHA-256 of the certificate, in pairs of hexadecimal digits with colons.
        ends: when the certificate ends.
    """

    key: bytes
    certificate: bytes
    fingerprint: str
    ends: datetime


def make_identity(name: str, days: int, now: datetime) -> Made:
    """Return a new RSA key with a certificate signed by itself, to sign with and to be encrypted for.

    Args:
        name: common name, usually our AS2 name.
        days: the certificate holds from now.
        now: the time.
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    public = key.public_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    ends = (now + timedelta(days=days)).replace(microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, content_commitment=True, key_encipherment=True, data_encipherment=True,
                key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return Made(
        key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        certificate=certificate.public_bytes(serialization.Encoding.PEM),
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        ends=ends,
    )
