"""UBL and cXML: what is recognized, what is wrong with it, and what is refused before it can do harm."""

import io
import lzma
import re
import resource
import time
from pathlib import Path

import pytest

from core.errors import InputError
from mappings.edi.detect import HEAD, detect
from mappings.edi.faults import Kind, Level
from mappings.edi.limits import Mode
from mappings.edi.xml.documents import XmlDocument, check_document, read_document
from mappings.edi.xml.lines import read_lines
from mappings.edi.xml.parsing import MAX_BYTES, MAX_TAGS
from mappings.edi.xml.schemas import Schemas
from mappings.edi.xml.sentences import RULES

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "corpora"
UBL = CORPORA / "ubl-2.1"
CXML = CORPORA / "cxml"
ORDER = (
    b'<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"'
    b' xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">'
    b"<cbc:ID>PO-1</cbc:ID></Order>"
)
OASIS = b"urn:oasis:names:specification:ubl:schema:xsd:"
CONFIRMATION = (
    b'<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.063/Fulfill.dtd">\n'
    b'<cXML payloadID="p-1@example.com" timestamp="2026-03-01T10:00:00Z"><Header>'
    b'<From><Credential domain="DUNS"><Identity>1</Identity></Credential></From>'
    b'<To><Credential domain="DUNS"><Identity>2</Identity></Credential></To>'
    b'<Sender><Credential domain="DUNS"><Identity>1</Identity><SharedSecret>hush</SharedSecret></Credential>'
    b"<UserAgent>Example</UserAgent></Sender></Header>"
    b'<Request><ConfirmationRequest><ConfirmationHeader type="accept" noticeDate="2026-03-01T10:00:00Z"'
    b' confirmID="C-1"/><OrderReference orderID="PO-1"><DocumentReference payloadID="p-0@example.com"/>'
    b"</OrderReference></ConfirmationRequest></Request></cXML>"
)


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Schemas:
    if not UBL.is_dir():
        pytest.skip("the schemas are in ../shared/corpora, which is not here")
    folder = tmp_path_factory.mktemp("dtd")
    for packed in (CXML / "dtd" / "1.2.063").glob("*.dtd.xz"):
        (folder / packed.stem).write_bytes(lzma.decompress(packed.read_bytes()))
    return Schemas(UBL / "xsdrt", folder)


def checked(data: bytes, schemas: Schemas) -> XmlDocument:
    found = read_document(data)
    check_document(found, schemas)
    return found


def names(document: XmlDocument) -> list[str]:
    return [each.name for each in document.faults]


@pytest.mark.corpora
def test_every_sample_of_ubl_is_recognized_and_valid(schemas: Schemas) -> None:
    said: dict[str, int] = {}
    for path in sorted((UBL / "xml").glob("*.xml")):
        data = path.read_bytes()
        if path.name == "UBL-Invoice-2.0-Detached-Signature.xml":
            # A signature beside its document, which is no document.
            assert names(read_document(data)) == ["unknown-document"]
            continue
        assert detect(data[:HEAD]) == "ubl", path.name
        found = checked(data, schemas)
        assert (found.standard, found.faults, found.rejected) == ("ubl", [], False), path.name
        assert found.number, path.name
        said[found.type] = said.get(found.type, 0) + 1
    assert said == {
        "CreditNote": 1, "DespatchAdvice": 1, "FulfilmentCancellation": 1, "InstructionForReturns": 1,
        "InventoryReport": 1, "Invoice": 7, "Order": 3, "OrderCancellation": 1, "OrderChange": 1,
        "OrderResponseSimple": 1, "ProductActivity": 3, "ReceiptAdvice": 1, "StockAvailabilityReport": 1,
        "TransportationStatus": 1, "Waybill": 1,
    }  # fmt: skip


@pytest.mark.corpora
def test_every_sample_of_cxml_is_recognized_and_nine_of_them_checked(schemas: Schemas) -> None:
    kinds: dict[str, str] = {}
    for path in sorted((CXML / "samples").glob("*.xml")):
        data = path.read_bytes()
        if path.name == "Index.xml":
            # A catalog that stands alone, without cXML around it.
            assert detect(data) == "xml"
            continue
        assert detect(data) == "cxml", path.name
        if path.name == "QuoteMessage.xml":
            with pytest.raises(InputError, match="QuoteMessage cannot be checked") as refused:
                checked(data, schemas)
            assert refused.value.error_code == "EDI-SCHEMA-404"
            continue
        found = checked(data, schemas)
        assert not found.rejected, (path.name, found.faults)
        assert names(found) == (["doctype-missing"] if path.name == "simple-profile-request.xml" else []), path.name
        kinds[path.stem] = f"{found.type} {found.number} {found.test}"
    assert kinds == {
        "CatalogUploadRequest": "CatalogUploadRequest None False",
        "OrderRequest": "OrderRequest DO1234 True",
        "ProductActivityMessage": "ProductActivityMessage None False",
        "PunchOutSetupRequest": "PunchOutSetupRequest None True",
        "PunchoutOrderMessage": "PunchOutOrderMessage None False",
        "PunchoutOrderMessageAdvancedPricing": "PunchOutOrderMessage None False",
        "order_request_builder": "OrderRequest myorder-1 False",
        "simple-profile-request": "ProfileRequest None False",
    }


@pytest.mark.corpora
def test_faults_of_ubl_name_the_rule_the_line_and_the_place(schemas: Schemas) -> None:
    data = (UBL / "xml" / "UBL-Order-2.1-Example.xml").read_bytes()
    party = "/Order/cac:BuyerCustomerParty/cac:Party"
    for right, wrong, line, name, text, path in (
        (b"<cbc:IssueDate>2010-01-20", b"<cbc:IssueDate>20.01.2010", 10, "value",
         "IssueDate holds “20.01.2010”, which is not a date such as 2026-03-01.", "/Order/cbc:IssueDate"),
        (b"<cbc:ID>34<", b"<cbc:ID/><cbc:ID>34<", 9, "element-unexpected",
         "ID must not stand here: here may stand SalesOrderID, CopyIndicator, UUID or IssueDate.",
         "/Order/cbc:ID[2]"),
        (b"<cbc:ID>34</cbc:ID>", b"", 10, "element-unexpected",
         "IssueDate must not stand here: here may stand ProfileExecutionID or ID.", "/Order/cbc:IssueDate"),
        (b"<cbc:Name>Johnssons byggvaror</cbc:Name>", b"<cbc:Name/><cbc:Zip/>", 58, "element-unexpected",
         "Zip must not stand here: nothing more may stand here.", f"{party}/cac:PartyName/cbc:Zip"),
        (b'schemeID="Profile"', b'scheme="Profile"', 8, "attribute-unknown",
         "ProfileID has an attribute scheme, which it must not have.", "/Order/cbc:ProfileID"),
    ):  # fmt: skip
        assert right in data, right
        [fault, *_] = checked(data.replace(right, wrong, 1), schemas).faults
        assert (fault.name, fault.text, fault.place.path, fault.place.line) == (name, text, path, line)
        assert (fault.kind, fault.rejects) == (Kind.ERROR, Level.MESSAGE)
    [fault] = checked(ORDER, schemas).faults
    assert (fault.name, fault.text) == (
        "element-missing",
        "Order lacks SalesOrderID, CopyIndicator, UUID or IssueDate.",
    )
    assert fault.place.message == "PO-1"


@pytest.mark.corpora
def test_faults_of_cxml_name_the_rule_and_the_place(schemas: Schemas) -> None:
    assert checked(CONFIRMATION, schemas).faults == []
    found = checked(CONFIRMATION.replace(b' noticeDate="2026-03-01T10:00:00Z"', b""), schemas)
    [fault] = found.faults
    assert (fault.name, fault.text) == ("attribute-missing", "ConfirmationHeader lacks its attribute noticeDate.")
    assert fault.place.path == "/cXML/Request/ConfirmationRequest/ConfirmationHeader"
    assert (fault.place.line, fault.place.interchange, fault.place.message) == (2, "p-1@example.com", "C-1")
    found = checked(CONFIRMATION.replace(b"<OrderReference", b"<Order/><OrderReference"), schemas)
    assert names(found) == ["content", "element-unknown"]


def test_documents_of_cxml_are_known_by_what_stands_in_them() -> None:
    answer = b'<!DOCTYPE cXML SYSTEM "x"><cXML><Response><Status code="%s" text="OK"/>%s</Response></cXML>'
    found = read_document(answer % (b"200", b""))
    assert (found.type, found.status, found.faults) == ("Response", "200", [])
    found = read_document(answer % (b"401", b"<ProfileResponse/>"))
    assert (found.type, found.status) == ("ProfileResponse", "401")
    for kind, header, number in (
        (b"OrderRequest", b"OrderRequestHeader", b"orderID"),
        (b"ShipNoticeRequest", b"ShipNoticeHeader", b"shipmentID"),
        (b"InvoiceDetailRequest", b"InvoiceDetailRequestHeader", b"invoiceID"),
    ):
        request = b'<!DOCTYPE cXML SYSTEM "x"><cXML><Request><%s><%s %s="N1"/></%s></Request></cXML>'
        found = read_document(request % (kind, header, number, kind))
        assert (found.type, found.number, found.faults) == (kind.decode(), "N1", [])
    assert names(read_document(b'<!DOCTYPE cXML SYSTEM "x"><cXML/>')) == ["element-missing"]
    assert names(read_document(b'<!DOCTYPE Index SYSTEM "x"><cXML><Message/></cXML>')) == ["doctype"]


def test_what_stands_around_a_document_is_tolerated_and_said() -> None:
    noisy = b"\r\n \xef\xbb\xbf" + ORDER + b"\r\n\x1a"
    found = read_document(noisy)
    assert [(each.name, each.kind, each.rejects) for each in found.faults] == [("noise", Kind.TOLERANCE, None)]
    assert (found.number, found.place.offset, found.lines) == ("PO-1", 6, 1)
    assert [each.kind for each in read_document(noisy, Mode.STRICT).faults] == [Kind.ERROR]
    assert read_document(b"\xef\xbb\xbf" + ORDER + b"\n").faults == []
    newer = ORDER.replace(b"<cbc:ID>", b"<cbc:UBLVersionID>2.4</cbc:UBLVersionID><cbc:ID>")
    assert names(read_document(newer)) == ["version"]
    assert names(read_document(newer.replace(b"2.4", b"2.0"))) == []


def test_every_charset_a_document_declares_is_read() -> None:
    for charset in ("utf-8", "iso-8859-1", "windows-1252", "utf-16"):
        text = f'<?xml version="1.0" encoding="{charset}"?>{ORDER.decode()}'.replace("PO-1", "PÖ-1")
        data = text.encode(charset)
        assert detect(data) == "ubl", charset
        found = read_document(data)
        assert (found.number, found.faults) == ("PÖ-1", []), charset


def test_entities_and_declarations_are_refused_and_nothing_is_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("do not read me")
    external = f'<!DOCTYPE cXML [<!ENTITY x SYSTEM "file://{secret}">]>'.encode()
    lol = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 12))
    bomb = b'<!DOCTYPE cXML [<!ENTITY l0 "lol">' + lol + b"]>"
    quadratic = b'<!DOCTYPE cXML [<!ENTITY a "' + b"a" * 50_000 + b'">]>'
    for head, body in (
        (external, b"<cXML>&x;</cXML>"),
        (bomb, b"<cXML>&l11;</cXML>"),
        (bomb, b'<cXML payloadID="&l11;"/>'),
        (quadratic, b"<cXML>" + b"&a;" * 10_000 + b"</cXML>"),
        (
            b'<!DOCTYPE cXML SYSTEM "http://192.0.2.1/x.dtd" [<!ENTITY % p SYSTEM "http://192.0.2.1/p"> %p;]>',
            b"<cXML/>",
        ),
        (b"<!DOCTYPE cXML [<!ELEMENT cXML ANY>]>", b"<cXML/>"),
        (b"<!-- <cXML> --><!DOCTYPE cXML []>", b"<cXML/>"),
    ):
        for data in (head + body, (head + body).decode().encode("utf-16")):
            begun = time.process_time()
            found = read_document(data)
            assert names(found) == ["declarations"], head[:60]
            assert (found.root, found.rejected) == (None, True)
            assert time.process_time() - begun < 1
    assert names(read_document(b'<!DOCTYPE Order SYSTEM "file:///etc/passwd">' + ORDER)) == ["doctype"]
    assert names(read_document(b'<!DOCTYPE cXML SYSTEM "x"><cXML payloadID="&other;"/>')) == ["malformed"]


def test_what_is_too_large_is_refused_in_bounded_time_and_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for data, name in (
        (b"<Order>" + b"a" * MAX_BYTES, "too-large"),
        (b"<Order>" + b"<a/>" * MAX_TAGS + b"</Order>", "too-many"),
        (b"<Order>" + b"<a>" * 100_000 + b"</a>" * 100_000 + b"</Order>", "malformed"),
        (b"<Order>" + b"a" * 11_000_000 + b"</Order>", "malformed"),
        (b'<Order a="' + b"a" * 11_000_000 + b'"/>', "malformed"),
        (b"<Order " + b" ".join(b'a%d="1"' % n for n in range(200_000)) + b"/>", None),
    ):
        begun = time.process_time()
        found = read_document(data)
        assert found.rejected, name
        assert name is None or names(found) == [name]
        assert time.process_time() - begun < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000


def test_what_is_no_document_is_said() -> None:
    for data in (
        b"",
        b"<",
        b"<Order",
        b"no xml",
        b"<?xml version='1.0' encoding='no-such'?><a/>",
        b"<a/><b/>",
        b"\x00" * 9,
    ):
        found = read_document(data)
        assert names(found) == ["malformed"], data
        assert found.faults[0].text.startswith("This is not well-formed XML: ")
    other = ORDER.replace(b'schema:xsd:Order-2"', b'schema:xsd:Invoice-2"')
    for data in (b"<Order/>", other, b'<cXML xmlns="urn:x"/>', b'<a xmlns="%sCommonBasicComponents-2"/>' % OASIS):
        assert names(read_document(data)) == ["unknown-document"], data


def test_secrets_of_cxml_are_not_shown() -> None:
    lines = list(read_lines(io.BytesIO(CONFIRMATION), Mode.TOLERANT))
    assert [each["text"] for each in lines if each.get("name") == "SharedSecret"] == ["[redacted]"]
    assert "hush" not in str(lines)
    assert lines[0]["sender"] == {"id": "1", "qualifier": "DUNS"}
    assert [each["what"] for each in lines[-2:]] == ["message_end", "interchange_end"]


def test_without_a_schema_nothing_passes_as_checked(tmp_path: Path) -> None:
    for schemas, why in ((Schemas(), "No folder"), (Schemas(ubl=tmp_path), "has no schema")):
        with pytest.raises(InputError) as refused:
            check_document(read_document(ORDER), schemas)
        assert refused.value.error_code == "EDI-SCHEMA-404"
        assert why in str(refused.value.why)
    (tmp_path / "maindoc").mkdir()
    (tmp_path / "maindoc" / "UBL-Order-2.1.xsd").write_text("<no/>")
    with pytest.raises(InputError, match="is no schema that can be used"):
        check_document(read_document(ORDER), Schemas(ubl=tmp_path))


def test_every_fault_is_in_the_docs() -> None:
    root = Path(__file__).resolve().parents[2]
    told = re.findall(r"^\| `([a-z-]+)` \|", (root / "docs" / "xml-documents.md").read_text(), re.MULTILINE)
    source = "".join(
        (root / "mappings" / "edi" / "xml" / f"{each}.py").read_text() for each in ("parsing", "documents", "sentences")
    )
    made = {*re.findall(r"(?:UnreadableXml|add)\(\s*\"([a-z-]+)\"", source)}
    made |= {*re.findall(r"return \"([a-z-]+)\", f", source), *RULES.values(), "schema"} - {"element"}
    assert sorted(told) == sorted(made)
