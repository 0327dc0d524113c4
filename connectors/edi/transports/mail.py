"""Mail: files as attachments, fetched from a mailbox by IMAP or POP3 and sent by SMTP, over TLS."""

from __future__ import annotations

import hashlib
import imaplib
import poplib
import smtplib
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.policy import default as modern
from email.utils import formatdate, parseaddr
from typing import Any

import structlog

from connectors.edi.transports.base import Incoming, Sent
from connectors.edi.transports.mailbox import Imap, Mailbox, Pop, is_folder
from connectors.edi.transports.tables import Faults, filled, is_host
from core.errors import ConnectorError, Misconfigured, OutcomeUnknown, Rejected, Transient

DEFAULTS: Mapping[str, Any] = {
    "protocol": "imap",
    "inbox_host": None,
    "inbox_port": 0,
    "security": "tls",
    "folder": "INBOX",
    "done_folder": "Done",
    "senders": [],
    "smtp_host": None,
    "smtp_port": 0,
    "smtp_security": "tls",
    "smtp_user": None,
    "their_address": None,
    "subject": "EDI {name}",
    "timeout": 20,
}
PORTS = {("imap", "tls"): 993, ("imap", "starttls"): 143, ("imap", "none"): 143, ("pop3", "tls"): 995,
         ("pop3", "starttls"): 110, ("pop3", "none"): 110, ("smtp", "tls"): 465, ("smtp", "starttls"): 587,
         ("smtp", "none"): 25}  # fmt: skip
SECURITY = ("tls", "starttls", "none")
HERE = ("127.0.0.1", "::1", "localhost")
EDI_TYPES = ("application/edifact", "application/edi-x12", "application/edi-consent", "application/xml", "text/xml")
log = structlog.get_logger(__name__)


class MailTransport:
    """A mailbox for one partner, and his address.

    Args:
        table: the profile's `transport`, with the connection's `secrets`.
        max_bytes: of the largest file that is taken.

    Raises:
        Misconfigured: a setting is missing or does not fit.
    """

    def __init__(self, table: Mapping[str, Any], *, max_bytes: int) -> None:
        faults = Faults("mail")
        self.settings = _read(faults, table)
        self.max_bytes, self.password = max_bytes, table.get("secrets", {}).get("password", "")
        self.connection = table.get("connection", "")
        if not self.password:
            faults.add("user", "has no secret password")
        faults.refuse()
        self._mailbox: Mailbox | None = None

    # -- out

    def send(self, name: str, body: bytes, content_type: str) -> Sent:
        """Mail a file as an attachment; the same file keeps its Message-ID, by which a repeat can be told."""
        if not self.settings["smtp_host"]:
            raise Misconfigured(
                "No mail server to send by is set.", fix="Set transport.smtp_host.", code="MAIL-SMTP-404"
            )
        mail = self._mail(name, body, content_type)
        handed = False
        try:
            with self._smtp() as server:
                server.login(self.settings["smtp_user"] or self.settings["user"], self.password)
                handed = True
                server.send_message(mail)
        except smtplib.SMTPAuthenticationError:
            raise _login_refused(self.settings["smtp_host"]) from None
        except smtplib.SMTPRecipientsRefused:
            raise Rejected(
                f"{self.settings['smtp_host']} refuses mail to {self.settings['their_address']}.",
                fix="Ask the partner for his address.",
                code="MAIL-ADDRESS-422",
            ) from None
        except smtplib.SMTPResponseException as error:
            kind = Transient if 400 <= error.smtp_code < 500 else Rejected
            raise kind(
                f"{self.settings['smtp_host']} did not take the mail ({error.smtp_code}).",
                why=str(error.smtp_error)[:200],
                fix="Compare size and sender with what the server allows.",
                code="MAIL-REFUSED-422",
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            raise self._lost("sending", self.settings["smtp_host"], error, unknown=handed) from None
        return Sent(str(mail["Message-ID"]), detail={"file": name, "bytes": len(body)})

    def _mail(self, name: str, body: bytes, content_type: str) -> EmailMessage:
        mark = hashlib.sha256(f"{self.connection}\n{name}\n".encode() + hashlib.sha256(body).digest()).hexdigest()[:40]
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"] = self.settings["our_address"], self.settings["their_address"]
        mail["Subject"] = self.settings["subject"].replace("{name}", name)
        mail["Date"] = formatdate(usegmt=True)
        mail["Message-ID"] = f"<crossdock-{mark}@{self.settings['our_address'].rpartition('@')[2]}>"
        mail.set_content(f"The file {name} is attached.\n")
        main, _, sub = content_type.partition(";")[0].strip().partition("/")
        if main not in ("application", "text") or not sub:
            main, sub = "application", "octet-stream"
        # Text would have its line ends changed on the way.
        mail.add_attachment(body, maintype="application" if main == "text" else main, subtype=sub, filename=name)
        return mail

    def _smtp(self) -> smtplib.SMTP:
        given, how = self.settings, self.settings["smtp_security"]
        host, port = given["smtp_host"], int(given["smtp_port"]) or PORTS["smtp", how]
        if how == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=given["timeout"], context=ssl.create_default_context())
        server = smtplib.SMTP(host, port, timeout=given["timeout"])
        if how == "starttls":
            server.starttls(context=ssl.create_default_context())
        return server

    # -- in

    def fetch(self, limit: int) -> Iterator[Incoming]:
        """Yield the attachments of mail from the partner; a mail is put away when all of its are done."""
        if not self.settings["inbox_host"]:
            return
        found = 0
        for key in self._do("listing mail", lambda box: box.waiting()):
            if found >= limit:
                return
            for each in self._attachments(key, self._read(key)):
                found += 1
                yield each

    def _read(self, key: str) -> bytes:
        raw = self._do("reading mail", lambda box: box.read(key, self.max_bytes * 2))
        assert isinstance(raw, bytes)
        return raw

    def _attachments(self, key: str, raw: bytes) -> list[Incoming]:
        try:
            mail = message_from_bytes(raw, policy=modern)
            sender = parseaddr(str(mail["From"] or ""))[1].lower()
            name = str(mail["Message-ID"] or "").strip() or hashlib.sha256(raw).hexdigest()
        except (MessageError, ValueError, LookupError):
            sender, name = "", ""
        if sender not in [each.lower() for each in self.settings["senders"]]:
            log.info("mail.not_of_the_partner", key=key)
            return []
        files = [(str(part.get_filename() or "attachment.edi"), part) for part in mail.walk() if _is_file(part)]
        left = {number for number, _ in enumerate(files)}
        made = []
        for number, (filename, part) in enumerate(files):
            payload = part.get_payload(decode=True)
            body = payload if isinstance(payload, bytes) else b""
            mark = f"mail:{name[:200]}:{number}:{hashlib.sha256(body).hexdigest()[:32]}"
            kind, done = part.get_content_type(), self._done(key, number, left)
            made.append(Incoming(body, filename, kind, mark, datetime.now(UTC), done))
        return made

    def _done(self, key: str, number: int, left: set[int]) -> Callable[[], None]:
        def done() -> None:
            left.discard(number)
            if not left:
                self._do("putting mail away", lambda box: box.put_away(key))

        return done

    def _do(self, verb: str, step: Callable[[Mailbox], Any]) -> Any:
        try:
            if self._mailbox is None:
                self._mailbox = self._open()
            return step(self._mailbox)
        except ConnectorError:
            raise
        except (imaplib.IMAP4.error, poplib.error_proto, OSError) as error:
            self._forget()
            raise self._lost(verb, self.settings["inbox_host"], error, unknown=False) from None

    def _open(self) -> Mailbox:
        given = self.settings
        kind = Imap if given["protocol"] == "imap" else Pop
        port = int(given["inbox_port"]) or PORTS[given["protocol"], given["security"]]
        box = kind(
            given["inbox_host"], port, given["security"], given["timeout"], given["folder"], given["done_folder"]
        )
        try:
            box.login(given["user"], self.password)
        except (imaplib.IMAP4.error, poplib.error_proto):
            box.close()
            raise _login_refused(given["inbox_host"]) from None
        return box

    def _forget(self) -> None:
        box, self._mailbox = self._mailbox, None
        if box is not None:
            box.close()

    def _lost(self, verb: str, host: str, error: Exception, *, unknown: bool) -> ConnectorError:
        if isinstance(error, ssl.SSLCertVerificationError):
            return Misconfigured(
                f"{host} shows a certificate that is not trusted here.",
                why=error.verify_message[:200],
                fix="Name the host as in its certificate; trust a company's own authority with SSL_CERT_FILE.",
                code="MAIL-CERTIFICATE-495",
            )
        kind = OutcomeUnknown if unknown else Transient
        return kind(
            f"{host} did not finish {verb}.",
            why=f"{type(error).__name__}: {error}"[:200],
            fix="Nothing: the hub tries again.",
            code="MAIL-LOST-504" if unknown else "MAIL-AWAY-503",
        )

    # -- looking after it

    def check(self) -> Mapping[str, Any]:
        """Log in at both servers and count the mail that waits."""
        found: dict[str, Any] = {}
        if self.settings["inbox_host"]:
            found["waiting"] = len(self._do("listing mail", lambda box: box.waiting()))
        if self.settings["smtp_host"]:
            try:
                with self._smtp() as server:
                    server.login(self.settings["smtp_user"] or self.settings["user"], self.password)
            except smtplib.SMTPAuthenticationError:
                raise _login_refused(self.settings["smtp_host"]) from None
            except (OSError, smtplib.SMTPException) as error:
                raise self._lost("logging in", self.settings["smtp_host"], error, unknown=False) from None
            found["smtp"] = self.settings["smtp_host"]
        return found

    def close(self) -> None:
        """Log out; what is not done stays in the mailbox."""
        self._forget()


def vet(faults: Faults, table: Mapping[str, Any], *, here: bool) -> None:
    """Note what is wrong with the settings of a mailbox and a partner's address.

    Args:
        faults: takes it.
        table: the profile's `transport`.
        here: has no meaning for servers elsewhere.
    """
    del here
    settings = _read(faults, table)
    if not settings["inbox_host"] and not settings["smtp_host"]:
        faults.add("inbox_host", "and smtp_host are missing: nothing could come or go")
    comes = any(each.incoming for each in table["profile"].documents)
    if settings["smtp_host"] and not settings["inbox_host"] and comes:
        faults.add("inbox_host", "is missing: what he sends, as `documents` has it, could not come")
    addresses = {"our_address": settings["our_address"], "their_address": settings["their_address"] or ""}
    addresses |= {f"senders.{number}": each for number, each in enumerate(settings["senders"])}
    for name, each in addresses.items():
        if each and "@" not in parseaddr(each)[1]:
            faults.add(name, f"is {each[:80]!r}, which is no mail address")


def _read(faults: Faults, table: Mapping[str, Any]) -> dict[str, Any]:
    settings = filled(faults, table, DEFAULTS, ("our_address", "user"))
    if settings["protocol"] not in ("imap", "pop3"):
        faults.add("protocol", "is none of imap, pop3")
    for name, host in (("security", "inbox_host"), ("smtp_security", "smtp_host")):
        if settings[name] not in SECURITY:
            faults.add(name, f"is none of {', '.join(SECURITY)}")
        if settings[name] == "none" and settings[host] not in (None, *HERE):
            faults.add(name, "may be none only for a server on this machine")
        if settings[host] and not is_host(settings[host]):
            faults.add(host, f"is {settings[host][:80]!r}: it is the name or address of the server alone")
    if settings["inbox_host"] and not settings["senders"]:
        faults.add("senders", "is missing: only mail of these addresses is taken")
    if settings["smtp_host"] and not settings["their_address"]:
        faults.add("their_address", "is missing")
    for name in ("folder", "done_folder"):
        if not is_folder(settings[name]):
            faults.add(name, "is no name of a mail folder")
    return settings


def _is_file(part: Any) -> bool:
    return not part.is_multipart() and bool(part.get_filename() or part.get_content_type() in EDI_TYPES)


def _login_refused(host: str) -> Misconfigured:
    return Misconfigured(
        f"{host} does not let us in.", fix="Compare user and password with the mail server's.", code="MAIL-LOGIN-401"
    )
