"""The door for cXML over HTTP: who is taken, what is kept, and which Response each call gets."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from core.errors import Unavailable
from core.ports.partners import INTERCHANGE_TOPIC
from core.services import connections
from core.store.unit import Store
from tests.connectors.edi.http_world import COMES, LIMIT, PROOF, HttpWorld, proven_order, status_of, trading
from tests.connectors.edi.xml_world import CXML_DTDS, unpacked_dtds
from webhooks.runtime import EXTENSION

LAUGHS = (
    '<!DOCTYPE cXML [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><cXML payloadID="p">&b;</cXML>'
)
READS = '<!DOCTYPE cXML [<!ENTITY a SYSTEM "file:///etc/passwd">]><cXML payloadID="p">&a;</cXML>'


@pytest.fixture
def world(store: Store, tmp_path: Path) -> Iterator[HttpWorld]:
    with trading(store, tmp_path / "acme") as found:
        yield found


def stored(world: HttpWorld) -> bytes:
    return bytes(world.one("SELECT body FROM message WHERE topic = :t", t=INTERCHANGE_TOPIC).body)


def test_what_is_answered_with_200_is_kept_byte_for_byte_without_its_secret(world: HttpWorld) -> None:
    body = b"\n" + proven_order("PO-1", more="<!-- a note -->\n")
    answer = world.post(body, **{"User-Agent": "Network/1", "Authorization": "Basic c2VjcmV0"})
    assert (answer.status_code, status_of(answer).code) == (200, 200)
    assert answer.headers["Content-Type"] == "text/xml; charset=UTF-8"
    assert stored(world) == re.sub(b"(<SharedSecret>).*?(</SharedSecret>)", rb"\1\2", body)
    row = world.one("SELECT source_id, headers, content_type FROM message")
    assert (row.source_id, row.headers) == ("p-1@example.com", {"user-agent": "Network/1"})
    world.drain()
    assert world.counts()[1] == 1


def test_the_same_payload_id_again_is_well_and_makes_no_second_order(world: HttpWorld) -> None:
    for words in ("It is stored.", "It was here already."):
        found = status_of(world.post(proven_order("PO-1")))
        assert (found.code, found.words) == (200, f"OK {words}")
        world.drain()
    assert world.one("SELECT count(*) AS n FROM message WHERE topic = :t", t=INTERCHANGE_TOPIC).n == 1
    assert world.counts()[1] == 1


def test_other_content_under_a_payload_id_waits_for_a_person(world: HttpWorld) -> None:
    assert [world.status(proven_order("PO-1", quantity=each)) for each in ("3", "9")] == [200, 200]
    world.drain()
    assert world.counts()[1] == 1
    states = world.all("SELECT state FROM interchange ORDER BY at, id")
    assert [each.state for each in states] == ["taken", "quarantined"]
    assert "EDI-DUPLICATE-409" in world.cases()


@pytest.mark.parametrize("secret", [None, "", "guessed", COMES + "x", COMES[:-1], COMES.upper()])
def test_a_wrong_secret_is_refused_nothing_is_kept_and_people_are_told_once(
    world: HttpWorld, secret: str | None
) -> None:
    for _ in range(2):
        answer = world.post(proven_order("PO-1", secret=secret))
        assert (answer.status_code, status_of(answer).code) == (200, 401)
        assert status_of(answer).words == "Unauthorized The credentials in Sender are not known."
    assert world.counts() == (0, 0)
    case = world.one("SELECT code, evidence FROM exception_case")
    assert (case.code, case.evidence["modifier"]) == ("TRADE-CALL-400", "cxml-401")
    assert world.one("SELECT count(*) AS n FROM exception_case").n == 1
    assert not secret or secret not in str(case.evidence)


def test_a_stranger_is_refused_even_with_the_secret_and_fills_no_list(world: HttpWorld) -> None:
    assert world.status(proven_order("PO-1", sender="STRANGER")) == 401
    assert (world.counts(), world.cases()) == ((0, 0), [])


def test_a_secret_elsewhere_than_in_sender_proves_nothing(world: HttpWorld) -> None:
    plain, proof = (
        proven_order("PO-1", secret=None).decode(),
        "</Identity><SharedSecret>net's &amp; &lt;secret></SharedSecret>",
    )
    body = plain.replace("</Identity>", proof, 1)
    assert body.index("SharedSecret") < body.index("<Sender>")
    assert world.status(body.encode()) == 401


def test_while_a_secret_is_replaced_both_are_taken(world: HttpWorld) -> None:
    with world.store.begin() as unit:
        connections.rotate_secrets(unit, world.hub.box, world.acme, {"shared_secret_in": "the new one"})
    world.forget()
    assert world.status(proven_order("PO-1")) == 200
    assert world.status(proven_order("PO-2", payload="p-2", secret="the new one")) == 200
    assert world.status(proven_order("PO-3", payload="p-3", secret="an old one")) == 401


def test_without_a_secret_of_ours_nobody_is_known_and_he_tries_again(world: HttpWorld) -> None:
    with world.store.begin() as unit:
        unit.conn.exec_driver_sql(
            "UPDATE connection SET secrets = NULL, previous_secrets = NULL, version = version + 1"
        )
    world.forget()
    assert world.post(proven_order("PO-1", secret="")).status_code == 503
    assert world.counts() == (0, 0)


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("a kind that was not agreed", 450, ["TRADE-CALL-400"]),
        ("a response", 450, []),
        ("a profile", 450, ["TRADE-CALL-400"]),
        ("no part", 400, []),
        ("no payloadID", 400, ["TRADE-CALL-400"]),
        ("cut", 406, []),
        ("empty", 406, []),
        ("other XML", 406, []),
        ("entities", 406, []),
        ("a file", 406, []),
        ("deep", 406, []),
    ],
)
def test_what_cannot_be_taken_gets_the_status_cxml_has_for_it(
    world: HttpWorld, name: str, code: int, told: list[str]
) -> None:
    body = proven_order("PO-1")
    bodies = {
        "a kind that was not agreed": body.replace(b"OrderRequest", b"PunchOutSetupRequest"),
        "a response": re.sub(
            rb"<Request.*</Request>", b'<Response><Status code="200" text="OK"/></Response>', body, flags=re.S
        ),
        "a profile": body.replace(b"OrderRequest", b"ProfileRequest"),
        "no part": re.sub(rb"<Request.*</Request>", b"", body, flags=re.S),
        "no payloadID": body.replace(b' payloadID="p-1@example.com"', b""),
        "cut": body[:-20],
        "empty": b"",
        "other XML": b"<order/>",
        "entities": LAUGHS.encode(),
        "a file": READS.encode(),
        "deep": b"<cXML>" + b"<a>" * 5_000 + b"</a>" * 5_000 + b"</cXML>",
    }
    answer = world.post(bodies[name])
    assert (answer.status_code, status_of(answer).code) == (200, code)
    assert "root:" not in answer.text
    assert (world.counts(), world.cases()) == ((0, 0), told)


@pytest.mark.parametrize("kind", ["application/json", "multipart/related; type=text/xml", "text/plain", ""])
def test_only_xml_is_read(world: HttpWorld, kind: str) -> None:
    assert world.status(proven_order("PO-1"), kind) == 406
    assert world.status(proven_order("PO-1"), "application/xml") == 200


def test_what_is_compressed_or_too_large_is_refused(store: Store, tmp_path: Path) -> None:
    with trading(store, tmp_path / "acme", reading={"max_bytes": "5 kB"}) as world:
        assert status_of(world.post(proven_order("PO-1"), **{"Content-Encoding": "gzip"})).code == 406
        assert status_of(world.post(proven_order("PO-1", more=" " * 5_000))).code == 406
        answer = world.post(proven_order("PO-1", more=" " * LIMIT))
        assert (answer.status_code, answer.json()["code"]) == (413, "HTTP-SIZE-413")
        assert world.counts() == (0, 0)


@pytest.mark.parametrize(
    ("content", "attribute", "charset"),
    [
        ("<![CDATA[net's & <secret>]]>", "", "utf-16"),
        ("net's<!-- no --> &amp; &#60;secret>", "", "iso-8859-1"),
        ("net's<b> &amp; </b>&lt;secret&gt;", " a='>'", "utf-16"),
        ("\n net's<b> &amp;<SharedSecret> </SharedSecret></b>&lt;secret&gt; ", " a='>'", "us-ascii"),
    ],
)
def test_however_a_secret_is_written_it_is_not_kept(
    world: HttpWorld, content: str, attribute: str, charset: str
) -> None:
    def written(secret: str, other: str) -> bytes:
        text = proven_order("PO-1", secret=None).decode()
        shared = f"<SharedSecret{attribute}>{secret}</SharedSecret>"
        text = text.replace(PROOF, PROOF.replace("</Cred", f"{shared}</Cred"))
        text = text.replace("</Identity>", f"</Identity><DigitalSignature>{other}</DigitalSignature>", 1)
        return text.replace('encoding="UTF-8"', f'encoding="{charset}"').encode(charset)

    assert world.status(written(content, "<Signature>abc</Signature>")) == 200
    assert stored(world) == written("", "")
    world.drain()
    assert world.counts()[1] == 1


def test_what_could_not_be_stored_is_to_be_sent_again(world: HttpWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world.status(proven_order("PO-0", payload="p-0")) == 200
    combiner = world.app.extensions[EXTENSION].combiner

    def away(*_: Any) -> Any:
        raise Unavailable("The disk is full.")

    with monkeypatch.context() as broken:
        broken.setattr(combiner, "accept_one", away)
        answer = world.post(proven_order("PO-1"))
    assert (answer.status_code, status_of(answer).code, answer.headers["Retry-After"]) == (503, 560, "60")
    assert world.status(proven_order("PO-1")) == 200
    assert world.one("SELECT count(*) AS n FROM message").n == 2


def test_a_test_is_taken_and_nothing_of_it_is_done(world: HttpWorld) -> None:
    assert world.status(proven_order("PO-1", mode="test")) == 200
    world.drain()
    assert world.counts()[1] == 0
    assert world.one("SELECT test FROM interchange").test


def test_who_asks_what_may_be_sent_is_told_where(store: Store, tmp_path: Path) -> None:
    question = re.sub(rb"<OrderRequest>.*</OrderRequest>", b"<ProfileRequest/>", proven_order("PO-1"), flags=re.S)
    url = "https://hub.example/webhooks/acme"
    with trading(store, tmp_path / "acme", settings={"our_url": url}) as world:
        root = etree.fromstring(world.post(question).content)
        assert root.xpath("string(Response/Status/@code)") == "200"
        told = {each.get("requestName"): each.findtext("URL") for each in root.iter("Transaction")}
        assert told == dict.fromkeys(["ProfileRequest", "OrderRequest", "StatusUpdateRequest"], url)
        assert world.status(question.replace(b"<SharedSecret>net", b"<SharedSecret>nut")) == 401
        assert world.counts() == (0, 0)
        if CXML_DTDS.is_dir():
            with (unpacked_dtds(tmp_path) / "cXML.dtd").open("rb") as handle:
                assert etree.DTD(handle).validate(root)


@pytest.mark.skipif(not CXML_DTDS.is_dir(), reason="the DTDs are in ../shared/corpora, which is not here")
def test_responses_fit_the_dtd_of_cxml(world: HttpWorld, tmp_path: Path) -> None:
    with (unpacked_dtds(tmp_path) / "cXML.dtd").open("rb") as handle:
        dtd = etree.DTD(handle)
    for body in (proven_order("PO-1"), b"<order/>"):
        root = etree.fromstring(world.post(body).content)
        assert dtd.validate(root), dtd.error_log
