"""`crossdock edi`: what it says of a file, and with which exit code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mappings.edi.acks.judging import judge
from mappings.edi.shipped import shipped_map
from tests.edi.x12_samples import WHOLE

Bare = Callable[..., Any]
GOOD = (
    b"UNA:+.? 'UNB+UNOC:3+4012345000009:14+4098765000003:14+261128:1200+R1++++++1'UNH+M1+ORDERS:D:96A:UN:EAN008'"
    b"BGM+220+PO1+9'FTX+AAI+++It?'s:two'UNT+4+M1'UNZ+1+R1'"
)
ORDER = GOOD.replace(b"FTX+AAI", b"DTM+137:20261128:102'FTX+AAI").replace(
    b"UNT+4", b"NAD+BY+4012345000009::9'LIN+1++4006381333931:EN'QTY+21:3'UNS+S'CNT+2:1'UNT+10"
)
BAD = GOOD.replace(b"UNT+4", b"UNT+5").replace(b"+PO1+9'", b"+PO1+9'\r\n")


@pytest.fixture
def good(place: Path) -> Path:
    path = place / "good.edi"
    path.write_bytes(GOOD)
    return path


@pytest.fixture
def bad(place: Path) -> Path:
    path = place / "bad.edi"
    path.write_bytes(BAD)
    return path


def test_a_file_is_shown_as_a_tree(bare: Bare, good: Path) -> None:
    done = bare("edi", "read", good)
    assert done.code == 0
    assert done.out.splitlines() == [
        "good.edi: EDIFACT",
        "interchange R1 from 4012345000009 to 4098765000003 (test)",
        "          1  UNB  1 UNOC:3  2 4012345000009:14  3 4098765000003:14  4 261128:1200  5 R1  11 1",
        "    message M1 ORDERS.D.96A.UN.EAN008",
        "          2  UNH  1 M1  2 ORDERS:D:96A:UN:EAN008",
        "          3  BGM  1 220  2 PO1  3 9",
        "          4  FTX  1 AAI  4 It's:two",
        "          5  UNT  1 4  2 M1",
        "          6  UNZ  1 1  2 R1",
    ]
    assert done.err == "1 interchange, 1 message, 6 segments, no errors, no tolerances.\n"


def test_a_file_is_shown_as_json(bare: Bare, good: Path) -> None:
    done = bare("edi", "read", good, "--json")
    assert [each["what"] for each in done.rows] == [
        "interchange", "segment", "message", "segment", "segment", "segment", "segment", "message_end", "segment",
        "interchange_end",
    ]  # fmt: skip
    assert done.rows[5] == {
        "what": "segment",
        "tag": "FTX",
        "elements": ["AAI", "", "", ["It's", "two"]],
        "number": 4,
        "offset": GOOD.index(b"FTX"),
    }
    assert done.rows[7]["start"] == GOOD.index(b"UNH")
    assert done.rows[7]["end"] == GOOD.index(b"UNZ")


def test_check_lists_faults_and_ends_with_1(bare: Bare, place: Path, bad: Path) -> None:
    (place / "order.edi").write_bytes(ORDER)
    clean = bare("edi", "check", "order.edi")
    assert (clean.code, clean.out, clean.err.splitlines()[0]) == (0, "", "Nothing is wrong.")
    done = bare("edi", "check", bad)
    assert done.code == 1
    assert [line.split("  ")[0] for line in done.out.splitlines()] == ["kind", "tolerance", "error"]
    assert "The message says it has 5 segments, but 4 came." in done.out
    assert done.err == "1 interchange, 1 message, 6 segments, 1 error, 1 tolerance.\n"
    [first, second] = bare("edi", "check", bad, "--json", "--strict").rows
    assert (first["kind"], first["name"], second["code"]) == ("error", "line-ends", "29")


def test_write_makes_trailers_right_and_tells_what_was_wrong(bare: Bare, bad: Path, place: Path) -> None:
    out = place / "out.edi"
    done = bare("edi", "write", bad, "--out", out, "--una")
    assert done.code == 1
    assert done.err == "Segment 5: The message says it has 5 segments, but 4 came.\n"
    assert out.read_bytes() == GOOD
    assert sorted(each.name for each in place.glob("*.edi*")) == ["bad.edi", "out.edi"]


CUT = GOOD[: GOOD.index(b"FTX") + 5]


@pytest.mark.parametrize("content", [CUT, b"ISA*", GOOD[: GOOD.index(b"UNZ")]])
@pytest.mark.parametrize("printed", [True, False])
def test_what_cannot_be_read_whole_is_not_written(bare: Bare, place: Path, content: bytes, printed: bool) -> None:
    (place / "cut.edi").write_bytes(content)
    done = bare("edi", "write", "cut.edi", *(() if printed else ("--out", place / "new.edi")))
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1] == "cut.edi cannot be read whole. Nothing was written; have it sent again."
    assert [each.name for each in place.iterdir() if "new" in each.name] == []


@pytest.mark.parametrize("verb", ["convert", "diff"])
def test_a_file_of_which_nothing_is_read_ends_with_1(bare: Bare, place: Path, verb: str) -> None:
    (place / "cut.edi").write_bytes(b"ISA*")
    done = bare("edi", verb, "cut.edi")
    assert done.code == 1
    assert done.err.splitlines()[-1] == "No message of cut.edi could be read."


def test_write_takes_what_read_printed(bare: Bare, good: Path, place: Path) -> None:
    lines = bare("edi", "read", good, "--json").rows
    changed = [{**each, "elements": ["AAI", "", "", "new"]} if each.get("tag") == "FTX" else each for each in lines]
    path = place / "changed.jsonl"
    path.write_text("\n".join(map(json.dumps, changed)), encoding="utf-8")
    done = bare("edi", "write", path, "--line-ends", "--charset", "UNOY", "--syntax-version", "4")
    assert done.code == 0
    assert done.out.split("\r\n") == [
        "UNB+UNOY:4+4012345000009:14+4098765000003:14+20261128:1200+R1++++++1'",
        "UNH+M1+ORDERS:D:96A:UN:EAN008'",
        "BGM+220+PO1+9'",
        "FTX+AAI+++new'",
        "UNT+4+M1'",
        "UNZ+1+R1'",
        "",
    ]


def test_what_cannot_be_written_leaves_no_file(bare: Bare, place: Path, good: Path) -> None:
    done = bare("edi", "write", good, "--out", place / "out.edi", "--charset", "UNOA")
    assert done.code == 2
    assert "which the character set UNOA lacks" in done.err
    assert [each.name for each in place.iterdir() if "out" in each.name] == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"STX=ANA:1+5000000000000'", "odd.edi is TRADACOMS, which cannot be read."),
        (b"%PDF-1.7", "odd.edi is no EDI file."),
        (b"", "odd.edi is no EDI file."),
    ],
)
def test_other_files_are_named_for_what_they_are(bare: Bare, place: Path, content: bytes, said: str) -> None:
    (place / "odd.edi").write_bytes(content)
    done = bare("edi", "read", place / "odd.edi")
    assert done.code == 2
    assert said in done.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"what": "segment"}', "Line 1 is no segment"),
        ('{"what": "segment", "tag": "BGM", "elements": [5]}', "Line 1 has an element"),
        ('{"what": "interchange"}\n[]', "Line 2 is not a JSON object"),
        ('{"what"', "Line 1 is not JSON"),
    ],
)
def test_wrong_json_is_told_with_its_line(bare: Bare, place: Path, content: str, said: str) -> None:
    (place / "odd.jsonl").write_text(content)
    done = bare("edi", "write", place / "odd.jsonl")
    assert done.code == 2
    assert said in done.err


X12 = (
    "ISA*00*          *00*          *ZZ*ACME           *ZZ*HUB            *261128*1200*U*00401*000000001*0*P*>~"
    "GS*PO*ACME*HUB*20261128*1200*1*X*004010VICS~ST*850*0001~BEG*00*SA*PO-1**20261340~DTM*002*20260231~"
    "DTM*010*20260301~PO1*1*3*EA~CTT*1~SE*7*0001~GE*1*1~IEA*1*000000001~"
)


def test_a_date_that_cannot_be_is_named_at_its_element(bare: Bare, place: Path) -> None:
    (place / "order.x12").write_text(X12)
    done = bare("edi", "check", "order.x12", "--json")
    found = [(each["kind"], each["code"], each["place"]["number"], each["place"]["element"], each["text"])
             for each in done.rows]  # fmt: skip
    assert (done.code, found) == (
        1,
        [
            ("tolerance", "8", 5, 2, "DTM02 is no date: 20260231."),
            ("error", "8", 4, 5, "BEG05 is no date."),
        ],
    )
    strict = bare("edi", "check", "order.x12", "--strict", "--json")
    assert (strict.code, [each["kind"] for each in strict.rows if each["name"] == "date-invalid"]) == (1, ["error"] * 2)
    dtm = b"DTM+137:20261340:102'DTM+2:20261123:102'DTM+63:2026:999'"
    (place / "order.edi").write_bytes(ORDER.replace(b"DTM+137:20261128:102'", dtm).replace(b"UNT+10", b"UNT+12"))
    [fault] = bare("edi", "check", "order.edi", "--json").rows
    assert (fault["place"]["element"], fault["place"]["component"], fault["text"]) == (
        1, 2, "DTM01-2 is no date: 20261340.",
    )  # fmt: skip


UNLIKE = (
    ("order.edi", ORDER.replace(b"CNT+2:1'", b"CNT+2:4'"), "29", "CNT says 4 where 1 LIN came."),
    (
        "order.edi",
        ORDER.replace(b"UNS+S'", b"").replace(b"UNT+10", b"UNT+9"),
        "13",
        "UNS is missing before this place.",
    ),
    ("order.x12", WHOLE.replace("CTT*1", "CTT*2").encode(), "7", "CTT says 2 where 1 PO1 came."),
    ("order.x12", WHOLE.replace("BEG*00*SA*", "BEG*00**").encode(), "1", "BEG02 is required and is missing."),
)


@pytest.mark.parametrize(("name", "content", "code", "said"), UNLIKE)
def test_check_acknowledgement_and_map_say_the_same_of_what_a_message_holds(
    bare: Bare, place: Path, name: str, content: bytes, code: str, said: str
) -> None:
    (place / name).write_bytes(content)
    checked = bare("edi", "check", name, "--json")
    assert (checked.code, [(each["code"], each["text"]) for each in checked.rows]) == (1, [(code, said)])
    [judged] = judge(content)
    [message] = judged.findings.messages()
    assert [(each.code, each.text) for each in message.problems] == [(code, said)]
    chosen = shipped_map("edifact/orders.D96A" if name.endswith("edi") else "x12/850.004010")
    [reading] = chosen.read_bytes(content)
    assert reading.error is not None
    assert said in str(reading.error)
    again = bare("edi", "convert", name, "--strict")
    assert again.code == 1
    assert said in again.out + again.err


def test_standard_input_is_read_for_a_dash_and_named_as_such(bare: Bare, place: Path) -> None:
    shown = bare("edi", "read", "-", stdin=GOOD)
    assert (shown.code, shown.out.splitlines()[0]) == (0, "standard input: EDIFACT")
    wrong = bare("edi", "check", "-", stdin=BAD)
    assert wrong.code == 1
    assert "The message says it has 5 segments, but 4 came." in wrong.out
    nothing = bare("edi", "check", "-", stdin=b"")
    assert nothing.code == 2
    assert "standard input is no EDI file." in nothing.err
    assert bare("edi", "write", "-", "--una", stdin=GOOD).out.encode() == GOOD
    converted = bare("edi", "convert", "-", "--json", stdin=WHOLE.encode())
    assert (converted.code, converted.one["document"]["external_id"]) == (0, "4500000001")
    to = ("--map", "x12/850.004010", "--sender", "A", "--recipient", "B", "--reference", "7")
    written = bare("edi", "convert", "-", *to, stdin=converted.out)
    assert (written.code, "BEG*00*SA*4500000001" in written.out) == (0, True)
    assert bare("edi", "diff", "-", stdin=WHOLE.encode()).code == 0
    assert list(place.iterdir()) == []


def test_several_files_are_checked_one_after_the_other_and_the_worst_decides(bare: Bare, place: Path) -> None:
    for name, content in (("good.edi", ORDER), ("bad.edi", BAD), ("odd.txt", b"hello"), ("good.x12", WHOLE.encode())):
        (place / name).write_bytes(content)
    assert bare("edi", "check", "good.edi", "good.x12").code == 0
    both = bare("edi", "check", "good.edi", "bad.edi")
    assert both.code == 1
    assert [line for line in both.out.splitlines() if line.endswith("EDIFACT")] == [
        "good.edi: EDIFACT", "bad.edi: EDIFACT"
    ]  # fmt: skip
    assert both.err.splitlines()[-1] == "bad.edi: 1 interchange, 1 message, 6 segments, 1 error, 1 tolerance."
    every = bare("edi", "check", "odd.txt", "bad.edi", "good.x12", "--json")
    assert every.code == 2
    assert [(each["file"], each.get("name") or each["error"]["code"]) for each in every.rows] == [
        ("odd.txt", "EDI-SYNTAX-415"), ("bad.edi", "line-ends"), ("bad.edi", "count-wrong")
    ]  # fmt: skip
    shown = bare("edi", "read", "good.edi", "odd.txt", "good.x12")
    assert shown.code == 2
    assert [line for line in shown.out.splitlines() if line[:1] != " " and ": " in line] == [
        "good.edi: EDIFACT", "good.x12: X12"
    ]  # fmt: skip
    gone = bare("edi", "check", "none.edi", "bad.edi")
    assert (gone.code, "bad.edi: EDIFACT" in gone.out) == (2, True), "one that is not there stops no other"
    assert "none.edi cannot be read: no such file or directory" in gone.err
    alone = bare("edi", "check", "none.edi")
    assert (alone.code, "CLI-FILE-400" in alone.err) == (2, True)
    assert bare("edi", "check").code == 2
