"""Rules of Schematron: what they find, where, and what is said of rules and documents that cannot be used."""

import builtins
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from core.errors import InputError
from mappings.edi.faults import Kind
from mappings.edi.schematron.rules import Rules, check_rules, located
from mappings.edi.schematron.stylesheet import stylesheet
from mappings.edi.xml.documents import read_document

ROOT = Path(__file__).resolve().parents[2]
CORPORA = ROOT.parent / "shared" / "corpora"
EN16931 = CORPORA / "en16931" / "CEN-EN16931-UBL.sch"
INVOICES = CORPORA / "ubl-2.1" / "xml"
corpora = pytest.mark.skipif(not EN16931.is_file(), reason="the rules are in ../shared/corpora, which is not here")
UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
HEAD = f"""<schema xmlns="http://purl.oclc.org/dsdl/schematron" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
 xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:u="urn:example:functions" queryBinding="xslt2">
<ns prefix="o" uri="{UBL}Order-2"/><ns prefix="cbc" uri="{UBL}CommonBasicComponents-2"/>
<ns prefix="u" uri="urn:example:functions"/>
"""
ORDER = f"""<Order xmlns="{UBL}Order-2" xmlns:cbc="{UBL}CommonBasicComponents-2">
<cbc:ID schemeID="X{{1}}">PO-1</cbc:ID>
<cbc:Note>first</cbc:Note>
<cbc:Note>second</cbc:Note>
<cbc:LineCountNumeric>three</cbc:LineCountNumeric></Order>"""

saxonche = pytest.importorskip("saxonche", reason="saxonche, the extra `peppol`, is not installed")


@pytest.fixture
def run(tmp_path: Path) -> Any:
    def found(rules: str, document: str = ORDER) -> list[tuple[str | None, str, int | None, str | None, str]]:
        file = tmp_path / "a folder" / "rules.sch"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"{HEAD}{rules}</schema>", encoding="utf-8")
        read = read_document(document.encode())
        check_rules(read, Rules(file))
        return [(each.code, each.name, each.place.line, each.place.path, each.text) for each in read.faults]

    return found


def test_an_assertion_that_does_not_hold_is_told_with_its_place_and_values(run: Any) -> None:
    rules = """<pattern><rule context="cbc:Note">
      <assert id="R-1" flag="warning" test=". = 'first'">The note “<value-of select="."/>” of <name path=".."/>
        is not <emph>the</emph> first.</assert></rule></pattern>"""
    assert run(rules) == [
        ("R-1", "rule-warning", 4, "/Order/cbc:Note[2]", "The note “second” of Order is not the first.")
    ]


def test_a_report_tells_what_holds_and_only_fatal_findings_reject(run: Any, tmp_path: Path) -> None:
    rules = """<pattern><rule context="/o:Order">
      <report id="R-1" flag="fatal" test="cbc:Note">N</report><report id="R-2" role="info" test="cbc:Note">N</report>
      <report id="R-3" test="cbc:None">N</report><assert id="R-4" test="cbc:None">N</assert></rule></pattern>"""
    assert [each[:2] for each in run(rules)] == [
        ("R-1", "rule-fatal"), ("R-2", "rule-information"), ("R-4", "rule-fatal"),
    ]  # fmt: skip
    document = read_document(ORDER.encode())
    check_rules(document, Rules(tmp_path / "a folder" / "rules.sch"))
    assert [each.kind for each in document.faults] == [Kind.ERROR, Kind.WARNING, Kind.ERROR]
    assert [each.rejects is not None for each in document.faults] == [True, False, True]


def test_the_first_rule_of_a_pattern_whose_context_matches_is_the_only_one(run: Any) -> None:
    rules = """<pattern><rule context="cbc:Note[. = 'first']"><assert id="A" test="false()">a</assert></rule>
      <rule context="cbc:Note"><assert id="B" test="false()">b</assert></rule></pattern>
      <pattern><rule context="cbc:Note | cbc:ID/@schemeID"><assert id="C" test="false()">c</assert></rule></pattern>"""
    assert [(each[0], each[3]) for each in run(rules)] == [
        ("A", "/Order/cbc:Note[1]"), ("B", "/Order/cbc:Note[2]"),
        ("C", "/Order/cbc:ID/@schemeID"), ("C", "/Order/cbc:Note[1]"), ("C", "/Order/cbc:Note[2]"),
    ]  # fmt: skip


def test_variables_functions_and_keys_are_those_of_their_scope(run: Any) -> None:
    rules = """<xsl:function name="u:even" as="xs:boolean"><xsl:param name="n" as="xs:integer"/>
       <xsl:sequence select="$n mod 2 = 0"/></xsl:function>
      <xsl:key name="notes" match="cbc:Note" use="string(.)"/>
      <let name="all" value="count(//cbc:Note)"/>
      <pattern><let name="same" value="'one'"/><rule context="/o:Order"><let name="own" value="cbc:ID"/>
        <assert id="A" test="u:even($all)">even</assert><assert id="B" test="not(key('notes', 'first'))">key</assert>
        <report id="C" test="$own = 'PO-1' and $same = 'one'">scopes</report></rule></pattern>
      <pattern><let name="same" value="'two'"/><rule context="/o:Order">
        <report id="D" test="$same = 'two'">own</report></rule></pattern>"""
    assert [each[0] for each in run(rules)] == ["B", "C", "D"]


def test_abstract_patterns_and_rules_are_put_where_they_are_used(run: Any) -> None:
    rules = """<pattern abstract="true" id="model"><let name="x" value="'$kept'"/>
        <rule context="$where"><assert id="$id" test="$what">m</assert></rule></pattern>
      <pattern is-a="model"><param name="where" value="cbc:ID"/><param name="what" value=". = 'PO-2'"/></pattern>
      <pattern is-a="model"><param name="where" value="cbc:Note"/><param name="what" value=". = 'first'"/></pattern>
      <pattern><rule abstract="true" id="ground"><let name="here" value="string(.)"/>
        <assert id="G" test="$here = 'first'">g</assert></rule>
        <rule context="cbc:Note"><extends rule="ground"/></rule></pattern>"""
    found = run(rules)
    assert [(each[3], each[4]) for each in found] == [
        ("/Order/cbc:ID", "m"), ("/Order/cbc:Note[2]", "m"), ("/Order/cbc:Note[2]", "g"),
    ]  # fmt: skip


def test_files_beside_the_rules_are_included(run: Any, tmp_path: Path) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "a folder" / "part.sch").write_text(
        '<pattern xmlns="http://purl.oclc.org/dsdl/schematron"><rule context="cbc:ID"><assert id="P" test="false()">p'
        "</assert></rule></pattern>"
    )
    assert [each[0] for each in run('<include href="part.sch"/>')] == ["P"]


def test_a_rule_that_cannot_be_evaluated_is_a_finding_and_stops_no_other(run: Any) -> None:
    rules = """<pattern><rule context="cbc:LineCountNumeric"><assert id="A" test="xs:integer(.) = 3">a</assert>
      <assert id="B" test="false()">b</assert></rule></pattern>"""
    first, second = run(rules)
    assert first[:4] == ("A", "rule-fatal", 5, "/Order/cbc:LineCountNumeric")
    assert first[4].startswith("This rule could not be evaluated: ")
    assert "three" in first[4]
    assert second[0] == "B"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<a/>", "its root element is a, not schema of Schematron"),
        ("<a", "it is not well-formed XML"),
        (HEAD.replace("xslt2", "xslt") + "</schema>", "its queryBinding is xslt; rules in xslt2 and xslt3 are run"),
        (f'{HEAD}<include href="http://example.com/x.sch"/></schema>', "only files beside it are read"),
        (f'{HEAD}<include href="none.sch"/></schema>', "none.sch is no file of rules"),
        (f'{HEAD}<include href="rules.sch"/></schema>', "include one another more than 20 times"),
        (f'{HEAD}<pattern is-a="none"/></schema>', "there is no abstract pattern 'none'"),
        (f'{HEAD}<pattern><rule context="a"><extends rule="b"/></rule></pattern></schema>', "no abstract rule 'b'"),
        (f'{HEAD}<pattern><rule context="a"><assert test="1 +">a</assert></rule></pattern></schema>', "no file of"),
        (f'{HEAD}<pattern documents="x"/></schema>', "is about other documents"),
        (f"{HEAD}<pattern><rule><assert test='a'>a</assert></rule></pattern></schema>", "a rule of it has no context"),
    ],
)  # fmt: skip
def test_rules_that_cannot_be_used_say_why(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "rules.sch").write_text(text)
    with pytest.raises(InputError) as caught:
        Rules(tmp_path / "rules.sch")
    assert said in str(caught.value)
    assert caught.value.error_code == "EDI-RULES-422"


def test_a_stylesheet_made_elsewhere_is_used_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "with blank"
    folder.mkdir()
    (folder / "rules.sch").write_text(
        f'{HEAD}<pattern><rule context="cbc:ID"><assert id="A" test="false()">a</assert></rule></pattern></schema>'
    )
    (folder / "inner.xsl").write_bytes(stylesheet(folder / "rules.sch"))
    (folder / "rules.xsl").write_text(
        '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="3.0"><xsl:import href="inner.xsl"/>'
        "</xsl:stylesheet>"
    )
    document = read_document(ORDER.encode())
    check_rules(document, Rules(folder / "rules.xsl"))
    assert [each.code for each in document.faults] == ["A"]
    (folder / "other.xsl").write_text(
        '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="3.0"><xsl:template match="/"><a/>'
        "</xsl:template></xsl:stylesheet>"
    )
    with pytest.raises(InputError, match="no report of Schematron"):
        check_rules(document, Rules(folder / "other.xsl"))


def test_without_the_extra_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *given: Any, **more: Any) -> Any:
        if name == "saxonche":
            raise ImportError(name)
        return real(name, *given, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InputError) as caught:
        Rules(tmp_path / "rules.sch")
    assert caught.value.fix == "Install it: pip install 'crossdock[peppol]'"


@pytest.mark.parametrize(
    "location",
    [
        f"/Q{{{UBL}Order-2}}Order[1]/Q{{{UBL}CommonBasicComponents-2}}Note[2]",
        f"/*:Order[namespace-uri()='{UBL}Order-2'][1]/*:Note[namespace-uri()='{UBL}CommonBasicComponents-2'][2]",
        f"/*[local-name()='Order' and namespace-uri()='{UBL}Order-2'][1]/cbc:Note[2]",
    ],
)
def test_places_are_found_as_the_usual_stylesheets_write_them(location: str) -> None:
    root = read_document(ORDER.encode()).root
    found, below = located(root, f"{location}/@schemeID")
    assert (found.text, below) == ("second", "/@schemeID")
    assert located(root, location)[0].text == "second"
    assert located(root, "no( path")[0] is None


INVOICE = f"""<Invoice xmlns="{UBL}Invoice-2" xmlns:cac="{UBL}CommonAggregateComponents-2"
 xmlns:cbc="{UBL}CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>
<cbc:ID>I-1</cbc:ID><cbc:IssueDate>2026-03-01</cbc:IssueDate><cbc:DueDate>2026-03-31</cbc:DueDate>
<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:AccountingSupplierParty><cac:Party>
 <cac:PostalAddress><cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
 <cac:PartyTaxScheme><cbc:CompanyID>DE000000001</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
 <cac:PartyLegalEntity><cbc:RegistrationName>Fjord &amp; Pine</cbc:RegistrationName></cac:PartyLegalEntity>
</cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party>
 <cac:PostalAddress><cac:Country><cbc:IdentificationCode>DE</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
 <cac:PartyLegalEntity><cbc:RegistrationName>Example Stores</cbc:RegistrationName></cac:PartyLegalEntity>
</cac:Party></cac:AccountingCustomerParty>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">1.90</cbc:TaxAmount><cac:TaxSubtotal>
 <cbc:TaxableAmount currencyID="EUR">10.00</cbc:TaxableAmount><cbc:TaxAmount currencyID="EUR">1.90</cbc:TaxAmount>
 <cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory>
</cac:TaxSubtotal></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">10.00</cbc:LineExtensionAmount>
 <cbc:TaxExclusiveAmount currencyID="EUR">10.00</cbc:TaxExclusiveAmount>
 <cbc:TaxInclusiveAmount currencyID="EUR">11.90</cbc:TaxInclusiveAmount>
 <cbc:PayableAmount currencyID="EUR">11.90</cbc:PayableAmount></cac:LegalMonetaryTotal>
<cac:InvoiceLine><cbc:ID>1</cbc:ID><cbc:InvoicedQuantity unitCode="C62">2</cbc:InvoicedQuantity>
 <cbc:LineExtensionAmount currencyID="EUR">10.00</cbc:LineExtensionAmount>
 <cac:Item><cbc:Name>Mug</cbc:Name><cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>19</cbc:Percent>
 <cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:ClassifiedTaxCategory></cac:Item>
 <cac:Price><cbc:PriceAmount currencyID="EUR">5.00</cbc:PriceAmount></cac:Price></cac:InvoiceLine></Invoice>"""


@pytest.fixture(scope="module")
def en16931() -> Rules:
    return Rules(EN16931)


def said_of(text: str, rules: Rules) -> dict[str, tuple[str, int | None]]:
    document = read_document(text.encode())
    check_rules(document, rules)
    return {each.code or "": (each.place.path or "", each.place.line) for each in document.faults}


@corpora
def test_a_right_invoice_meets_every_rule_of_en_16931(en16931: Rules) -> None:
    assert said_of(INVOICE, en16931) == {}


@corpora
@pytest.mark.parametrize(
    ("change", "rule", "path"),
    [
        (("<cbc:ID>I-1</cbc:ID>", ""), "BR-02", "/Invoice"),
        ((">11.90</cbc:PayableAmount>", ">11.80</cbc:PayableAmount>"), "BR-CO-16", "/Invoice/cac:LegalMonetaryTotal"),
        (("<cbc:Name>Mug</cbc:Name>", ""), "BR-25", "/Invoice/cac:InvoiceLine"),
        (('unitCode="C62"', ""), "BR-23", "/Invoice/cac:InvoiceLine"),
        (('unitCode="C62"', 'unitCode="XXX"'), "BR-CL-23", "/Invoice/cac:InvoiceLine/cbc:InvoicedQuantity/@unitCode"),
        (
            ("<cbc:Percent>19</cbc:Percent>\n", "\n"), "BR-S-05",
            "/Invoice/cac:InvoiceLine/cac:Item/cac:ClassifiedTaxCategory",
        ),
    ],
)  # fmt: skip
def test_one_thing_wrong_breaks_the_rule_about_it_at_its_place(
    change: tuple[str, str], rule: str, path: str, en16931: Rules
) -> None:
    assert change[0] in INVOICE
    found = said_of(INVOICE.replace(*change), en16931)
    assert found[rule][0].removesuffix("/@unitCode") == path.removesuffix("/@unitCode"), found
    assert found[rule][1] is not None


@corpora
def test_every_assertion_of_en_16931_reaches_the_stylesheet() -> None:
    wanted = {each.get("id") for each in etree.parse(str(EN16931)).iter("{http://purl.oclc.org/dsdl/schematron}assert")}
    made = etree.fromstring(stylesheet(EN16931))
    assert {each.get("id") for each in made.iter("{http://purl.oclc.org/dsdl/svrl}failed-assert")} == wanted
    assert len(wanted) > 900


@corpora
@pytest.mark.parametrize("name", ["UBL-Invoice-2.1-Example.xml", "UBL-Invoice-2.0-Example-NS1.xml"])
def test_invoices_of_oasis_which_are_older_than_the_rules_break_some_each_at_an_element(
    name: str, en16931: Rules
) -> None:
    document = read_document((INVOICES / name).read_bytes())
    check_rules(document, en16931)
    assert len(document.faults) > 30
    assert all(each.place.line and str(each.place.path).startswith("/Invoice") for each in document.faults)
    assert not [each.text for each in document.faults if "could not be evaluated" in each.text]
