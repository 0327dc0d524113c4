"""`crossdock edi convert`, `diff`, `check` and `read` on XML: documents there and back, and files that are none."""

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.edi.xml_world import UBL_SCHEMAS, cxml_order, ubl_change, ubl_order, ubl_receipt

Bare = Callable[..., Any]
COMMANDS = ("read", "check", "convert", "diff")
HUGE = 500_000_000
LITTLE = 120_000_000
"""Bytes that reading the beginning of a huge file may take."""
DOCTYPE = b'<?xml version="1.0"?>\n<!DOCTYPE Order ['
BOMBS = {
    "laughs": DOCTYPE
    + b'<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY a%d "&a%d;&a%d;">' % (n, n - 1, n - 1) for n in range(1, 40))
    + b"]>",
    "file": DOCTYPE + b'<!ENTITY a SYSTEM "file:///etc/hostname">]>',
    "parameter": DOCTYPE + b'<!ENTITY % a SYSTEM "http://example.invalid/x.dtd">%a;]>',
    "long": DOCTYPE + b'<!ENTITY a "' + b"x" * 200_000 + b'">]>',
}


@pytest.fixture(autouse=True)
def no_schemas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROSSDOCK_SCHEMAS_UBL", raising=False)
    monkeypatch.delenv("CROSSDOCK_SCHEMAS_CXML", raising=False)


def test_a_document_is_one_object_as_a_message_of_edifact_is(bare: Bare, place: Path) -> None:
    (place / "order.xml").write_bytes(b"\xef\xbb\xbf\n" + ubl_order("PO-1"))
    done = bare("edi", "convert", "order.xml", "--json")
    assert done.code == 0, done.err
    line = json.loads(done.out)
    assert list(line) == [
        "message", "type", "version", "reference", "map", "canonical", "document", "holds", "unmapped", "faults",
        "error",
    ]  # fmt: skip
    assert (line["message"], line["type"], line["reference"], line["map"], line["canonical"], line["error"]) == (
        1, "Order", "PO-1", "order.in.yaml", "order", None,
    )  # fmt: skip
    assert line["document"]["external_id"] == "PO-1"
    assert line["document"]["lines"][0]["unit_price"] == "19.95"
    assert line["unmapped"] == [
        "cac:BuyerCustomerParty/cac:Party/cbc:EndpointID/@schemeID",
        "cac:SellerSupplierParty/cac:Party/cbc:EndpointID/@schemeID",
    ]
    assert [each["name"] for each in line["faults"]] == ["noise"]
    assert bare("edi", "convert", "order.xml", "--json", "--strict").code == 1
    assert "message 1 Order  PO-1" in bare("edi", "convert", "order.xml").out


def test_what_was_converted_is_written_again_with_who_sends_it(bare: Bare, place: Path) -> None:
    (place / "order.xml").write_bytes(ubl_order("PO-1"))
    assert bare("edi", "convert", "order.xml", "--out", "order.json").code == 0
    done = bare("edi", "convert", "order.json", "--map", "ubl/order.out", "--out", "again.xml")
    assert done.code == 0, done.err
    assert (
        json.loads(bare("edi", "convert", "again.xml", "--json").out)["document"]
        == (json.loads((place / "order.json").read_text())["document"])
    )
    done = bare("edi", "convert", "order.json", "--map", "ubl/order.out", "--sender", "X", "--out", "bad.xml")
    assert (done.code != 0, "UBL has no envelope" in done.err, (place / "bad.xml").exists()) == (True, True, False)
    (place / "two.json").write_text((place / "order.json").read_text() * 2)
    done = bare("edi", "convert", "two.json", "--map", "ubl/order.out", "--out", "bad.xml")
    assert (done.code != 0, "2 documents do not fit in one XML document" in done.err) == (True, True)


def test_a_credit_note_comes_as_a_refund_and_is_compared_as_the_paper_it_is(bare: Bare, place: Path) -> None:
    line = {"position": 1, "external_id": "1", "sku": "MUG", "title": "Mug", "quantity": "1", "unit_price": "5",
            "net": "5.00", "tax_rate": "0.19"}  # fmt: skip
    note = {
        "number": "C-1", "issued_at": "2026-03-02T10:00:00Z", "order_external_id": "PO-1", "order_number": "PO-1",
        "currency": "EUR", "invoices": [{"number": "I-1", "issued_on": "2026-03-01"}], "reason": "broken",
        "buyer": {"name": "Example Stores"}, "seller": {"name": "Fjord & Pine"}, "bill_to": {"name": "Example Stores"},
        "lines": [line], "taxes": [{"rate": "0.19", "base": "5.00", "amount": "0.95"}],
        "totals": {"lines": "5.00", "allowances": "0", "charges": "0", "net": "5.00", "tax": "0.95", "grand": "5.95"},
    }  # fmt: skip
    (place / "note.json").write_text(json.dumps(note))
    done = bare("edi", "convert", "note.json", "--map", "ubl/credit_note.out", "--out", "note.xml")
    assert done.code == 0, done.err
    found = json.loads(bare("edi", "convert", "note.xml", "--json").out)
    assert (found["canonical"], found["document"]["amount"], found["document"]["note"]) == ("refund", "5.95", "broken")
    same = json.loads(bare("edi", "diff", "note.xml", "--json").out)
    assert (same["map"], same["same"], same["differences"]) == ("credit_note_sent.in.yaml", True, [])


def test_cxml_is_written_with_the_envelope_that_is_given(bare: Bare, place: Path) -> None:
    paper = {
        "number": "R1", "issued_at": "2026-03-01T10:00:00Z", "status": "accepted", "currency": "USD",
        "order_external_id": "PO-1", "lines": [],
    }  # fmt: skip
    (place / "paper.json").write_text(json.dumps(paper))
    send = ("--sender", "HUB", "--sender-qualifier", "DUNS", "--recipient", "ACME", "--reference", "4711@HUB", "--test")
    done = bare("edi", "convert", "paper.json", "--map", "cxml/confirmation_request.out", *send, "--out", "out.xml")
    assert done.code == 0, done.err
    read = [json.loads(each) for each in bare("edi", "read", "out.xml", "--json").out.splitlines()]
    assert read[0] == {
        "what": "interchange", "reference": "4711@HUB", "sender": {"id": "HUB", "qualifier": "DUNS"},
        "recipient": {"id": "ACME", "qualifier": "GLN"}, "test": True,
    }  # fmt: skip


def test_diff_shows_what_does_not_come_back_by_its_place(bare: Bare, place: Path) -> None:
    (place / "order.xml").write_bytes(ubl_order("PO-1"))
    done = bare("edi", "diff", "order.xml", "--json")
    assert done.code == 0, done.err
    line = json.loads(done.out)
    assert line["same"] is False
    assert {"segment", "came", "written"} == set(line["differences"][0])
    street = "cac:Delivery/cac:DeliveryLocation/cac:Address/cbc:StreetName"
    [found] = [each for each in line["differences"] if each["came"]]
    assert found["came"][0] == f"{street}: Am Markt"
    assert found["written"] == [f"{street}: Am Markt 1"]
    (place / "change.xml").write_bytes(ubl_change("PO-1", "CH-1", quantity="2"))
    assert bare("edi", "diff", "change.xml").code == 0
    (place / "c.xml").write_bytes(cxml_order("PO-1"))
    done = bare("edi", "diff", "c.xml", "--json")
    assert (done.code, json.loads(done.out)["error"]) == (0, None)
    (place / "receipt.xml").write_bytes(ubl_receipt("RA-1", "PO-1", "S-1"))
    done = bare("edi", "diff", "receipt.xml")
    assert (done.code, "There is no map that writes a ReceiptAdvice" in done.out) == (1, True)


@pytest.mark.skipif(not UBL_SCHEMAS.is_dir(), reason="the schemas are in ../shared/corpora, which is not here")
def test_where_schemas_are_set_convert_names_their_faults(
    bare: Bare, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSDOCK_SCHEMAS_UBL", str(UBL_SCHEMAS))
    (place / "order.xml").write_bytes(ubl_order("PO-1", more="<cbc:Color>red</cbc:Color>\n"))
    line = json.loads(bare("edi", "convert", "order.xml", "--json").out)
    assert (line["faults"][0]["name"], line["faults"][0]["place"]["line"]) == ("element-unexpected", 7)
    assert line["document"] is not None
    done = bare("edi", "convert", "order.xml", "--json", "--strict")
    assert (done.code, json.loads(done.out)["error"].startswith("The Order is wrong in line 7: Color")) == (1, True)


def test_a_map_of_another_document_is_refused(bare: Bare, place: Path) -> None:
    (place / "order.xml").write_bytes(ubl_order("PO-1"))
    for name, said in (
        ("ubl/invoice.in", "not a doc:Invoice"),
        ("cxml/order_request.in", "finds nothing in the Order"),
        ("edifact/orders.D96A", "is for edifact"),
    ):
        done = bare("edi", "convert", "order.xml", "--map", name, "--json")
        assert (done.code, json.loads(done.out)["document"]) == (1, None)
        assert said in json.loads(done.out)["error"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "It is empty."),
        (b" \r\n\x00", "There is nothing but blanks"),
        (b"Dear partner,", "and no element where XML does"),
        (b'<Order xmlns="urn:example:orders"><a/></Order>', "is Order in the namespace 'urn:example:orders'"),
        (b"<html><body/></html>", "Its root element is html in no namespace."),
        (b"<Order", "This is not well-formed XML"),
    ],
)
def test_a_file_that_is_none_says_what_it_is(bare: Bare, place: Path, command: str, body: bytes, said: str) -> None:
    (place / "in.xml").write_bytes(body)
    done = bare("edi", command, "in.xml")
    assert (done.code, said in " ".join(done.err.split()), "EDI-SYNTAX-415" in done.err) == (2, True, True), done.err


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("bomb", BOMBS)
def test_declared_entities_are_refused_before_any_is_read(bare: Bare, place: Path, command: str, bomb: str) -> None:
    body = ubl_order("PO-1").replace(b'<?xml version="1.0" encoding="UTF-8"?>', BOMBS[bomb])
    (place / "in.xml").write_bytes(body.replace(b">PO-1<", b">&a;<"))
    tracemalloc.start()
    try:
        done = bare("edi", command, "in.xml")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # Of the long one the namespace stands behind what is looked at to tell the kind of a file.
    assert done.code == (2 if bomb == "long" else 1)
    assert "declares entities or elements of its own" in " ".join((done.out + done.err).split())
    assert peak < LITTLE


@pytest.mark.parametrize("command", COMMANDS)
def test_a_huge_file_is_refused_and_not_read_to_its_end(bare: Bare, place: Path, command: str) -> None:
    with (place / "in.xml").open("wb") as file:
        file.write(ubl_order("PO-1")[: -len(b"</Order>")])
        file.truncate(HUGE)
    tracemalloc.start()
    try:
        done = bare("edi", command, "in.xml")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert done.code == 1
    assert "larger than 20,000,000 bytes" in " ".join((done.out + done.err).split())
    assert peak < LITTLE


@pytest.mark.parametrize("command", COMMANDS)
def test_what_nests_without_end_is_refused(bare: Bare, place: Path, command: str) -> None:
    body = ubl_order("PO-1").replace(b"</Order>", b"<a>" * 5_000 + b"</a>" * 5_000 + b"</Order>")
    (place / "in.xml").write_bytes(body)
    done = bare("edi", command, "in.xml")
    assert (done.code, "not well-formed XML" in " ".join((done.out + done.err).split())) == (1, True)


def test_rules_are_for_xml_alone_and_need_no_schema(bare: Bare, place: Path) -> None:
    pytest.importorskip("saxonche", reason="saxonche, the extra `peppol`, is not installed")
    (place / "rules.sch").write_text(
        '<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2"><ns prefix="cbc" '
        'uri="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"/><pattern>'
        '<rule context="cbc:IssueDate"><assert id="R-1" flag="warning" test="xs:date(.) gt xs:date(\'2027-01-01\')" '
        'xmlns:xs="http://www.w3.org/2001/XMLSchema">The date <value-of select="."/> is over.</assert></rule>'
        '</pattern><ns prefix="xs" uri="http://www.w3.org/2001/XMLSchema"/></schema>'
    )
    (place / "order.xml").write_bytes(ubl_order("PO-1"))
    done = bare("edi", "check", "order.xml", "--rules", "rules.sch", "--json")
    assert done.code == 0, done.err
    tolerated, found = done.rows
    assert tolerated["name"] == "schema-missing"
    assert (found["kind"], found["code"], found["text"]) == ("warning", "R-1", "The date 2026-03-01 is over.")
    assert (found["place"]["line"], found["place"]["path"]) == (6, "/Order/cbc:IssueDate")
    assert "1 warning, no errors" in done.err
    (place / "o.edi").write_bytes(b"UNB+UNOC:3+A+B+261120:0941+88'UNZ+0+88'")
    done = bare("edi", "check", "o.edi", "--rules", "rules.sch")
    assert (done.code, "rules are about XML documents" in done.err) == (2, True)
