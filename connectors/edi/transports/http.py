"""HTTP as procurement networks speak it: each document is a call, and of cXML a Response says what became of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from requests.auth import AuthBase

from connectors.edi.profile import Profile
from connectors.edi.transports.addresses import look
from connectors.edi.transports.base import Incoming, Sent
from connectors.edi.transports.cxml_calls import Caller, take_call
from connectors.edi.transports.needs import missing_secrets
from connectors.edi.transports.tables import Faults, filled, refuse
from connectors.sdk.auth import HeaderAuth
from connectors.sdk.errors import FIXES, error_for, retry_after
from connectors.sdk.http import Answer, Http, origin
from connectors.sdk.manifest import Errors
from connectors.sdk.redaction import Redactor
from core.errors import Misconfigured, OutcomeUnknown, Rejected, Transient
from core.ports.connectors import Exchange, WebhookRequest
from core.ports.webhooks import Call
from mappings.edi.detect import HEAD, detect
from mappings.edi.xml.credentials import proven
from mappings.edi.xml.responses import FORWARDED, UNAUTHORIZED, Status, read_response

SECRET_IN, SECRET_OUT, PASSWORD = "shared_secret_in", "shared_secret_out", "password"
DEFAULTS: Mapping[str, Any] = {
    "url": "",
    "our_url": "",
    "senders": [],
    "sender": "",
    "sender_domain": "",
    "user": "",
    "timeout": 25,
}
CXML_TYPE = "text/xml; charset=UTF-8"
LARGEST_ANSWER = 1_048_576
LONGEST_WAIT = 25
ANY_STATUS = range(200, 600)
SHOWN = 800


class HttpTransport:
    """A partner who posts documents to us, and takes ours the same way.

    Args:
        settings: the checked table of the profile.
        profile: what was agreed with him.
        secrets: `shared_secret_in`, `shared_secret_out` and `password`, as far as they are needed.
        previous: those before they were replaced, while both are taken.
        connection: id of the connection.
        max_bytes: of the largest document that is taken.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        profile: Profile,
        secrets: Mapping[str, str],
        previous: Mapping[str, str],
        *,
        max_bytes: int,
    ) -> None:
        self.settings, self.secrets = settings, secrets
        given = [each.get(SECRET_IN, "").strip() for each in (secrets, previous)]
        senders = frozenset(settings["senders"]) or profile.theirs.every
        self.caller = Caller(profile, tuple(filter(None, given)), senders, max_bytes, settings["our_url"])
        redactor = Redactor()
        for each in (*secrets.values(), *previous.values()):
            # As it is, and as XML has it: the log of exchanges shows what was sent and what was answered.
            for form in (each, each.strip(), escape(each.strip()), escape(each.strip()).replace("&gt;", ">")):
                redactor.add(form)
        self.http = Http(
            profile.theirs.id,
            configured=[settings["url"]] if settings["url"] else [],
            limits={"timeout": settings["timeout"], "max_body": LARGEST_ANSWER, "concurrency": 4},
            redactor=redactor,
            auth=self._authorization(),
        )

    def _authorization(self) -> AuthBase | None:
        if not self.settings["user"]:
            return None
        pair = f"{self.settings['user']}:{self.secrets.get(PASSWORD, '')}"
        return HeaderAuth("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())

    # -- out

    def send(self, name: str, body: bytes, content_type: str) -> Sent:
        """Post a document; a repeat has the payloadID of the first try, by which the partner knows it again.

        Raises:
            Transient: the partner took nothing, and may later.
            OutcomeUnknown: whether he has it is not known: no answer, or none that can be read.
            Rejected: he refuses it.
            Misconfigured: no address, or he does not know our credentials.
        """
        if not self.settings["url"]:
            refuse("http", "url", "is missing, and something is to be sent there")
        cxml = detect(body[:HEAD]) == "cxml"
        headers = {"Content-Type": CXML_TYPE if cxml else content_type}
        if not cxml:
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        answer = self.http.request(
            "POST", self.settings["url"], verb="send", write=True, headers=headers,
            data=self._proven(body) if cxml else body, ok=ANY_STATUS, reads=None,
        )  # fmt: skip
        detail: dict[str, Any] = {"file": name, "bytes": len(body), "status": answer.status}
        if not cxml:
            self._require_taken(answer)
            return Sent(name, None, detail)
        said = self._judged(answer)
        detail |= {"response": said.code, "said": self._shown(said.words)}
        # What is only passed on has not arrived; the partner says more of it later.
        return Sent(name, None if said.code in FORWARDED else datetime.now(UTC), detail)

    def _proven(self, body: bytes) -> bytes:
        secret = self.secrets.get(SECRET_OUT, "").strip()
        if not secret:
            raise Misconfigured(
                f"The secret {SECRET_OUT} is missing: nothing would prove that a document is ours.",
                fix=f"`crossdock connection secrets NAME --secret-file {SECRET_OUT}=FILE`, then resume the connection.",
                code="EDI-TRANSPORT-422",
            )
        try:
            return proven(body, secret, identity=self.settings["sender"], domain=self.settings["sender_domain"])
        except ValueError as error:
            raise Rejected(
                "The document cannot be sent: our credentials cannot be put into it.",
                why=f"{error}.",
                fix="Look at the map of the document, and at the secret; then send it again.",
                code="EDI-DOCUMENT-422",
            ) from None

    def _judged(self, answer: Answer) -> Status:
        """Return what a Response says when the partner has the document."""
        said = read_response(answer.body)
        if said is None:
            self._require_taken(answer)
            raise self._unknown(f"answered {answer.status} without a Response of cXML", None)
        words, kind = self._shown(said.words), said.code // 100
        if kind == 2 and answer.status >= 300:
            raise self._unknown(f"answered {answer.status}, with the Status {said.code} in it", words)
        if kind == 2:
            return said
        if kind == 5:
            raise Transient(
                f"{self.http.partner} cannot take the document now: Status {said.code}.",
                why=words,
                fix=FIXES[Transient],
                retry_after=retry_after(answer.headers.get("retry-after"), datetime.now(UTC)),
                partner_code=str(said.code),
            )
        if said.code == UNAUTHORIZED:
            raise Misconfigured(
                f"{self.http.partner} does not know our credentials: Status {said.code}.",
                why=words,
                fix=f"Compare `sender` and the secret {SECRET_OUT} with his, then resume the connection.",
                partner_code=str(said.code),
            )
        if kind == 4:
            raise Rejected(
                f"{self.http.partner} refuses the document: Status {said.code}.",
                why=words,
                fix="Correct what the partner names, then send it anew.",
                code="EDI-REFUSED-422",
                partner_code=str(said.code),
            )
        raise self._unknown(f"answered with the Status {said.code}, which cXML does not have", words)

    def _require_taken(self, answer: Answer) -> None:
        """Raise what an answer that is none of a success means."""
        if answer.status >= 300:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            raise error_for(
                partner=self.http.partner, verb="send", write=True, status=answer.status, headers=headers,
                document=None, table=Errors(),
            )  # fmt: skip

    def _unknown(self, what: str, words: str | None) -> OutcomeUnknown:
        return OutcomeUnknown(
            f"{self.http.partner} {what}.",
            why=words,
            fix="Nothing: it is sent again under its payloadID. Ask the partner if it stays so.",
        )

    def _shown(self, words: str) -> str:
        return self.http.redactor.text(words)[:SHOWN]

    # -- in

    def fetch(self, limit: int) -> Iterator[Incoming]:
        """Yield nothing: the partner calls us (`take_call`)."""
        del limit
        yield from ()

    def take_call(self, request: WebhookRequest) -> Call:
        """Open what the partner posted.

        Raises:
            Misconfigured: there is no secret to know him by.
            Refused: nothing was agreed to come.
        """
        return take_call(request, self.caller)

    # -- looking after it

    def check(self) -> Mapping[str, Any]:
        """Look whether the secrets are there and the partner's address answers; nothing is sent to it."""
        found: dict[str, Any] = {"takes_calls": bool(self.caller.secrets)}
        if self.settings["url"]:
            found["status"] = look(self.http, self.settings["url"])
        missing = missing_secrets(self.caller.profile, self.secrets)
        if missing:
            raise Misconfigured(
                f"Secrets are missing: {', '.join(missing)}.",
                fix="`crossdock connection secrets NAME --secret-file SECRET=FILE` sets each.",
                code="EDI-TRANSPORT-422",
            )
        return found

    def exchanges(self) -> Sequence[Exchange]:
        """Return and forget the exchanges since the last call, without secrets."""
        return self.http.take_exchanges()

    def close(self) -> None:
        """Give back the sockets."""
        self.http.close()


def open_http(table: Mapping[str, Any], *, max_bytes: int) -> HttpTransport:
    """Return the transport of a profile.

    Args:
        table: the profile's `transport`, with what the connector adds to it.
        max_bytes: of the largest document that is taken.

    Raises:
        Misconfigured: a setting is missing or does not fit.
    """
    faults = Faults("http")
    settings = _read(faults, table)
    faults.refuse()
    return HttpTransport(settings, table["profile"], table["secrets"], table.get("previous", {}), max_bytes=max_bytes)


def vet(faults: Faults, table: Mapping[str, Any], *, here: bool) -> None:
    """Note what is wrong with the settings of a partner who is called and calls.

    Args:
        faults: takes it.
        table: the profile's `transport`, with the `profile`.
        here: has no meaning for a server elsewhere.
    """
    del here
    _read(faults, table)


def _read(faults: Faults, table: Mapping[str, Any]) -> dict[str, Any]:
    settings, profile = filled(faults, table, DEFAULTS, ()), table["profile"]
    for name in ("url", "our_url"):
        try:
            origin(settings[name] or "https://nowhere.example")
        except Misconfigured:
            faults.add(name, "is no address: it is http:// or https:// with a host, without user and password")
    if profile.outgoing and not settings["url"]:
        faults.add("url", "is missing: `documents` has some that leave")
    if not 0 < settings["timeout"] <= LONGEST_WAIT:
        faults.add("timeout", f"is no number from 1 to {LONGEST_WAIT}")
    foreign = [each.kind for each in profile.documents if each.incoming and each.syntax != "cxml"]
    if foreign:
        faults.add("kind", f"takes documents of cXML only, and {', '.join(foreign[:5])} is none")
    return settings
