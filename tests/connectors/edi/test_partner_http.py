"""A partner who speaks cXML over HTTP: his order comes by a call, and what answers it leaves by calls."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from connectors.edi.profile import read_profile
from connectors.edi.transports.opening import open_transport
from core.errors import Rejected
from core.store.unit import Store
from tests.connectors.edi.as2_world import serve
from tests.connectors.edi.http_world import COMES, CUT, LEAVES, HttpWorld, Network, proven_order, said, trading
from tests.connectors.edi.xml_world import CXML_DTDS, UBL_PROFILE, ubl_answer, unpacked_dtds

GUESSED = "guessed-secret"


@pytest.fixture
def world(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpWorld]:
    if CXML_DTDS.is_dir():
        (tmp_path / "dtd").mkdir()
        monkeypatch.setenv("CROSSDOCK_SCHEMAS_CXML", str(unpacked_dtds(tmp_path / "dtd")))
    with trading(store, tmp_path / "acme") as found:
        yield found


def confirmed(world: HttpWorld, po: str = "PO-1") -> Any:
    """Have an order come and be confirmed; return the row of the delivery."""
    assert world.status(proven_order(po, payload=f"{po}@acme")) == 200
    world.drain()
    world.settle()
    world.deliver(world.acme)
    return delivery(world)


def delivery(world: HttpWorld, kind: str = "acknowledge_order") -> Any:
    return world.one("SELECT * FROM delivery WHERE kind = :k ORDER BY seq DESC LIMIT 1", k=kind)


def again(world: HttpWorld) -> Any:
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql(
            "UPDATE delivery SET run_at = clock_timestamp() WHERE state IN ('waiting', 'unknown')"
        )
        unit.conn.exec_driver_sql("UPDATE connection SET paused_until = NULL, failures = 0")
    world.deliver(world.acme)
    return delivery(world)


def test_an_order_comes_by_http_and_is_confirmed_advised_and_invoiced_by_http(world: HttpWorld) -> None:
    assert confirmed(world).state == "delivered"
    world.ship(world.one("SELECT * FROM orders"), tracking_number="K-1")
    world.settle()
    world.deliver(world.acme)
    documents = world.network.documents
    kinds = [each.find("Request")[0].tag for each in documents]
    assert kinds[0] == "ConfirmationRequest"
    assert sorted(kinds[1:]) == ["InvoiceDetailRequest", "ShipNoticeRequest"]
    assert {each.findtext("Header/Sender/Credential/SharedSecret") for each in documents} == {LEAVES}
    assert len({each.get("payloadID") for each in documents}) == 3
    assert documents[0].find(".//OrderReference/DocumentReference").get("payloadID") == "PO-1@acme"
    assert [each["CONTENT_TYPE"] for each in world.network.headers] == ["text/xml; charset=UTF-8"] * 3
    assert all(b"<!DOCTYPE cXML SYSTEM" in each for each in world.network.bodies)
    rows = world.all("SELECT kind, state FROM edi_document WHERE direction = 'out' ORDER BY kind")
    assert [tuple(each) for each in rows] == [
        ("ConfirmationRequest", "received"), ("InvoiceDetailRequest", "received"), ("ShipNoticeRequest", "received"),
    ]  # fmt: skip
    assert world.cases() == []


def test_no_secret_is_kept_of_what_came_or_left(world: HttpWorld, capfd: pytest.CaptureFixture[str]) -> None:
    # He repeats what he was sent, in one of the ways XML has.
    world.network.answers = [(200, said(400, f"You said {LEAVES}").replace(b"&gt;", b">"))]
    assert confirmed(world).state == "dead"
    world.status(proven_order("PO-2", secret=GUESSED))
    named = world.all("SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()")
    tables = [row.name for row in named]
    assert {"message", "interchange", "edi_document", "attempt", "exception_case"} <= set(tables)
    kept = ""
    for table in tables:
        with world.store.read() as conn:
            rows = conn.exec_driver_sql(f'SELECT * FROM "{table}"').all()
        for each in [each for row in rows for each in row]:
            kept += f"{bytes(each).decode('latin-1') if isinstance(each, bytes | memoryview) else each}\n"
    shown = "".join(capfd.readouterr())
    for secret in (COMES, LEAVES, GUESSED):
        for form in (secret, secret.replace("&", "&amp;").replace("<", "&lt;"), escape(secret)):
            assert form not in kept
            assert form not in shown
    assert "You said [redacted]" in kept
    assert "<SharedSecret></SharedSecret>" in kept
    assert "<SharedSecret>[redacted]</SharedSecret>" in kept


def test_what_the_partner_refuses_is_dead_with_his_words(world: HttpWorld) -> None:
    world.network.answers = [(200, said(409, "The order was closed."))]
    row = confirmed(world)
    assert (row.state, row.error["code"], row.error["data"]["partner_code"]) == ("dead", "EDI-REFUSED-422", "409")
    assert row.error["why"] == "Text 409 The order was closed."
    assert len(world.network.bodies) == 1


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (560, "waiting"),
        ((500, said(500, "fallen")), "waiting"),
        ((503, b"<html>busy</html>"), "waiting"),
        ((502, b""), "unknown"),
        ((200, b"<html>Log in</html>"), "unknown"),
        ((500, said(200, "well?")), "unknown"),
        (777, "unknown"),
        (CUT, "unknown"),
    ],
)
def test_what_he_could_not_take_or_say_is_sent_again_under_its_payload_id(
    world: HttpWorld, answer: Any, state: str
) -> None:
    world.network.answers = [answer, answer, answer]
    assert world.status(proven_order("PO-1")) == 200
    world.drain()
    world.settle()
    world.hub.pace = type(world.hub.pace)(schedule=(600, 600, 600, 600), breaker=0.01)
    world.deliver(world.acme)
    first = delivery(world)
    assert (first.state, len(world.network.bodies)) == (state, 1)
    world.network.answers = []
    assert again(world).state == "delivered"
    assert world.network.bodies[0] == world.network.bodies[1]
    assert world.one("SELECT count(*) AS n FROM interchange WHERE direction = 'out'").n == 1
    assert world.one("SELECT state FROM edi_document WHERE direction = 'out'").state == "received"


def test_credentials_he_does_not_know_pause_the_connection_and_lose_nothing(world: HttpWorld) -> None:
    world.network.answers = [401]
    row = confirmed(world)
    assert (row.state, row.error["why"]) == ("waiting", "Text 401 as it was told")
    assert world.one("SELECT paused_until FROM connection WHERE name = 'acme'").paused_until is not None
    assert again(world).state == "delivered"


@pytest.mark.parametrize("code", [201, 280, 281])
def test_what_is_only_passed_on_is_sent_and_not_received(world: HttpWorld, code: int) -> None:
    world.network.answers = [code]
    assert confirmed(world).state == "delivered"
    assert world.one("SELECT state FROM edi_document WHERE direction = 'out'").state == "sent"


def test_what_a_network_demands_in_sender_is_written_there(store: Store, tmp_path: Path) -> None:
    settings = {"sender": "AN01000000087", "sender_domain": "NetworkID", "senders": ["AN01000000001"]}
    with trading(store, tmp_path / "acme", settings=settings) as world:
        plain, other = b'"DUNS"><Identity>ACME', b'"NetworkID"><Identity>AN01000000001'
        body = proven_order("PO-1").replace(
            b"<Sender><Credential domain=" + plain, b"<Sender><Credential domain=" + other
        )
        assert world.status(proven_order("PO-0")) == 401
        assert world.status(body) == 200
        world.drain()
        world.settle()
        world.deliver(world.acme)
        [sender] = world.network.documents[0].iterfind("Header/Sender/Credential")
        assert (sender.get("domain"), sender.findtext("Identity")) == ("NetworkID", "AN01000000087")
        assert [each.tag for each in sender] == ["Identity", "SharedSecret"]
        assert world.network.documents[0].findtext("Header/From/Credential/Identity") == "HUB"


def test_his_later_word_on_a_document_comes_by_a_call(world: HttpWorld) -> None:
    confirmed(world)
    ours = world.network.documents[0].get("payloadID")
    about, status = f'<DocumentReference payloadID="{ours}"/>', '<Status code="423" text="No such order"/>'
    status = f"<StatusUpdateRequest>{about}{status}</StatusUpdateRequest>"
    body = proven_order("PO-1", payload="s-1@acme").decode()
    first, last = body.index("<OrderRequest>"), body.index("</OrderRequest>") + len("</OrderRequest>")
    assert world.status((body[:first] + status + body[last:]).encode()) == 200
    world.drain()
    assert world.one("SELECT state FROM edi_document WHERE direction = 'out'").state == "refused"
    assert "EDI-REFUSED-422" in world.cases()


def test_a_document_of_ubl_leaves_by_http_as_it_is() -> None:
    network = Network()
    profile = {**UBL_PROFILE, "documents": [{"out": "OrderResponse", "map": "ubl/order_response.out"}]}
    body = ubl_answer("R-1", "AP")
    with serve(network) as there:
        table = {"kind": "http", "url": there, "user": "hub", "secrets": {"password": "a password"}}
        profile_ = read_profile({**profile, "transport": table}, "stores")
        transport = open_transport({**table, "profile": profile_}, max_bytes=1_000_000)
        sent = transport.send("OrderResponse-7.xml", body, "application/xml")
        network.answers = [(422, b"{}")]
        with pytest.raises(Rejected, match="answered 422"):
            transport.send("OrderResponse-8.xml", body, "application/xml")
        transport.close()
    assert (sent.reference, sent.received_at, sent.detail["status"]) == ("OrderResponse-7.xml", None, 200)
    assert network.bodies == [body, body]
    headers = network.headers[0]
    assert headers["HTTP_AUTHORIZATION"] == "Basic " + base64.b64encode(b"hub:a password").decode()
    assert headers["HTTP_CONTENT_DISPOSITION"] == 'attachment; filename="OrderResponse-7.xml"'
    assert headers["CONTENT_TYPE"] == "application/xml"
