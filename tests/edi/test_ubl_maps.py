"""UBL maps: what is written fits OASIS' schemas and is read back as it was; what is read loses nothing silently."""

import os
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lxml import etree

from core.domain.documents import check_document
from core.domain.papers import PAPERS, check_paper
from core.errors import MappingError
from mappings.document import load_map
from mappings.edi.shipped import map_that_reads_again
from mappings.edi.xml.schemas import Schemas
from mappings.engine import Map
from tests.edi import trade_documents as made

ROOT = Path(__file__).resolve().parents[2]
MAPS = ROOT / "mappings" / "edi" / "maps" / "ubl"
CORPUS = ROOT.parent / "shared" / "corpora" / "ubl-2.1"
EXAMPLES = int(os.environ.get("CROSSDOCK_ROUND_TRIPS", "15"))
BOTH_WAYS: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    "order": ("Order", made.ORDERS),
    "order_change": ("OrderChange", made.CHANGES),
    "order_cancellation": ("OrderCancellation", made.CANCELS),
    "order_response": ("OrderResponse", made.responses()),
    "despatch_advice": ("DespatchAdvice", made.ADVICES),
    "invoice": ("Invoice", made.INVOICES),
    "credit_note": ("CreditNote", made.CREDIT_NOTES),
}
# A change and a cancellation have no parties in the canonical model; UBL asks for them.
BESIDE: dict[str, dict[str, Any]] = {
    "order_change": {"buyer": {"name": "B"}, "seller": {"name": "S"}, "currency": "EUR"},
    "order_cancellation": {"buyer": {"name": "B"}, "seller": {"name": "S"}},
}


@cache
def the_map(name: str) -> Map:
    return load_map(MAPS / f"{name}.yaml")


@cache
def schemas() -> Schemas:
    return Schemas(CORPUS / "xsdrt") if CORPUS.is_dir() else Schemas()


def canonical(kind: str, body: Any) -> Any:
    return without_empty(check_paper(kind, body) if kind in PAPERS else check_document(kind, body))


def without_empty(value: Any) -> Any:
    """XML cannot tell an empty list from none."""
    if isinstance(value, dict):
        return {key: without_empty(each) for key, each in value.items() if each != []}
    return [without_empty(each) for each in value] if isinstance(value, list) else value


def faults(root: Any, document: str) -> list[str]:
    if not CORPUS.is_dir():
        return []
    # A written document is judged as its bytes are.
    again = etree.fromstring(etree.tostring(root))
    return [f"{each.path}: {each.words}" for each in schemas().of("ubl", document).findings(again)]


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_a_document_is_written_by_the_schema_and_read_back_as_it_was(name: str) -> None:
    document, strategy = BOTH_WAYS[name]
    writer, reader = the_map(f"{name}.out"), map_that_reads_again("ubl", document)
    assert reader is not None

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES < 1000,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(strategy)
    def holds(body: Any) -> None:
        root = writer.write({**body, **BESIDE.get(name, {})})
        assert faults(root, document) == []
        found = reader.read_one(writer.syntax.format([root], writer.document.options))
        assert found.holds == []
        assert canonical(reader.canonical_type, found.canonical) == canonical(reader.canonical_type, body)

    holds()


def reading(name: str, sample: str) -> tuple[Any, list[str]]:
    reader = the_map(f"{name}.in")
    (source,) = reader.documents((CORPUS / "xml" / sample).read_bytes())
    return reader.read(source.value), reader.unmapped(source.value)


corpora = pytest.mark.skipif(not CORPUS.is_dir(), reason="OASIS' examples are in ../shared/corpora, which is not here")


@corpora
@pytest.mark.parametrize(
    ("name", "sample", "unmapped"),
    [
        ("order", "UBL-Order-2.1-Example.xml", "cac:OrderLine[1]/cac:LineItem/cac:Item/cac:AdditionalItemProperty"),
        ("order", "UBL-Order-2.0-Example.xml", "cac:DeliveryTerms/cbc:SpecialTerms"),
        ("order", "UBL-Order-2.0-Example-International.xml", "cac:TransactionConditions/cbc:Description"),
        ("order_change", "UBL-OrderChange-2.1-Example.xml", "cac:LineItem/cbc:TotalTaxAmount"),
        ("order_cancellation", "UBL-OrderCancellation-2.1-Example.xml", "cac:BuyerCustomerParty/cac:Party"),
        ("despatch_advice", "UBL-DespatchAdvice-2.0-Example.xml", "cac:DespatchLine/cbc:BackorderQuantity"),
        ("receipt_advice", "UBL-ReceiptAdvice-2.0-Example.xml", "cac:ReceiptLine/cbc:ShortQuantity"),
        ("invoice", "UBL-Invoice-2.1-Example.xml", "cac:PayeeParty/"),
        ("invoice", "UBL-Invoice-2.0-Example-NS1.xml", "cbc:UUID"),
    ],
)
def test_an_example_of_oasis_is_read_and_what_no_rule_reads_is_named(name: str, sample: str, unmapped: str) -> None:
    _, unread = reading(name, sample)
    assert any(unmapped in each for each in unread), unread


@corpora
def test_the_order_of_oasis_is_read_with_its_prices_places_and_sums() -> None:
    found = reading("order", "UBL-Order-2.1-Example.xml")[0]
    order = check_document("order", found.canonical)
    assert found.holds == []
    assert (order["external_id"], order["currency"], order["type"]) == ("34", "SEK", "b2b")
    assert order["placed_at"].isoformat() == "2010-01-20T12:30:00+00:00"
    assert (order["buyer"]["gln"], order["buyer"]["external_id"]) == ("7300072311115", "PartyID123")
    assert order["ship_to"]["line1"] == "Rådhusgatan 5"
    assert (order["deliver_not_before"].isoformat(), order["deliver_not_after"].isoformat()) == (
        "2010-02-10",
        "2010-02-25",
    )
    assert order["references"] == {"contract": "34322", "cost_center": "Project123"}
    first = order["lines"][0]
    assert (first["sku"], first["quantity"], first["unit"], first["unit_price"]) == (
        "SItemNo001",
        Decimal(120),
        "LTR",
        Decimal(50),
    )
    assert order["charges"] == [{"kind": "charge", "title": "Transport documents", "amount": Decimal(100)}]
    assert order["totals"]["discount"] == Decimal(100)


@corpora
@pytest.mark.parametrize(
    ("name", "sample", "missing"),
    [
        ("credit_note", "UBL-CreditNote-2.0-Example.xml", "cac:OrderReference"),
        ("invoice", "UBL-Invoice-2.1-Example-Trivial.xml", "cbc:InvoicedQuantity"),
        ("invoice", "UBL-Invoice-2.0-Detached-Signature.xml", "not a doc:Invoice"),
    ],
)
def test_an_example_without_what_we_must_know_is_refused_by_name(name: str, sample: str, missing: str) -> None:
    with pytest.raises(MappingError) as caught:
        reading(name, sample)
    assert missing in str(caught.value)


def order_with(line: str) -> Any:
    return the_map("order.in").read_one(
        f"""<Order xmlns="urn:oasis:names:specification:ubl:schema:xsd:Order-2"
          xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
          xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
          <cbc:ID>PO-1</cbc:ID><cbc:IssueDate>2026-03-01</cbc:IssueDate>
          <cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
          <cac:OrderLine><cac:LineItem><cbc:ID>1</cbc:ID><cbc:Quantity unitCode="C62">300</cbc:Quantity>{line}
          </cac:LineItem></cac:OrderLine></Order>""".encode()
    )


def test_a_price_per_hundred_is_that_of_one() -> None:
    found = order_with(
        "<cac:Price><cbc:PriceAmount currencyID='EUR'>12.50</cbc:PriceAmount>"
        "<cbc:BaseQuantity unitCode='C62'>100</cbc:BaseQuantity></cac:Price>"
    )
    assert found.canonical["lines"][0]["unit_price"] == Decimal("0.125")
    assert found.holds == []


def test_a_price_that_cannot_be_divided_holds_the_order() -> None:
    found = order_with(
        "<cac:Price><cbc:PriceAmount currencyID='EUR'>10</cbc:PriceAmount>"
        "<cbc:BaseQuantity unitCode='C62'>3</cbc:BaseQuantity></cac:Price>"
    )
    assert "unit_price" not in found.canonical["lines"][0]
    assert [each["kind"] for each in found.holds] == ["missing_price"]
