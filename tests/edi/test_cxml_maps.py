"""cXML maps: orders are read, and what is written fits the DTD; nothing is fetched and nothing declared is believed."""

import lzma
import os
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.domain.documents import check_document
from core.errors import MappingError
from mappings.document import load_map
from mappings.edi.xml.documents import check_document as check_xml
from mappings.edi.xml.documents import read_document
from mappings.edi.xml.schemas import Schemas
from mappings.engine import Map
from tests.edi import trade_documents as made

ROOT = Path(__file__).resolve().parents[2]
MAPS = ROOT / "mappings" / "edi" / "maps" / "cxml"
CORPUS = ROOT.parent / "shared" / "corpora" / "cxml"
EXAMPLES = int(os.environ.get("CROSSDOCK_ROUND_TRIPS", "15"))
IDENTIFIERS = {"ours": {"id": "1", "qualifier": "DUNS"}, "theirs": {"id": "2", "qualifier": "DUNS"}}
corpora = pytest.mark.skipif(not CORPUS.is_dir(), reason="the DTDs are in ../shared/corpora, which is not here")


@cache
def the_map(name: str) -> Map:
    return load_map(MAPS / f"{name}.yaml")


@pytest.fixture(scope="module")
def schemas(tmp_path_factory: pytest.TempPathFactory) -> Schemas:
    folder = tmp_path_factory.mktemp("dtd")
    for packed in (CORPUS / "dtd" / "1.2.063").glob("*.dtd.xz"):
        (folder / packed.stem).write_bytes(lzma.decompress(packed.read_bytes()))
    return Schemas(cxml=folder)


@corpora
@pytest.mark.parametrize(
    ("name", "strategy"),
    [("confirmation_request", made.responses()), ("ship_notice_request", made.ADVICES)],
)
def test_what_is_written_fits_the_dtd(name: str, strategy: st.SearchStrategy[Any], schemas: Schemas) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES < 1000,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(strategy)
    def fits(body: Any) -> None:
        document = read_document(the_map(f"{name}.out").write_bytes([{**body, "identifiers": IDENTIFIERS}]))
        check_xml(document, schemas)
        assert [each.text for each in document.faults] == []
        assert document.number == body["number"]

    fits()


def with_totals(body: Any) -> Any:
    """An order as cXML must have it: a total, somebody who is billed, and a price for each line."""
    lines = [{"unit_price": "1.50", "title": "Mug", **each} for each in body["lines"]]
    place = {"name": "Example Stores", "external_id": "815"}
    totals = {**body.get("totals", {}), "lines": "5.00"}
    return {"bill_to": place, **body, "lines": lines, "totals": totals, "identifiers": IDENTIFIERS}


@corpora
def test_an_order_is_written_by_the_dtd_and_its_lines_are_read_back(schemas: Schemas) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES < 1000,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(made.ORDERS.map(with_totals))
    def holds(body: Any) -> None:
        data = the_map("order_request.out").write_bytes([body])
        document = read_document(data)
        check_xml(document, schemas)
        assert [each.text for each in document.faults] == []
        found = the_map("order_request.in").read_one(data).canonical
        assert (found["external_id"], found["currency"]) == (body["external_id"], body["currency"])
        assert [(each["sku"], each["quantity"]) for each in found["lines"] if each.get("sku")] == [
            (each["sku"], Decimal(each["quantity"])) for each in body["lines"] if each.get("sku")
        ]
        assert [each["unit_price"] for each in found["lines"]] == [
            Decimal(each["unit_price"]) for each in body["lines"]
        ]

    holds()


@given(made.INVOICES)
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
def test_an_invoice_says_its_sums_and_lines(body: Any) -> None:
    # InvoiceDetail.dtd is not in the corpora: what is in the document is compared instead.
    root = the_map("invoice_detail_request.out").write({**body, "identifiers": IDENTIFIERS})
    sums = "Request/InvoiceDetailRequest/InvoiceDetailSummary"
    assert root.findtext(f"{sums}/NetAmount/Money") == body["totals"]["grand"]
    assert root.findtext(f"{sums}/SubtotalAmount/Money") == body["totals"]["lines"]
    items = root.findall("Request/InvoiceDetailRequest/InvoiceDetailOrder/InvoiceDetailItem")
    assert [each.findtext("SubtotalAmount/Money") for each in items] == [each["net"] for each in body["lines"]]


@corpora
def test_an_order_is_read_with_everything_named_that_no_rule_reads() -> None:
    reader = the_map("order_request.in")
    (source,) = reader.documents((CORPUS / "samples" / "OrderRequest.xml").read_bytes())
    found = reader.read(source.value)
    order = check_document("order", found.canonical)
    assert (order["external_id"], order["currency"], order["type"]) == ("DO1234", "EUR", "b2b")
    assert order["placed_at"].isoformat() == "2000-10-13T02:41:29+00:00"
    assert (order["ship_to"]["name"], order["ship_to"]["company"], order["ship_to"]["line2"]) == (
        "Joe Smith",
        "Acme",
        "Mailstop M-543",
    )
    assert [(each["sku"], each["quantity"], each["unit"], each["unit_price"]) for each in order["lines"]] == [
        ("1233244", Decimal(10), "EA", Decimal("2.10")),
        ("1233245", Decimal(20), "EA", Decimal("3.20")),
    ]
    assert order["totals"]["lines"] == Decimal("85.00")
    assert order["references"]["payload_id"] == "1625586002.193314.7293@dev"
    assert "Request/OrderRequest/ItemOut[1]/@requestedDeliveryDate" in reader.unmapped(source.value)


ORDER = """<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.063/cXML.dtd"{own}>
<cXML payloadID="p-1@example.com" timestamp="2026-03-02T10:00:00Z"><Header/><Request><OrderRequest>
<OrderRequestHeader orderID="PO-1" orderDate="2026-03-01T10:00:00Z" {more}>
<Total><Money currency="EUR">5</Money></Total>
</OrderRequestHeader><ItemOut quantity="100" lineNumber="1"><ItemID><SupplierPartID>A</SupplierPartID></ItemID>
<ItemDetail><UnitPrice><Money currency="EUR">5</Money></UnitPrice><Description>Mug</Description>
<UnitOfMeasure>EA</UnitOfMeasure>{basis}</ItemDetail></ItemOut></OrderRequest></Request></cXML>"""


def order(own: str = "", more: str = "", basis: str = "") -> Any:
    (found,) = the_map("order_request.in").read_bytes(ORDER.format(own=own, more=more, basis=basis).encode())
    assert found.result is not None, found.error
    return found.result


def test_an_order_that_is_deleted_is_canceled() -> None:
    assert "canceled_at" not in order().canonical
    assert order(more='type="delete"').canonical["canceled_at"].isoformat() == "2026-03-02T10:00:00+00:00"


def test_a_price_of_another_unit_holds_the_order_and_one_per_hundred_is_divided() -> None:
    basis = (
        '<PriceBasisQuantity quantity="100" conversionFactor="{}"><UnitOfMeasure>{}</UnitOfMeasure>'
        "</PriceBasisQuantity>"
    )
    assert order(basis=basis.format(1, "EA")).canonical["lines"][0]["unit_price"] == Decimal("0.05")
    found = order(basis=basis.format("0.5", "KGM"))
    assert "unit_price" not in found.canonical["lines"][0]
    assert [each["kind"] for each in found.holds] == ["missing_price"]


def test_declarations_in_the_doctype_are_refused() -> None:
    with pytest.raises(MappingError, match="declares entities"):
        list(the_map("order_request.in").read_bytes(ORDER.format(own='[<!ENTITY x "y">]', more="", basis="").encode()))
