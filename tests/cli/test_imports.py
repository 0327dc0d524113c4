"""Files come in: good rows are written, bad rows end in a file with their reasons."""

import csv
import json
from pathlib import Path

import openpyxl
import pytest

from config.settings import load_settings
from console.wiring import open_hub
from core.jobs.intake import drain_messages
from tests.cli.conftest import HEADER, Crossdock, order_row


def bad(place: Path, name: str) -> list[list[str]]:
    """The rows of a file of bad rows, without its header."""
    return list(csv.reader((place / name).read_text().splitlines()))[1:]


def test_bad_items_are_told_and_good_ones_are_there(company: Crossdock, place: Path) -> None:
    (place / "more.csv").write_text("sku,title,price,currency\nPEN,Pen,1.20,EUR\n,Nameless,1,EUR\nCUP,Cup,cheap,EUR\n")
    result = company("import", "items", "more.csv", "--json")
    assert result.code == 1
    assert result.one == {"file": "more.csv", "what": "items", "good": 1, "bad": 2, "bad_file": "more.csv.bad.csv"}
    rows = bad(place, "more.csv.bad.csv")
    assert [(row[0], row[1].split(":")[0], row[2:]) for row in rows] == [
        ("3", "sku", ["", "Nameless", "1", "EUR"]),
        ("4", "price", ["CUP", "Cup", "cheap", "EUR"]),
    ]
    assert company("explain", "stock", "PEN").code == 0
    assert company("explain", "stock", "CUP").code == 4


def test_mended_rows_can_be_given_again(company: Crossdock, place: Path) -> None:
    (place / "more.csv").write_text("sku,price,currency\nCUP,cheap,EUR\n")
    company("import", "items", "more.csv", "--bad", "bad.csv")
    mended = (place / "bad.csv").read_text().replace("cheap", "3.10")
    (place / "again.csv").write_text(mended)
    assert company("import", "items", "again.csv", "--json").one["good"] == 1


def test_stock_of_unknown_items_is_told_row_by_row(company: Crossdock, place: Path) -> None:
    (place / "count.csv").write_text("sku,node,on_hand\nNOPE,HAM,1\nMUG,HAM,7\nVASE,HAM,-1\n")
    result = company("import", "stock", "count.csv", "--json")
    assert (result.code, result.one["good"], result.one["bad"]) == (1, 1, 2)
    rows = bad(place, "count.csv.bad.csv")
    assert [(row[0], row[2:]) for row in rows] == [("2", ["NOPE", "HAM", "1"]), ("4", ["VASE", "HAM", "-1"])]
    assert rows[0][1] == "no item has the SKU 'NOPE'"
    [node] = company("explain", "stock", "MUG", "--json").one["nodes"]
    assert node["on_hand"] == "7"


def test_stock_at_an_unknown_node_is_a_bad_row(company: Crossdock, place: Path) -> None:
    (place / "count.csv").write_text("sku,node,on_hand\nMUG,XXX,7\n")
    assert company("import", "stock", "count.csv").code == 1
    assert bad(place, "count.csv.bad.csv")[0][:2] == ["2", "There is no node 'XXX'."]


def test_each_bad_row_of_a_count_has_its_own_reason(company: Crossdock, place: Path) -> None:
    (place / "count.csv").write_text("sku,node,on_hand\nMUG,HAM,7\nMUG,XXX,7\nNOPE,HAM,1\nVASE,HAM,3\n")
    result = company("import", "stock", "count.csv", "--json")
    assert (result.code, result.one["good"], result.one["bad"]) == (1, 2, 2)
    assert [row[:2] for row in bad(place, "count.csv.bad.csv")] == [
        ["3", "There is no node 'XXX'."], ["4", "no item has the SKU 'NOPE'"],
    ]  # fmt: skip


def test_nodes_are_checked_as_the_api_checks_them(company: Crossdock, place: Path) -> None:
    (place / "more.csv").write_text("code;name;kind;cutoff\nRTM;Rotterdam;warehouse;15:30\nPOZ;Poznan;castle;\n")
    result = company("import", "nodes", "more.csv", "--json")
    assert (result.code, result.one["good"], result.one["bad"]) == (1, 1, 1)
    [row] = bad(place, "more.csv.bad.csv")
    assert row == ["3", "kind: Must be one of: warehouse, store, 3pl, supplier.", "POZ", "Poznan", "castle", ""]
    (place / "more.jsonl").write_text('{"code": "LYS", "latitude": 45.7}\n[]\n{"code": 1\n')
    result = company("import", "nodes", "more.jsonl", "--json")
    assert (result.one["good"], result.one["bad"]) == (1, 2)


def test_orders_come_in_by_line_and_one_bad_row_stops_its_order_only(company: Crossdock, place: Path) -> None:
    (place / "orders.csv").write_text(
        HEADER + order_row("W1") + order_row("W2", quantity="two") + order_row("W1", "VASE", "1", 2) + order_row("W3")
    )
    tried = company("import", "orders", "orders.csv", "--connection", "shop", "--dry-run", "--json").one
    assert (tried["good"], tried["bad"], tried["dry_run"]) == (3, 1, True)
    assert company("orders", "list", "--json").rows == []
    result = company("import", "orders", "orders.csv", "--connection", "shop")
    assert result.code == 1
    assert result.out == "3 rows taken, 1 bad; they are in orders.csv.bad.csv with their reasons.\n"
    found = company("orders", "list", "--json").rows
    assert {each["number"]: len(each["lines"]) for each in found} == {"W1": 2, "W3": 1}
    assert [each["via"] for each in company("messages", "list", "--json").rows] == ["import", "import"]
    again = company("import", "orders", "orders.csv", "--connection", "shop", "--json").one
    assert again["good"] == 3
    assert len(company("orders", "list", "--json").rows) == 2


def test_workbooks_and_json_lines_are_read_as_well(company: Crossdock, place: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["sku", "title", "price", "currency"])
    sheet.append(["LAMP", "Lamp", 12.5, "EUR"])
    book.save(place / "items.xlsx")
    assert company("import", "items", "items.xlsx", "--json").one["good"] == 1
    order = {
        "external_id": "J1", "placed_at": "2026-11-20T09:00:00Z", "currency": "EUR",
        "ship_to": {"name": "Ada", "line1": "Nygade 4", "city": "Aarhus", "postal_code": "8000", "country": "DK"},
        "lines": [{"external_id": "1", "sku": "LAMP", "quantity": "1", "unit_price": "12.50"}],
    }  # fmt: skip
    (place / "orders.jsonl").write_text(json.dumps(order) + "\nnot json\n")
    result = company("import", "orders", "orders.jsonl", "--connection", "shop", "--json")
    assert (result.code, result.one["good"], result.one["bad"]) == (1, 1, 1)
    assert company("orders", "show", "J1", "--json").one["lines"][0]["sku"] == "LAMP"


@pytest.mark.parametrize(
    ("words", "code", "name"),
    [
        (["items", "items.pdf"], 2, "CLI-IMPORT-415"),
        (["items", "missing.csv"], 2, "CLI-USAGE-400"),
        (["orders", "items.csv"], 2, "CLI-USAGE-400"),
        (["orders", "items.csv", "--connection", "nobody"], 4, "HUB-MISSING-404"),
    ],
)
def test_what_cannot_be_imported_is_refused(
    company: Crossdock, place: Path, words: list[str], code: int, name: str
) -> None:
    (place / "items.pdf").write_text("")
    result = company("import", *words, "--json")
    assert (result.code, result.one["error"]["code"]) == (code, name)


def test_a_file_without_the_columns_is_told_as_a_whole(company: Crossdock, place: Path) -> None:
    (place / "orders.csv").write_text("nothing,of,this\n1,2,3\n")
    result = company("import", "orders", "orders.csv", "--connection", "shop", "--json")
    assert (result.code, result.one["good"], result.one["bad"]) == (1, 0, 1)
    assert "order_number" in bad(place, "orders.csv.bad.csv")[0][1]


def test_an_imported_order_is_read_again_as_it_was_read(company: Crossdock, place: Path) -> None:
    (place / "orders.csv").write_text(HEADER + order_row("W1"))
    assert company("import", "orders", "orders.csv", "--connection", "shop").code == 0
    [message] = company("messages", "list", "--json").rows
    assert message["topic"] == "order"
    raw = json.loads(company("messages", "show", message["id"], "--raw").out)
    assert (raw["external_id"], raw["lines"][0]["quantity"]) == ("W1", "2")
    assert company("messages", "replay", message["id"][:20], "--json").one["state"] == "received"
    with open_hub(load_settings(), "cli") as hub:
        assert drain_messages(hub) == 1
    [message] = company("messages", "list", "--json").rows
    assert (message["state"], message["error"]) == ("duplicate", None)
    assert [each["number"] for each in company("orders", "list", "--json").rows] == ["W1"]
