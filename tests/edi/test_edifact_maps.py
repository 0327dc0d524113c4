"""The shipped EDIFACT maps: what is written is read as it was, in both directories, and nothing is left out."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.payloads import jsonable
from mappings.edi.shipped import shipped_map, shipped_path
from tests.edi.canonical_documents import (
    TRIED,
    cancellations,
    credit_notes,
    despatch_advices,
    invoices,
    meant,
    order_changes,
    order_responses,
    orders,
)
from tests.edi.reported_documents import receiving_advices, sales_reports

ENVELOPE = {"sender": "4012345000009", "recipient": "4098765000003", "reference": "7"}
VERSIONS = ["D96A", "D01B"]
WAYS: list[tuple[str, str, Callable[[], st.SearchStrategy[Any]]]] = [
    ("orders", "order", orders),
    ("ordchg", "order_change", order_changes),
    ("ordchg-cancel", "order_cancel", cancellations),
    ("ordrsp", "order_response", order_responses),
    ("desadv", "despatch_advice", despatch_advices),
    ("invoic", "invoice", invoices),
    ("invoic-credit", "credit_note", credit_notes),
    ("recadv", "receiving_advice", receiving_advices),
    ("slsrpt", "sales_report", sales_reports),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("name", "kind", "made"), WAYS, ids=[each[0] for each in WAYS])
def test_what_is_written_is_read_as_it_was(
    name: str, kind: str, made: Callable[[], st.SearchStrategy[Any]], version: str
) -> None:
    chosen = shipped_map(f"edifact/{name}.{version}")

    @TRIED
    @given(made())
    def round_trip(document: dict[str, Any]) -> None:
        body = jsonable(document)
        assert chosen.unwritten(body) == []
        (source,) = chosen.documents(chosen.write_interchange([body], ENVELOPE))
        assert source.error is None, source.error
        assert chosen.unmapped(source.value) == []
        assert meant(kind, jsonable(chosen.read(source.value).canonical)) == meant(kind, body)

    round_trip()


CHANGE = {
    "external_id": "PO-7", "change": "C-1", "occurred_at": "2026-11-20T10:41:00Z", "reason": "The store closes early",
    "ship_to": {"gln": "4098765000015", "name": "Depot North"},
    "lines": [{"op": "add", "external_id": "3", "sku": "MUG", "gtin": "4012345000016", "title": "Mug", "quantity": "2",
               "unit": "C62", "unit_price": "1.90"},
              {"op": "remove", "external_id": "1"}, {"op": "change", "external_id": "2", "quantity": "5"}],
}  # fmt: skip


@pytest.mark.parametrize("version", VERSIONS)
def test_a_change_comes_back_as_it_was(version: str) -> None:
    chosen = shipped_map(f"edifact/ordchg.{version}")
    body = chosen.write_interchange([CHANGE], ENVELOPE)
    assert chosen.unwritten(CHANGE) == []
    (source,) = chosen.documents(body)
    assert chosen.unmapped(source.value) == []
    assert jsonable(chosen.read(source.value).canonical) == CHANGE


@pytest.mark.parametrize(("version", "status"), [("D96A", ""), ("D01B", "INV+1'")])
def test_stock_is_read_by_item(version: str, status: str) -> None:
    items = (
        f"LIN+1++4012345000016:EN'PIA+1+MUG:SA'{status}QTY+145:120'GIN+BX+L1'DTM+361:20270131:102'"
        f"LIN+2'PIA+1+CUP:SA'{status}QTY+17:0'"
    )
    text = f"UNH+1+INVRPT:D:{version[1:]}:UN'BGM+35+R-1+9'DTM+137:202611201041:203'NAD+WH+WH-1::92'{items}"
    body = f"UNB+UNOC:3+A+B+261120:0941+88'{text}UNT+{text.count(chr(39)) + 1}+1'UNZ+1+88'"
    chosen = shipped_map(f"edifact/invrpt.{version}")
    (source,) = chosen.documents(body.encode())
    assert source.error is None, source.error
    assert jsonable(chosen.read(source.value).canonical) == {
        "as_of": "2026-11-20T10:41:00Z", "node": "WH-1",
        "items": [{"sku": "MUG", "on_hand": "120", "lot": "L1", "expires_on": "2027-01-31"},
                  {"sku": "CUP", "on_hand": "0"}],
    }  # fmt: skip
    assert [each for each in chosen.unmapped(source.value) if "LIN" not in each] == ["BGM[1=35]", "SG2/NAD[1=WH]/2.3"]


def test_a_cancellation_is_no_order() -> None:
    body = (
        b"UNB+UNOC:3+A+B+261120:0941+88'UNH+1+ORDERS:D:96A:UN'BGM+220+PO-7+1'DTM+137:20261120:102'CUX+2:EUR:9'"
        b"LIN+1'QTY+21:2'UNS+S'CNT+2:1'UNT+9+1'UNZ+1+88'"
    )
    (reading,) = shipped_map("edifact/orders.D96A").read_bytes(body)
    assert reading.error is not None
    assert "is missing and required" in reading.error.what
    (reading,) = shipped_map("edifact/orders.D96A").read_bytes(body.replace(b"PO-7+1'", b"PO-7+9'"))
    assert reading.error is None


@pytest.mark.parametrize("version", VERSIONS)
def test_an_order_change_that_cancels_is_no_change(version: str) -> None:
    body = (
        f"UNB+UNOC:3+A+B+261120:0941+88'UNH+1+ORDCHG:D:{version[1:]}:UN'BGM+230+C-1+1'DTM+137:20261120:102'"
        "FTX+AAI+++Not needed'RFF+ON:PO-7'UNS+S'UNT+7+1'UNZ+1+88'"
    ).encode()
    (reading,) = shipped_map(f"edifact/ordchg-cancel.{version}").read_bytes(body)
    assert reading.result is not None, reading.error
    assert jsonable(reading.result.canonical) == {
        "external_id": "PO-7", "change": "C-1", "occurred_at": "2026-11-20T00:00:00Z", "reason": "Not needed",
    }  # fmt: skip
    (reading,) = shipped_map(f"edifact/ordchg.{version}").read_bytes(body)
    assert reading.error is not None
    (reading,) = shipped_map(f"edifact/ordchg-cancel.{version}").read_bytes(body.replace(b"+1'DTM", b"+4'DTM"))
    assert reading.error is not None
    assert "BGM/3 is none of 1 by the partner's guide" in reading.error.what


def test_o3_a_despatch_advice_whose_parents_do_not_hold_is_refused() -> None:
    chosen = shipped_map("edifact/desadv.D96A")
    body = (
        b"UNB+UNOC:3+A+B+261120:0941+88'UNH+1+DESADV:D:96A:UN'BGM+351+DA-7+9'DTM+137:20261120:102'"
        b"DTM+11:20261120:102'RFF+DQ:S1'CPS+1'CPS+2+1'PAC+1++201'PCI+33E'GIN+BJ+340123450000000018'CPS+3+2'PAC+1++CT'"
        b"LIN+1++4012345000016:EN'QTY+12:5'UNT+15+1'UNZ+1+88'"
    )
    (reading,) = chosen.read_bytes(body)
    assert reading.error is None, reading.error
    assert reading.result is not None
    assert jsonable(reading.result.canonical["packages"]) == [
        {"number": 1, "kind": "pallet", "sscc": "340123450000000018"},
        {"number": 2, "parent": 1, "kind": "carton", "contents": [{"position": 1, "quantity": "5"}]},
    ]
    for change, said in ((b"CPS+3+9'", "names the parent 9"), (b"CPS+2+1'", "The level 2 comes twice")):
        (reading,) = chosen.read_bytes(body.replace(b"CPS+3+2'", change))
        assert reading.error is not None
        assert said in reading.error.what


def test_both_directories_say_the_same_at_their_own_places() -> None:
    groups = re.compile(r"SG[0-9]+")
    for name in ("orders", "ordchg", "ordrsp", "desadv", "invoic", "invoic-credit"):
        old, new = (
            [
                groups.sub("SG", line).replace("SRV|EN|UP|", "EN|UP|SRV|")
                for line in shipped_path(f"edifact/{name}.{version}").read_text(encoding="utf-8").splitlines()
                if not line.startswith("options:")
            ]
            for version in VERSIONS
        )
        assert old == new, name
