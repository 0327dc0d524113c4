"""What a channel may take: rules one by one, together, and against a slow model."""

from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from core.domain.protection import Rule
from core.domain.shelf import Shelf
from core.domain.vocabulary import Protection

A, B = UUID(int=1), UUID(int=2)
KIT = UUID(int=3)
HAM, LYS = UUID(int=11), UUID(int=12)
SHOP, MARKET = UUID(int=21), UUID(int=22)
BUFFER, CAP, FLOOR = Protection.BUFFER, Protection.CAP, Protection.FLOOR


def units(*numbers: int) -> list[Decimal]:
    return [Decimal(number) for number in numbers]


def shelf(*rules: Rule, promised: int = 0, kits: bool = False) -> Shelf:
    free = {(A, HAM): Decimal(10), (A, LYS): Decimal(4), (B, HAM): Decimal(3)}
    parts = {KIT: {A: Decimal(2), B: Decimal(1)}} if kits else None
    return Shelf(free, rules, {(SHOP, A, HAM): Decimal(promised)}, kits=parts)


def rule(kind: Protection, number: int, node: UUID | None = None, item: UUID | None = A, of: UUID = SHOP) -> Rule:
    return Rule(of, item, node, kind, Decimal(number))


def test_without_rules_all_that_is_free_is_for_everybody() -> None:
    assert [shelf().room(who, A, HAM) for who in (None, SHOP)] == units(10, 10)
    assert shelf().total(SHOP, A) == 14
    assert shelf().missing(SHOP, {(A, HAM): Decimal(11), (B, HAM): Decimal(3)}) == {(A, HAM): 1}


def test_a_buffer_stays_behind_its_own_channel_only() -> None:
    here, over = shelf(rule(BUFFER, 3, HAM)), shelf(rule(BUFFER, 3))
    assert [here.room(who, A, HAM) for who in (SHOP, MARKET, None)] == units(7, 10, 10)
    assert [here.total(SHOP, A), over.total(SHOP, A), over.total(MARKET, A)] == units(11, 11, 14)
    assert over.missing(SHOP, {(A, HAM): Decimal(10)}) == {}
    assert over.missing(SHOP, {(A, HAM): Decimal(10), (A, LYS): Decimal(2)}) == {(A, HAM): 1}
    assert over.missing(MARKET, {(A, HAM): Decimal(10), (A, LYS): Decimal(4)}) == {}


def test_a_cap_counts_what_is_promised_already() -> None:
    capped = shelf(rule(CAP, 5, HAM), promised=2)
    assert [capped.room(who, A, HAM) for who in (SHOP, MARKET)] == units(3, 10)
    capped.take(SHOP, {(A, HAM): Decimal(3)})
    assert capped.missing(SHOP, {(A, HAM): Decimal(1)}) == {(A, HAM): 1}
    assert capped.room(MARKET, A, HAM) == 7
    assert shelf(rule(CAP, 5), promised=9).total(SHOP, A) == 0


def test_a_floor_is_kept_from_all_others_until_its_channel_has_it() -> None:
    kept = shelf(rule(FLOOR, 8, HAM), promised=3)
    assert [kept.room(who, A, HAM) for who in (SHOP, MARKET, None)] == units(10, 5, 5)
    kept.take(SHOP, {(A, HAM): Decimal(4)})
    assert [kept.room(who, A, HAM) for who in (SHOP, MARKET)] == units(6, 5)
    over = shelf(rule(FLOOR, 12))
    assert [over.total(SHOP, A), over.total(MARKET, A)] == units(14, 2)
    assert over.missing(MARKET, {(A, HAM): Decimal(2)}) == {}
    assert over.missing(MARKET, {(A, HAM): Decimal(3)}) == {(A, HAM): 1}


def test_a_rule_for_the_item_replaces_one_for_each_item_and_the_newer_one_the_older() -> None:
    assert shelf(rule(CAP, 1, item=None), rule(CAP, 6)).total(SHOP, A) == 6
    assert shelf(rule(CAP, 6), rule(CAP, 1, item=None)).total(SHOP, A) == 6
    assert shelf(rule(CAP, 6), rule(CAP, 2)).total(SHOP, A) == 2
    assert shelf(rule(CAP, 1, item=None), rule(CAP, 6)).total(SHOP, B) == 1


def test_what_lies_at_a_node_switched_off_does_not_count_over_all_nodes() -> None:
    here = Shelf({(A, HAM): Decimal(10), (A, LYS): Decimal(4)}, [rule(BUFFER, 3)], idle={HAM})
    assert here.total(SHOP, A) == 1


def test_a_kit_is_there_as_often_as_its_scarcest_component_allows() -> None:
    kits = shelf(kits=True)
    assert [kits.room(SHOP, KIT, HAM), kits.room(SHOP, KIT, LYS), kits.total(SHOP, KIT)] == units(3, 0, 3)
    assert kits.needs([(KIT, HAM, Decimal(2)), (A, HAM, Decimal(3))]) == {(A, HAM): 7, (B, HAM): 2}
    assert shelf(rule(CAP, 5), kits=True).total(SHOP, KIT) == 2
    assert kits.figures(SHOP, KIT) == (3, {HAM: 3})
    assert kits.figures(SHOP, A) == (14, {HAM: 10, LYS: 4})


def test_the_parts_of_a_figure_sum_to_it() -> None:
    rules = [rule(FLOOR, 4, HAM, of=MARKET), rule(BUFFER, 2, HAM), rule(CAP, 3, HAM), rule(BUFFER, 1)]
    full = shelf(*rules)
    parts = full.parts(SHOP, A, HAM)
    assert [(part.name, part.units) for part in parts] == [("floor", -4), ("buffer", -2), ("cap", -1)]
    assert full.room(SHOP, A, HAM) == 10 + sum(part.units for part in parts) == 3
    assert full.total(SHOP, A) == 3 + 4 - 1


KINDS = st.sampled_from((BUFFER, CAP, FLOOR))
RULES = st.lists(
    st.builds(
        Rule,
        st.sampled_from((SHOP, MARKET)),
        st.just(A),
        st.sampled_from((HAM, LYS, None)),
        KINDS,
        st.integers(0, 12).map(Decimal),
    ),
    max_size=6,
    unique_by=lambda each: (each.connection_id, each.node_id, each.kind),
)
TAKES = st.lists(
    st.tuples(st.sampled_from((SHOP, MARKET, None)), st.sampled_from((HAM, LYS)), st.integers(1, 6)), max_size=12
)


@given(rules=RULES, takes=TAKES, free=st.tuples(st.integers(0, 12), st.integers(0, 12)))
def test_whatever_is_taken_no_rule_is_broken(
    rules: list[Rule], takes: list[tuple[UUID | None, UUID, int]], free: tuple[int, int]
) -> None:
    full = Shelf({(A, HAM): Decimal(free[0]), (A, LYS): Decimal(free[1])}, rules)
    left = {HAM: Decimal(free[0]), LYS: Decimal(free[1])}
    own: dict[tuple[UUID | None, UUID], Decimal] = {}
    for who, node, number in takes:
        needs = {(A, node): Decimal(number)}
        if full.missing(who, needs):
            continue
        full.take(who, needs)
        left[node] -= number
        own[who, node] = own.get((who, node), Decimal(0)) + number
        assert left[node] >= 0
        for each in rules:
            nodes = [each.node_id] if each.node_id else [HAM, LYS]
            there = sum(left[place] for place in nodes)
            its = sum(own.get((each.connection_id, place), Decimal(0)) for place in nodes)
            if each.connection_id == who and node in nodes:
                assert each.kind is not CAP or its <= each.quantity
                assert each.kind is not BUFFER or there >= each.quantity
            elif node in nodes:
                # What others leave covers the floor as far as its channel has not taken it.
                assert each.kind is not FLOOR or there >= each.quantity - its
