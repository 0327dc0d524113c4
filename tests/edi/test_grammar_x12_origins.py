"""X12 grammars agree with descriptions of other origins, and 005010 with what is known to have changed since 004010."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from mappings.edi.grammar.check import check
from mappings.edi.grammar.loader import dictionary, load_grammar, shipped_grammars
from mappings.edi.grammar.model import MANY, Grammar, Node
from mappings.edi.grammar.notation import shown_type
from mappings.edi.x12.events import TransactionSet
from mappings.edi.x12.reader import X12Reader
from tests.edi.x12_samples import FOLDER, sample_files

SPECS = Path(__file__).resolve().parents[3] / "shared" / "corpora" / "x12-specs"
corpora = pytest.mark.skipif(not SPECS.is_dir(), reason="the specifications in ../shared/corpora are not here")
pytestmark = pytest.mark.corpora
# Sets say "without end" by different great numbers.
ENDLESS = 99_999
SETS = "810 820 824 846 850 855 856 860 865 940 943 944 945".split()
Place = tuple[str, ...]

# A parser's specifications of 30 sets: places of ours they lack, and places they have of later versions.
# Where LS opens a loop of their 940, its segments stand beside LX instead of in it.
NESTED = ["LH1", *(f"LH1 {each}" for each in "LH2 LH3 LFH LEP LH4 LHT LHR PER".split())]
INNER = ["N9", "G62", "N1", "SDQ", "LM", "LM LQ", *NESTED]
LACKING = {
    "850": {"PO1 SAC CTP"},
    "846": {"LIN QTY LS", "LIN QTY LE", "LIN QTY REF DTM", "LIN QTY REF N1", "LIN QTY REF LM", "LIN QTY REF LM LQ"},
    "940": {f"LX W01 LX {each}" for each in INNER},
}
LATER = {
    "820": {"BPS", "ENT RMR IT1 SAC TX1", "ENT RMR ADX DTM", "LS", "LE", "N1 RMT", "N1 RMT CUR", "N1 RMT REF",
            "N1 RMT DTM"},
    "824": {"OTI C001", "OTI N1", "OTI TED CTX"},
    "846": {"LIN LM LS", "LIN LM LE", "LIN LM REF", "LIN LM DTM", "LIN LM N1", "LIN LM LM", "LIN LM LM LQ", "LIN LS",
            "LIN LE", "LIN REF DTM", "LIN REF N1", "LIN REF LM", "LIN REF LM LQ"},
    "850": {"MSG", "PO1 PID REF"},
    "860": {"EFI"},
    "940": {"TD3", "TD3 AT9", "LX N9", "LX W01 N1 N2", "LX W01 N1 N3", "LX W01 N1 N4", "LX W01 N1 PER",
            "LX W01 SDQ",
            *(f"LX W01 {each}" for each in NESTED)},
}  # fmt: skip


def ours(node: Node, path: Place = ()) -> Iterator[tuple[Place, int]]:
    """Every place below a node with its greatest count; what LS opens as if it stood beside it."""
    for index, each in enumerate(node.nodes):
        if (path and not index) or each.name in ("ST", "SE"):
            continue
        here = (*path, each.tag)
        yield here, min(each.high, ENDLESS)
        yield from ours(each, path if each.tag == "LS" else here)


def theirs(element: Any, path: Place = ()) -> Iterator[tuple[Place, int]]:
    """Every place of a specification of X12Parser; what LS opens stands beside it, as in ours."""
    for each in element.iterchildren("{*}Segment", "{*}Loop"):
        start = each if each.tag.endswith("Segment") else each.find("{*}StartingSegment")
        here = (*path, start.get("SegmentId"))
        count = each.get("Repeat") or each.get("LoopRepeat")
        yield here, min(int(count or MANY), ENDLESS)
        yield from theirs(each, path if here[-1] == "LS" else here)


def specification(name: str) -> Any:
    return etree.parse(str(SPECS / "X12Parser" / name)).getroot()


def highest(places: Iterator[tuple[Place, int]]) -> dict[str, int]:
    """Place -> greatest count of all that stand there."""
    found: dict[str, int] = {}
    for path, count in places:
        name = " ".join(path)
        found[name] = max(found.get(name, 0), count)
    return found


@corpora
@pytest.mark.parametrize("message", [each for each in SETS if each != "856"])
def test_004010_agrees_with_specifications_of_another_origin(message: str) -> None:
    mine = highest(ours(load_grammar("x12", message, "004010").root))
    other = highest(theirs(specification(f"Ansi-{message}-4010Specification.xml")))
    assert mine.keys() - other.keys() == LACKING.get(message, set())
    assert other.keys() - mine.keys() == LATER.get(message, set())
    # They set no count, or ours: none of theirs is below ours, and where one is above it is without end.
    wrong = {place for place in mine.keys() & other.keys() if other[place] not in (mine[place], ENDLESS)}
    assert wrong == set()
    if message in ("855", "865", "943", "944"):
        assert mine == other


@corpora
def test_the_856_has_the_segments_of_a_specification_of_another_origin() -> None:
    levels = specification("Ansi-856-4010Specification.xml").findall(".//{*}HierarchicalLoop")
    assert [each.get("LevelCode") for each in levels] == ["S", "O", "T", "P", "I"]
    other = {" ".join(path) for each in levels for path, _ in theirs(each)}
    mine = {" ".join(path[1:]) for path, _ in ours(load_grammar("x12", "856", "004010").root) if path[0] == "HL"}
    # PKW is a slip of theirs for PWK.
    assert other - mine == {"PKW"}


def staedi(element: Any, path: Place = (), first: bool = False) -> Iterator[tuple[Place, int, int]]:
    """Every place of a schema of StAEDI with its least and greatest count."""
    for index, each in enumerate(element.iterchildren("{*}segment", "{*}loop")):
        low, high = int(each.get("minOccurs", 0)), min(int(each.get("maxOccurs", 1)), ENDLESS)
        if each.tag.endswith("loop"):
            sequence = each.find("{*}sequence")
            here = (*path, sequence.find("{*}segment").get("type"))
            yield here, low, high
            yield from staedi(sequence, here, first=True)
        elif index or not first:
            yield (*path, each.get("type")), low, high


def lows(node: Node, path: Place = ()) -> Iterator[tuple[Place, int, int]]:
    for index, each in enumerate(node.nodes):
        if (path and not index) or each.name in ("ST", "SE"):
            continue
        yield (*path, each.tag), each.low, min(each.high, ENDLESS)
        yield from lows(each, (*path, each.tag))


def contents(root: Any) -> dict[str, list[tuple[bool, int, int]]]:
    """Segment -> (required, least, greatest length) of its elements by a schema of StAEDI; composites are left out."""
    types = {each.get("name"): each for each in root.iterchildren("{*}elementType")}
    found = {}
    for segment in root.iterchildren("{*}segmentType"):
        uses = []
        for each in segment.find("{*}sequence"):
            kind = types.get(each.get("type"))
            if each.tag.endswith("element") and kind is not None and kind.find("{*}enumeration") is None:
                low, high = int(kind.get("minLength", 1)), int(kind.get("maxLength", 1))
                uses.append((each.get("minOccurs") == "1", low, high))
            else:
                uses.append((each.get("minOccurs") == "1", 0, 0))
        found[segment.get("name")] = uses
    return found


@corpora
@pytest.mark.parametrize(
    ("message", "version", "file"),
    [("810", "004010", "810"), ("997", "005010", "997"), ("999", "005010", "999")],
)
def test_grammars_agree_with_schemas_of_staedi(message: str, version: str, file: str) -> None:
    root = etree.parse(str(SPECS / "staedi" / f"EDISchema{file}.xml")).getroot()
    grammar = load_grammar("x12", message, version)
    expected = list(staedi(root.find("{*}transaction/{*}sequence")))
    found = list(lows(grammar.root))
    if message == "810":
        # They write loops which must come as if they need not.
        assert [(path, high) for path, _, high in expected] == [(path, high) for path, _, high in found]
    elif message == "999":
        assert expected == found
    else:
        assert [path for path, _, _ in expected] == [path for path, _, _ in found]
    assert differences(grammar, contents(root)) == CONTENTS.get((message, version), {})


# Where a schema of StAEDI says otherwise: (segment, element) -> (theirs, ours), or a segment's elements counted.
CONTENTS: dict[tuple[str, str], dict[Any, Any]] = {}


def differences(grammar: Grammar, other: dict[str, list[tuple[bool, int, int]]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for tag, uses in other.items():
        mine = grammar.segments[tag].uses
        if len(mine) != len(uses):
            found[tag] = (len(uses), len(mine))
        for position, (each, (required, low, high)) in enumerate(zip(mine, uses, strict=False), 1):
            said = (each.required, each.type.low, each.type.high) if each.type else (each.required, 0, 0)
            if said != (required, low, high) and high:
                found[tag, position] = ((required, low, high), said)
    return found


@corpora
def test_the_999_agrees_with_the_specification_of_x12parser() -> None:
    other = [path for path, _ in theirs(specification("Ansi-999-5010Specification.xml"))]
    assert other == [path for path, _ in ours(load_grammar("x12", "999", "005010").root)]


# Element -> its type in 004010 and in 005010.
ELEMENTS = {
    "127": ("AN 1/30", "AN 1/50"), "207": ("AN 1/10", "AN 1/15"), "267": ("N0 1/6", "N0 1/10"),
    "358": ("R 1/10", "R 1/15"), "364": ("AN 1/80", "AN 1/256"), "447": ("AN 1/6", "AN 1/4"),
    "598": ("AN 1/12", "AN 1/25"), "719": ("N0 1/6", "N0 1/10"), "1000": ("AN 2/2", "AN 2/3"),
    "1035": ("AN 1/35", "AN 1/60"), "1036": ("AN 1/25", "AN 1/35"), "1321": ("ID 2/2", "ID 2/3"),
}  # fmt: skip
# Segment -> elements it has in 004010 and in 005010.
LENGTHS = {
    "AIN": (12, 13), "AK1": (2, 3), "AK2": (2, 3), "BIG": (10, 11), "CTB": (6, 7), "DMG": (9, 11), "EMS": (7, 15),
    "INC": (5, 6), "LFH": (7, 8), "LH2": (11, 13), "MEA": (10, 12), "MTX": (4, 6), "N4": (6, 7), "NM1": (11, 12),
    "NX2": (3, 5), "PAL": (16, 17), "ST": (2, 3), "W05": (7, 8),
}  # fmt: skip


def test_what_segments_hold_in_005010_is_004010_with_what_changed() -> None:
    old_types, _, old = dictionary("x12", "004010")
    new_types, _, new = dictionary("x12", "005010")
    changed = {
        name: (shown_type(kind), shown_type(new_types[name]))
        for name, kind in old_types.items()
        if kind != new_types[name]
    }
    assert changed == ELEMENTS
    lengths = {tag: (len(kind.uses), len(new[tag].uses)) for tag, kind in old.items()}
    assert {tag: pair for tag, pair in lengths.items() if pair[0] != pair[1]} == LENGTHS
    assert sorted(new.keys() - old.keys()) == ["AT9", "CTX", "EFI", "IK3", "IK4", "IK5", "IN2", "RPA", "VEH"]


# Places of 004010 that 005010 does not have: free texts became MTX, a loop began, or a loop moved into another.
GONE: dict[str, set[str]] = {
    "850": {"MSG"}, "855": {"MSG"}, "860": {"MSG"}, "865": {"MSG"},
    "940": {"LX W01 PER"},
    "944": {"W07", "W07 G69", "W07 N9", "W07 W20", "W07 W13", "W07 W13 N9"},
}  # fmt: skip


@pytest.mark.parametrize("message", SETS)
def test_every_place_of_004010_is_in_005010_and_none_of_its_counts_is_lower(message: str) -> None:
    old = highest(ours(load_grammar("x12", message, "004010").root))
    new = highest(ours(load_grammar("x12", message, "005010").root))
    gone = {place for place in old if place not in new}
    expected = GONE.get(message, set())
    if expected == {"MSG"}:
        assert gone == {place for place in old if place.endswith("MSG")}
        assert {place.replace("MSG", "MTX") for place in gone} <= new.keys()
        gone = set()
    else:
        assert gone == expected
    lower = {place for place in old.keys() & new.keys() if new[place] < old[place]}
    assert lower == set()


def test_places_that_are_new_in_005010() -> None:
    def new(message: str) -> set[str]:
        both = [highest(ours(load_grammar("x12", message, version).root)) for version in ("004010", "005010")]
        return both[1].keys() - both[0].keys()

    assert new("856") == {"HL TD3 AT9"}
    assert new("824") == {"OTI TED CTX"}
    assert new("945") == {"TD1", *(f"LX W12 N1 {each}" for each in ("N2", "N3", "N4", "PER"))}
    assert {"TD3", "TD3 AT9", "LX N9"} <= new("940")
    assert {"TD1", "LX", "LX MAN", "LX PAL", "LX W07 W13 N9"} <= new("944")
    assert new("943") == new("846") == set()


# Samples of 005010 whose sets are wrong, most of them on purpose: what is wrong with them. All others are right.
WRONG = {
    "X12Parser/Acknowledgments/_999/DHS_Wisconsin_Sample.txt": ["AK2 element-short", "CTX element-characters"],
    "staedi/x12/empty997.edi": ["SE segment-missing", "SE segment-missing"],
    "staedi/x12/extraDelimiter997.edi": [
        "AK3 repeated-too-often", "AK3 element-characters", "AK3 element-characters", "AK3 element-too-many",
        "AK3 repeated-too-often", "AK3 element-long", "AK3 element-long", "AK3 element-long",
        "AK4 repeated-too-often", "AK4 element-too-many", "AK4 element-too-many",
    ],
    "staedi/x12/invalid997.edi": ["AK1 element-long", "AK4 element-long", "AK4 element-characters"],
    "staedi/x12/invalid997_min.edi": ["AK1 element-long"],
    "staedi/x12/invalid999.edi": [
        "IK5 segment-misplaced", "AK1 element-long", "AK2 element-too-many", "IK5 segment-too-often",
        "CTX element-characters",
    ],
}  # fmt: skip


@corpora
def test_every_sample_of_005010_is_right_or_its_faults_are_known() -> None:
    known = {message for standard, message, version in shipped_grammars() if (standard, version) == ("x12", "005010")}
    found: dict[str, list[str]] = {}
    right = []
    for path in sample_files():
        for event in X12Reader(path.read_bytes()):
            version = event.group.version if isinstance(event, TransactionSet) and event.group else ""
            if not isinstance(event, TransactionSet) or event.code not in known or version[:6] != "005010":
                continue
            faults = check(load_grammar("x12", event.code, "005010"), event.segments).faults
            name = path.relative_to(FOLDER).as_posix()
            if faults:
                found[name] = [f"{each.place.tag} {each.name}" for each in faults]
            else:
                right.append(event.code)
    assert sorted(right) == ["820", "824", "997", "997", "999"]
    assert {name: sorted(faults) for name, faults in found.items()} == {
        name: sorted(faults) for name, faults in WRONG.items()
    }
