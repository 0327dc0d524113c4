"""WSDLs as partners write them, and as attackers would."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from lxml import etree

from connectors.sdk.http import Http
from connectors.sdk.manifest import DEFAULT_LIMITS
from connectors.sdk.redaction import Redactor
from connectors.soap_erp import contract, vendoring
from connectors.soap_erp.client import SoapClient
from core.errors import Misconfigured

SAMPLE = Path(contract.__file__).parent / "wsdl"
HEAD = """<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/"
 xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:a="urn:a" xmlns:b="urn:b" targetNamespace="urn:a">"""
TYPES = """<w:types>
 <x:schema targetNamespace="urn:a" elementFormDefault="qualified">
  <x:import namespace="urn:b"/>
  <x:element name="Ask"><x:complexType><x:sequence><x:element name="How" type="b:Many"/>
  </x:sequence></x:complexType></x:element>
 </x:schema>
 <x:schema targetNamespace="urn:a" elementFormDefault="qualified">
  <x:element name="Answer" type="x:decimal"/>
 </x:schema>
 <x:schema targetNamespace="urn:b">
  <x:simpleType name="Many"><x:restriction base="x:int"><x:maxInclusive value="9"/></x:restriction></x:simpleType>
 </x:schema>
</w:types>"""
TAIL = """<w:message name="I"><w:part name="p" element="a:Ask"/></w:message>
<w:message name="O"><w:part name="p" element="a:Answer"/></w:message>
<w:portType name="P"><w:operation name="Do"><w:input message="a:I"/><w:output message="a:O"/></w:operation></w:portType>
<w:binding name="B" type="a:P"><s:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
<w:operation name="Do"><s:operation soapAction="do"/><w:input><s:body use="literal"/></w:input>
<w:output><s:body use="literal"/></w:output></w:operation></w:binding>
<w:service name="S"><w:port name="Q" binding="a:B"><s:address location="http://127.0.0.1/x"/></w:port></w:service>
</w:definitions>"""


def no_fetch(url: str) -> bytes:
    raise AssertionError(f"fetched {url}")


def collected(folder: Path, **files: str) -> vendoring.Contents:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return vendoring.collect(str(folder / "a.wsdl"), no_fetch)


def test_the_sample_contract_holds_both_its_files() -> None:
    files = vendoring.collect(str(SAMPLE / "erp.wsdl"), no_fetch)
    assert sorted(files) == ["contract.wsdl", "part-1.xsd"]
    found = contract.load(files)
    assert contract.load(dict(files)) is found
    assert found.faults(etree.fromstring('<FindDocument xmlns="urn:crossdock:erp:1"/>')) != []


def test_inline_schemas_of_one_namespace_and_imports_without_location_are_joined(tmp_path: Path) -> None:
    found = contract.load(collected(tmp_path, a__wsdl=HEAD + TYPES + TAIL))
    ask = '<Ask xmlns="urn:a"><How>{}</How></Ask>'
    assert found.faults(etree.fromstring(ask.format(9))) == []
    assert "maximum value allowed ('9')" in found.faults(etree.fromstring(ask.format(10)))[0]
    assert found.faults(etree.fromstring('<Answer xmlns="urn:a">1.5</Answer>')) == []
    assert found.faults(etree.fromstring('<Answer xmlns="urn:a">x</Answer>')) != []


def test_the_same_content_from_two_places_is_parsed_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first = contract.load(collected(tmp_path / "one", a__wsdl=HEAD + TYPES + TAIL))
    assert contract.load(collected(tmp_path / "two", a__wsdl=HEAD + TYPES + TAIL)) is first


IMPORT = '<w:types><x:schema><x:import namespace="urn:c" schemaLocation="{}"/></x:schema></w:types>'


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:9/c.xsd",
        "../secret.xsd",
        "/etc/passwd",
        "file:///etc/passwd",
        "//host/c.xsd",
        "ftp://host/c.xsd",
    ],
)
def test_a_file_imports_nothing_from_elsewhere(tmp_path: Path, location: str) -> None:
    (tmp_path / "secret.xsd").write_text("<a/>")
    (tmp_path / "in").mkdir()
    with pytest.raises(Misconfigured, match="lies elsewhere"):
        collected(tmp_path / "in", a__wsdl=HEAD + IMPORT.format(location) + TAIL)


@pytest.mark.parametrize(
    "location",
    ["http://other.example/c.xsd", "https://erp.example/c.xsd", "http://erp.example:81/c.xsd", "file:///etc/passwd"],
)
def test_a_url_imports_nothing_from_another_origin(location: str) -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return (HEAD + IMPORT.format(location) + TAIL).encode()

    with pytest.raises(Misconfigured, match="lies elsewhere"):
        vendoring.collect("http://erp.example/soap?wsdl", fetch)
    assert asked == ["http://erp.example/soap?wsdl"]


def test_imports_of_one_origin_are_followed_once_each_even_in_circles() -> None:
    schema = '<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:c">{}</x:schema>'
    pages: Mapping[str, str] = {
        "http://erp.example/soap?wsdl": HEAD + IMPORT.format("c.xsd?v=1#top") + TAIL,
        "http://erp.example/c.xsd?v=1": schema.format('<x:include schemaLocation="/d.xsd"/>'),
        "http://erp.example/d.xsd": schema.format('<x:include schemaLocation="c.xsd?v=1"/>'),
    }
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return pages[url].encode()

    files = vendoring.collect("http://erp.example/soap?wsdl", fetch)
    assert sorted(asked) == sorted(pages)
    assert sorted(files) == ["contract.wsdl", "part-1.xsd", "part-2.xsd"]
    assert b"http://erp.example" not in b"".join(files.values())


def test_a_contract_without_end_is_given_up() -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return (HEAD + IMPORT.format(f"c{len(asked)}.xsd") + TAIL).encode()

    with pytest.raises(Misconfigured, match="200 files"):
        vendoring.collect("http://erp.example/soap?wsdl", fetch)
    assert len(asked) <= vendoring.MAX_FILES + 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + HEAD + TAIL, "DOCTYPE"),
        ("<half", "not well-formed"),
        ("", "not well-formed"),
        ("plain text", "not well-formed"),
    ],
)
def test_unsafe_or_broken_wsdls_are_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(Misconfigured, match=why):
        collected(tmp_path, a__wsdl=text)


@pytest.mark.parametrize(
    "text",
    [
        HEAD + TYPES.replace("b:Many", "b:Nobody") + TAIL,
        HEAD + TYPES.replace("x:decimal", "x:nonsense") + TAIL,
        "<a/>",
    ],
)
def test_wsdls_that_contradict_themselves_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured):
        contract.load(collected(tmp_path, a__wsdl=text))


def test_an_operation_without_types_is_missed_by_name(tmp_path: Path) -> None:
    found = contract.load(collected(tmp_path, a__wsdl=HEAD + TAIL))
    http = Http("ERP", configured=["http://127.0.0.1/x"], limits=DEFAULT_LIMITS, redactor=Redactor())
    with pytest.raises(Misconfigured, match="no operation Do"):
        SoapClient(found, http).require("Do")
    http.close()


def test_rpc_style_is_refused_because_it_cannot_be_checked(tmp_path: Path) -> None:
    text = HEAD + TYPES + TAIL.replace('style="document"', 'style="rpc"').replace('element="a:Ask"', 'type="b:Many"')
    found = contract.load(collected(tmp_path, a__wsdl=text.replace('element="a:Answer"', 'type="x:decimal"')))
    http = Http("ERP", configured=["http://127.0.0.1/x"], limits=DEFAULT_LIMITS, redactor=Redactor())
    with pytest.raises(Misconfigured, match="style rpc"):
        SoapClient(found, http).require("Do")
    http.close()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"none\.wsdl"):
        vendoring.collect(str(tmp_path / "none.wsdl"), no_fetch)


def test_a_url_is_fetched_once_and_then_never_again(tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return (HEAD + TYPES + TAIL).encode()

    first = vendoring.vendored("http://erp.example/soap?wsdl", tmp_path, fetch)
    assert vendoring.vendored("http://erp.example/soap?wsdl", tmp_path, no_fetch) == first
    assert len(asked) == 1
    assert not list(tmp_path.glob(".fresh-*"))


def test_zeep_and_libxml2_get_no_file_that_is_not_in_the_contract() -> None:
    with pytest.raises(Misconfigured, match="not one of its files"):
        contract.Files({}).load("/etc/passwd")
    schema = '<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:c">{}</x:schema>'
    text = HEAD + "<w:types>" + schema.format('<x:include schemaLocation="/etc/hostname"/>') + "</w:types>" + TAIL
    with pytest.raises(Misconfigured):
        contract.load({"contract.wsdl": text.encode()})
