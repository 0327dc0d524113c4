"""Files for the partner: one push, one file, whole or not at all."""

import csv
import os
import stat
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import openpyxl
import orjson
import pytest

from connectors.sdk.drop import outbox as putting
from core.domain.vocabulary import Write
from core.errors import ConnectorError, Misconfigured, Rejected, Transient
from core.ports.connectors import Push
from tests.connectors.files.conftest import Drop

SHIPMENT: dict[str, Any] = {
    "shipment": {
        "id": "shp_1", "number": "S1", "node": "north", "carrier": "dhl", "service": None, "tracking_number": "JJD1",
        "tracking_url": None, "shipped_at": "2026-11-20T12:00:00Z", "packages": [],
        "lines": [
            {"line_id": "lin_1", "external_id": "1", "sku": "=HYPERLINK(\"x\")", "quantity": "2"},
            {"line_id": "lin_2", "external_id": "2", "sku": "-5", "quantity": "0.5"},
        ],
    },
    "order": {"id": "ord_1", "external_id": "820", "number": "+1001", "connection": "shopify-eu"},
    "fulfillment": {"id": "ful_1", "number": "F1"},
}  # fmt: skip
ORDER: dict[str, Any] = {
    "event": "created",
    "order": {
        "id": "ord_1", "external_id": "820", "number": "#1001", "connection": "shop", "currency": "EUR",
        "placed_at": "2026-11-20T09:41:00Z", "note": "a\nb",
        "ship_to": {"name": 'Ada, "the" Jensen', "country": "DK"},
        "lines": [{"id": "lin_1", "sku": "A", "title": "Mug", "quantity": "2", "unit": "C62", "unit_price": "9.90"}],
    },
    "allocation": [],
}  # fmt: skip
STOCK = {"items": [{"sku": "A", "available": "5", "as_of": "2026-11-20T09:41:00Z", "references": {"gtin": "1"}}]}
PUSHES = [
    Push(Write.PUSH_ORDER, "dlv_1", ORDER),
    Push(Write.PUSH_SHIPMENT, "dlv_2", SHIPMENT),
    Push(Write.PUSH_STOCK, "dlv_3", STOCK),
]


def outbox(drop: Drop) -> list[str]:
    """Return everything in the outbox, hidden files too."""
    return sorted(path.name for path in (drop.root / "outbox").iterdir())


@pytest.mark.parametrize("ending", ["csv", "jsonl", "xlsx"])
@pytest.mark.parametrize("push", PUSHES, ids=lambda push: str(push.kind))
def test_every_push_is_one_file_that_can_be_found(drop: Drop, push: Push, ending: str) -> None:
    connector = drop.open(out_format=ending)
    assert connector.find_by_reference(push) is None
    receipt = getattr(connector, push.kind)(push)
    name = f"{push.kind.removeprefix('push_')}-{push.reference}.{ending}"
    assert (receipt.reference, receipt.detail["written"], outbox(drop)) == (name, True, [name])
    found = connector.find_by_reference(push)
    assert found is not None
    assert found.reference == name


def test_csv_has_a_header_and_disarmed_texts(drop: Drop) -> None:
    connector = drop.open()
    connector.push_shipment(PUSHES[1])
    rows = list(csv.DictReader(StringIO(drop.text("outbox/shipment-dlv_2.csv"))))
    assert [row["sku"] for row in rows] == ['\'=HYPERLINK("x")', "-5"]
    assert [row["quantity"] for row in rows] == ["2", "0.5"]
    assert {row["order_number"] for row in rows} == {"+1001"}
    assert {row["shipped_at"] for row in rows} == {"2026-11-20T12:00:00Z"}


def test_commas_quotes_and_line_breaks_survive(drop: Drop) -> None:
    connector = drop.open()
    connector.push_order(PUSHES[0])
    (row,) = csv.DictReader(StringIO(drop.text("outbox/order-dlv_1.csv"), newline=""))
    assert (row["ship_name"], row["note"]) == ('Ada, "the" Jensen', "a\nb")


def test_json_lines_hold_one_row_each(drop: Drop) -> None:
    connector = drop.open(out_format="jsonl")
    connector.push_shipment(PUSHES[1])
    lines = [orjson.loads(line) for line in drop.text("outbox/shipment-dlv_2.jsonl").splitlines()]
    assert [(line["shipment_id"], line["sku"]) for line in lines] == [("shp_1", '=HYPERLINK("x")'), ("shp_1", "-5")]


def test_a_workbook_holds_no_formula(drop: Drop) -> None:
    connector = drop.open(out_format="xlsx")
    connector.push_shipment(PUSHES[1])
    book = openpyxl.load_workbook(BytesIO((drop.root / "outbox" / "shipment-dlv_2.xlsx").read_bytes()))
    assert book.active is not None
    cells = [cell for row in book.active.iter_rows() for cell in row]
    assert '=HYPERLINK("x")' in [cell.value for cell in cells]
    assert {cell.data_type for cell in cells} <= {"s", "n"}


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_repeat_writes_nothing_even_after_the_partner_took_the_file(drop: Drop, ending: str) -> None:
    connector = drop.open(out_format=ending)
    name = connector.push_shipment(PUSHES[1]).reference
    assert name is not None
    (drop.root / "outbox" / name).unlink()
    assert drop.open(out_format=ending).push_shipment(PUSHES[1]).detail["written"] is False
    assert outbox(drop) == []
    found = connector.find_by_reference(PUSHES[1])
    assert found is not None
    assert found.detail["in"] == "sent"


def test_a_reply_lost_in_a_crash_is_found_and_happens_once(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = drop.open()
    real = putting.write

    def dying(folder: Path, name: str, content: bytes) -> None:
        real(folder, name, content)
        raise KeyboardInterrupt

    monkeypatch.setattr(putting, "write", dying)
    with pytest.raises(KeyboardInterrupt):
        connector.push_shipment(PUSHES[1])
    monkeypatch.undo()
    again = drop.open()
    assert again.find_by_reference(PUSHES[1]) is not None
    # And a push that is repeated without asking overwrites the same file.
    again.push_shipment(PUSHES[1])
    assert outbox(drop) == ["shipment-dlv_2.csv"]


def test_a_crash_before_the_rename_shows_nothing(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = drop.open()

    def dying(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", dying)
    with pytest.raises(KeyboardInterrupt):
        connector.push_shipment(PUSHES[1])
    monkeypatch.undo()
    assert connector.find_by_reference(PUSHES[1]) is None
    assert outbox(drop) == [".shipment-dlv_2.csv.tmp"]
    connector.push_shipment(PUSHES[1])
    assert outbox(drop) == ["shipment-dlv_2.csv"]


def test_newer_values_under_the_same_reference_replace_the_file(drop: Drop) -> None:
    connector = drop.open()
    connector.push_stock(PUSHES[2])
    newer = {"items": [{**STOCK["items"][0], "available": "4"}]}
    assert connector.push_stock(Push(Write.PUSH_STOCK, "dlv_3", newer)).detail["written"] is True
    assert outbox(drop) == ["stock-dlv_3.csv"]
    assert drop.text("outbox/stock-dlv_3.csv").splitlines()[1].startswith("A,4,")


@pytest.mark.parametrize("reference", ["../../etc/x", "/abs", "a/b", "a\x00b", "..", "x" * 500, "ünïcode", "a b"])
def test_no_reference_leaves_the_outbox(drop: Drop, reference: str) -> None:
    connector = drop.open()
    push = Push(Write.PUSH_STOCK, reference, STOCK)
    connector.push_stock(push)
    (name,) = outbox(drop)
    assert name.startswith("stock-")
    assert len(name) < 200
    assert connector.find_by_reference(push) is not None
    assert connector.find_by_reference(Push(Write.PUSH_STOCK, reference + "!", STOCK)) is None


def test_references_that_look_alike_have_files_of_their_own(drop: Drop) -> None:
    connector = drop.open()
    for reference in ("a/b", "a_b", "a b"):
        connector.push_stock(Push(Write.PUSH_STOCK, reference, STOCK))
    assert len(outbox(drop)) == 3


@pytest.mark.parametrize(
    "payload",
    [
        {"items": [{"sku": None, "available": "5"}]},
        {"items": [{"sku": "A"}]},
        {"items": [{"sku": "A", "available": "5", "as_of": "noon"}]},
    ],
)
def test_what_does_not_fit_is_rejected_and_not_written(drop: Drop, payload: dict[str, Any]) -> None:
    connector = drop.open()
    with pytest.raises(Rejected):
        connector.push_stock(Push(Write.PUSH_STOCK, "dlv_3", payload))
    assert outbox(drop) == []


@pytest.mark.parametrize(("problem", "kind"), [(PermissionError, Misconfigured), (OSError, Transient)])
def test_a_disk_that_refuses_is_said(
    drop: Drop, monkeypatch: pytest.MonkeyPatch, problem: type[OSError], kind: type[ConnectorError]
) -> None:
    connector = drop.open()

    def refuse(*_: Any) -> None:
        raise problem(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(kind, match="No space left on device"):
        connector.push_stock(PUSHES[2])
    monkeypatch.undo()
    assert connector.find_by_reference(PUSHES[2]) is None


def test_the_attempt_log_names_the_file(drop: Drop) -> None:
    connector = drop.open()
    connector.push_stock(PUSHES[2])
    (exchange,) = connector.exchanges()
    size = (drop.root / "outbox" / "stock-dlv_3.csv").stat().st_size
    assert exchange.request == {"file": "stock-dlv_3.csv", "bytes": size}
    assert connector.exchanges() == []
    assert stat.S_IMODE((drop.root / "outbox").stat().st_mode) & 0o007 == 0
