"""`crossdock partner play`: the partner's AS2 station against the hub's own door."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from config.settings import Settings
from core.store.unit import Store
from tests.cli.conftest import SECRET_KEY, Crossdock
from tests.connectors.edi.as2_world import OURS, THEIRS, serve, settings_of
from tests.connectors.edi.keys import pem
from tests.connectors.edi.partner_world import EdiWorld, order, x12
from webhooks.app import create_app
from webhooks.runtime import EXTENSION, Runtime


class Rehearsal:
    """A hub whose partner `acme` is to be played at an address of this machine."""

    def __init__(self, world: EdiWorld, hub: str, app: Any, there: str) -> None:
        self.world, self.hub, self.app, self.there = world, hub, app, there

    def set(self, **more: Any) -> None:
        """Set the partner's transport."""
        table = {"kind": "as2", **settings_of(OURS, THEIRS, ("HUB", "ACME"), self.there), **more}
        keys = self.world.hub.box.seal({"as2_keys": pem(OURS)[1].decode()})
        with self.world.store.begin() as unit:
            unit.conn.execute(text("UPDATE connection SET secrets = :k WHERE name = 'acme'"), {"k": keys})
        self.world.change(transport=table)
        self.app.extensions[EXTENSION].accounts.close()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Have the hub work on what comes, and deliver, in the meantime."""
        done = threading.Event()

        def work() -> None:
            while not done.wait(0.02):
                self.world.drain()
                self.world.settle()
                self.world.deliver(self.world.acme)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


@pytest.fixture
def rehearsal(store: Store, place: Path) -> Iterator[Rehearsal]:
    world = EdiWorld(store, place / "acme")
    app = create_app(Runtime(Settings(), store, world.partners, "a test's secret key"))
    (place / "order.x12").write_bytes(x12(order("PO-1")))
    (place / "their.key").write_bytes(pem(THEIRS)[1])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with serve(app) as hub:
        found = Rehearsal(world, hub, app, f"http://127.0.0.1:{port}/as2")
        found.set()
        yield found
        app.extensions[EXTENSION].accounts.close()


def test_an_order_is_sent_and_what_comes_back_is_written_proven_and_acknowledged(
    rehearsal: Rehearsal, crossdock: Crossdock, place: Path
) -> None:
    with rehearsal.working():
        played = crossdock(
            "partner", "play", "acme", "order.x12", "--key", "their.key", "--url", rehearsal.hub, "--listen",
            "--count", "2", "--seconds", "60", "--json",
        )  # fmt: skip
    assert played.code == 0, played.out + played.err
    sent = [each for each in played.rows if each["what"] == "sent"]
    assert (sent[0]["file"], sent[0]["verdict"]) == ("order.x12", "processed")
    assert sent[0]["said"].endswith("was received and is stored.")
    came = [each for each in played.rows if each["what"] == "came"]
    assert sorted(kind for each in came for kind in each["kinds"]) == ["855", "997"]
    for each in came:
        assert (place / each["file"]).read_bytes().startswith(b"ISA")
    rehearsal.world.drain()
    rows = rehearsal.world.all("SELECT kind, state FROM edi_document WHERE direction = 'out' ORDER BY kind")
    assert [(row.kind, row.state) for row in rows] == [("855", "accepted"), ("997", "received")]
    assert rehearsal.world.cases() == []
    again = crossdock("partner", "play", "acme", "order.x12", "--key", "their.key", "--url", rehearsal.hub)
    assert (again.code, again.out.startswith("sent  order.x12: processed.")) == (0, True)


def test_receipts_come_by_calls_of_their_own_where_that_is_asked_for(
    rehearsal: Rehearsal, crossdock: Crossdock
) -> None:
    words = ("partner", "play", "acme", "order.x12", "--key", "their.key", "--url", rehearsal.hub,
             "--receipt", "async", "--seconds", "60", "--json")  # fmt: skip
    refused = crossdock(*words)
    assert (refused.code, "their_receipt_url is missing" in refused.out) == (2, True)
    rehearsal.set(their_receipt_url=rehearsal.there)
    with rehearsal.working():
        played = crossdock(*words)
    assert played.code == 0, played.out + played.err
    [mdn] = [each for each in played.rows if each["what"] == "receipt"]
    assert (mdn["proven"], mdn["known"], mdn["modifier"]) == (True, True, None)


def test_the_hub_may_want_receipts_by_calls_of_their_own(rehearsal: Rehearsal, crossdock: Crossdock) -> None:
    rehearsal.set(receipt="async", receipt_url=f"{rehearsal.hub}/webhooks/acme", compress=True)
    with rehearsal.working():
        played = crossdock("partner", "play", "acme", "order.x12", "--key", "their.key", "--url", rehearsal.hub,
                           "--listen", "--count", "2", "--seconds", "60")  # fmt: skip
    assert played.code == 0, played.out + played.err
    rehearsal.world.drain()
    assert {row.state for row in rehearsal.world.all("SELECT state FROM transport_receipt")} == {"received"}


def test_it_makes_a_key_of_its_own_and_says_what_is_missing(
    rehearsal: Rehearsal, crossdock: Crossdock, place: Path
) -> None:
    words = ("partner", "play", "acme", "order.x12", "--url", rehearsal.hub)
    refused = crossdock(*words)
    assert (refused.code, "EDI-PLAY-409" in refused.err) == (2, True)
    key, certificate = (place / "data" / "play" / f"acme.as2.{ending}" for ending in ("key", "pem"))
    assert (key.stat().st_mode & 0o777, "transport.their_certificates" in refused.err) == (0o600, True)
    rehearsal.set(their_certificates=[pem(THEIRS)[0].decode(), certificate.read_text()])
    played = crossdock(*words)
    assert (played.code, played.out.startswith("sent  order.x12: processed.")) == (0, True)
    assert "PRIVATE KEY" not in played.out + played.err


def test_a_hub_that_is_away_and_a_port_that_is_taken_say_what_to_do(rehearsal: Rehearsal, crossdock: Crossdock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        there = f"http://127.0.0.1:{taken.getsockname()[1]}/as2"
        away = crossdock("partner", "play", "acme", "order.x12", "--key", "their.key", "--url", there)
        assert (away.code, "See that the hub runs" in away.out, "tries again" in away.out) == (1, True, False)
        taken.listen()
        rehearsal.set(url=there)
        busy = crossdock("partner", "play", "acme", "--listen", "--key", "their.key", "--seconds", "0.1")
    assert busy.code == 2
    for said in (f"cannot listen at {there}: address already in use", "free port", "EDI-PORT-409"):
        assert said in busy.err
    tested = crossdock("connection", "test", "acme")
    assert (tested.code, "tries again" in tested.err) == (1, False)


def test_what_the_hub_does_not_take_fails_with_its_word(
    rehearsal: Rehearsal, crossdock: Crossdock, place: Path
) -> None:
    rehearsal.set(max_bytes=10)
    refused = crossdock("partner", "play", "acme", "order.x12", "--key", "their.key", "--url", rehearsal.hub, "--json")
    assert refused.code == 1
    [row] = refused.rows
    assert (row["verdict"], row["error"]["code"]) == ("failed", "AS2-REFUSED-422")
    assert json.dumps(row).count("has more than 10 bytes") == 1
    rehearsal.world.change(transport={"kind": "folder", "root": str(place / "acme")})
    folder = crossdock("partner", "play", "acme", "order.x12", "--key", "their.key")
    assert (folder.code, "does not speak AS2: his files travel by folder" in folder.err) == (2, True)
    assert SECRET_KEY not in folder.err
