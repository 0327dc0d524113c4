"""`crossdock edi convert` and `diff`: messages to canonical documents and back, without a hub."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Bare = Callable[..., Any]
ORDER = (
    "UNH+{n}+ORDERS:D:96A:UN:EAN008'BGM+220+PO-{n}+9'DTM+137:202611201041:203'DTM+2:20261123:102'RFF+CT:C-9'"
    "NAD+BY+4098765000015::9++Example Stores+Hafenweg 4'CUX+2:EUR:9'LIN+1++4012345000016:EN'PIA+1+MUG:SA'"
    "QTY+21:2:PCE'PRI+AAA:19.90'UNS+S'CNT+2:{c}'UNT+14+{n}'"
)
OPEN, CLOSE = "UNB+UNOC:3+4098765000003:14+4012345000009:14+261120:0941+88'", "UNZ+{n}+88'"
SEND = ("--sender", "4012345000009", "--sender-qualifier", "14", "--recipient", "4098765000003", "--reference", "4711")


def written(place: Path, *messages: str) -> None:
    text = OPEN + "".join(messages) + CLOSE.format(n=len(messages))
    (place / "orders.edi").write_text(text, encoding="latin-1")


def test_each_message_is_one_object_with_what_was_not_read(bare: Bare, place: Path) -> None:
    written(place, ORDER.format(n=1, c=1), ORDER.format(n=2, c=7))
    done = bare("edi", "convert", "orders.edi", "--json")
    assert done.code == 0, done.err
    first, second = (json.loads(each) for each in done.out.splitlines())
    assert first["document"] == {
        "external_id": "PO-1", "type": "b2b", "placed_at": "2026-11-20T10:41:00Z", "currency": "EUR",
        "requested_delivery_date": "2026-11-23", "references": {"contract": "C-9"},
        "buyer": {"gln": "4098765000015", "company": "Example Stores"},
        "lines": [{"external_id": "1", "gtin": "4012345000016", "sku": "MUG", "quantity": "2", "unit": "C62",
                   "unit_price": "19.90"}],
    }  # fmt: skip
    assert (first["canonical"], first["map"], first["unmapped"]) == ("order", "orders.D96A.yaml", ["SG2/NAD[1=BY]/5"])
    assert [each["text"] for each in second["faults"]] == ["CNT says 7 where 1 LIN came."]


def test_strict_refuses_what_is_wrong_and_ends_with_1(bare: Bare, place: Path) -> None:
    written(place, ORDER.format(n=1, c=1), ORDER.format(n=2, c=7))
    done = bare("edi", "convert", "orders.edi", "--json", "--strict")
    assert done.code == 1
    assert [json.loads(each)["error"] for each in done.out.splitlines()] == [
        None,
        "The ORDERS is wrong at CNT/1.2 (segment 13): CNT says 7 where 1 LIN came.",
    ]
    assert "1 could not be converted." in done.err


def test_what_was_converted_is_written_again(bare: Bare, place: Path) -> None:
    written(place, ORDER.format(n=1, c=1), ORDER.format(n=2, c=1))
    assert bare("edi", "convert", "orders.edi", "--out", "orders.json").code == 0
    done = bare("edi", "convert", "orders.json", "--map", "edifact/orders.D01B", *SEND, "--out", "again.edi")
    assert done.code == 0, done.err
    text = (place / "again.edi").read_text(encoding="latin-1")
    assert text.startswith("UNB+UNOC:3+4012345000009:14+4098765000003+")
    assert text.count("UNH+") == 2
    assert "LIN+1++4012345000016:SRV'PIA+1+MUG:SA'" in text
    again = bare("edi", "convert", "again.edi", "--json")
    before = [json.loads(each)["document"] for each in (place / "orders.json").read_text().splitlines()]
    assert [json.loads(each)["document"] for each in again.out.splitlines()] == before
    assert [json.loads(each)["unmapped"] for each in again.out.splitlines()] == [[], []]


def test_what_the_map_cannot_say_is_told_and_a_failure_leaves_no_file(bare: Bare, place: Path) -> None:
    order = {"external_id": "A", "placed_at": "2026-11-20T10:41:00Z", "currency": "EUR", "tags": ["x"],
             "lines": [{"external_id": "1", "quantity": "2"}]}  # fmt: skip
    (place / "order.json").write_text(json.dumps(order, indent=1))
    done = bare("edi", "convert", "order.json", "--map", "edifact/orders.D96A", *SEND, "--out", "o.edi")
    assert done.code == 0, done.err
    assert "Not written, as the map has no place for it: tags." in done.err
    (place / "order.json").write_text(json.dumps({**order, "external_id": "A" * 36}))
    done = bare("edi", "convert", "order.json", "--map", "edifact/orders.D96A", *SEND, "--out", "bad.edi")
    assert done.code != 0
    assert "longer than 35" in done.err
    assert not (place / "bad.edi").exists()
    done = bare("edi", "convert", "order.json", "--out", "bad.edi")
    assert "nothing says which map writes it" in done.err
    done = bare("edi", "convert", "order.json", "--map", "edifact/nothing", "--out", "bad.edi")
    assert "neither a shipped map nor a file" in done.err
    assert not (place / "bad.edi").exists()


def test_diff_shows_segments_that_do_not_come_back(bare: Bare, place: Path) -> None:
    written(place, ORDER.format(n=1, c=1))
    done = bare("edi", "diff", "orders.edi", "--json")
    assert done.code == 0, done.err
    (line,) = (json.loads(each) for each in done.out.splitlines())
    assert line["same"] is False
    assert line["differences"] == [
        {"segment": 6, "came": ["NAD+BY+4098765000015::9++Example Stores+Hafenweg 4"],
         "written": ["NAD+BY+4098765000015::9++Example Stores"]},
        {"segment": 10, "came": ["QTY+21:2:PCE"], "written": ["QTY+21:2:C62"]},
    ]  # fmt: skip
    shown = bare("edi", "diff", "orders.edi")
    assert "- QTY+21:2:PCE\n+ QTY+21:2:C62\n" in shown.out


OVERLAY = """overlay: edifact/orders.D96A
version: 3
guide:
  SG25/LIN/3.1: {required: true, pattern: "[0-9]{13}"}
  BGM/3: {codes: ["9"]}
fields:
  requested_delivery_date: null
  lines: {fields: {sku: {path: "PIA[1=1|5]/2..6[2=MF].1", required: true}}}
"""


def test_an_overlay_changes_rules_and_narrows_what_may_come(bare: Bare, place: Path) -> None:
    (place / "acme.yaml").write_text(OVERLAY)
    written(place, ORDER.format(n=1, c=1).replace("MUG:SA", "MUG-7:MF"))
    done = bare("edi", "convert", "orders.edi", "--map", "acme.yaml", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["document"]["lines"][0]["sku"] == "MUG-7"
    assert "requested_delivery_date" not in found["document"]
    assert found["unmapped"] == ["DTM[1.1=2]", "SG2/NAD[1=BY]/5"]
    for change, said in (
        (("4012345000016:EN", ""), "SG25/LIN/3.1 is missing and the partner's guide requires it, acme.yaml:4."),
        (("PO-1+9", "PO-1+5"), "BGM/3 is none of 9 by the partner's guide (value '5'), acme.yaml:5."),
        (("MUG-7:MF", "MUG-7:SA"), "is missing and required (value nothing, rule plain value, acme.yaml:8)."),
    ):
        written(place, ORDER.format(n=1, c=1).replace("MUG:SA", "MUG-7:MF").replace(*change))
        done = bare("edi", "convert", "orders.edi", "--map", "acme.yaml", "--json")
        assert done.code == 1
        assert json.loads(done.out)["error"].endswith(said)
    (place / "acme.yaml").write_text(OVERLAY.replace("BGM/3:", "BGM:"))
    assert "acme.yaml:5 guide.BGM: names no element" in bare("edi", "convert", "orders.edi", "--map", "acme.yaml").err
    (place / "acme.yaml").write_text(OVERLAY.replace("requested_delivery_date", "nothing"))
    assert "takes away a rule that is not there" in bare("edi", "convert", "orders.edi", "--map", "acme.yaml").err


NOTE = (
    "UNH+1+INVOIC:D:96A:UN:EAN008'BGM+381+C-1+9'DTM+137:202611201041:203'FTX+AAI+++broken'RFF+ON:PO-1'RFF+IV:I-1'"
    "CUX+2:EUR:4'LIN+1++4012345000016:EN'QTY+47:1:C62'MOA+203:5.00'PRI+AAA:5.00'UNS+S'CNT+2:1'MOA+79:5.00'"
    "MOA+260:0'MOA+259:0'MOA+125:5.00'MOA+176:0'MOA+77:5.00'UNT+20+1'"
)


def test_of_invoic_a_credit_note_is_read_by_its_own_map(bare: Bare, place: Path) -> None:
    written(place, NOTE)
    line = json.loads(bare("edi", "convert", "orders.edi", "--json").out)
    assert (line["map"], line["canonical"], line["error"]) == ("invoic-credit.D96A.yaml", "credit_note", None)
    assert (line["document"]["invoices"], line["document"]["reason"]) == ([{"number": "I-1"}], "broken")
    assert line["unmapped"] == []
    same = json.loads(bare("edi", "diff", "orders.edi", "--json").out)
    assert (same["map"], same["same"]) == ("invoic-credit.D96A.yaml", True), same
    # What no map reads is told as the usual one does.
    written(place, NOTE.replace("BGM+381", "BGM+999"))
    wrong = json.loads(bare("edi", "convert", "orders.edi", "--json").out)
    assert (wrong["map"], wrong["document"]) == ("invoic.D96A.yaml", None)
    assert wrong["error"].startswith("BGM[1=380|384|393]")


def test_of_a_message_that_changes_or_cancels_the_map_is_taken_that_is_for_it(bare: Bare, place: Path) -> None:
    head = (
        "ISA*00*          *00*          *ZZ*ACME           *ZZ*HUB            *260301*1200*U*00401*000000001*0*P*>~"
        "GS*PC*ACME*HUB*20260301*1200*7*X*004010~"
    )
    change = "ST*860*0001~BCH*04*SA*PO-1**C-1*20260302~POC*1*DI*2*0*EA*19.95**VP*A~CTT*1~SE*5*0001~"
    cancel = "ST*860*0002~BCH*01*SA*PO-1**C-2*20260302~SE*3*0002~"
    (place / "both.x12").write_text(f"{head}{change}{cancel}GE*2*7~IEA*1*000000001~")
    done = bare("edi", "convert", "both.x12", "--json")
    assert (done.code, [each["canonical"] for each in done.rows]) == (0, ["order_change", "order_cancel"])
    # One that cannot be read is told of by the map it is for.
    (place / "both.x12").write_text(f"{head}{cancel.replace('SE*3', 'DTM*097*20261399~SE*4')}GE*1*7~IEA*1*000000001~")
    [failed] = bare("edi", "convert", "both.x12", "--json").rows
    assert failed["map"] == "860-cancel.004010.yaml"
    assert failed["error"].startswith("DTM[1=097]/2-4: is no date")
    written(place, "UNH+1+ORDCHG:D:96A:UN:EAN006'BGM+230+C-2+1'DTM+137:20260302:102'RFF+ON:PO-1'UNS+S'UNT+6+1'")
    [canceled] = bare("edi", "convert", "orders.edi", "--json").rows
    assert canceled["document"] == {"external_id": "PO-1", "change": "C-2", "occurred_at": "2026-03-02T00:00:00Z"}
