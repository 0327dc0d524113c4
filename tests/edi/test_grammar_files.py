"""Grammars are read from YAML; what is wrong in one is said with its file and line; the page about them is true."""

import re
from pathlib import Path

import pytest

from mappings.edi.grammar.check import check
from mappings.edi.grammar.codes import FAULTS
from mappings.edi.grammar.loader import GrammarError, load_grammar, read_grammar, shipped_grammars
from mappings.edi.grammar.writing import grammar_yaml
from mappings.edi.x12.segments import Segment

PAGE = Path(__file__).resolve().parents[2] / "docs" / "edi-grammars.md"
OWN = """standard: x12
message: "850"
version: "004010"
structure:
  - ST
  - REF 0..2
  - N1 0..*:
      - N1
      - HL 0..1
elements:
  "1": AN 1/30
  "2": N2 1/10
composites:
  C001: "1!, 2"
segments:
  ST: "1!"
  REF: "1, C001 x3, 2; R0103"
  N1: "1"
  HL: "1"
"""


def test_a_grammar_of_ones_own_is_read_and_written_as_it_was() -> None:
    found = read_grammar(OWN, "own.yaml")
    assert [(each.name, each.low, each.high > 1) for each in found.root.nodes] == [
        ("ST", 1, False), ("REF", 0, True), ("N1", 0, True),
    ]  # fmt: skip
    reference = found.segments["REF"]
    assert [(each.id, each.required, each.high) for each in reference.uses] == [
        ("1", False, 1),
        ("C001", False, 3),
        ("2", False, 1),
    ]
    assert [(each.kind, each.positions) for each in reference.conditions] == [("R", (1, 3))]
    again = read_grammar(grammar_yaml(found), "again.yaml")
    assert grammar_yaml(again) == grammar_yaml(found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("standard: x12", "standard: tradacoms"), "own.yaml:1 standard: Must be one of: x12, edifact."),
        (("structure:", "note: x\nstructure:"), "own.yaml:4 note: Unknown field."),
        (
            ("- REF 0..2", "- REF 3..2"),
            "own.yaml:6 structure.1: 'REF 3..2' may come at most 2 times: less than it must, or never.",
        ),
        (("- REF 0..2", "- ref"), "own.yaml:6 structure.1: 'ref' is no place: write it as BEG, CUR 0..1, REF 0..*."),
        (
            ("- REF 0..2", "- 17"),
            "own.yaml:6 structure.1: is neither a segment nor a group: write - REF 0..* or - N1 0..200: with a list.",
        ),
        (
            ("      - N1\n", "      - X1:\n          - N1\n"),
            "own.yaml:7 structure.2.N1 0..*: a group is a list that begins with a segment.",
        ),
        (('"1": AN 1/30', '"1": AN 31/30'), "own.yaml:11 elements.1: 'AN 31/30' is at least 31 and at most 30 long."),
        (
            ('"1": AN 1/30', '"1": text'),
            "own.yaml:11 elements.1: 'text' is no type: write it as AN 1/30, N2 1/10, an..35, n3.",
        ),
        (
            ('C001: "1!, 2"', 'C001: "1!, 9"'),
            "own.yaml:14 composites.C001: element 9 is described neither under elements nor under composites.",
        ),
        (
            ('HL: "1"', 'HL: "1 required"'),
            "own.yaml:19 segments.HL: '1 required' is no element: write it as 128, 128! where required, C022! x5 wher",
        ),
        (("R0103", "R0104"), "own.yaml:17 segments.REF: 'R0104' names an element the segment does not have."),
        (
            ("R0103", "Q0103"),
            "own.yaml:17 segments.REF: 'Q0103' is no condition: write it as P0304, R0203, C0302, E0405, L091011.",
        ),
        (('  HL: "1"\n', ""), "own.yaml:4 structure: nothing says what these segments hold: HL."),
        (("structure:", "uses: x12/009999\nstructure:"), "own.yaml:4 uses: There is no dictionary for x12 009999."),
        (("message", "\tmessage"), "own.yaml:2 is not YAML: "),
    ],
)
def test_what_is_wrong_in_a_grammar_is_said_with_its_line(change, said) -> None:
    with pytest.raises(GrammarError) as error:
        read_grammar(OWN.replace(change[0], change[1], 1), "own.yaml")
    assert error.value.what.startswith(said)
    assert error.value.error_code == "EDI-GRAMMAR-422"


def test_a_grammar_that_is_not_shipped_is_refused_with_those_that_are() -> None:
    for asked in (
        ("x12", "850", "009999"),
        ("x12", "../850", "004010"),
        ("x12", "segments", "004010x"),
        ("own", "1", "1"),
    ):
        with pytest.raises(GrammarError, match=f"There is no grammar for {asked[0]} {re.escape(asked[1])} {asked[2]}"):
            load_grammar(*asked)


def test_every_shipped_grammar_can_be_read_and_written_as_it_stands() -> None:
    for standard, message, version in shipped_grammars():
        found = load_grammar(standard, message, version)
        path = PAGE.parents[1] / "mappings" / "edi" / "grammar" / standard / version / f"{message}.yaml"
        if message != "TA1":
            assert grammar_yaml(found, uses=f"{standard}/{version}") == path.read_text(encoding="utf-8")
        assert len(found.tags()) >= (1 if message == "TA1" else 5)


def test_a_ta1_is_checked() -> None:
    grammar = load_grammar("x12", "TA1", "004010")
    good = Segment("TA1", ["000000905", "260301", "1200", "R", "025"])
    assert check(grammar, [good]).faults == []
    bad = Segment("TA1", ["905", "260301", "1299", "R"])
    assert [(each.code, each.place.element) for each in check(grammar, [bad]).faults] == [("4", 1), ("9", 3), ("1", 5)]


def test_the_page_is_true() -> None:
    text = PAGE.read_text(encoding="utf-8")
    example = re.search(r"^```yaml grammar\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert example is not None
    found = read_grammar(example[1], "page.yaml")
    number = found.segments["BEG"].uses[2].type
    assert number is not None
    assert number.low == 4
    assert found.segments["PID"].uses[4].required is True
    rows = re.findall(r"^\| `([a-z-]+)` \| ([0-9]+) \| ([0-9]+) \|$", text, re.MULTILINE)
    assert {name: (x12, edifact) for name, x12, edifact in rows} == {name: codes[:2] for name, codes in FAULTS.items()}
    shipped: dict[tuple[str, str], set[str]] = {
        (standard, version): set() for standard, _, version in shipped_grammars()
    }
    for standard, message, version in shipped_grammars():
        shipped[standard, version].add(message)
    table = {
        (standard.lower(), version): set(messages.split())
        for standard, version, messages in re.findall(r"^\| (X12|EDIFACT) \| (\w+) \| ([A-Z0-9 ]+) \|$", text, re.M)
    }
    assert table | {("edifact", "D01B"): shipped["edifact", "D01B"]} == shipped
    assert shipped["edifact", "D01B"] == shipped["edifact", "D96A"]
