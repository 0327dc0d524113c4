"""AS2: files posted to the partner and by him, each answered with a signed proof of what arrived."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.x509 import Certificate

from connectors.edi.as2 import message, receipt
from connectors.edi.as2.errors import As2Error, OtherContent
from connectors.edi.keeping import keepable
from connectors.edi.transports.addresses import look
from connectors.edi.transports.as2_profile import As2Settings, read_settings
from connectors.edi.transports.as2_proof import proof
from connectors.edi.transports.base import RECEIPT_TOPIC, Incoming, Sent
from connectors.edi.transports.tables import ADDED
from connectors.sdk.http import Http
from connectors.sdk.redaction import Redactor
from core.errors import Refused, Rejected
from core.ports.connectors import InboundMessage, InboundRecord, Json, WebhookRequest
from core.ports.partners import INTERCHANGE_TOPIC
from core.ports.webhooks import Call, CallAnswer, Ending

LARGEST_ANSWER = 1_048_576
DONE = (200, 201, 202, 204)
UNREADABLE = "decryption-failed"
KEPT = ("as2-from", "as2-to", "subject", "date", "user-agent")


class As2Transport:
    """One AS2 partner.

    Args:
        settings: profile and address.
        http: the connection's way out; it may call the partner's addresses and no others.
        connection: id of the connection, part of the names of our messages.
        topic: of what comes in.
    """

    def __init__(self, settings: As2Settings, http: Http, *, connection: str, topic: str = INTERCHANGE_TOPIC) -> None:
        self.settings, self.profile, self.http = settings, settings.profile, http
        self.connection, self.topic = connection, topic

    # -- out

    def send(self, name: str, body: bytes, content_type: str, unread: int = 0) -> Sent:
        """Post a file; the same name with the same bytes keeps its Message-ID, by which the partner knows it again.

        Args:
            name: of the file.
            body: its bytes.
            content_type: of the bytes.
            unread: how many of the partner's certificates he could not read it by, as a receipt said that came by
                itself.

        Raises:
            Transient: the partner took nothing, and may later.
            OutcomeUnknown: whether it arrived is not known: no answer, or one without a receipt.
            Rejected: the partner did not take it, or its receipt does not prove that it has what was sent.
            Misconfigured: addresses or certificates are not usable.
        """
        now = datetime.now(UTC)
        named = self.message_id(name, body)
        whom = self.profile.receivers(now) if self.profile.encrypt else []
        whom = whom[min(unread, len(whom) - 1) :] if whom else whom
        for each in whom[:-1]:
            try:
                return self._post(name, body, content_type, named, each)
            except Rejected as error:
                if error.data.get("modifier") != UNREADABLE:
                    raise
                # He has not taken it, and cannot read it: he has changed to the certificate that follows.
        return self._post(name, body, content_type, named, whom[-1] if whom else None)

    def _post(self, name: str, body: bytes, kind: str, named: str, whom: Certificate | None) -> Sent:
        """Post a file, encrypted for one of the partner's certificates."""
        now = datetime.now(UTC)
        out = message.write(body, self.profile, now, kind=kind, filename=name, message_id=named, whom=whom)
        answer = self.http.request(
            "POST", self.settings.url, verb="send", write=True, headers=out.headers, data=out.body, ok=DONE, reads=None
        )
        detail: Json = {"message_id": named, "file": name, "bytes": len(body)}
        if self.profile.receipt == "none":
            return Sent(named, None, detail)
        detail |= {"mic": message.as_text(out.mic), "mic_algorithm": out.mic_algorithm}
        if self.profile.receipt == "async" and not receipt.is_receipt(answer.headers, answer.body):
            return Sent(named, None, {**detail, "receipt_within": self.settings.receipt_hours * 3600})
        said = proof(self.http.partner, self.profile, out, answer, now)
        return Sent(named, now, {**detail, "receipt": said})

    def message_id(self, name: str, body: bytes) -> str:
        """Return the Message-ID of a file: the same on every try."""
        mark = hashlib.sha256(f"{self.connection}\n{name}\n".encode() + hashlib.sha256(body).digest()).hexdigest()
        return f"<crossdock-{mark[:40]}@{message.host(self.profile.ours)}>"

    def send_receipt(self, owed: Json) -> Json:
        """Post a receipt to the address of the profile; return what the partner answered.

        Raises:
            ConnectorError: the partner does not take it.
            Refused: the profile has no address for receipts.
        """
        answer = self.http.request(
            "POST", self._receipt_address(), verb="send_receipt", write=True, headers=owed["headers"],
            data=base64.b64decode(owed["body"]), ok=DONE, reads=None,
        )  # fmt: skip
        return {"status": answer.status, "message_id": owed["message_id"]}

    # -- in

    def fetch(self, limit: int) -> Iterator[Incoming]:
        """Yield nothing: AS2 partners call us (`take_call`)."""
        del limit
        yield from ()

    def take_call(self, request: WebhookRequest) -> Call:
        """Open what a partner posted: a file, to be answered once it is stored, or a receipt.

        Raises:
            Refused: names that are not this connection's, or a receipt wanted where the profile has no address.
            As2Error: it cannot be taken and no receipt was asked for.
        """
        headers = dict(request.headers)
        self._refuse_strangers(headers)
        if receipt.is_receipt(headers, request.body):
            return self._take_receipt(request)
        found = message.begin(headers)
        if found.wish is not None and found.wish.asynchronous:
            self._receipt_address()
        now = request.received_at
        try:
            found = message.read(headers, request.body, self.profile, now)
        except As2Error as error:
            if found.wish is None:
                raise
            refusal, unopened = error, found
            return Call(None, lambda _: self._answer(unopened, now, error=refusal), refusal)
        # The partner's name for it, for good: what failed left no record, so that a repeat of it is no duplicate.
        key = f"as2:{self.profile.theirs}:{found.message_id}"
        notes = self._notes(headers, found)
        record = keepable(
            InboundRecord(self.topic, key, found.payload, found.kind, notes, source_id=found.message_id[:512])
        )
        return Call(
            record,
            lambda duplicate: self._answer(found, now, duplicate=duplicate),
            otherwise=lambda: self._refuse_other(found, record, now),
        )

    def _refuse_other(self, found: message.Received, record: InboundRecord, now: datetime) -> Call:
        """Keep a file aside whose name came before with other content, and say that it was not taken."""
        refusal = OtherContent(found.message_id)
        mark = hashlib.sha256(record.body).hexdigest()
        aside = replace(record, dedupe_key=f"{record.dedupe_key}:{mark}")
        return Call(None, lambda _: self._answer(found, now, error=refusal), refusal, aside=aside)

    def _notes(self, headers: Mapping[str, str], found: message.Received) -> dict[str, str]:
        return {
            **{name: headers[name][:1_000] for name in KEPT if name in headers},
            "message-id": found.message_id,
            "x-as2-filename": found.filename or "",
            "x-as2-mic": f"{message.as_text(found.mic)}, {found.mic_algorithm}",
            "x-as2-signed": found.signed_with or "no",
            "x-as2-encrypted": found.encrypted_with or "no",
            "x-as2-compressed": "yes" if found.compressed else "no",
        }

    def _answer(
        self, found: message.Received, now: datetime, *, error: As2Error | None = None, duplicate: bool = False
    ) -> CallAnswer:
        if found.wish is None:
            if error is None:
                return CallAnswer()
            return CallAnswer(error.status, {"Content-Type": "text/plain; charset=utf-8"}, error.what.encode())
        headers, body = receipt.write(found, self.profile, now, error=error, duplicate=duplicate)
        if not found.wish.asynchronous:
            return CallAnswer(200, headers, body)
        encoded = base64.b64encode(body).decode()
        return CallAnswer(owed={"message_id": found.message_id, "headers": headers, "body": encoded})

    def _refuse_strangers(self, headers: Mapping[str, str]) -> None:
        given = [message.unquote(headers.get(name, "")) for name in ("as2-from", "as2-to")]
        # Whoever names nobody does not speak AS2; people need not be told of him.
        told = {"modifier": "unknown-names", "sender": " to ".join(each[:80] for each in given)} if any(given) else {}
        if given != [self.profile.theirs, self.profile.ours]:
            raise Refused(
                "The AS2 names of the call are not those of this connection.",
                why=f"It is from {given[0][:80]!r} to {given[1][:80]!r}.",
                fix="Compare AS2-From and AS2-To with the names agreed on, capitals included, and the address called.",
                code="AS2-NAMES-403",
                **told,
            )

    def _receipt_address(self) -> str:
        if self.profile.their_receipt_url is None:
            raise Refused(
                "An asynchronous receipt is asked for, and no address for it was agreed on.",
                why="A receipt goes only to the address in the profile, never to one a message names.",
                fix="Set their_receipt_url in the profile, or ask for a synchronous receipt.",
                code="AS2-RECEIPT-403",
                modifier="no-receipt-address",
            )
        return self.profile.their_receipt_url

    # -- receipts that come by themselves

    def _take_receipt(self, request: WebhookRequest) -> Call:
        fields, said = receipt.read(request.headers, request.body, self.profile, request.received_at)
        itself = request.headers.get("message-id", "").encode()
        mark = hashlib.sha256(bytes(fields) + itself).hexdigest()[:32]
        record = InboundRecord(
            topic=RECEIPT_TOPIC,
            # A file posted for one certificate after the other may be refused in the same words each time.
            dedupe_key=f"as2-receipt:{said.original}:{mark}",
            body=request.body,
            content_type=request.headers.get("content-type", ""),
            headers={name: value[:1_000] for name, value in request.headers.items() if name.startswith("content-")},
            source_id=said.original[:512],
        )
        return Call(record, lambda _: CallAnswer())

    def read_receipt(self, stored: InboundMessage) -> Json:
        """Return a stored receipt as the canonical transport receipt.

        Raises:
            As2Error: it is none, or not the partner's.
        """
        headers = {**stored.headers, "content-type": stored.content_type}
        fields, said = receipt.read(headers, stored.body, self.profile, stored.received_at)
        mic, _, algorithm = str(fields.get("Received-Content-MIC", "")).partition(",")
        unread = self.profile.encrypt and (said.modifier or "").lower() == UNREADABLE
        return {
            "message_id": f"<{said.original.strip('<> ')}>",
            "taken": said.taken,
            "modifier": said.modifier[:200] if said.modifier else None,
            "note": said.text[:1_000] or None,
            "mic": mic.strip()[:200] or None,
            "mic_algorithm": algorithm.strip()[:40] or None,
            "certificates": len(self.profile.receivers(datetime.now(UTC))) if unread else None,
        }

    # -- looking after it

    def ending_certificates(self, now: datetime) -> Sequence[Ending]:
        """Return the certificates that end within 60 days and have none to follow them."""
        return [
            Ending(whose, certificate.fingerprint(hashes.SHA256()).hex(), certificate.not_valid_after_utc)
            for whose, certificate, _ in self.profile.ending(now)
        ]

    def check(self) -> Mapping[str, Any]:
        """Look whether certificates of both sides hold now and the partner's address answers; nothing is sent to it."""
        now = datetime.now(UTC)
        ours, theirs = self.profile.signer(now).certificate, self.profile.receivers(now)[0]
        return {
            "status": look(self.http, self.settings.url),
            "our_certificate_ends": f"{ours.not_valid_after_utc:%Y-%m-%d}",
            "their_certificate_ends": f"{theirs.not_valid_after_utc:%Y-%m-%d}",
        }

    def close(self) -> None:
        """Give back the sockets."""
        self.http.close()


def open_as2(table: Mapping[str, Any], *, max_bytes: int) -> As2Transport:
    """Return the transport of a profile.

    Args:
        table: the profile's `transport`, with the connection's `secrets` and its id, `connection`.
        max_bytes: of the largest file that is taken.

    Raises:
        Misconfigured: a setting is missing or does not fit.
    """
    secrets = table["secrets"]
    given = {name: value for name, value in table.items() if name not in ADDED}
    settings = read_settings({"max_bytes": max_bytes, **given}, secrets)
    http = Http(
        settings.profile.theirs,
        configured=[settings.url, *filter(None, [settings.profile.their_receipt_url])],
        limits={"timeout": settings.timeout, "max_body": LARGEST_ANSWER, "concurrency": 4},
        redactor=Redactor(secrets.values()),
    )
    return As2Transport(settings, http, connection=table["connection"])
