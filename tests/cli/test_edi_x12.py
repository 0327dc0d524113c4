"""`crossdock edi` reads, checks and writes X12, and imports guides in SEF."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mappings.edi.grammar.loader import read_grammar
from tests.edi.x12_samples import WHOLE

Bare = Callable[..., Any]
SEF = """.VER 1.5
.INI
PX,,004 010,X,X12-4010,A guide
.SETS
850=^[ST,M][BEG,M]+20[REF,,>1]^{:100000+10[PO1,M][PID,,9]{:>1+5[N1][N4]}}^[SE,M]
997=[ST,M][SE,M]
.SEGS
ST=[143,M][329,M]
BEG=[353,M][324,M]
REF=[128,M][127][C040]+R0203
PO1=[350]{2[235][234]}+P0203P0405
PID=[350]
N1=[98,M]
N4=[19]
SE=[96,M][329,M]
.COMS
C040=[128,M][127,M]
.ELMS
19=AN,2,30
96=N0,1,10
98=ID,2,3
127=AN,1,30
128=ID,2,3
143=ID,3,3
234=AN,1,48
235=ID,2,2
324=AN,1,22
329=AN,4,9
350=AN,1,20
353=ID,2,2
"""


def test_x12_is_shown_as_a_tree(bare: Bare, place: Path) -> None:
    (place / "order.x12").write_text(WHOLE)
    done = bare("edi", "read", "order.x12")
    assert done.code == 0, done.err
    assert done.out.splitlines()[:4] == [
        "order.x12: X12",
        "interchange 000000001 from ACME to HUB",
        "          1  ISA  1 00  2             3 00  4             5 ZZ  6 ACME             7 ZZ"
        "  8 HUB              9 260301  10 1200  11 U  12 00401  13 000000001  14 0  15 P  16 >",
        "  group 1 PO.004010",
    ]
    assert done.err == "1 interchange, 1 group, 1 message, 9 segments, no errors, no tolerances.\n"


def test_what_is_wrong_is_listed_and_ends_with_1(bare: Bare, place: Path) -> None:
    (place / "order.x12").write_text(WHOLE.replace("SE*5", "SE*6"))
    done = bare("edi", "check", "order.x12", "--json")
    assert done.code == 1
    (found,) = done.rows
    assert (found["code"], found["text"]) == ("4", "SE01 states 6 segments, but 5 came.")


def test_x12_is_written_again_from_the_file_and_from_json(bare: Bare, place: Path) -> None:
    bent = WHOLE.replace("SE*5", "SE*6").replace("~", "\n").replace("ACME   ", "ACME")
    (place / "order.x12").write_text(bent)
    done = bare("edi", "write", "order.x12", "--out", "again.x12")
    assert done.code == 1
    assert (place / "again.x12").read_text() == WHOLE.replace("~", "\n")
    shown = bare("edi", "read", "again.x12", "--json")
    (place / "lines.json").write_text(shown.out)
    assert bare("edi", "write", "lines.json", "--line-ends", "--out", "third.x12").code == 0
    assert (place / "third.x12").read_text() == WHOLE.replace("~", "~\n")
    refused = bare("edi", "write", "again.x12", "--una")
    assert refused.code != 0
    assert "X12 has no una." in refused.err


def test_a_guide_in_sef_becomes_a_grammar(bare: Bare, place: Path) -> None:
    (place / "guide.sef").write_text(SEF)
    done = bare("edi", "import-grammar", "guide.sef", "--message", "850", "--json")
    assert done.code == 0, done.err
    assert done.rows == [{"file": "850.yaml", "standard": "x12", "message": "850", "version": "004010", "segments": 8}]
    text = (place / "850.yaml").read_text()
    assert text.splitlines()[:15] == [
        "standard: x12",
        'message: "850"',
        'version: "004010"',
        "structure:",
        "  - ST",
        "  - BEG",
        "  - REF 0..*",
        "  - PO1 1..100000:",
        "      - PO1",
        "      - PID 0..9",
        "      - N1 0..*:",
        "          - N1",
        "          - N4 0..1",
        "  - SE",
        "elements:",
    ]
    assert '  "PO1": "350, 235, 234, 235, 234; P0203 P0405"' in text
    assert read_grammar(text, "850.yaml").segments["REF"].uses[2].parts[1].id == "127"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SEF, "guide.sef has 2 messages: 850, 997."),
        ("hello", "The SEF file has no .INI or no .SETS."),
        (SEF.replace("997=[ST,M][SE,M]\n", "").replace("{:>1+5", "{:many+5"), "'many' is no number of times."),
        (SEF.replace("997=[ST,M][SE,M]\n", "").replace("[N4]}}", "[N4]}"), "850 has a group that is not closed."),
        (SEF.replace("997=[ST,M][SE,M]\n", "").replace("N4=[19]\n", ""), "The SEF file does not say what N4 holds."),
        (SEF.replace("997=[ST,M][SE,M]\n", "").replace("19=AN,2,30", "19=AN,2"), "Element 19 has no lengths: 'AN,2'."),
    ],
)
def test_a_guide_that_cannot_be_read_is_refused_and_writes_nothing(bare: Bare, place: Path, text, said) -> None:
    (place / "guide.sef").write_text(text)
    done = bare("edi", "import-grammar", "guide.sef", "--json")
    assert done.code != 0
    assert said in (done.err + done.out)
    assert list(place.glob("*.yaml")) == []
