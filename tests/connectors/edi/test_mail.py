"""Mail as transport: attachments in by IMAP and POP3, out by SMTP to a real small server."""

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP as SmtpServer
from aiosmtpd.smtp import AuthResult, LoginPassword

from connectors.edi.transports.mail import MailTransport
from core.errors import Misconfigured, Rejected, Transient
from tests.connectors.edi.loops import Loop
from tests.connectors.edi.mail_servers import Imap, Mails, Pop, mail_server

# The server for tests has no TLS and says so.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")
ORDERS = b"UNB+UNOC:3+A+B+261128:1200+1'\r\nFTX+AAI+++caf\xe9'\nUNZ+0+1'"


def table(**more: Any) -> dict[str, Any]:
    found = {
        "kind": "mail", "our_address": "edi@hub.example", "user": "edi", "security": "none", "smtp_security": "none",
        "secrets": {"password": "secret"}, "connection": "c1",
    }  # fmt: skip
    return {**found, **more}


def mail(*files: tuple[str, bytes], sender: str = "Acme <edi@acme.example>", name: str = "<1@acme.example>") -> bytes:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"], made["Message-ID"] = sender, "edi@hub.example", "Orders", name
    made.set_content("Please find attached.\n.\n")
    for filename, body in files:
        made.add_attachment(body, maintype="application", subtype="octet-stream", filename=filename)
    return bytes(made)


@pytest.fixture(params=[Imap, Pop])
def box(request: pytest.FixtureRequest) -> Iterator[tuple[Mails, dict[str, Any]]]:
    mails = Mails()
    with mail_server(request.param, mails) as port:
        protocol = "imap" if request.param is Imap else "pop3"
        yield mails, table(
            protocol=protocol, inbox_host="127.0.0.1", inbox_port=port, senders=["EDI@acme.example"]
        )  # fmt: skip


def test_attachments_come_byte_for_byte_and_the_mail_is_put_away_when_all_are_stored(box: Any) -> None:
    mails, given = box
    mails.add(mail(("a.edi", ORDERS), ("b.edi", b"\x00\xff")))
    transport = MailTransport(given, max_bytes=10_000)
    first, second = transport.fetch(10)
    assert [(each.name, each.body) for each in (first, second)] == [("a.edi", ORDERS), ("b.edi", b"\x00\xff")]
    assert first.dedupe_key != second.dedupe_key
    first.done()
    transport.close()
    assert len(mails.inbox) == 1
    again = MailTransport(given, max_bytes=10_000)
    found = list(again.fetch(10))
    assert [each.dedupe_key for each in found] == [first.dedupe_key, second.dedupe_key]
    for each in found:
        each.done()
    again.close()
    assert mails.inbox == {}
    assert len(mails.done) == (1 if given["protocol"] == "imap" else 0)


def test_mail_of_others_and_without_files_is_left_alone(box: Any) -> None:
    mails, given = box
    mails.add(mail(("a.edi", ORDERS), sender="edi@mallory.example"))
    mails.add(mail(("a.edi", ORDERS), sender='"edi@acme.example" <edi@mallory.example>'))
    mails.add(mail())
    transport = MailTransport(given, max_bytes=10_000)
    assert list(transport.fetch(10)) == []
    assert transport.check() == {"waiting": 3}
    transport.close()
    assert len(mails.inbox) == 3


def test_a_wrong_password_and_a_server_that_is_away_are_told_apart(box: Any) -> None:
    mails, given = box
    mails.password = "another"
    transport = MailTransport(given, max_bytes=10_000)
    with pytest.raises(Misconfigured) as refused:
        list(transport.fetch(10))
    assert refused.value.error_code == "MAIL-LOGIN-401"
    transport.close()
    away = MailTransport({**given, "inbox_port": 9}, max_bytes=10_000)
    with pytest.raises(Transient) as gone:
        list(away.fetch(10))
    assert gone.value.error_code == "MAIL-AWAY-503"


class Taker:
    """What the SMTP server does with mail."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            self.mails.append(envelope.content)
        return self.answer


def judge(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"edi", b"secret")
    return AuthResult(success=good, handled=False)


@pytest.fixture
def post() -> Iterator[tuple[Taker, dict[str, Any]]]:
    taker = Taker()
    loop = Loop()

    def server() -> SmtpServer:
        return SmtpServer(taker, authenticator=judge, auth_required=True, auth_require_tls=False, loop=loop.loop)

    made = loop.do(loop.loop.create_server(server, "127.0.0.1", 0))
    port = made.sockets[0].getsockname()[1]
    yield taker, table(smtp_host="127.0.0.1", smtp_port=port, their_address="orders@acme.example")
    loop.loop.call_soon_threadsafe(made.close)
    loop.end()


def test_a_file_is_mailed_as_it_is_under_one_name(post: Any) -> None:
    taker, given = post
    transport = MailTransport(given, max_bytes=10_000)
    sent = [transport.send("orders-1.edi", ORDERS, "application/edifact") for _ in range(2)]
    assert sent[0].reference == sent[1].reference
    first = message_from_bytes(taker.mails[0], policy=default)
    (part,) = first.iter_attachments()
    assert (part.get_filename(), part.get_content_type()) == ("orders-1.edi", "application/edifact")
    assert part.get_payload(decode=True) == ORDERS
    assert (first["To"], first["Message-ID"]) == ("orders@acme.example", sent[0].reference)
    assert transport.check() == {"smtp": "127.0.0.1"}


@pytest.mark.parametrize(("answer", "kind"), [("451 later", Transient), ("552 too large", Rejected)])
def test_what_the_server_says_decides_what_happens(post: Any, answer: str, kind: type[Exception]) -> None:
    taker, given = post
    taker.answer = answer
    with pytest.raises(kind):
        MailTransport(given, max_bytes=10_000).send("a.edi", ORDERS, "application/edifact")
    wrong = {**given, "secrets": {"password": "wrong"}}
    with pytest.raises(Misconfigured) as refused:
        MailTransport(wrong, max_bytes=10_000).send("a.edi", ORDERS, "application/edifact")
    assert refused.value.error_code == "MAIL-LOGIN-401"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"security": "none", "inbox_host": "mail.example", "senders": ["a@b.example"]}, "only for a server on this"),
        ({"inbox_host": "127.0.0.1"}, "senders is missing"),
        ({"smtp_host": "127.0.0.1"}, "their_address is missing"),
        ({"secrets": {}}, "no secret password"),
        ({"folder": 'x" NOOP'}, "no name of a mail folder"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        MailTransport(table(**change), max_bytes=1)
