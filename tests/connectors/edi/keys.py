"""Certificates of invented companies, made once for a test run."""

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from connectors.edi.as2.cms import Identity

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


@cache
def identity(name: str, *, begins: int = -100, ends: int = 300, serial: int = 1) -> Identity:
    """A company's certificate that holds from so many days after NOW until so many days after."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(NOW + timedelta(days=begins))
        .not_valid_after(NOW + timedelta(days=ends))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Identity(certificate, key)


def pem(who: Identity) -> tuple[bytes, bytes]:
    """The certificate and the private key as PEM."""
    return (
        who.certificate.public_bytes(serialization.Encoding.PEM),
        who.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
