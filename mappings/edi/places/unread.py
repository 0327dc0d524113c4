"""Finds what a map leaves unread in a message: nothing a partner sent is lost silently."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mappings.edi.grammar.model import Standard
from mappings.edi.grammar.structure import Group
from mappings.edi.places.counting import LINES, X12_LINES
from mappings.edi.places.message import EdiMessage
from mappings.edi.places.notation import Path, Shape, Spot, Step, Test, parse
from mappings.edi.places.numbers import Numbers, type_of
from mappings.edi.places.reading import COMPARED, Elements, Places, components, fits, pick, spread, walker
from mappings.edi.x12_shapes import EITHER
from mappings.rules import Rule

Seen = dict[int, set[tuple[int, int]]]
SERVICE = frozenset({"UNH", "UNT", "UNS", "ST", "SE"})
CODE = 3
"""Characters of the longest qualifier."""
NUMBERS = {"HL": (0, 1, 3)}
"""Elements that say how a message is built, which the grouping has read."""


DEEPEST = 32
"""Groups a place names; what is nested deeper is named by the outer ones."""


def unread(message: EdiMessage, rules: tuple[Rule, ...], *, inbound: bool) -> Iterator[str]:
    """Yield the places that hold something and that no rule reads; a segment nothing is read of by itself."""
    seen: Seen = {}
    touch([message], message, rules, seen, inbound=inbound)
    yield from left(message, message, "", seen)


def left(message: EdiMessage, group: Group, path: str, seen: Seen) -> Iterator[str]:
    """Yield what was not read of a group; levels that nest without end are walked without recursion."""
    suffix = "" if message.grammar.standard is Standard.EDIFACT else "loop"
    stack = [(iter(group.items), path)]
    while stack:
        items, here = stack[-1]
        item = next(items, None)
        if item is None:
            stack.pop()
        elif type(item) is Group:
            stack.append((iter(item.items), f"{here}{item.name}{suffix}/" if len(stack) < DEEPEST else here))
        elif item.tag not in SERVICE:
            yield from of_segment(message, item, here, seen.get(id(item)))


def of_segment(message: EdiMessage, segment: Any, path: str, read: set[tuple[int, int]] | None) -> Iterator[str]:
    """Yield what was not read of a segment."""
    if is_total(message, segment):
        read = {(0, 0), (0, 1)} if segment.tag == "CNT" else {(0, 0)} | (read or set())
    values = [
        (element, component)
        for element in range(len(segment.elements))
        for component, value in enumerate(components(segment.elements, element))
        if value
    ]
    if segment.tag in NUMBERS:
        values = [each for each in values if each[0] not in NUMBERS[segment.tag]]
    if not read:
        if values:
            yield f"{path}{segment.tag}{qualifier(message, segment)}"
        return
    for element, component in values:
        if (element, component) not in read:
            many = len(components(segment.elements, element)) > 1
            yield f"{path}{segment.tag}{qualifier(message, segment)}/{element + 1}{f'.{component + 1}' if many else ''}"


def is_total(message: EdiMessage, segment: Any) -> bool:
    """Return whether a segment is the number of lines, which was checked."""
    if message.grammar.standard is Standard.X12:
        return segment.tag == "CTT" and message.grammar.message in X12_LINES
    return segment.tag == "CNT" and pick(segment.elements, 0, 0) == LINES


def qualifier(message: EdiMessage, segment: Any) -> str:
    """Return the first element as a selector, where it is a code and no number of a line."""
    first = components(segment.elements, 0)
    code = first[0] if first else ""
    kind = type_of(message.grammar, segment.tag, 0, 0)
    if not code or kind is None or kind.high > CODE or kind.kind not in ("an", "a", "ID"):
        return ""
    return f"[1{'.1' if len(first) > 1 else ''}={code}]"


def touch(scopes: list[Any], root: Any, rules: tuple[Rule, ...], seen: Seen, *, inbound: bool) -> None:
    """Note every value that rules read, and every selector that was asked."""
    if inbound:
        rules = note_either(scopes, root, rules, seen)
    for rule in rules:
        own, inside = rule.key, scopes
        if inbound:
            # What a condition passes over is not read.
            inside = meeting(scopes, root, rule.when, seen)
            if not inside:
                continue
            touch(inside, root, rule.first_of + rule.concat, seen, inbound=True)
            own = rule.path or rule.each or rule.scope or ""
        inner = note_all(inside, root, parse(own), seen, first=rule.each is None) if own else inside
        if inbound:
            inner = meeting(inner, root, rule.where, seen)
        if rule.fields and inner:
            touch(inner, root, rule.fields, seen, inbound=inbound)


def note_either(scopes: list[Any], root: Any, rules: tuple[Rule, ...], seen: Seen) -> tuple[Rule, ...]:
    """Note of rules that fill one canonical field from several places only the one that is kept; return the others."""
    named = {rule.key: rule for rule in rules if rule.path is not None and rule.when is None}
    noted: set[str] = set()
    for group in EITHER:
        members = [named[key] for key in group if key in named]
        if len(members) < 2:
            continue
        noted.update(rule.key for rule in members)
        places = Places(Numbers(root.grammar))
        for scope in scopes:
            kept = next((rule for rule in members if places.value(rule.path or "")(scope, root)), None)
            if kept is not None:
                note_all([scope], root, parse(kept.path or ""), seen)
    return tuple(rule for rule in rules if rule.key not in noted)


def meeting(scopes: list[Any], root: Any, text: str | None, seen: Seen) -> list[Any]:
    """Return the scopes that meet a condition, and note the place it asks there."""
    found = COMPARED.fullmatch(text.strip()) if text is not None else None
    if text is None or found is None:
        return scopes
    holds = Places(Numbers(root.grammar)).condition(text)
    met = [each for each in scopes if holds(each, root)]
    note_all(met, root, parse(found["path"].strip()), seen)
    return met


def note_all(scopes: list[Any], root: Any, path: Path, seen: Seen, *, first: bool = True) -> list[Any]:
    """Note what a place finds in some scopes; return it when it is a scope itself."""
    found: list[Any] = []
    walk = walker(path.steps)
    for scope in [root] if path.root else scopes:
        if path.steps and not isinstance(scope, Group):
            continue
        items = list(walk(scope))
        for item in items:
            note_tests(item, path.steps[-1:], seen)
        note_groups(scope, path.steps, seen)
        if path.spot is None:
            found += items[:1] if first else items
            continue
        if path.spot.shape is Shape.SPREAD:
            for item in items:
                found += spread(item, path.spot)
            continue
        for item in items:
            spots = values_at(item, path.spot)
            if spots:
                mark(item, spots, seen)
                if first and not (path.steps and path.steps[-1].every):
                    break
    return found


def values_at(segment: Any, spot: Spot) -> list[tuple[int, int]]:
    """Return elements and components that hold something at a spot."""
    elements = segment.elements
    if spot.shape is Shape.ONE:
        where = [(spot.element, spot.component)]
    elif spot.shape is Shape.WHOLE:
        length = len(components(elements, spot.element))
        where = [(spot.element, each) for each in range(spot.component, min(spot.last or length, length))]
    elif spot.shape is Shape.RUN:
        where = [(each, 0) for each in range(spot.element, spot.last + 1)]
    else:
        where = []
        for at in range(spot.element, min(spot.last + 1, len(elements)), spot.width):
            if pick(elements, at, spot.tested or 0) in spot.values:
                where = [(at, spot.tested or 0), (at + (spot.tested is None), spot.component)]
                break
    return where if any(pick(elements, *each) for each in where) else []


def mark(segment: Any, where: list[tuple[int, int]], seen: Seen) -> None:
    """Note values of a segment, or of some elements of one."""
    start = 0
    if isinstance(segment, Elements):
        segment, start = segment.segment, segment.start
    seen.setdefault(id(segment), set()).update((element + start, component) for element, component in where)


def note_tests(item: Any, steps: tuple[Step, ...], seen: Seen) -> None:
    """Note what the selectors of a step asked of a segment, or of a group's segments."""
    for test in (each for step in steps for each in step.tests):
        for segment in tested(item, test):
            mark(segment, [(test.element, test.component)], seen)


def tested(item: Any, test: Test) -> list[Any]:
    """Return the segments that a selector asked and found right."""
    if not test.steps:
        return [item]
    level = [item]
    for name in test.steps[:-1]:
        level = [each for one in level for each in one.by_group().get(name.removesuffix("loop"), ())]
    found = [each for one in level for each in one.by_tag().get(test.steps[-1], ())]
    return [each for each in found if pick(each.elements, test.element, test.component) in test.values]


def note_groups(scope: Any, steps: tuple[Step, ...], seen: Seen) -> None:
    """Note the selectors of the groups on the way."""
    level = [scope]
    for step in steps:
        if not step.group:
            return
        wanted = fits(step.tests)
        level = [each for one in level for each in one.by_group().get(step.name, ()) if wanted is None or wanted(each)]
        for each in level:
            note_tests(each, (step,), seen)
