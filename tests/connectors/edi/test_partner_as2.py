"""A trading partner over AS2, from his 850 to our 855 and the receipt that moves it on."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from config.settings import Settings
from connectors.edi.as2.cms import Identity
from connectors.edi.transports.as2 import As2Transport, open_as2
from core.ports.connectors import WebhookRequest
from core.store.unit import Store
from tests.connectors.edi.as2_world import OURS, SECRET, THEIRS, serve, settings_of
from tests.connectors.edi.keys import identity, pem
from tests.connectors.edi.partner_world import EdiWorld, order, x12
from tests.connectors.edi.xml_world import UBL_PROFILE, ubl_order
from webhooks.app import create_app
from webhooks.runtime import EXTENSION, Runtime

NAMES = ("HUB", "ACME")


class Acme:
    """Acme's AS2 endpoint: keeps what comes and proves it, or owes the proof."""

    def __init__(self) -> None:
        self.transport: As2Transport
        self.files: list[bytes] = []
        self.owed: list[Any] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        headers = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key[:5] == "HTTP_"}
        headers["content-type"] = environ["CONTENT_TYPE"]
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        call = self.transport.take_call(WebhookRequest(headers, body, datetime.now(UTC)))
        if call.record is not None:
            self.files.append(call.record.body)
        answer = call.answer(False)
        if answer.owed is not None:
            self.owed.append(answer.owed)
        start_response("200 OK", [*answer.headers.items(), ("Content-Length", str(len(answer.body)))])
        return [answer.body]


@contextmanager
def trading(
    store: Store, root: Path, receipt: str, known: Sequence[Identity] = (THEIRS,), **profile: Any
) -> Iterator[tuple[EdiWorld, Acme]]:
    world, acme = EdiWorld(store, root, **profile), Acme()
    app = create_app(Runtime(Settings(), store, world.partners, SECRET))
    with serve(app) as hub, serve(acme) as there:
        ours = settings_of(OURS, THEIRS, NAMES, there, receipt=receipt, receipt_url=f"{hub}/webhooks/acme")
        ours["their_certificates"] = [pem(each)[0].decode() for each in known]
        theirs = settings_of(
            THEIRS, OURS, NAMES[::-1], f"{hub}/webhooks/acme", their_receipt_url=f"{hub}/webhooks/acme"
        )
        secrets = {"as2_keys": pem(THEIRS)[1].decode()}
        acme.transport = open_as2({**theirs, "secrets": secrets, "connection": "acme"}, max_bytes=1_000_000)
        with store.begin() as unit:
            kept = unit.conn.execute(text("SELECT settings FROM connection WHERE name = 'acme'")).scalar_one()
            unit.conn.execute(
                text("UPDATE connection SET settings = CAST(:s AS json), secrets = :k, version = version + 1"
                     " WHERE name = 'acme'"),
                {
                    "s": json.dumps({**kept, "transport": {"kind": "as2", **ours}}),
                    "k": world.hub.box.seal({"as2_keys": pem(OURS)[1].decode()}),
                },
            )  # fmt: skip
        yield world, acme
        acme.transport.close()
        app.extensions[EXTENSION].accounts.close()


@pytest.mark.parametrize("receipt", ["sync", "async"])
def test_s1_a5_an_850_comes_and_an_855_goes_and_its_receipt_moves_it_on(
    store: Store, tmp_path: Path, receipt: str
) -> None:
    with trading(store, tmp_path / "acme", receipt) as (world, acme):
        sent = acme.transport.send("po.x12", x12(order("PO-7")), "application/edi-x12")
        assert sent.received_at is not None
        world.drain()
        assert world.one("SELECT count(*) AS n FROM orders").n == 1
        world.deliver(world.acme)
        assert acme.files[0].split(b"~ST*")[1][:3] == b"997"
        states = {
            row.kind: row.state for row in world.all("SELECT kind, state FROM edi_document WHERE direction = 'out'")
        }
        assert set(states.values()) == {"received" if receipt == "sync" else "sent"}
        assert len(acme.owed) == (0 if receipt == "sync" else len(acme.files))
        for each in acme.owed:
            acme.transport.send_receipt(each)
        world.drain()
        rows = world.all("SELECT state FROM edi_document WHERE direction = 'out'")
        assert {row.state for row in rows} == {"received"}
        assert {row.state for row in world.all("SELECT state FROM transport_receipt")} == {"received"}
        assert world.all("SELECT 1 FROM exception_case WHERE code LIKE 'TRADE-%'") == []


def test_s6_papers_he_says_later_he_cannot_read_are_posted_for_his_new_certificate_and_leave_once(
    store: Store, tmp_path: Path
) -> None:
    old = identity("acme", begins=-3_000, ends=20_000, serial=8)
    with trading(store, tmp_path / "acme", "async", (old, THEIRS)) as (world, acme):
        acme.transport.send("po.x12", x12(order("PO-7")), "application/edi-x12")
        world.drain()
        world.deliver(world.acme)
        assert (acme.files, len(acme.owed) > 0) == ([], True)
        left = world.one("SELECT count(*) AS n FROM event WHERE type IN ('interchange.sent', 'paper.sent')").n
        while acme.owed:
            acme.transport.send_receipt(acme.owed.pop())
            world.drain()
            world.deliver(world.acme)
        bodies = [bytes(row.body) for row in world.all("SELECT body FROM interchange WHERE direction = 'out'")]
        assert sorted(acme.files) == sorted(bodies)
        rows = world.all("SELECT state FROM edi_document WHERE direction = 'out'")
        assert {row.state for row in rows} == {"received"}
        assert world.one("SELECT count(*) AS n FROM event WHERE type IN ('interchange.sent', 'paper.sent')").n == left
        assert len(world.all("SELECT 1 FROM event WHERE type = 'delivery.unread'")) == len(bodies)
        assert world.all("SELECT 1 FROM exception_case WHERE code LIKE 'TRADE-RECEIPT%'") == []


def test_a_document_of_ubl_comes_and_goes_over_as2_and_its_receipt_moves_it_on(store: Store, tmp_path: Path) -> None:
    with trading(store, tmp_path / "acme", "sync", **UBL_PROFILE) as (world, acme):
        assert acme.transport.send("po.xml", ubl_order("PO-7"), "application/xml").received_at is not None
        world.drain()
        world.settle()
        world.deliver(world.acme)
        [body] = acme.files
        assert b"<doc:OrderResponse" in body
        row = world.one("SELECT kind, state, due_at FROM edi_document WHERE direction = 'out'")
        assert (row.kind, row.state, row.due_at) == ("OrderResponse", "received", None)
