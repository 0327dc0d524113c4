"""Every shipped map has documents invented for it that come back as they were, those that only read or write as well.

`CROSSDOCK_ROUND_TRIPS` raises how many. Maps that only read an EDI message are given one by an overlay that writes the
segments they pass over; what only reads XML is given documents that are made here, and of cXML, which has no map back,
the lines are looked at.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from core.domain.payloads import jsonable
from mappings.edi.shipped import named_map, shipped_map, shipped_names
from tests.edi import test_edifact_maps, test_ubl_maps, test_x12_maps
from tests.edi import trade_documents as made
from tests.edi.canonical_documents import TRIED, Json, meant, stock_counts
from tests.edi.test_cxml_maps import IDENTIFIERS

VERSIONS = test_edifact_maps.VERSIONS
ENVELOPE = test_edifact_maps.ENVELOPE
CAC = "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"
ADVICE = "urn:oasis:names:specification:ubl:schema:xsd:ReceiptAdvice-2"
# What a map that only reads passes over, and the message has to have.
OVERLAYS = {
    "invrpt.D96A": 'report: "BGM[1=35]/2"\n  items: {fields: {line: LIN/1}}',
    "invrpt.D01B": 'report: "BGM[1=35]/2"\n  items: {fields: {line: LIN/1}}',
}
READ_ONLY = ("invrpt",)
UBL_READ_ONLY = {"ubl/receipt_advice.in", "ubl/credit_note.in"}
CXML = {
    "cxml/order_request.in", "cxml/order_request.out", "cxml/confirmation_request.out",
    "cxml/ship_notice_request.out", "cxml/invoice_detail_request.out",
}  # fmt: skip


def writer(name: str, folder: Path) -> Any:
    """The map of a name with what it lacks to write its message."""
    (folder / "own.yaml").write_text(f"overlay: edifact/{name}\nversion: 9\nfields:\n  {OVERLAYS[name]}\n")
    return named_map("own.yaml", folder)


def comes_back(name: str, kind: str, writes: Any, strategy: st.SearchStrategy[Json], more: Any) -> None:
    """Write invented documents with what the message needs beside them, and read them by the shipped map."""
    reads = shipped_map(f"edifact/{name}")

    @TRIED
    @given(strategy)
    def round_trip(document: Json) -> None:
        body = jsonable(document)
        (source,) = reads.documents(writes.write_interchange([more(body)], ENVELOPE))
        assert source.error is None, source.error
        assert meant(kind, jsonable(reads.read(source.value).canonical)) == meant(kind, body)

    round_trip()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_count_of_stock_is_read_as_it_was(version: str, tmp_path: Path) -> None:
    def whole(body: Json) -> Json:
        items = [{**each, "line": str(at)} for at, each in enumerate(body["items"], 1)]
        return {**body, "report": "R-1", "items": items}

    comes_back(f"invrpt.{version}", "stock", writer(f"invrpt.{version}", tmp_path), stock_counts(), whole)


@st.composite
def receipts(draw: st.DrawFn) -> tuple[bytes, Json]:
    """A ReceiptAdvice as a buyer writes it, the time at one of its places, and the tracking event it means."""
    number, advice, said = draw(made.CODES), draw(made.CODES), draw(st.none() | made.WORDS)
    at = draw(made.MOMENTS).split(".")[0].rstrip("Z")
    day, _, time = at.partition("T")
    where = draw(st.sampled_from(["moment", "delivery", "line", "issue"]))
    root = etree.Element(f"{{{ADVICE}}}ReceiptAdvice", nsmap={"r": ADVICE, "cac": CAC, "cbc": CBC})

    def put(path: str, value: str) -> None:
        element = root
        *above, last = path.split("/")
        for name in above:
            inner = element.find(f"{{{CAC}}}{name}")
            element = etree.SubElement(element, f"{{{CAC}}}{name}") if inner is None else inner
        etree.SubElement(element, f"{{{CBC}}}{last}").text = value

    put("ID", number)
    put("IssueDate", day if where == "issue" else "2001-01-01")
    if said:
        put("Note", said)
    put("DespatchDocumentReference/ID", advice)
    if where in ("moment", "delivery"):
        put("Shipment/Delivery/ActualDeliveryDate", day)
    if where == "moment":
        put("Shipment/Delivery/ActualDeliveryTime", f"{time}Z")
    put("ReceiptLine/ID", "1")
    if where == "line":
        put("ReceiptLine/ReceivedDate", day)
    meaning = {"external_id": number, "shipment": advice, "status": "delivered", **({"detail": said} if said else {}),
               "occurred_at": f"{day}T{time if where == 'moment' else '00:00:00'}Z"}  # fmt: skip
    return etree.tostring(root), meaning


@TRIED
@given(receipts())
def test_a_receipt_advice_is_read_as_it_was_meant(receipt: tuple[bytes, Json]) -> None:
    body, meaning = receipt
    found = shipped_map("ubl/receipt_advice.in").read_one(body)
    assert found.holds == []
    assert meant("tracking", jsonable(found.canonical)) == meant("tracking", meaning)


@TRIED
@given(made.CREDIT_NOTES)
def test_a_credit_note_is_read_as_the_refund_it_is(note: Json) -> None:
    chosen = shipped_map("ubl/credit_note.out")
    found = jsonable(shipped_map("ubl/credit_note.in").read_one(chosen.write_bytes([note])).canonical)
    wanted = {
        "external_id": note["number"], "order_external_id": note["order_external_id"],
        "occurred_at": note["issued_at"], "amount": note["totals"]["grand"], "currency": note["currency"],
        "lines": [{"external_id": each["external_id"], "quantity": each["quantity"], "restock": "none",
                   "amount": each["net"]} for each in note["lines"]],
        **({"note": note["reason"]} if note.get("reason") else {}),
    }  # fmt: skip
    assert meant("refund", found) == meant("refund", wanted)


@TRIED
@given(made.ADVICES)
def test_a_ship_notice_says_every_line_and_package_of_its_advice(advice: Json) -> None:
    root = shipped_map("cxml/ship_notice_request.out").write({**advice, "identifiers": IDENTIFIERS})
    items = root.findall(".//ShipNoticeItem")
    assert [(each.get("lineNumber"), Decimal(each.get("quantity"))) for each in items] == [
        (each["external_id"], Decimal(each["quantity"])) for each in advice["lines"]
    ]
    assert [each.get("identifier") for each in root.findall(".//IdReference[@domain='SSCC']")] == [
        each["sscc"] for each in advice["packages"] if each.get("sscc")
    ]


@TRIED
@given(made.responses())
def test_a_confirmation_says_of_every_line_what_becomes_of_it(response: Json) -> None:
    root = shipped_map("cxml/confirmation_request.out").write({**response, "identifiers": IDENTIFIERS})
    found = [
        (each.get("lineNumber"), [(said.get("type"), Decimal(said.get("quantity"))) for said in
                                  each.findall("ConfirmationStatus")])
        for each in root.findall(".//ConfirmationItem")
    ]  # fmt: skip
    words = {"accepted": "accept", "changed": "detail", "backordered": "backordered", "rejected": "reject"}
    assert found == ([
        (each["external_id"], [(words[each["status"]], Decimal(each["ordered_quantity"]))])
        for each in response["lines"]
    ] if response["status"] == "changed" else [])  # fmt: skip


def test_every_shipped_map_has_a_generated_round_trip() -> None:
    x12 = {f"x12/{name}.{version}" for name, _, _ in test_x12_maps.WAYS for version in test_x12_maps.VERSIONS}
    edifact = {
        f"edifact/{name}.{version}"
        for name in (*READ_ONLY, *(each[0] for each in test_edifact_maps.WAYS))
        for version in VERSIONS
    }
    ubl = {f"ubl/{name}.{way}" for name in test_ubl_maps.BOTH_WAYS for way in ("in", "out")} | {
        "ubl/credit_note_sent.in"
    }
    assert x12 | edifact | ubl | UBL_READ_ONLY | CXML == set(shipped_names())
