"""Two companies in one hub that speak AS2 with each other over loopback: `here` is we, `there` is Acme."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from werkzeug.serving import WSGIRequestHandler, make_server

from config.settings import Limits, Settings
from connectors.edi.as2.cms import Identity
from connectors.edi.transports.as2 import As2Transport, open_as2
from connectors.edi.transports.base import RECEIPT_TOPIC
from core.domain.documents import check_document
from core.domain.ids import uuid7
from core.domain.vocabulary import DocumentType
from core.errors import MappingError
from core.jobs.deliver import deliver
from core.jobs.hub import Hub, Pace
from core.jobs.intake import drain_messages
from core.ports.connectors import UNREAD, ConnectionConfig, Document, InboundMessage, Json, Push, Receipt
from core.services import connections
from core.services.secretbox import SecretBox
from core.store.unit import Store
from tests.connectors.edi.keys import identity, pem
from webhooks.app import create_app
from webhooks.runtime import EXTENSION, Runtime

SECRET = "a test's secret key"
# Valid whenever the tests run: the door goes by the true clock.
LONG: dict[str, int] = {"begins": -2_000, "ends": 20_000}
OURS, THEIRS = identity("crossdock", **LONG), identity("acme", **LONG)
LIMIT = 3_000_000


def settings_of(ours: Identity, theirs: Identity, names: tuple[str, str], url: str, **more: Any) -> dict[str, Any]:
    """Return the settings of one side."""
    return {
        "url": url,
        "our_name": names[0],
        "their_name": names[1],
        "our_certificates": [pem(ours)[0].decode()],
        "their_certificates": [pem(theirs)[0].decode()],
        **more,
    }


def transport_of(settings: Mapping[str, Any], secrets: Mapping[str, str], connection: str = "c1") -> As2Transport:
    """Return a transport as a connector makes it."""
    return open_as2({**settings, "secrets": secrets, "connection": connection}, max_bytes=200_000_000)


class Speaker:
    """The least a connector does with the transport."""

    capabilities = frozenset({"push_invoice", "send_receipt", "find_by_reference"})
    answers_calls = True

    def __init__(self, config: ConnectionConfig) -> None:
        self.transport = transport_of(config.settings, config.secrets, str(config.id))
        self.take_call = self.transport.take_call
        self.ending_certificates = self.transport.ending_certificates
        self.close = self.transport.close

    def normalize(self, message: InboundMessage) -> Sequence[Document]:
        if message.topic == RECEIPT_TOPIC:
            kind, body = DocumentType.TRANSPORT_RECEIPT, self.transport.read_receipt(message)
        else:
            try:
                kind, body = DocumentType.ORDER, json.loads(message.body)
            except ValueError:
                raise MappingError("It is no order.") from None
        return [Document(kind, check_document(kind, body))]

    def push_invoice(self, push: Push) -> Receipt:
        body, unread = push.payload["text"].encode(), push.payload.get(UNREAD, 0)
        sent = self.transport.send(f"{push.reference}.edi", body, "application/edifact", unread)
        return Receipt(sent.reference, dict(sent.detail))

    def send_receipt(self, push: Push) -> Receipt:
        return Receipt(None, self.transport.send_receipt(push.payload))

    def find_by_reference(self, push: Push) -> Receipt | None:
        return None

    def exchanges(self) -> Sequence[Any]:
        return self.transport.http.take_exchanges()


class Speakers:
    """The `Connectors` port with this one connector."""

    def open(self, connection: ConnectionConfig) -> Any:
        return Speaker(connection)

    def capabilities(self, connector: str) -> frozenset[str]:
        return Speaker.capabilities

    def limits(self, connector: str) -> Mapping[str, float]:
        return {"rate": 100, "burst": 100, "concurrency": 2, "timeout": 5, "max_body": 1e9}

    def kinds(self) -> Mapping[str, str]:
        return {"as2": "edi"}


class Quiet(WSGIRequestHandler):
    """Says nothing of requests."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


@contextmanager
def serve(app: Any) -> Iterator[str]:
    """Serve an application on loopback and yield its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Pair:
    """Both companies, served."""

    store: Store
    hub: Hub
    app: Any
    url: str
    here: UUID
    there: UUID

    def change(self, name: str, **settings: Any) -> None:
        """Change settings of a side."""
        with self.store.begin() as unit:
            row = unit.conn.execute(text("SELECT settings FROM connection WHERE name = :n"), {"n": name}).scalar_one()
            unit.conn.execute(
                text("UPDATE connection SET settings = CAST(:s AS json), version = version + 1 WHERE name = :n"),
                {"s": json.dumps({**row, **settings}), "n": name},
            )
        self.forget()

    def forget(self) -> None:
        """Have the door read the connections anew."""
        self.app.extensions[EXTENSION].accounts.close()

    def send(self, words: str = "UNB+UNOA:3+A+B+261128:1200+1'UNZ+0+1'") -> UUID:
        """Owe Acme a file and deliver it; return the delivery."""
        delivery = uuid7()
        with self.store.begin() as unit:
            unit.conn.execute(
                text(
                    "INSERT INTO delivery (id, connection_id, lane, kind, payload)"
                    " VALUES (:id, :c, :lane, 'push_invoice', CAST(:p AS json))"
                ),
                {"id": delivery, "c": self.here, "lane": delivery.hex, "p": json.dumps({"text": words})},
            )
        deliver(self.hub, self.here)
        return delivery

    def deliver(self, connection: UUID) -> int:
        """Deliver what is due."""
        return deliver(self.hub, connection)

    def drain(self) -> None:
        """Apply what came in, what waits for later as well."""
        with self.store.begin() as unit:
            unit.conn.execute(text("UPDATE message SET run_at = clock_timestamp() WHERE run_at IS NOT NULL"))
        while drain_messages(self.hub):
            pass

    def rows(self, sql: str, **values: Any) -> list[Any]:
        """Return the rows of a query."""
        with self.store.read() as conn:
            return list(conn.execute(text(sql), values))

    def one(self, sql: str, **values: Any) -> Any:
        """Return the only row of a query."""
        (row,) = self.rows(sql, **values)
        return row


@contextmanager
def pair(store: Store) -> Iterator[Pair]:
    """Yield both companies, speaking with synchronous receipts."""
    hub = Hub(store, Speakers(), SecretBox(SECRET), Pace(schedule=(0, 0, 0), breaker=0.01))
    settings = Settings(limits=Limits(max_body_bytes=50_000, max_exchange_bytes=LIMIT))
    app = create_app(Runtime(settings, store, Speakers(), SECRET))
    with serve(app) as url:
        sides = {
            "here": settings_of(OURS, THEIRS, ("crossdock", "Acme B2B"), f"{url}/webhooks/there"),
            "there": settings_of(THEIRS, OURS, ("Acme B2B", "crossdock"), f"{url}/webhooks/here"),
        }
        keys = {"here": pem(OURS)[1].decode(), "there": pem(THEIRS)[1].decode()}
        with store.begin() as unit:
            here, there = (
                connections.add_connection(
                    unit, Speakers(), hub.box, name=name, connector="as2", settings=found,
                    secrets={"as2_keys": keys[name]},
                )
                for name, found in sides.items()
            )  # fmt: skip
        yield Pair(store, hub, app, url, here, there)
        app.extensions[EXTENSION].accounts.close()


def order(number: str) -> Json:
    """Return a canonical order."""
    return {
        "external_id": number, "placed_at": "2026-11-20T10:00:00Z", "currency": "EUR",
        "lines": [{"external_id": "1", "sku": "A", "quantity": "2"}],
    }  # fmt: skip
