"""XML: XPath in, element paths out, nothing fetched or expanded."""

from decimal import Decimal
from typing import Any

import pytest

from core.errors import MappingError
from mappings.document import load_map
from mappings.engine import Map
from mappings.faults import MapDocumentError, MapError
from mappings.results import Trace

FIELDS = """
fields:
  external_id: Header/@number
  number: Header/Reference[@type='buyer']
  currency: Header/Currency
  ship_to: {from: Parties/ShipTo, fields: {name: Name, country: {path: Address/Country, codes: iso_country}}}
  lines:
    each: Lines/Line
    fields:
      external_id: "@id"
      sku: Sku
      quantity: {path: Qty, as: quantity}
      unit: Qty/@unit
      unit_price: {path: Price, as: money}
"""
MAP = "map: order\nfrom: xml\noptions: {root: Order}\n" + FIELDS
DOCUMENT = b"""<?xml version="1.0" encoding="UTF-8"?>
<Order xmlns:x="urn:x">
  <!-- a comment -->
  <Header number="7">
    <Reference type="seller">S</Reference><Reference type="buyer">B<!-- - -->1</Reference><Currency>EUR</Currency>
  </Header>
  <Parties><ShipTo><Name>Ada &amp; Bo</Name><Address><Country>DK</Country></Address></ShipTo></Parties>
  <Lines>
    <Line id="1"><Sku>MUG</Sku><Qty unit="C62">2</Qty><Price>19.90</Price></Line>
    <Line id="2"><Sku> </Sku><Qty unit="C62">1</Qty><Price/><Extra>e</Extra></Line>
  </Lines>
</Order>"""
CANONICAL = {
    "external_id": "7",
    "number": "B1",
    "currency": "EUR",
    "ship_to": {"name": "Ada & Bo", "country": "DK"},
    "lines": [
        {"external_id": "1", "sku": "MUG", "quantity": Decimal(2), "unit": "C62", "unit_price": Decimal("19.90")},
        {"external_id": "2", "quantity": Decimal(1), "unit": "C62"},
    ],
}


def made(fields: str, options: str = "{root: Order}") -> Map:
    return load_map(f"map: order\nfrom: xml\noptions: {options}\nfields:\n{fields}")


def refusal(data: bytes, the_map: Map | None = None) -> str:
    with pytest.raises(MappingError) as caught:
        (the_map or load_map(MAP)).read_one(data)
    return caught.value.what


def test_a_document_is_read() -> None:
    assert load_map(MAP).read_one(DOCUMENT).canonical == CANONICAL


def test_a_document_is_written_in_the_order_of_the_rules_and_read_back() -> None:
    the_map = load_map(MAP)
    data = the_map.write_bytes([CANONICAL])
    assert data == (
        b"<?xml version='1.0' encoding='UTF-8'?>\n"
        b'<Order><Header number="7"><Reference type="buyer">B1</Reference><Currency>EUR</Currency></Header>'
        b"<Parties><ShipTo><Name>Ada &amp; Bo</Name><Address><Country>DK</Country></Address></ShipTo></Parties>"
        b'<Lines><Line id="1"><Sku>MUG</Sku><Qty unit="C62">2</Qty><Price>19.90</Price></Line>'
        b'<Line id="2"><Qty unit="C62">1</Qty></Line></Lines></Order>'
    )
    assert the_map.read_one(data).canonical == CANONICAL


def test_an_outbound_map_writes_namespaces() -> None:
    the_map = load_map(
        "map: push_order\nto: xml\noptions: {root: 'o:Order', namespaces: {o: 'urn:o', c: 'urn:c'}, indent: true}\n"
        "fields:\n  '@version': {const: 2}\n  o:Id: external_id\n  o:Lines/o:Line:\n    each: lines\n"
        "    fields: {'@no': position, c:Sku: sku, .: note}\n  o:Tag: {path: tags, as: list}\n"
    )
    canonical = {"external_id": "7", "tags": ["a", "b"], "lines": [{"position": 1, "sku": "x"}, {"note": "n"}]}
    data = the_map.write_bytes([canonical])
    assert data.decode() == (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<o:Order xmlns:o="urn:o" xmlns:c="urn:c" version="2">\n  <o:Id>7</o:Id>\n  <o:Lines>\n'
        '    <o:Line no="1">\n      <c:Sku>x</c:Sku>\n    </o:Line>\n    <o:Line>n</o:Line>\n  </o:Lines>\n'
        "  <o:Tag>a</o:Tag>\n  <o:Tag>b</o:Tag>\n</o:Order>"
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "The input is not XML"),
        (b"<Order>", "The input is not XML"),
        (b"<Order/><Order/>", "The input is not XML"),
        (b"<Order>\xff</Order>", "The input is not XML"),
        (b"<Order>&b;</Order>", "The input is not XML"),
        (b"<Other/>", "The document is a Other, not a Order."),
        (b'<!DOCTYPE Order SYSTEM "http://127.0.0.1/x.dtd"><Order/>', "has a document type definition"),
        (b'<!DOCTYPE Order [<!ENTITY b "c">]><Order>&b;</Order>', "has a document type definition"),
        (b'<!-- <a> --><!DOCTYPE Order [<!ENTITY b "c">]><Order>&b;</Order>', "has a document type definition"),
        (
            '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE Order [<!ENTITY b "c">]><Order/>'.encode("utf-16"),
            "has a document type definition",
        ),
        (b"<Order>" + b"<a>" * 300 + b"</a>" * 300 + b"</Order>", "The input is not XML"),
        (b"<Order><Header number='1'/><Header number='2'/></Order>", "Header/@number: is there 2 times"),
        (b"<Order><Parties><ShipTo/><ShipTo/></Parties></Order>", "Parties/ShipTo: is there 2 times"),
        (b"<Order><Header><Currency><a/></Currency></Header></Order>", "is an element with elements in it"),
        (
            b"<Order><Lines><Line/><Line><Qty>x</Qty></Line></Lines></Order>",
            "Lines/Line[2]/Qty: is not a number (value 'x', rule as quantity, map:15).",
        ),
    ],
)
def test_what_is_not_safe_xml_or_not_this_document_is_refused(data: bytes, reason: str) -> None:
    assert reason in refusal(data)


def test_a_doctype_in_a_text_is_text() -> None:
    data = b"<Order><N><![CDATA[<!DOCTYPE html><p>]]></N></Order>"
    assert made("  number: N\n").read_one(data).canonical == {"number": "<!DOCTYPE html><p>"}


def test_charsets_are_those_of_the_declaration_or_the_map() -> None:
    data = "<?xml version='1.0' encoding='ISO-8859-1'?><Order><N>é</N></Order>".encode("latin-1")
    assert made("  number: N\n").read_one(data).canonical == {"number": "é"}
    bare = "<Order><N>é</N></Order>".encode("latin-1")
    assert made("  number: N\n", "{encoding: iso-8859-1}").read_one(bare).canonical == {"number": "é"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("{path: N, when: \"@kind='a'\"}", "1"),
        ("{path: N, when: \"@kind='b'\"}", None),
        ("count(L)", "2"),
        ("/Order/@kind", "a"),
        ("L[2]", "y"),
        ("concat(N, '-', @kind)", "1-a"),
        ("boolean(N)", True),
        ("{path: 'L', required: true, when: 'false()'}", None),
    ],
)
def test_expressions(rule: str, expected: Any) -> None:
    data = b"<Order kind='a'><N>1</N><L>x</L><L>y</L></Order>"
    assert made(f"  number: {rule}\n").read_one(data).canonical.get("number") == expected


def test_arithmetic_that_is_not_exact_is_refused() -> None:
    assert "not exact" in refusal(b"<Order><L>0.1</L></Order>", made("  number: sum(L)\n"))


def test_where_filters_and_records_split() -> None:
    the_map = load_map(
        "map: order\nfrom: xml\nrecords: Order\nfields:\n  external_id: '@id'\n"
        "  lines: {each: L, where: '@q > 0', fields: {sku: .}}\n"
    )
    data = b"<Orders><Order id='1'><L q='0'>x</L><L q='2'>y</L></Order><Order id='2'/></Orders>"
    assert [reading.result and reading.result.canonical for reading in the_map.read_bytes(data)] == [
        {"external_id": "1", "lines": [{"sku": "y"}]},
        {"external_id": "2", "lines": []},
    ]


def test_traces_and_unmapped_paths() -> None:
    the_map = load_map(MAP)
    document = next(the_map.documents(DOCUMENT)).value
    assert the_map.trace(document)[-1] == Trace("lines[1].unit", "Lines/Line[2]/Qty/@unit", 16, "C62")
    assert the_map.unmapped(document) == [
        "Header/Reference[1]",
        "Header/Reference[1]/@type",
        "Header/Reference[2]/@type",
        "Lines/Line[2]/Extra",
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ("  number: //Deep\n", "'//Deep' cannot be written to"),
        ("  number: a[1]\n", "a[1] is no element name"),
        ("  number: '@a/b'\n", "@a is no element name"),
        ("  number: count(a)\n", "count(a) is no element name"),
    ],
)
def test_only_element_paths_can_be_written(fields: str, reason: str) -> None:
    with pytest.raises(MapDocumentError) as caught:
        made(fields).write({})
    assert reason in caught.value.what


def test_what_xml_cannot_hold_is_refused() -> None:
    for value in ("\x01", "\ud800", "\x00"):
        with pytest.raises(MapError):
            made("  number: N\n").write_bytes([{"number": value}])
    with pytest.raises(MapError, match="2 documents do not fit"):
        made("  number: N\n").write_bytes([{}, {}])
    with pytest.raises(MapError, match="names no root element"):
        made("  number: N\n", "{}").write({"number": "1"})


def test_white_space_in_text_survives() -> None:
    the_map = made("  number: N\n  note: '@note'\n")
    canonical = {"number": " a\r\n\tb ", "note": "x\ny\tz"}
    assert the_map.read_one(the_map.write_bytes([canonical])).canonical == canonical
