"""Mail over TLS: from the first byte or by STARTTLS, with servers whose certificates are looked at."""

import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP as SmtpServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.edi.transports.mail import MailTransport
from core.errors import Misconfigured
from tests.connectors.edi.loops import Loop
from tests.connectors.edi.mail_servers import Imap, Mails, Pop, mail_server
from tests.connectors.edi.test_mail import ORDERS, Taker, judge, mail, table


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "mail.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    return path


@pytest.fixture
def context(certificate: Path) -> ssl.SSLContext:
    found = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    found.load_cert_chain(certificate)
    return found


@pytest.fixture(params=["tls", "starttls"])
def security(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[Imap, Pop])
def box(request: pytest.FixtureRequest, security: str, context: ssl.SSLContext) -> Iterator[tuple[Mails, Any]]:
    mails = Mails()
    with mail_server(request.param, mails, context, late=security == "starttls") as port:
        protocol = "imap" if request.param is Imap else "pop3"
        yield mails, table(
            protocol=protocol, inbox_host="127.0.0.1", inbox_port=port, senders=["edi@acme.example"], security=security
        )  # fmt: skip


@pytest.fixture
def post(security: str, context: ssl.SSLContext) -> Iterator[tuple[Taker, Any]]:
    taker, loop = Taker(), Loop()

    def server() -> SmtpServer:
        late: dict[str, Any] = {"tls_context": context, "require_starttls": True} if security == "starttls" else {}
        # aiosmtpd does not see that it is behind a socket that is encrypted from the first byte.
        asked = security == "starttls"
        return SmtpServer(
            taker, authenticator=judge, auth_required=True, auth_require_tls=asked, loop=loop.loop, **late
        )  # fmt: skip

    made = loop.do(
        loop.loop.create_server(server, "127.0.0.1", 0, ssl=context if security == "tls" else None)
    )  # fmt: skip
    port = made.sockets[0].getsockname()[1]
    yield taker, table(smtp_host="127.0.0.1", smtp_port=port, their_address="o@acme.example", smtp_security=security)
    loop.loop.call_soon_threadsafe(made.close)
    loop.end()


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_mail_comes_and_goes_where_the_certificate_is_trusted(
    box: Any, post: Any, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    mails, given = box
    mails.add(mail(("a.edi", ORDERS)))
    inbox = MailTransport(given, max_bytes=10_000)
    (found,) = inbox.fetch(10)
    assert found.body == ORDERS
    found.done()
    inbox.close()
    assert mails.inbox == {}
    taker, given = post
    MailTransport(given, max_bytes=10_000).send("b.edi", ORDERS, "application/edifact")
    assert len(taker.mails) == 1


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_nothing_is_told_to_a_server_nobody_vouches_for(box: Any, post: Any) -> None:
    mails, given = box
    mails.add(mail(("a.edi", ORDERS)))
    inbox = MailTransport(given, max_bytes=10_000)
    with pytest.raises(Misconfigured) as refused:
        list(inbox.fetch(10))
    assert refused.value.error_code == "MAIL-CERTIFICATE-495"
    assert len(mails.inbox) == 1
    taker, given = post
    with pytest.raises(Misconfigured) as refused:
        MailTransport(given, max_bytes=10_000).send("b.edi", ORDERS, "application/edifact")
    assert refused.value.error_code == "MAIL-CERTIFICATE-495"
    assert taker.mails == []


def test_a_certificate_of_another_host_is_not_trusted(
    context: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with mail_server(Imap, Mails(), context) as port:
        given = table(inbox_host="localhost", inbox_port=port, senders=["edi@acme.example"], security="tls")
        with pytest.raises(Misconfigured) as refused:
            list(MailTransport(given, max_bytes=10_000).fetch(10))
    assert refused.value.error_code == "MAIL-CERTIFICATE-495"
