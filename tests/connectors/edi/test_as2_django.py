"""AS2 against a live server of django-pyas2, in an environment of its own (`make pyas2`): both ways, both receipts.

What it sends, takes and proves is its own doing: its view behind its URLs, its commands `sendas2message` and
`manageas2server`, its database.
"""

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from config.settings import Settings
from core.services import connections
from core.store.unit import Store
from tests.connectors.edi.as2_world import LONG, OURS, SECRET, THEIRS, serve, settings_of
from tests.connectors.edi.keys import identity, pem
from tests.connectors.edi.partner_world import EdiWorld, order, x12
from tests.connectors.edi.pyas2_environment import PYTHON, needs_pyas2
from webhooks.app import create_app
from webhooks.runtime import EXTENSION, Runtime

pytestmark = needs_pyas2
SITE = Path(__file__).with_name("django_pyas2_site.py")
NAMES = ("HUB", "ACME")
PASSPHRASE = "a test's passphrase"


@dataclass
class Acme:
    """A company with django-pyas2, served at `url`."""

    folder: Path
    url: str = ""

    def run(self, command: str, *arguments: str, given: Any = None) -> Any:
        """Run a command of the site; return what its report says."""
        done = subprocess.run(
            [PYTHON, "-P", str(SITE), str(self.folder), command, *arguments], input=json.dumps(given).encode(),
            capture_output=True, timeout=300, env={**os.environ, "MDN_URL": self.url},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()[-3_000:]
        return json.loads(done.stdout.splitlines()[-1]) if command == "report" else None

    def send(self, body: bytes) -> None:
        """Send a file to the hub."""
        (self.folder / "po.x12").write_bytes(body)
        self.run("send", "po.x12")

    def messages(self, way: str) -> list[Any]:
        """Return what came (`IN`) or left (`OUT`), oldest first."""
        return [each for each in self.run("report")["messages"] if each["way"] == way]


@contextmanager
def acme(folder: Path, hub: str, receipt: str, *, compress: bool) -> Iterator[Acme]:
    """Yield the company, set up with the hub as its partner."""
    folder.mkdir()
    found = Acme(folder)
    key = THEIRS.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode()))
    job = {
        "ours": NAMES[1], "theirs": NAMES[0], "url": hub, "receipt": receipt.upper(), "compress": compress,
        "key": base64.b64encode(key + pem(THEIRS)[0]).decode(), "passphrase": PASSPHRASE,
        "certificate": base64.b64encode(pem(OURS)[0]).decode(),
    }  # fmt: skip
    found.run("set-up", given=job)
    with (folder / "log").open("wb") as log:
        served = subprocess.Popen([PYTHON, "-P", str(SITE), str(folder), "serve"], stdout=subprocess.PIPE, stderr=log)
        try:
            assert served.stdout is not None
            port = served.stdout.readline().strip().decode()
            assert port, (folder / "log").read_text(encoding="utf-8")[-3_000:]
            found.url = f"http://127.0.0.1:{port}/pyas2/as2receive"
            yield found
        finally:
            served.kill()
            served.communicate()


@contextmanager
def trading(store: Store, root: Path, receipt: str, *, compress: bool = False) -> Iterator[tuple[EdiWorld, Acme]]:
    """Yield the hub and the company, each at the other's address."""
    world = EdiWorld(store, root / "hub")
    app = create_app(Runtime(Settings(), store, world.partners, SECRET))
    with serve(app) as hub, acme(root / "acme", f"{hub}/webhooks/acme", receipt, compress=compress) as there:
        settings = settings_of(
            OURS, THEIRS, NAMES, there.url, receipt=receipt, receipt_url=f"{hub}/webhooks/acme",
            their_receipt_url=there.url, compress=compress,
        )  # fmt: skip
        with store.begin() as unit:
            connections.rotate_secrets(unit, world.hub.box, world.acme, {"as2_keys": pem(OURS)[1].decode()})
        world.change(transport={"kind": "as2", **settings})
        yield world, there
        app.extensions[EXTENSION].accounts.close()


def states(world: EdiWorld) -> set[str]:
    return {row.state for row in world.all("SELECT state FROM edi_document WHERE direction = 'out'")}


@pytest.mark.parametrize("compress", [False, True])
@pytest.mark.parametrize("receipt", ["sync", "async"])
def test_s1_an_850_of_django_pyas2_comes_and_our_855_goes_each_with_its_receipt(
    store: Store, tmp_path: Path, receipt: str, compress: bool
) -> None:
    with trading(store, tmp_path, receipt, compress=compress) as (world, there):
        body = x12(order("PO-7"))
        there.send(body)
        [left] = there.messages("OUT")
        assert left["status"] == ("S" if receipt == "sync" else "P"), left["said"]
        stored = world.one("SELECT * FROM message WHERE topic = 'interchange'")
        assert (bytes(stored.body), stored.source_id.strip("<>")) == (body, left["id"].strip("<>"))
        assert (stored.headers["x-as2-signed"], stored.headers["x-as2-encrypted"]) == ("sha256", "aes256_cbc")
        assert stored.headers["x-as2-compressed"] == ("yes" if compress else "no")
        world.drain()
        assert world.one("SELECT count(*) AS n FROM orders").n == 1
        # Our receipt, by a call of its own, and after it what we have to say.
        world.settle()
        world.deliver(world.acme)
        [left] = there.messages("OUT")
        assert left["status"] == "S", left["said"]

        came = there.messages("IN")
        assert [(each["status"], each["signed"], each["encrypted"]) for each in came] == [("S", True, True)] * 2
        assert {each["compressed"] for each in came} == {compress}
        ours = world.all("SELECT body FROM interchange WHERE direction = 'out'")
        assert {base64.b64decode(each["payload"]) for each in came} == {bytes(row.body) for row in ours}
        assert states(world) == {"received" if receipt == "sync" else "sent"}
        if receipt == "async":
            there.run("receipts")
            world.drain()
        assert states(world) == {"received"}
        assert {row.state for row in world.all("SELECT state FROM transport_receipt")} == {"received"}
        assert {each["signed"] for each in there.run("report")["receipts"]} == {True}
        assert not [code for code in world.cases() if code.startswith("TRADE-")]


def test_what_somebody_else_signed_is_refused_by_django_pyas2_and_we_are_told_why(store: Store, tmp_path: Path) -> None:
    mallory = identity("mallory", **LONG)
    with trading(store, tmp_path, "sync") as (world, there):
        there.send(x12(order("PO-7")))
        world.drain()
        with store.begin() as unit:
            connections.rotate_secrets(unit, world.hub.box, world.acme, {"as2_keys": pem(mallory)[1].decode()})
        world.change(transport={"kind": "as2", **settings_of(mallory, THEIRS, NAMES, there.url)})
        world.deliver(world.acme)
        row = world.one("SELECT state, error FROM delivery WHERE kind = 'push_acknowledgement'")
        assert (row.state, row.error["code"]) == ("dead", "AS2-REFUSED-422")
        assert row.error["data"]["modifier"] == "authentication-failed"
        [came] = there.messages("IN")
        assert came["status"] == "E"
        assert world.one("SELECT count(*) AS n FROM transport_receipt").n == 0
