"""The company of `EdiWorld` and a procurement network that speaks cXML over HTTP with it, each a server on loopback."""

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from lxml import etree

from config.settings import Limits, Settings
from core.services import connections
from core.store.unit import Store
from mappings.edi.xml.responses import Status, read_response, write_response
from tests.connectors.edi.as2_world import SECRET, serve
from tests.connectors.edi.partner_world import EdiWorld
from tests.connectors.edi.xml_world import CXML_PROFILE, cxml_order
from webhooks.app import create_app
from webhooks.runtime import EXTENSION, Runtime

COMES, LEAVES = "net's & <secret>", "our & <secret>"
LIMIT = 1_000_000
PROOF = "</Identity></Credential><UserAgent>"
CUT = object()
"""An answer that is lost on its way."""


class Network:
    """The network's address: keeps what comes, and answers as it is told, in turn; else that it is well."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[Any] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "GET":
            start_response("405 METHOD NOT ALLOWED", [("Content-Length", "0")])
            return [b""]
        self.bodies.append(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        self.headers.append({key: value for key, value in environ.items() if isinstance(value, str)})
        answer = self.answers.pop(0) if self.answers else 200
        if answer is CUT:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return []
        status, body = answer if isinstance(answer, tuple) else (200, said(answer, "as it was told"))
        start_response(f"{status} Said", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
        return [body]

    @property
    def documents(self) -> list[Any]:
        """What came, as elements."""
        return [etree.fromstring(each) for each in self.bodies]


def said(code: int, words: str) -> bytes:
    """Return a Response of the network."""
    known = write_response(200, words, datetime.now(UTC))
    return known.replace(b'code="200" text="OK"', f'code="{code}" text="Text {code}"'.encode())


class HttpWorld(EdiWorld):
    """The hub behind its door at `url`, and the network it posts to."""

    url: str
    network: Network
    app: Any

    def post(self, body: bytes, kind: str = "text/xml; charset=UTF-8", **headers: str) -> requests.Response:
        """Have the network post a document."""
        found = {"Content-Type": kind, **headers}
        return requests.post(f"{self.url}/webhooks/acme", data=body, headers=found, timeout=60)

    def status(self, body: bytes, kind: str = "text/xml") -> int:
        """Have the network post a document; return the status in the Response to it."""
        return status_of(self.post(body, kind)).code

    def counts(self) -> tuple[int, int]:
        """Return the messages and the orders there are."""
        return (
            self.one("SELECT count(*) AS n FROM message").n,
            self.one("SELECT count(*) AS n FROM orders").n,
        )

    def forget(self) -> None:
        """Have the door read the connections anew."""
        self.app.extensions[EXTENSION].accounts.close()


def status_of(answer: requests.Response) -> Status:
    """Return what the Response in an answer says."""
    found = read_response(answer.content)
    assert found is not None, answer.content
    return found


@contextmanager
def trading(store: Store, root: Path, *, settings: Any = (), **profile: Any) -> Iterator[HttpWorld]:
    """Yield the company, with a partner over HTTP."""
    network = Network()
    with serve(network) as there:
        transport = {"kind": "http", "url": f"{there}/cxml", **dict(settings)}
        world = HttpWorld(store, root, **{**CXML_PROFILE, **profile, "transport": transport})
        world.network = network
        with store.begin() as unit:
            secrets = {"shared_secret_in": COMES, "shared_secret_out": LEAVES}
            connections.rotate_secrets(unit, world.hub.box, world.acme, secrets)
        limits = Limits(max_body_bytes=50_000, max_exchange_bytes=LIMIT)
        world.app = create_app(Runtime(Settings(limits=limits), store, world.partners, SECRET))
        with serve(world.app) as world.url:
            yield world
            world.forget()


def proven_order(po: str, *, secret: str | None = COMES, more: str = "", **how: Any) -> bytes:
    """Return an OrderRequest with a SharedSecret in Sender; `more` stands before Header."""
    body = cxml_order(po, **how).decode()
    if secret is not None:
        escaped = secret.replace("&", "&amp;").replace("<", "&lt;")
        body = body.replace(PROOF, PROOF.replace("</Cred", f"<SharedSecret>{escaped}</SharedSecret></Cred", 1))
    return body.replace("<Header>", f"{more}<Header>").encode()
