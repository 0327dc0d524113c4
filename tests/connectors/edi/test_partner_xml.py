"""A partner who speaks UBL or cXML, from file to order and back: D1, D2, D4, A5, A6, P2 without an envelope."""

from pathlib import Path

import pytest
from lxml import etree

from core.services.actions import apply_case
from core.services.edi_resending import send_anew
from core.store.unit import Store
from tests.connectors.edi.partner_world import EdiWorld
from tests.connectors.edi.xml_world import (
    CXML_DTDS,
    CXML_PROFILE,
    UBL_PROFILE,
    UBL_SCHEMAS,
    cxml_order,
    cxml_status,
    ubl_answer,
    ubl_cancellation,
    ubl_change,
    ubl_order,
    ubl_receipt,
    unpacked_dtds,
)

corpora = pytest.mark.skipif(not UBL_SCHEMAS.is_dir(), reason="the schemas are in ../shared/corpora, which is not here")
CBC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}"


@pytest.fixture
def world(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EdiWorld:
    monkeypatch.delenv("CROSSDOCK_SCHEMAS_UBL", raising=False)
    if UBL_SCHEMAS.is_dir():
        monkeypatch.setenv("CROSSDOCK_SCHEMAS_UBL", str(UBL_SCHEMAS))
    return EdiWorld(store, tmp_path / "acme", **UBL_PROFILE)


@pytest.fixture
def cxml(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EdiWorld:
    if CXML_DTDS.is_dir():
        (tmp_path / "dtd").mkdir()
        monkeypatch.setenv("CROSSDOCK_SCHEMAS_CXML", str(unpacked_dtds(tmp_path / "dtd")))
    return EdiWorld(store, tmp_path / "acme", **CXML_PROFILE)


def numbers(world: EdiWorld) -> list[str]:
    return [row.external_id for row in world.all("SELECT external_id FROM orders ORDER BY external_id")]


def units(world: EdiWorld) -> int:
    return int(world.one("SELECT sum(quantity - canceled) AS n FROM order_line").n)


def states(world: EdiWorld) -> list[str]:
    return [row.state for row in world.all("SELECT state FROM interchange WHERE direction = 'in' ORDER BY at")]


def response(world: EdiWorld) -> etree._Element:
    world.settle()
    [body] = world.sent()
    return etree.fromstring(body)


def test_an_order_of_ubl_becomes_an_order_and_is_answered(world: EdiWorld) -> None:
    world.drop(b"\n" + ubl_order("PO-1"), "order.xml")
    assert numbers(world) == ["PO-1"]
    row = world.one("SELECT * FROM interchange WHERE direction = 'in'")
    assert (row.syntax, row.sender, row.recipient, row.reference, row.state, row.answer_due_at) == (
        "ubl", "0088:4098765000003", "0088:4012345000009", "Order:PO-1", "taken", None,
    )  # fmt: skip
    keys = world.all("SELECT kind, value FROM edi_key ORDER BY kind, value")
    assert {("po", "PO-1"), ("number", "PO-1"), ("gln", "4098765000003")} <= {(each.kind, each.value) for each in keys}
    root = response(world)
    assert etree.QName(root).localname == "OrderResponse"
    assert root.findtext(f".//{CBC}OrderResponseCode") == "AP"
    sent = world.one("SELECT * FROM interchange WHERE direction = 'out'")
    assert (sent.syntax, sent.name, sent.reference, sent.state) == ("ubl", "OrderResponse-1.xml", "1", "sent")
    # Nobody acknowledges a document of UBL, so nothing is waited for.
    document = world.one("SELECT * FROM edi_document WHERE direction = 'out'")
    assert (document.kind, document.state, document.due_at) == ("OrderResponse", "sent", None)


def test_what_is_shipped_is_advised_and_invoiced_and_his_receipt_advice_is_taken(world: EdiWorld) -> None:
    world.drop(ubl_order("PO-1"), "a.xml")
    response(world)
    world.ship(world.one("SELECT * FROM orders"), tracking_number="K-1")
    world.settle()
    roots = {etree.QName(root).localname: root for root in map(etree.fromstring, world.sent())}
    assert set(roots) == {"DespatchAdvice", "Invoice"}
    assert roots["DespatchAdvice"].findtext(f".//{CBC}DeliveredQuantity") == "3"
    assert roots["Invoice"].findtext(f".//{CBC}PayableAmount") is not None
    found = world.all("SELECT kind, state FROM edi_document WHERE direction = 'out' ORDER BY kind")
    assert [(row.kind, row.state) for row in found] == [
        ("DespatchAdvice", "sent"), ("Invoice", "sent"), ("OrderResponse", "sent"),
    ]  # fmt: skip
    advice = roots["DespatchAdvice"].findtext(f"{CBC}ID")
    assert {"po", "sscc"} <= {row.kind for row in world.all("SELECT kind FROM edi_key")}
    world.drop(ubl_receipt("RA-1", "PO-1", str(advice)), "b.xml")
    assert world.one("SELECT state FROM message WHERE topic = 'ReceiptAdvice'").state == "applied"


def test_d1_the_same_document_again_makes_no_second_order_and_other_content_is_quarantined(world: EdiWorld) -> None:
    world.drop(ubl_order("PO-1"), "a.xml")
    world.drop(ubl_order("PO-1"), "b.xml")
    assert numbers(world) == ["PO-1"]
    assert states(world) == ["taken", "repeated"]
    # Only an order is told from the one before it by what it says.
    world.drop(ubl_cancellation("PO-1", "CA-1"), "c.xml")
    world.drop(ubl_cancellation("PO-1", "CA-1").replace(b"closed", b"sold"), "d.xml")
    assert states(world)[2:] == ["taken", "quarantined"]
    assert "EDI-DUPLICATE-409" in world.cases()


def test_an_order_of_ubl_that_comes_again_with_other_content_is_asked_about(world: EdiWorld) -> None:
    world.drop(ubl_order("PO-1"), "a.xml")
    world.drop(ubl_order("PO-1", quantity="9"), "b.xml")
    assert (units(world), world.cases()) == (3, ["ORDER-AGAIN-409"])
    case = world.one("SELECT id, sentence, recommended, alternatives FROM exception_case WHERE state = 'open'")
    assert "line 1.quantity is 9, it was 3" in case.sentence
    assert [case.recommended["action"], *(each["action"] for each in case.alternatives)] == [
        "take_as_change", "discard_messages",
    ]  # fmt: skip
    # The same once more is a repeat of it, and of the order the same in other bytes.
    world.drop(ubl_order("PO-1", quantity="9"), "c.xml")
    world.drop(ubl_order("PO-1").replace(b"</Order>", b"<!-- copy --></Order>"), "d.xml")
    assert states(world) == ["taken", "taken", "repeated", "taken"]
    assert world.one("SELECT state FROM message ORDER BY id DESC LIMIT 1").state == "ignored"
    assert (units(world), world.cases()) == (3, ["ORDER-AGAIN-409"])
    with world.store.begin() as unit:
        apply_case(unit, world.hub.facts.get(unit.conn, 1), world.hub.connectors, case.id, {})
    world.drain()
    assert (units(world), world.cases(), numbers(world)) == (9, [], ["PO-1"])


def test_a_change_and_a_cancellation_reach_the_order(world: EdiWorld) -> None:
    world.drop(ubl_order("PO-1"), "a.xml")
    world.drop(ubl_change("PO-1", "CH-1", quantity="2"), "b.xml")
    world.settle()
    assert world.one("SELECT sum(quantity - canceled) AS n FROM order_line").n == 2
    world.drop(ubl_cancellation("PO-1", "CA-1"), "c.xml")
    world.settle()
    assert world.one("SELECT sum(quantity - canceled) AS n FROM order_line").n == 0
    assert states(world) == ["taken"] * 3


@corpora
def test_a_paper_that_would_not_fit_its_schema_does_not_leave(world: EdiWorld, tmp_path: Path) -> None:
    world.drop(ubl_order("PO-1"), "a.xml")
    maps = tmp_path / "maps"
    maps.mkdir()
    (maps / "odd.yaml").write_text(
        "overlay: ubl/order_response.out\nversion: 2\nfields:\n  cbc:Color: {const: red}\n", encoding="utf-8"
    )
    documents = [{"in": "Order", "map": "ubl/order.in"}, {"out": "OrderResponse", "map": "odd"}]
    world.change(documents=documents, maps=str(maps))
    world.settle()
    assert world.sent() == []
    dead = world.one("SELECT state, error FROM delivery WHERE kind = 'acknowledge_order'")
    assert (dead.state, dead.error["code"]) == ("dead", "EDI-DOCUMENT-422")
    assert "Color must not stand here" in str(dead.error)
    assert not world.all("SELECT id FROM interchange WHERE direction = 'out'")


def test_where_schemas_are_required_a_document_without_one_waits_for_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CROSSDOCK_SCHEMAS_UBL", raising=False)
    world = EdiWorld(store, tmp_path / "acme", **UBL_PROFILE, reading={"schemas": "required"})
    world.drop(ubl_order("PO-1"), "a.xml")
    row = world.one("SELECT state, error FROM message")
    assert (row.state, row.error["code"], numbers(world)) == ("quarantined", "EDI-SCHEMA-404", [])


@corpora
def test_what_does_not_fit_its_schema_is_set_aside_with_line_and_element(world: EdiWorld) -> None:
    world.drop(ubl_order("PO-1", more="<cbc:Color>red</cbc:Color>\n"), "a.xml")
    assert numbers(world) == []
    [row] = world.all("SELECT state, number, problems FROM edi_document")
    assert (row.state, row.number) == ("refused", "PO-1")
    [problem] = row.problems
    assert problem["text"].startswith("Color must not stand here")
    assert problem["text"].endswith("(line 7, /Order/cbc:Color)")
    assert (problem["line"], problem["tag"]) == (7, "cbc:Color")
    message = world.one("SELECT state, error FROM message WHERE topic = 'Order'")
    assert message.state == "quarantined"
    assert "line 7" in str(message.error)
    # Mended, it comes under the same number and is no duplicate; the wrong one again is.
    world.drop(ubl_order("PO-1", more="<cbc:Color>red</cbc:Color>\n"), "b.xml")
    world.drop(ubl_order("PO-1"), "c.xml")
    assert numbers(world) == ["PO-1"]
    assert states(world) == ["taken", "repeated", "taken"]
    assert "EDI-DUPLICATE-409" not in world.cases()


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (ubl_order("PO-1", buyer="4011111000007"), "EDI-PARTY-422", "'4011111000007' is not the partner's id"),
        (
            ubl_order("PO-1").replace(b'schemeID="0088"', b'schemeID="0192"', 1),
            "EDI-PARTY-422",
            "has the scheme '0192', agreed is '0088'",
        ),
        (ubl_order("PO-1")[:-20], "EDI-SYNTAX-415", "not well-formed"),
        (b'<Order xmlns="urn:example:orders"/>', "EDI-SYNTAX-415", "Order is no document of UBL 2 or cXML"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + ubl_order("PO-1")[38:], "EDI-SYNTAX-415", "declares entities"),
    ],
)
def test_a_file_that_is_none_or_not_his_is_quarantined_with_its_reason(
    world: EdiWorld, body: bytes, code: str, said: str
) -> None:
    world.drop(body, "a.xml")
    row = world.one("SELECT state, error FROM message")
    assert (row.state, row.error["code"]) == ("quarantined", code)
    assert said in str(row.error)
    assert (numbers(world), states(world)) == ([], [])


def test_a_document_that_was_not_agreed_is_refused_by_name(world: EdiWorld) -> None:
    world.drop(ubl_answer("R1", "AB").replace(b"ApplicationResponse", b"Reminder"), "a.xml")
    [row] = world.all("SELECT kind, state, problems, message_id FROM edi_document")
    assert (row.kind, row.state, row.message_id) == ("Reminder", "refused", None)
    assert row.problems[0]["text"] == "Reminder was not agreed with this partner."


def test_d4_documents_are_tests_while_the_profile_says_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = EdiWorld(store, tmp_path / "acme", **UBL_PROFILE, test={"indicator": True})
    world.drop(ubl_order("PO-1"), "a.xml")
    assert numbers(world) == []
    message = world.one("SELECT state, outcome FROM message WHERE topic = 'Order'")
    assert (message.state, message.outcome) == ("ignored", "A test: it reads as order, and nothing of it is done.")


def reached(world: EdiWorld) -> tuple[str, str]:
    """How far the order response is, as a document and as a paper."""
    document = world.one("SELECT state FROM edi_document WHERE direction = 'out' AND kind = 'OrderResponse'")
    return document.state, world.one("SELECT state FROM paper WHERE kind = 'order_response'").state


def test_a5_a6_an_application_response_answers_or_refuses_a_paper(world: EdiWorld) -> None:
    world.drop(ubl_order("PO-1"), "a.xml")
    number = response(world).findtext(f"{CBC}ID")
    assert number is not None
    world.drop(ubl_answer(number, "AB"), "b.xml")
    assert reached(world) == ("sent", "sent")
    world.drop(ubl_answer(number, "AP"), "c.xml")
    assert reached(world) == ("answered", "accepted")
    heard = world.one("SELECT acknowledged_at FROM paper WHERE kind = 'order_response'").acknowledged_at
    world.drop(ubl_answer(number, "RE", said="The price is not ours."), "d.xml")
    assert reached(world) == ("refused", "refused")
    paper = world.one("SELECT acknowledged_at, answer FROM paper WHERE kind = 'order_response'")
    assert (paper.acknowledged_at, paper.answer["detail"]) == (heard, "The price is not ours.")
    world.drop(ubl_answer(number, "PD"), "e.xml")
    assert reached(world) == ("refused", "refused")
    row = world.one("SELECT state, problems FROM edi_document WHERE direction = 'out'")
    assert (row.state, row.problems) == ("refused", [{"code": "RE", "text": "The price is not ours."}])
    assert "EDI-REFUSED-422" in world.cases()


@pytest.mark.parametrize("code", ["IP", "UQ"])
def test_a_paper_that_is_only_looked_at_stays_sent(world: EdiWorld, code: str) -> None:
    world.drop(ubl_order("PO-1"), "a.xml")
    world.drop(ubl_answer(str(response(world).findtext(f"{CBC}ID")), code), "b.xml")
    assert reached(world) == ("sent", "sent")


def test_what_is_accepted_under_conditions_is_accepted_with_warnings(world: EdiWorld) -> None:
    world.drop(ubl_order("PO-1"), "a.xml")
    number = str(response(world).findtext(f"{CBC}ID"))
    world.drop(ubl_answer(number, "CA", said="Only before noon."), "b.xml")
    assert reached(world) == ("answered", "accepted")
    assert world.one("SELECT warnings FROM paper WHERE kind = 'order_response'").warnings == ["Only before noon."]
    assert "EDI-REFUSED-422" not in world.cases()


def test_p2_a_paper_is_sent_anew_under_a_new_number_and_edited(world: EdiWorld) -> None:
    world.drop(ubl_order("PO-1"), "a.xml")
    first = response(world)
    old = world.one("SELECT id, body FROM interchange WHERE direction = 'out'")
    with world.store.begin() as unit:
        send_anew(unit, world.partners, world.hub.box, old.id, "resend")
    [again] = world.sent()
    assert etree.tostring(etree.fromstring(again)) == etree.tostring(first)
    newest = world.one("SELECT id, name, body FROM interchange WHERE direction = 'out' AND replaces_id IS NOT NULL")
    assert newest.name == "OrderResponse-2.xml"
    edited = bytes(newest.body).decode().replace(">AP<", ">CA<")
    with world.store.begin() as unit:
        send_anew(unit, world.partners, world.hub.box, newest.id, "edit", edited)
    [last] = world.sent()
    assert etree.fromstring(last).findtext(f".//{CBC}OrderResponseCode") == "CA"


def test_cxml_orders_come_once_and_a_new_payload_with_an_old_number_is_a_business_duplicate(cxml: EdiWorld) -> None:
    cxml.drop(cxml_order("PO-1"), "a.xml")
    cxml.drop(cxml_order("PO-1"), "b.xml")
    cxml.drop(cxml_order("PO-1", payload="p-2@example.com", quantity="7"), "c.xml")
    assert numbers(cxml) == ["PO-1"]
    assert states(cxml) == ["taken", "repeated", "taken"]
    assert cxml.one("SELECT sum(quantity) AS n FROM order_line").n == 3
    [row] = cxml.all("SELECT m.state, m.error FROM edi_document d JOIN message m ON m.id = d.message_id"
                     " WHERE d.duplicate_of IS NOT NULL")  # fmt: skip
    assert (row.state, row.error["code"]) == ("quarantined", "ORDER-AGAIN-409")
    assert cxml.cases() == ["ORDER-AGAIN-409"]
    # With the same content it is a harmless repeat.
    cxml.drop(cxml_order("PO-1", payload="p-4@example.com"), "d.xml")
    repeat = cxml.one("SELECT m.state, m.outcome FROM message m ORDER BY id DESC LIMIT 1")
    assert (repeat.state, "with the same content" in repeat.outcome) == ("ignored", True)
    assert cxml.cases() == ["ORDER-AGAIN-409"]


def test_cxml_an_update_is_the_order_again_and_a_deletion_cancels_it(cxml: EdiWorld) -> None:
    cxml.drop(cxml_order("PO-1"), "a.xml")
    cxml.drop(cxml_order("PO-1", payload="p-3@example.com", type="update", quantity="5"), "c.xml")
    assert cxml.one("SELECT sum(quantity - canceled) AS n FROM order_line").n == 5
    cxml.drop(cxml_order("PO-1", payload="p-2@example.com", type="delete"), "b.xml")
    cxml.settle()
    assert cxml.one("SELECT sum(quantity - canceled) AS n FROM order_line").n == 0
    assert not cxml.all("SELECT id FROM edi_document WHERE duplicate_of IS NOT NULL")


def test_d4_a_test_of_cxml_is_read_and_never_worked_on(cxml: EdiWorld) -> None:
    cxml.drop(cxml_order("PO-1", mode="test"), "a.xml")
    assert numbers(cxml) == []
    assert cxml.one("SELECT test FROM interchange").test is True
    cxml.drop(cxml_order("PO-1"), "b.xml")
    assert numbers(cxml) == ["PO-1"]


def test_cxml_the_confirmation_names_both_sides_and_its_payload_and_a_status_refuses_it(cxml: EdiWorld) -> None:
    cxml.drop(cxml_order("PO-1"), "a.xml")
    root = response(cxml)
    assert (root.get("payloadID"), root.xpath("string(Request/@deploymentMode)")) == ("1.ACME@HUB", "production")
    assert [root.findtext(f"Header/{side}/Credential/Identity") for side in ("From", "To")] == ["HUB", "ACME"]
    sent = cxml.one("SELECT reference, body FROM interchange WHERE direction = 'out'")
    assert sent.reference == "1.ACME@HUB"
    assert b'<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.063/Fulfill.dtd">' in bytes(sent.body)
    cxml.drop(cxml_status("s-1@example.com", "1.ACME@HUB", "450", "Not ordered"), "b.xml")
    row = cxml.one("SELECT state, problems FROM edi_document WHERE direction = 'out'")
    assert (row.state, row.problems) == ("refused", [{"code": "450", "text": "Not ordered"}])


def test_d4_what_we_send_of_cxml_is_marked_while_the_profile_says_so(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = EdiWorld(store, tmp_path / "acme", **CXML_PROFILE, test={"indicator": True})
    world.drop(cxml_order("PO-1"), "a.xml")
    root = response(world)
    assert root.xpath("string(Request/@deploymentMode)") == "test"
    assert world.one("SELECT test FROM interchange WHERE direction = 'out'").test is True


def test_an_order_that_comes_again_after_a_person_left_it_undone_has_its_case_again(world: EdiWorld) -> None:
    def leave_undone() -> None:
        case = world.one("SELECT id FROM exception_case WHERE state = 'open'")
        with world.store.begin() as unit:
            facts = world.hub.facts.get(unit.conn, 1)
            apply_case(unit, facts, world.hub.connectors, case.id, {"reason": "a slip"}, action="discard_messages")

    world.drop(ubl_order("PO-1"), "a.xml")
    world.drop(ubl_order("PO-1", quantity="9"), "b.xml")
    leave_undone()
    assert world.cases() == []
    world.drop(ubl_order("PO-1", quantity="9"), "c.xml")
    assert (units(world), world.cases()) == (3, ["ORDER-AGAIN-409"])
    # While that is open it is a repeat, and once it is left undone as well it is not.
    world.drop(ubl_order("PO-1", quantity="9"), "d.xml")
    leave_undone()
    world.drop(ubl_order("PO-1", quantity="9"), "e.xml")
    assert states(world) == ["taken", "taken", "taken", "repeated", "taken"]
    assert (units(world), world.cases(), numbers(world)) == (3, ["ORDER-AGAIN-409"], ["PO-1"])


def test_blanks_around_the_number_of_an_order_make_no_other_order(cxml: EdiWorld) -> None:
    cxml.drop(cxml_order("PO-1"), "a.xml")
    cxml.drop(cxml_order(" PO-1 ", payload="p-2@example.com"), "b.xml")
    assert (numbers(cxml), cxml.cases()) == (["PO-1"], [])
