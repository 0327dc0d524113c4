"""What is in the files: good rows in, bad rows out, nothing guessed."""

import tracemalloc
from datetime import UTC, datetime

import pytest

from connectors.files import tables
from tests.connectors.files.conftest import HEADER, Drop, documents, errors, order, taken


def test_rows_of_an_order_are_one_record_wherever_they_stand(drop: Drop) -> None:
    connector = drop.open()
    rows = [*order("A-1", "X", "Y").splitlines(), *order("A-2", "Z").splitlines()]
    drop.put("orders.csv", "\n".join([HEADER, rows[0], rows[2], rows[1], ""]))
    first, second = taken(connector)
    assert first.headers == {"x-file": "orders.csv", "x-lines": "2,4"}
    (document,) = documents(connector, first)
    assert document.body["external_id"] == "A-1"
    assert [line["sku"] for line in document.body["lines"]] == ["X", "Y"]
    assert documents(connector, second)[0].body["external_id"] == "A-2"
    assert [name.split("/")[0] for name in drop.files()] == ["archive"]


def test_the_same_file_twice_makes_no_second_order(drop: Drop) -> None:
    text = f"{HEADER}\n{order('A-1', 'X')}{order('A-2', 'Y')}"
    drop.put("orders.csv", text)
    first = taken(drop.open())
    drop.put("orders-again.csv", text.replace("\n", "\r\n"))
    second = taken(drop.open())
    assert [record.dedupe_key for record in first] == [record.dedupe_key for record in second]
    drop.put("orders.csv", text.replace(",1,9.90", ",2,9.90"))
    third = taken(drop.open())
    assert {record.dedupe_key for record in first}.isdisjoint(record.dedupe_key for record in third)


def test_one_bad_row_holds_back_its_order_and_no_other(drop: Drop) -> None:
    connector = drop.open()
    text = (
        f"{HEADER}\n{order('A-1', 'X')}{order('A-2', 'Y', 'Z', quantity='abc')}A-3,short\n"
        f",2026-11-20T09:41:00Z,EUR,1,X,Thing,1,9.90\n{order('A-4', 'X')}"
        "A-5,2026-11-20T09:41:00Z,EUR,1,X,Thing,1,9.90\nA-5,2026-11-20T09:41:00Z,SEK,2,X,Thing,1,9.90\n"
        'A-6,2026-11-20T09:41:00Z,EUR,1,X,"Thi"ng,1,9.90\n' + order("A-7", "X")
    )
    drop.put("orders.csv", text)
    found = taken(connector)
    assert [documents(connector, record)[0].body["external_id"] for record in found] == ["A-1", "A-4", "A-7"]
    reasons = dict(errors(drop))
    assert list(reasons) == ["6", "10", "3", "4", "5", "8", "9"]
    assert "quantity: is not a number (value 'abc'" in reasons["3"]
    assert reasons["5"] == "it has 2 cells, the header has 8"
    assert reasons["6"] == "the column 'order_number' is empty"
    assert "differs between row" in reasons["8"]
    assert "the quoting is broken" in reasons["10"]


def test_the_error_file_can_be_mended_and_dropped_again(drop: Drop) -> None:
    connector = drop.open()
    drop.put("orders.csv", f"{HEADER}\n{order('A-1', 'X', quantity='abc')}")
    assert taken(connector) == []
    lines = drop.text("error/orders.csv.errors.csv").splitlines()
    rest = [line.split(",", 2)[2] if number == 0 else line.rpartition('",')[2] for number, line in enumerate(lines)]
    drop.put("orders-mended.csv", "\n".join(rest).replace("abc", "3"))
    (record,) = taken(connector)
    assert str(documents(connector, record)[0].body["lines"][0]["quantity"]) == "3"


def test_a_code_nobody_mapped_goes_in_and_waits_in_the_hub(drop: Drop) -> None:
    connector = drop.open()
    drop.put("orders.csv", f"{HEADER},unit\n{order('A-1', 'X').strip()},bunch\n")
    assert len(taken(connector)) == 1
    assert not (drop.root / "error" / "orders.csv.errors.csv").exists()


# -- charsets and dialects


def test_a_wrong_charset_stops_the_rows_it_touches(drop: Drop) -> None:
    connector = drop.open()
    text = f"{HEADER}\n{order('A-1', 'X')}{order('A-2', 'Grün')}{order('A-3', 'Z')}"
    drop.put("orders.csv", text.encode("latin-1"))
    assert len(taken(connector)) == 2
    assert errors(drop) == [("3", "the byte 0xfc is not UTF-8; is the file in another charset?")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_believed(drop: Drop, encoding: str) -> None:
    connector = drop.open()
    drop.put("orders.csv", f"{HEADER}\n{order('A-1', 'Grün')}".encode(encoding))
    (record,) = taken(connector)
    assert documents(connector, record)[0].body["lines"][0]["sku"] == "Grün"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (HEADER.encode("utf-16-le"), "NUL character"),
        (b"\xfc,b\n", "the byte 0xfc is not UTF-8"),
        (b"a,a\n1,2\n", "'a' twice"),
        (b"order;currency\n1;2\n", "no column 'order_number'"),
        (b"PK\x03\x04", "no column"),
        (b'"' + b"x" * 300_000, "never closed"),
        (b"x" * 1_100_000, "longer than 1,000,000"),
        (b"order_number\xff\n", "0xff"),
    ],
)
def test_a_file_that_cannot_be_read_is_moved_aside_with_the_reason(drop: Drop, content: bytes, reason: str) -> None:
    connector = drop.open()
    drop.put("orders.csv", content)
    assert taken(connector) == []
    assert drop.files() == ["error/orders.csv", "error/orders.csv.errors.csv"]
    ((_, said),) = errors(drop)
    assert reason in said


def test_an_open_quote_loses_only_what_lies_behind_it(drop: Drop) -> None:
    connector = drop.open()
    drop.put("orders.csv", f'{HEADER}\n{order("A-1", "X")}A-2,"open\n' + order("A-3", "X" * 100) * 2_000)
    assert taken(connector) == []
    assert [line for line, _ in errors(drop)] == ["3"]
    assert "error/orders.csv" in drop.files()


def test_a_map_of_ones_own_brings_its_dialect(drop: Drop, tmp_path_factory: pytest.TempPathFactory) -> None:
    maps = tmp_path_factory.mktemp("maps")
    (maps / "orders.csv.in.yaml").write_text(
        'map: order\nfrom: csv\noptions: {delimiter: ";", encoding: windows-1252}\ngroup_by: Nr\nfields:\n'
        "  external_id: Nr\n  placed_at: {path: Datum, as: {moment: {zone: Europe/Berlin, format: '%d.%m.%Y %H:%M'}}}\n"
        "  currency: {const: EUR}\n  lines:\n    each: rows\n    fields:\n      sku: Artikel\n"
        '      quantity: {path: Menge, as: {quantity: {decimal: ","}}}\n'
        '      unit_price: {path: Preis, as: {money: {decimal: ",", thousands: "."}}}\n'
    )
    connector = drop.open(maps=str(maps), orders="Bestellung*")
    drop.put(
        "Bestellung-7.csv", "Nr;Datum;Artikel;Menge;Preis\n7;20.11.2026 09:41;Grün;1,5;1.234,50\n".encode("cp1252")
    )
    (record,) = taken(connector)
    (document,) = documents(connector, record)
    assert document.body["placed_at"] == datetime(2026, 11, 20, 8, 41, tzinfo=UTC)
    (line,) = document.body["lines"]
    assert (line["sku"], str(line["quantity"]), str(line["unit_price"])) == ("Grün", "1.5", "1234.50")


# -- stock and items


def test_stock_is_cut_into_batches_of_one_time_of_counting(drop: Drop) -> None:
    connector = drop.open()
    rows = [f"S{n},north,{n},2026-11-20T08:00:00Z" for n in range(700)] + ["T1,south,1,2026-11-20T09:00:00Z"]
    drop.put("stock.csv", "\n".join(["sku,node,on_hand,as_of", *rows]))
    found = [documents(connector, record)[0] for record in taken(connector)]
    assert [len(each.body["items"]) for each in found] == [500, 200, 1]
    assert [each.body["as_of"].hour for each in found] == [8, 8, 9]


def test_a_count_without_time_is_as_old_as_its_file(drop: Drop) -> None:
    connector = drop.open()
    drop.put("stock.csv", "sku,node,on_hand\nA,north,5\n", at=1_000_000_000)
    (record,) = taken(connector)
    assert documents(connector, record)[0].body["as_of"] == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)
    drop.put("stock.csv", "sku,node,on_hand\nA,north,5\n", at=1_000_086_400)
    (later,) = taken(connector)
    assert later.dedupe_key != record.dedupe_key


def test_an_order_without_time_of_change_is_as_old_as_its_file(drop: Drop) -> None:
    connector = drop.open()
    drop.put("orders.csv", f"{HEADER}\n{order('A-1', 'X')}", at=1_000_000_000)
    (record,) = taken(connector)
    assert documents(connector, record)[0].body["source_updated_at"] == datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)


def test_bad_rows_of_a_batch_are_taken_out_alone(drop: Drop) -> None:
    connector = drop.open()
    drop.put(
        "stock.csv", "sku,node,on_hand,as_of\nA,n,5,2026-11-20\nB,n,x,2026-11-20\n,n,1,2026-11-20\nC,n,7,2026-11-20\n"
    )
    (record,) = taken(connector)
    assert [item["sku"] for item in documents(connector, record)[0].body["items"]] == ["A", "C"]
    assert [line for line, _ in errors(drop, "stock.csv")] == ["3", "4"]


def test_items_are_read(drop: Drop) -> None:
    connector = drop.open()
    drop.put("items.csv", "sku,title,gtin,price,currency,active\nA,Mug,4006381333931,9.90,EUR,yes\n")
    (record,) = taken(connector)
    (item,) = documents(connector, record)[0].body["items"]
    assert (item["sku"], item["gtin"], item["active"]) == ("A", "4006381333931", True)


# -- JSON lines

LINE = (
    '{"external_id": "%s", "placed_at": "2026-11-20T09:41:00Z", "currency": "EUR",'
    ' "lines": [{"external_id": "1", "sku": "X", "quantity": 2, "unit_price": 9.90}]}'
)


def test_json_lines_are_read_line_by_line(drop: Drop) -> None:
    connector = drop.open()
    lines = [LINE % "J-1", "", "{", LINE % "J-2", "[]", '{"external_id": "J-3"}', '{"a": NaN}']
    drop.put("orders.jsonl", "\n".join(lines))
    found = taken(connector)
    assert [documents(connector, record)[0].body["external_id"] for record in found] == ["J-1", "J-2"]
    assert str(documents(connector, found[0])[0].body["lines"][0]["unit_price"]) == "9.90"
    assert [line for line, _ in errors(drop, "orders.jsonl")] == ["3", "5", "6", "7"]


def test_stock_and_items_in_json_lines(drop: Drop) -> None:
    connector = drop.open()
    drop.put("stock.jsonl", '{"sku": "A", "node": "n", "on_hand": "3", "as_of": "2026-11-20T09:41:00Z"}\n')
    drop.put("items.jsonl", '{"sku": "A", "title": "Mug"}\n')
    found = {record.topic: documents(connector, record)[0].body["items"][0]["sku"] for record in taken(connector)}
    assert found == {"stock.jsonl": "A", "items.jsonl": "A"}


def test_a_line_without_end_is_refused(drop: Drop) -> None:
    connector = drop.open()
    drop.put("orders.jsonl", "[" * 1_500_000)
    assert taken(connector) == []
    assert "error/orders.jsonl" in drop.files()


# -- size


def test_memory_does_not_grow_with_the_file(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    connector = drop.open()
    # The maps are proven elsewhere; here only what is held on to counts.
    monkeypatch.setattr(type(connector), "probe", lambda self, topic, body: ())
    peaks = []
    for rows in (2_000, 20_000):
        text = "".join(order(f"N-{number}", "X", "Y") for number in range(rows // 2))
        path = drop.put(f"orders-{rows}.csv", f"{HEADER}\n{text}")
        del text
        list(connector.claim_files())
        tracemalloc.start()
        count = sum(1 for _ in connector.claim_files())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        connector.settle_files(True)
        assert count == rows // 2
        assert not path.exists()
    assert peaks[1] < peaks[0] + 1_000_000
    assert tables.MAX_ROW == 1_000_000


def test_formulas_in_the_error_file_are_disarmed(drop: Drop) -> None:
    connector = drop.open()
    drop.put("orders.csv", f"{HEADER}\nA-1,=cmd|' /C calc'!A0,EUR,1,@X,-Thing,1,9.90\n")
    assert taken(connector) == []
    text = drop.text("error/orders.csv.errors.csv")
    assert "'=cmd|" in text
    assert ",'@X,'-Thing," in text
