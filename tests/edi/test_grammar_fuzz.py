"""Whatever segments come, a check ends, raises nothing, loses no segment, and blames places that exist."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.edi.grammar.check import MOST, check
from mappings.edi.grammar.loader import load_grammar
from mappings.edi.grammar.structure import Group
from mappings.edi.x12.segments import Repeated, Segment

GRAMMARS = [("x12", "850", "004010"), ("x12", "856", "004010"), ("x12", "999", "005010"), ("edifact", "ORDERS", "D96A")]
VALUE = st.one_of(st.just(""), st.text(max_size=40), st.sampled_from(["1", "2", "3", "20260301", "-1.5", "EA"]))
COMPOSITE = st.lists(VALUE, max_size=7)
ELEMENT = st.one_of(VALUE, COMPOSITE, st.lists(st.one_of(VALUE, COMPOSITE), max_size=3).map(Repeated))


def messages(grammar) -> st.SearchStrategy[list[Segment]]:
    tags = st.one_of(st.sampled_from(sorted(grammar.tags())), st.sampled_from(["HL", "ZZZ", "", "UNH"]))
    return st.lists(st.builds(Segment, tags, st.lists(ELEMENT, max_size=8)), max_size=40)


def flat(group: Group) -> list[Segment]:
    return [each for item in group.items for each in (flat(item) if isinstance(item, Group) else [item])]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(GRAMMARS).flatmap(lambda name: st.tuples(st.just(name), messages(load_grammar(*name)))))
def test_any_segments_are_grouped_and_judged(case) -> None:
    name, segments = case
    found = check(load_grammar(*name), segments)
    assert sorted(map(id, flat(found.groups))) == sorted(map(id, segments))
    assert len(found.faults) <= MOST
    for fault in found.faults:
        assert fault.text
        assert fault.code
        if segments:
            assert fault.place.position in range(1, len(segments) + 1)


def test_a_level_that_names_itself_as_parent_loses_nothing() -> None:
    segments = [Segment("ST", ["856", "1"]), Segment("HL", ["1", "1", "S"]), Segment("HL", ["2", "1", "O"])]
    found = check(load_grammar("x12", "856", "004010"), segments)
    assert len(flat(found.groups)) == 3
    assert ("parent-unknown", 2) in [(each.name, each.place.position) for each in found.faults]


def test_levels_nested_thousands_deep_are_grouped_without_recursion() -> None:
    levels = [Segment("HL", [str(number), str(number - 1) if number > 1 else "", "I"]) for number in range(1, 20_001)]
    found = check(load_grammar("x12", "856", "004010"), [Segment("ST", ["856", "0001"]), *levels])
    depth, group = 0, found.groups
    while group.groups("HL"):
        (group,) = group.groups("HL")
        depth += 1
    assert depth == 20_000
