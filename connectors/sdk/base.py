"""What every connector object shares: settings, webhooks, maps, the way out; one object serves one connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from requests.auth import AuthBase

from connectors.sdk import webhook as proof
from connectors.sdk.auth import TOKENS, authorizer, use_token
from connectors.sdk.http import Answer, Http
from connectors.sdk.manifest import DocumentRow, Manifest, Webhook
from connectors.sdk.maps import open_map
from connectors.sdk.redaction import HIDDEN, Redactor
from connectors.sdk.settings import resolve
from connectors.sdk.template import fill, fill_path
from core.domain.documents import check_document
from core.domain.vocabulary import DocumentType
from core.errors import InputError, MappingError, Misconfigured, Refused
from core.ports.connectors import (
    ConnectionConfig,
    Document,
    Exchange,
    InboundMessage,
    InboundRecord,
    Json,
    WebhookRequest,
)
from core.ports.webhooks import WebhookTerms
from mappings.engine import Map
from mappings.syntaxes.json import parse

KEPT_HEADERS = 60
KEPT_VALUE = 1_000


class BaseConnector:
    """A connector for one connection; a folder's `Connector` overrides one method at a time.

    Args:
        config: the connection.
        manifest: of the connector.
        folder: with its maps; the manifest's own folder.

    Raises:
        Misconfigured: the settings do not fit the manifest.
    """

    def __init__(self, config: ConnectionConfig, manifest: Manifest, folder: Path) -> None:
        self.config = config
        self.manifest = manifest
        self.folder = folder
        self.settings = resolve(manifest, config)
        self.secrets = dict(config.secrets)
        self.redactor = Redactor([*config.secrets.values(), *config.previous_secrets.values()])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.manifest.id} for {self.config.name}>"

    @property
    def capabilities(self) -> frozenset[str]:
        """The verbs of the manifest."""
        return self.manifest.capabilities

    # -- in

    def verify_webhook(self, request: WebhookRequest) -> InboundRecord:
        """Return what to store for an authentic call.

        Raises:
            SignatureRefused: not authentic, too old or from the future.
            InputError: it does not say what it is about.
        """
        table = self.webhook_table
        sent = self.authenticate(request)
        document = parse(request.body) if table.topic_path else None
        topic = proof.topic_of(table, request.headers, document)
        return InboundRecord(
            topic=topic,
            dedupe_key=proof.dedupe_key(table, request.headers, topic, request.body),
            body=request.body,
            content_type=request.headers.get("content-type", "application/json"),
            headers=self.kept_headers(request.headers),
            source_id=request.headers.get(proof.id_header(table) or "") or None,
            occurred_at=sent,
        )

    @property
    def webhook_table(self) -> Webhook:
        """The manifest's `webhook`.

        Raises:
            Refused: this connector takes no calls.
        """
        if self.manifest.webhook is None:
            raise Refused(f"{self.manifest.label} takes no webhooks.", fix="Remove this address at the partner.")
        return self.manifest.webhook

    @property
    def webhook_terms(self) -> WebhookTerms:
        """How the platform wants its calls answered; the hub's own way where the manifest names none."""
        table = self.manifest.webhook
        return WebhookTerms() if table is None else WebhookTerms(table.expected_status, challenge=table.challenge)

    def authenticate(self, request: WebhookRequest) -> datetime | None:
        """Check that a call is authentic; return its sending time when it has one. Override for scheme `custom`."""
        table = self.webhook_table
        name = table.secret or ""
        secrets = [self.secrets.get(name, ""), self.config.previous_secrets.get(name, "")]
        return proof.verify(table, request, secrets)

    def kept_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers worth storing: none that could carry a credential, no endless ones."""
        table = self.manifest.webhook
        # A partner may call its signature anything; the manifest knows which header it is.
        proofs = set() if table is None else {proof.signature_header(table).lower()}
        shown = {name: value for name, value in self.redactor.headers(headers).items() if name not in proofs}
        plain = [(name, value[:KEPT_VALUE]) for name, value in sorted(shown.items()) if value != HIDDEN]
        return dict(plain[:KEPT_HEADERS])

    def rows(self, topic: str) -> Sequence[DocumentRow]:
        """Return the document rows of a topic; an exact one goes before a pattern."""
        exact = [row for row in self.manifest.documents if row.topic == topic]
        if exact:
            return exact
        return [row for row in self.manifest.documents if row.topic.endswith("*") and topic.startswith(row.topic[:-1])]

    def normalize(self, message: InboundMessage) -> Sequence[Document]:
        """Return the canonical documents in a stored message, each checked once.

        Raises:
            MappingError: it does not fit its map or the canonical model, or its topic means nothing and must not.
        """
        rows = self.rows(message.topic)
        if not rows and self.manifest.unknown_topic == "quarantine":
            raise MappingError(
                f"{self.manifest.label} has no document for topic {message.topic[:200]}.",
                fix=f"Send it as one of: {', '.join(row.topic for row in self.manifest.documents)}.",
                code="MAP-TOPIC-422",
            )
        if not rows:
            return [ignored(f"{self.manifest.label} has no document for topic {message.topic[:200]}.")]
        found: list[Document] = []
        for row in rows:
            if row.canonical:
                found.append(document(row.type, parse(message.body)))
            elif row.type is DocumentType.IGNORE or row.map is None:
                found.append(ignored(row.reason or "Nothing to do."))
            else:
                found += self.read(row, message)
        return found

    def read(self, row: DocumentRow, message: InboundMessage) -> list[Document]:
        """Return the documents one row makes of a message."""
        found = []
        for reading in self.map(row.map or "").read_bytes(message.body):
            if reading.result is None:
                raise reading.error or MappingError("The message cannot be read.")
            found.append(document(row.type, reading.result.canonical, reading.result.holds))
        return found

    def map(self, name: str) -> Map:
        """Return a map of the connector; override where a connection brings maps of its own."""
        return open_map(self.manifest, name)

    # -- out

    @cached_property
    def http(self) -> Http:
        """The way out to this connection's partner and to nobody else."""
        urls = [
            self.settings.get(each.name) for each in self.manifest.settings if each.type == "url" and not each.secret
        ]
        scope = {"settings": self.settings}
        return Http(
            self.manifest.label,
            configured=[url for url in urls if url],
            vendor=[fill(each, scope) for each in self.manifest.hosts],
            limits=self.manifest.limits,
            redactor=self.redactor,
            errors=self.manifest.errors,
            auth=self.authorization(),
        )

    def authorization(self) -> AuthBase | None:
        """Return what puts credentials on requests, by the manifest's `auth`. Override for scheme `custom`."""
        return authorizer(self.manifest.auth, self.settings, self.secrets)

    @property
    def base_url(self) -> str:
        """Where requests go: the setting `base_url`, else the manifest's first host."""
        if self.settings.get("base_url"):
            return str(self.settings["base_url"])
        if self.manifest.hosts:
            return fill(self.manifest.hosts[0], {"settings": self.settings}).rstrip("/")
        raise Misconfigured(f"Connection {self.config.name} has no base_url.", fix="Fill in the setting base_url.")

    def url(self, path: str, scope: Mapping[str, Any] | None = None) -> str:
        """Return the address of a path template."""
        return self.base_url + fill_path(path, {"settings": self.settings, **(scope or {})})

    def call(self, method: str, url: str, **more: Any) -> Answer:
        """Make a request with the connection's credentials; a token that was withdrawn is fetched once more."""
        if self.manifest.auth.scheme != "oauth2":
            return self.http.request(method, url, **more)
        key = self.authorize()
        try:
            return self.http.request(method, url, **more)
        except Misconfigured as error:
            if error.data.get("http_status") != 401:
                raise
        TOKENS.forget(key)
        self.authorize()
        return self.http.request(method, url, **more)

    def authorize(self) -> str:
        """Put an access token on the session; return its cache key."""
        return use_token(
            self.http,
            self.manifest.auth,
            connection=str(self.config.id),
            token_url=self.token_url,
            settings=self.settings,
            secrets=self.secrets,
        )

    @cached_property
    def token_url(self) -> str:
        """Where access tokens are fetched: an address, or a path under base_url."""
        template = self.manifest.auth.token_url or ""
        scope = {"settings": self.settings}
        return self.base_url + fill_path(template, scope) if template.startswith("/") else fill(template, scope)

    def check(self) -> Json | None:
        """Call the partner harmlessly and return what it said of itself; None where we never call it.

        Raises:
            ConnectorError: it does not answer, or not to us.
        """
        if self.manifest.check is None and not self.manifest.calls:
            return None
        if self.manifest.check is None:
            raise Misconfigured(
                f"{self.manifest.label} has no check.", fix="Name a harmless address in `check:` of its manifest."
            )
        answer = self.call("GET", self.url(self.manifest.check), verb="check", write=False)
        said = self.redactor.value(answer.document)
        return {"status": answer.status, "answer": said}

    def exchanges(self) -> Sequence[Exchange]:
        """Return and forget the exchanges made since the last call."""
        return self.http.take_exchanges() if "http" in self.__dict__ else []

    def close(self) -> None:
        """Give back the sockets."""
        if "http" in self.__dict__:
            self.http.close()


def ignored(reason: str) -> Document:
    """Return the document of a message that needs nothing."""
    return Document(DocumentType.IGNORE, check_document(DocumentType.IGNORE, {"reason": reason[:1_000]}))


def document(kind: DocumentType, canonical: Json, holds: Sequence[Json] = ()) -> Document:
    """Return a checked document.

    Raises:
        MappingError: what the map made does not fit the canonical model.
    """
    try:
        return Document(kind, check_document(kind, canonical), tuple(holds))
    except MappingError:
        raise
    except InputError as error:
        raise MappingError(error.what, why=error.why, fix=error.fix, code=error.error_code, **error.data) from None
