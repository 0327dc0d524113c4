"""Trading partners on the screens: what came and left, each error at its segment, and sending anew."""

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from connectors.sdk.registry import Registry
from console.web.context import ConsoleServices
from console.web.segments import lined
from core.services.access import create_user
from core.store.unit import Store
from tests.connectors.edi.partner_world import EdiWorld, order, x12
from tests.connectors.edi.xml_world import CXML_PROFILE, UBL_PROFILE, UBL_SCHEMAS, cxml_order, ubl_order
from tests.console.conftest import form_token
from tests.console.site import PASSWORD, USER, site

SCREENS = ("", "/interchanges", "/documents", "/of/acme")


@pytest.fixture
def world(store: Store, tmp_path: Path) -> EdiWorld:
    return EdiWorld(store, tmp_path / "acme")


@pytest.fixture
def client(store: Store) -> FlaskClient:
    """A browser somebody signed in with."""
    with store.begin() as unit:
        create_user(unit, USER, "Mira Koch", PASSWORD, "operator")
    found = site(ConsoleServices(store, Registry(), "a test's secret key", company="Fjord & Pine")).test_client()
    token = form_token(found.get("/login").text)
    assert found.post("/login", data={"email": USER, "password": PASSWORD, "csrf_token": token}).status_code == 303
    return found


def first(client: FlaskClient, path: str, kind: str) -> str:
    """Return the address of the first thing of a kind on a page."""
    page = client.get(path)
    assert page.status_code == 200, page.text[:300]
    found = re.search(rf"/partners/{kind}/\w+", page.text)
    assert found, page.text[:2000]
    return found[0]


def test_partners_interchanges_and_documents_are_seen(world: EdiWorld, client: FlaskClient) -> None:
    for path in SCREENS:
        assert client.get(f"/partners{path}").status_code == 200
    broken = order("PO-2", st="0002").replace("PO1*1*3*", "PO1*1*three*")
    world.drop(x12(order("PO-1"), broken))
    world.sent()
    world.settle()
    world.sent()
    listed = client.get("/partners").text
    assert "ZZ:ACME" in listed
    assert client.get("/partners/documents?q=po-1").text.count("data-cd-row") == 2
    assert "No document fits these filters" in client.get("/partners/documents?q=nothing").text

    refused = client.get(first(client, "/partners/documents?tab=refused", "documents")).text
    assert 'class="cd-wrong"' in refused
    assert re.search(r"<b>PO1</b><span>1\*three\*EA.*?<em>PO102 holds characters", refused)
    taken = client.get(first(client, "/partners/documents?tab=in&q=PO-1", "documents")).text
    assert "Read as order" in taken
    assert "&#34;external_id&#34;: &#34;PO-1&#34;" in taken or '"external_id": "PO-1"' in taken
    ours = client.get(first(client, "/partners/documents?tab=open&kind=855", "documents")).text
    assert "Made of order response" in ours
    assert "due" in ours
    # The 855 is to be answered; the 997 that left before it is answered by nobody, and waits for nothing.
    waiting = client.get("/partners/documents?tab=open").text
    assert waiting.count("data-cd-row") == 1
    assert re.search(r"Waiting\s*(<[^>]*>\s*)*1\b", waiting), waiting[:4000]
    assert client.get("/partners/documents?kind=997").text.count("data-cd-row") == 1
    # Who looked at what a partner wrote is in the audit log (P4).
    assert world.one("SELECT count(*) AS n FROM audit_entry WHERE action = 'edi_document.read'").n == 3


def test_p2_an_interchange_is_edited_and_sent_anew_from_its_page(world: EdiWorld, client: FlaskClient) -> None:
    world.drop(x12(order("PO-1")))
    world.sent()
    world.settle()
    [body] = world.sent()
    row = world.one("SELECT id FROM interchange WHERE direction = 'out' AND reference = '000000002'")
    path = f"/partners/interchanges/ich_{row.id.hex}"
    page = client.get(path).text
    sent = {"csrf_token": form_token(page), "way": "edit", "text": body.decode().replace("*3*EA", "*1*EA")}
    assert client.post(f"{path}/send", data={**sent, "way": "edit", "text": ""}).status_code == 422
    assert client.post(f"{path}/send", data={**sent, "once": "a" * 32}).status_code == 303
    [again] = world.sent()
    assert (b"*1*EA" in again, b"*000000003*" in again) == (True, True)
    after = client.get(path).text
    assert "Sent anew as" in after
    assert "Text to send instead" not in after


def test_a_document_of_xml_is_seen_by_its_elements_without_what_proves_its_sender(
    store: Store, client: FlaskClient, tmp_path: Path
) -> None:
    world = EdiWorld(store, tmp_path / "xml", **CXML_PROFILE)
    secret = b"<SharedSecret>an invented word</SharedSecret><UserAgent>"
    world.drop(cxml_order("PO-1").replace(b"<UserAgent>", b"<!-- before -->" + secret), "a.xml")
    page = client.get(first(client, "/partners/documents", "documents")).text
    assert "OrderRequestHeader</b><span>orderID=PO-1" in page
    assert "SharedSecret" in page
    assert "an invented word" not in page


def test_a_document_that_does_not_fit_its_schema_shows_the_fault_at_its_element(
    store: Store, client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not UBL_SCHEMAS.is_dir():
        pytest.skip("the schemas are in ../shared/corpora, which is not here")
    monkeypatch.setenv("CROSSDOCK_SCHEMAS_UBL", str(UBL_SCHEMAS))
    world = EdiWorld(store, tmp_path / "xml", **UBL_PROFILE)
    world.drop(ubl_order("PO-1", more="<cbc:Color>red</cbc:Color>\n"), "a.xml")
    page = client.get(first(client, "/partners/documents?tab=refused", "documents")).text
    assert re.search(r'class="cd-wrong"><span>7</span><b>[^<]*cbc:Color</b><span>red</span><em>Color must not', page)


def test_d1_what_was_set_aside_is_taken_on_its_page(world: EdiWorld, client: FlaskClient) -> None:
    for po in ("PO-1", "PO-9"):
        world.drop(x12(order(po)))
    row = world.one("SELECT id FROM interchange WHERE state = 'quarantined'")
    path = f"/partners/interchanges/ich_{row.id.hex}"
    page = client.get(path).text
    assert "Take it anyway" in page
    body = {"csrf_token": form_token(page), "verdict": "take"}
    assert client.post(f"{path}/decide", data=body).status_code == 303
    after = client.get(path).text
    assert "Take it anyway" not in after
    assert "850 PO-9" in after
    assert client.post(f"{path}/decide", data=body).status_code == 409


def test_an_interchange_has_a_line_for_each_segment_and_says_by_which_it_was_acknowledged(
    world: EdiWorld, client: FlaskClient
) -> None:
    world.drop(x12(order("PO-1")))
    world.sent()
    came, ours = (
        world.one("SELECT id, answered_by FROM interchange WHERE direction = :d", d=way) for way in ("in", "out")
    )
    page = client.get(f"/partners/interchanges/ich_{came.id.hex}").text
    raw = re.search(r'aria-label="Raw interchange">(ISA.*?)</pre>', page, re.S)
    assert raw
    assert [each.split("*")[0] for each in raw[1].splitlines()] == [
        "ISA", "GS", "ST", "BEG", "N1", "N3", "N4", "PO1", "CTT", "SE", "GE", "IEA",
    ]  # fmt: skip
    assert came.answered_by == ours.id
    assert f"/partners/interchanges/ich_{ours.id.hex}" in page


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("UNB+UNOC:3+A+B'UNH+1+X'FTX+AAI+++it?'s ??'UNZ+1+1'", ["UNB+UNOC:3+A+B'", "UNH+1+X'", "FTX+AAI+++it?'s ??'",
                                                                "UNZ+1+1'"]),
        ("UNA:+.? ~UNB+UNOC:3~UNZ+0+1~", ["UNA:+.? ~", "UNB+UNOC:3~", "UNZ+0+1~"]),
        ("UNB+1'\r\nUNZ+1'\r\n", ["UNB+1'", "UNZ+1'"]),
        ("Dear all, it's an order'", ["Dear all, it's an order'"]),
        ("ISA", ["ISA"]),
    ],
)  # fmt: skip
def test_segments_stand_on_lines_of_their_own(text: str, lines: list[str]) -> None:
    assert lined(text).splitlines() == lines
