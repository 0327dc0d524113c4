"""A message is grouped along its grammar, and every fault bears the standard's code and its place."""

import random
from typing import Any

import pytest
from pydifact import Segment as Pydifact

from mappings.edi.faults import Place
from mappings.edi.grammar.check import MOST, check
from mappings.edi.grammar.loader import load_grammar, read_grammar
from mappings.edi.grammar.structure import Group
from mappings.edi.x12.events import TransactionSet
from mappings.edi.x12.reader import X12Reader
from mappings.edi.x12.segments import Repeated, Segment
from tests.edi.x12_samples import ABSENT, FOLDER, sample_files

ORDERS = """UNH+1+ORDERS:D:96A:UN
BGM+220+4711+9
DTM+137:20260301:102
RFF+CT:77
DTM+171:20260101:102
NAD+BY+4012345000009::9
LOC+7+A
CTA+OC
COM+1:TE
NAD+SU+4098765000003::9
CUX+2:EUR:9
LIN+1++4006381333931:EN
QTY+21:3
PRI+AAA:19.95
LIN+2++4006381333948:EN
QTY+21:1
UNS+S
CNT+2:2
UNT+19+1"""
PO = """ST*850*0001
BEG*00*SA*4711**20260301
N1*ST**92*0042
N4*Springfield*IL*62701*US
PO1*1*3*EA*19.95*PE*VN*LAMP-1
PID*F****Oak lamp
PO1*2*1*EA*5*PE*VN*BULB
CTT*2
SE*9*0001"""


def edifact(text: str) -> list[Pydifact]:
    return [
        Pydifact(parts[0], *(part.split(":") if ":" in part else part for part in parts[1:]))
        for parts in (line.split("+") for line in text.splitlines())
    ]


def x12(text: str) -> list[Segment]:
    rows = (line.split("*") for line in text.splitlines())
    return [
        Segment(row[0], [part.split(":") if ":" in part else part for part in row[1:]], number)
        for number, row in enumerate(rows, 1)
    ]


def faults(
    text: str, *, message: str = "850", version: str = "004010"
) -> list[tuple[str, str | None, str, int | None]]:
    found = check(load_grammar("x12", message, version), x12(text)).faults
    return [(each.name, each.code, each.text, each.place.position) for each in found]


def outline(group: Group) -> list[Any]:
    return [outline(each) if isinstance(each, Group) else each.tag for each in group.items]


def test_pydifact_segments_are_grouped_as_the_directory_says() -> None:
    found = check(load_grammar("edifact", "ORDERS", "D96A"), edifact(ORDERS))
    assert found.faults == []
    assert outline(found.groups) == [
        "UNH", "BGM", "DTM", ["RFF", "DTM"], ["NAD", "LOC", ["CTA", "COM"]], ["NAD"], ["CUX"],
        ["LIN", "QTY", ["PRI"]], ["LIN", "QTY"], "UNS", "CNT", "UNT",
    ]  # fmt: skip
    lines = found.groups.groups("SG25")
    assert [line.segments("LIN")[0].elements[0] for line in lines] == ["1", "2"]
    assert lines[0].groups("SG28")[0].items[0].tag == "PRI"


def test_x12_segments_are_grouped_in_loops() -> None:
    found = check(load_grammar("x12", "850", "004010"), x12(PO))
    assert found.faults == []
    assert outline(found.groups) == ["ST", "BEG", ["N1", "N4"], ["PO1", ["PID"]], ["PO1"], ["CTT"], "SE"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("BEG*00*SA*4711**20260301\n", ""), ("segment-missing", "3", "BEG is missing before this place.", 2)),
        (("CTT*2", "ZZZ*2"), ("segment-unknown", "1", "ZZZ is no segment of this version.", 8)),
        (("CTT*2", "W01*2"), ("segment-not-in-message", "6", "W01 is no segment of this message.", 8)),
        (("CTT*2", "BEG*00*SA*1**20260301"), ("segment-misplaced", "7", "BEG may not stand here.", 8)),
        (("N4*S", "FOB*CC\nFOB*CC\nN4*S"), ("segment-misplaced", "7", "N4 may not stand here.", 6)),
        (("CTT*2", "CTT*2\nCTT*2"), ("group-too-often", "4", "The group CTT comes more than 1 times.", 9)),
        (("BEG*", "CUR*BY*USD\nBEG*"), ("segment-missing", "3", "BEG is missing before this place.", 2)),
        (("\nSE*9*0001", ""), ("segment-missing", "3", "SE is missing before this place.", 8)),
        (
            ("N1*ST", "CUR*BY*USD\nCUR*BY*USD\nN1*ST"),
            ("segment-too-often", "5", "CUR comes more than 1 times here.", 4),
        ),
    ],
)
def test_x12_structure_faults_bear_the_codes_of_ak304(change, expected) -> None:
    assert expected in faults(PO.replace(*change))


def test_only_the_faulty_segment_is_blamed_and_the_rest_is_grouped() -> None:
    found = check(load_grammar("x12", "850", "004010"), x12(PO.replace("PID*F", "ZZZ*1\nPID*F")))
    assert [each.name for each in found.faults] == ["segment-unknown"]
    assert outline(found.groups)[3] == ["PO1", "ZZZ", ["PID"]]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("*4711**20260301", "***20260301"), ("element-missing", "1", "BEG03 is required and is missing.", 2)),
        (
            ("*EA*19.95", "*EA*19,5x"),
            ("element-characters", "6", "PO104 holds characters that its type R does not have.", 5),
        ),
        (("N1*ST", "N1*S"), ("element-short", "4", "N101 is shorter than 2 characters.", 3)),
        (("N1*ST", "N1*STOR"), ("element-long", "5", "N101 is longer than 3 characters.", 3)),
        (("**20260301", "**20261301"), ("date-invalid", "8", "BEG05 is no date.", 2)),
        (
            ("N1*ST**92*0042", "N1*ST**92"),
            ("condition-missing", "2", "N104 must be given with the others of P0304.", 3),
        ),
        (("N1*ST**92*0042", "N1*ST"), ("condition-missing", "2", "N102 must be given with the others of R0203.", 3)),
        (("*US\n", "*US*x1*ab*c\n"), ("element-too-many", "3", "N4 has more parts than the 6 it may have.", 4)),
        (("N1*ST", "N1*ST:X"), ("element-too-many", "3", "N101 has more parts than the 1 it may have.", 3)),
    ],
)
def test_x12_element_faults_bear_the_codes_of_ak403(change, expected) -> None:
    assert faults(PO.replace(*change)) == [expected]


def test_a_fault_in_a_composite_names_its_component() -> None:
    text = PO.replace("N4*S", "REF*PO*1**128:ABC:DEFG\nN4*S")
    (found,) = [each for each in check(load_grammar("x12", "850", "004010"), x12(text)).faults if each.place.component]
    assert (found.place.element, found.place.component, found.value) == (4, 3, "DEFG")
    assert (found.code, found.text) == ("5", "REF04-3 is longer than 3 characters.")


def test_a_repeated_element_is_counted_and_each_repetition_checked() -> None:
    segments = [
        Segment("ST", ["999", "0001"]), Segment("AK1", ["PO", "1"]), Segment("AK2", ["850", "0001"]),
        Segment("IK3", ["BEG", "2", "", "8"]),
        Segment("CTX", [Repeated([["A", "1"], ["B" * 36]])]),
        Segment("IK5", ["R"]), Segment("AK9", ["R", "1", "1", "0"]), Segment("SE", ["8", "0001"]),
    ]  # fmt: skip
    grammar = load_grammar("x12", "999", "005010")
    (found,) = check(grammar, segments).faults
    assert (found.name, found.place.element, found.place.repetition, found.place.component) == ("element-long", 1, 2, 1)
    assert found.value == "B" * 36
    segments[4].elements[0] = Repeated([["A"]] * 11)
    (found,) = check(grammar, segments).faults
    assert (found.code, found.text) == ("12", "CTX01 is repeated more than 10 times.")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("BGM+220+4711+9\n", ""), ("segment-missing", "13", 2)),
        (("CNT+2:2", "XYZ+1"), ("segment-unknown", "12", 18)),
        (("CNT+2:2", "AJT+1"), ("segment-not-in-message", "15", 18)),
        (("CNT+2:2", "BGM+220"), ("segment-misplaced", "15", 18)),
        (("CUX+2:EUR:9", "CUX+2:EUR:9\n" * 6), ("group-too-often", "36", 16)),
        (("BGM+220", "BGM+2201"), ("element-long", "39", 2)),
        (("QTY+21:3", "QTY+21:three"), ("element-characters", "37", 13)),
        (("QTY+21:3", "QTY+21"), ("element-missing", "13", 13)),
        (("QTY+21:3", "QTY+21:3:PCE:X"), ("element-too-many", "16", 13)),
    ],
)
def test_edifact_faults_bear_the_codes_of_0085(change, expected) -> None:
    text = ORDERS.replace(*change).replace("\n\n", "\n")
    found = check(load_grammar("edifact", "ORDERS", "D96A"), edifact(text)).faults
    assert expected in [(each.name, each.code, each.place.position) for each in found]


def test_levels_nest_by_the_parent_they_name() -> None:
    text = """ST*856*0001
BSN*00*S1*20260301*1200
HL*1**S
HL*2*1*O
PRF*4711
HL*3*2*P
HL*4*3*I
HL*5*2*P
HL*6*5*I
CTT*6
SE*11*0001"""
    found = check(load_grammar("x12", "856", "004010"), x12(text))
    assert found.faults == []
    (shipment,) = found.groups.groups("HL")
    (order,) = shipment.groups("HL")
    packs = order.groups("HL")
    assert [pack.items[0].elements[0] for pack in packs] == ["3", "5"]
    assert [pack.groups("HL")[0].items[0].elements[0] for pack in packs] == ["4", "6"]
    wrong = check(load_grammar("x12", "856", "004010"), x12(text.replace("HL*5*2", "HL*4*9")))
    assert [(each.name, each.code, each.place.position, each.place.element) for each in wrong.faults] == [
        ("parent-unknown", "7", 8, 2),
        ("level-duplicate", "7", 8, 1),
        ("parent-unknown", "7", 9, 2),
    ]


def test_what_fills_one_place_goes_to_the_next_of_its_tag() -> None:
    grammar = read_grammar(
        'standard: x12\nmessage: "1"\nversion: "1"\nuses: x12/004010\n'
        "structure: [ST, DTM 0..2, {N9 0..1: [N9]}, DTM 0..1, SE]",
        "own.yaml",
    )
    text = "ST*1*0001\n" + "DTM*002*20260301\n" * 4 + "SE*6*0001"
    assert [(each.name, each.place.position) for each in check(grammar, x12(text), elements=False).faults] == [
        ("segment-too-often", 5)
    ]


def test_places_come_from_whoever_knows_them_and_faults_are_bounded() -> None:
    segments = x12(PO.replace("CTT*2", "\n".join(["ZZZ*1"] * 500)))
    found = check(load_grammar("x12", "850", "004010"), segments, lambda index: Place(7 * index, message="0001"))
    assert len(found.faults) == MOST
    assert found.faults[1].place == Place(7 * 8, message="0001")


def test_nothing_at_all_lacks_what_must_come() -> None:
    found = check(load_grammar("x12", "997", "004010"), [])
    assert [each.text.split()[0] for each in found.faults] == ["ST", "AK1", "AK9", "SE"]


@pytest.mark.corpora
@pytest.mark.skipif(not FOLDER.is_dir(), reason=ABSENT)
def test_quick_and_slow_checks_agree_on_real_and_on_damaged_messages() -> None:
    from mappings.edi.grammar.elements import check_elements
    from mappings.edi.grammar.quick import passes, quick

    rng = random.Random(4)
    compared = wrong = 0
    damage: list[Any] = ["", "x" * 90, "-1", ["a", "b"]]
    for path in sample_files():
        for each in X12Reader(path.read_bytes()):
            if not isinstance(each, TransactionSet):
                continue
            segments = load_grammar("x12", "850", "004010").segments
            for segment in each.segments:
                kind = segments.get(segment.tag)
                if kind is None:
                    continue
                if segment.elements and rng.random() < 0.3:
                    segment.elements[rng.randrange(len(segment.elements))] = rng.choice(damage)
                found: list[str] = []
                check_elements(segment, kind, 0, lambda name, *_, found=found, **__: found.append(name))
                if passes(segment.elements, quick(kind)):
                    assert found == [], segment
                compared += 1
                wrong += bool(found)
    assert compared > 1000
    assert wrong > 100


@pytest.mark.corpora
@pytest.mark.skipif(not FOLDER.is_dir(), reason=ABSENT)
def test_real_orders_and_invoices_keep_their_structure() -> None:
    outcome: dict[str, list[Any]] = {}
    for path in sample_files():
        for each in X12Reader(path.read_bytes()):
            if (
                isinstance(each, TransactionSet)
                and each.version.startswith("004010")
                and each.code in ("850", "856", "855")
            ):
                found = check(load_grammar("x12", each.code, "004010"), each.segments, each.place, elements=False)
                outcome.setdefault(path.name, [(one.name, one.place.tag) for one in found.faults])
    wrong = {name: found for name, found in outcome.items() if found}
    # Four files are made of invented segments.
    invented = {"x12.810.mandatory-conditions.edi", "x12.Issue101.edi", "x12.Issue172.edi", "x12.Issue91.edi"}
    assert invented <= set(wrong)
    assert {name: found for name, found in wrong.items() if name not in invented} == {}
    assert len(outcome) - len(wrong) >= 15
