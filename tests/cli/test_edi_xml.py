"""`crossdock edi` on XML documents: what it says, and with which exit code."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bare = Callable[..., Any]
UBL = b"urn:oasis:names:specification:ubl:schema:xsd:"
ORDER = b'<Order xmlns="%sOrder-2"\n xmlns:cbc="%sCommonBasicComponents-2">\n<cbc:ID>PO-1</cbc:ID></Order>' % (UBL, UBL)
DTD = """<!ELEMENT cXML (Response)>
<!ELEMENT Response (Status)>
<!ELEMENT Status EMPTY>
<!ATTLIST cXML payloadID CDATA #REQUIRED>
<!ATTLIST Status code CDATA #REQUIRED>
"""
ANSWER = b'<!DOCTYPE cXML SYSTEM "x">\n<cXML payloadID="p1"><Response><Status code="200"/></Response></cXML>'


def test_a_document_is_shown_as_a_tree(bare: Bare, place: Path) -> None:
    (place / "order.xml").write_bytes(ORDER)
    done = bare("edi", "read", "order.xml")
    assert done.code == 0
    assert done.out.splitlines() == [
        "order.xml: UBL",
        "    message PO-1 Order.UBL",
        "          2  Order",
        "          3    cbc:ID  PO-1",
    ]
    assert done.err == "1 message, 2 elements, no errors, no tolerances.\n"
    (place / "answer.xml").write_bytes(ANSWER)
    assert bare("edi", "read", "answer.xml").out.splitlines()[:3] == [
        "answer.xml: cXML",
        "interchange p1",
        "    message Response.cXML status 200",
    ]


def test_check_needs_a_schema_and_lists_faults_with_their_lines(
    bare: Bare, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CROSSDOCK_SCHEMAS_CXML", raising=False)
    (place / "answer.xml").write_bytes(ANSWER)
    done = bare("edi", "check", "answer.xml")
    assert done.code == 2
    assert "No folder with the schemas of cXML is set." in done.err
    assert "EDI-SCHEMA-404" in done.err

    (place / "cXML.dtd").write_text(DTD)
    monkeypatch.setenv("CROSSDOCK_SCHEMAS_CXML", str(place))
    done = bare("edi", "check", "answer.xml")
    assert (done.code, done.out) == (0, "")
    (place / "answer.xml").write_bytes(ANSWER.replace(b' code="200"', b""))
    done = bare("edi", "check", "answer.xml", "--json")
    assert done.code == 1
    [fault] = done.rows
    assert (fault["name"], fault["text"]) == ("attribute-missing", "Status lacks its attribute code.")
    assert fault["place"] == {"offset": 0, "interchange": "p1", "line": 2, "path": "/cXML/Response/Status"}
    assert "/cXML/Response/Status" in bare("edi", "check", "answer.xml").out


def test_a_hostile_document_is_refused_without_a_schema(bare: Bare, place: Path) -> None:
    (place / "bomb.xml").write_bytes(b'<!DOCTYPE cXML [<!ENTITY a "b">]><cXML>&a;</cXML>')
    done = bare("edi", "check", "bomb.xml", "--json")
    assert (done.code, [each["name"] for each in done.rows]) == (1, ["declarations"])


def test_other_xml_is_named_and_no_xml_is_written(bare: Bare, place: Path) -> None:
    (place / "other.xml").write_bytes(b"<a/>")
    done = bare("edi", "read", "other.xml")
    assert (done.code, "is XML that is neither UBL nor cXML" in done.err) == (2, True)
    (place / "order.xml").write_bytes(ORDER)
    done = bare("edi", "write", "order.xml", "--out", "out.xml")
    assert (done.code, "is UBL, which cannot be written again" in done.err) == (2, True)
    assert not (place / "out.xml").exists()
