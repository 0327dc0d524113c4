"""Getters of places in a message that is grouped along its grammar."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from mappings.edi.grammar.structure import Group
from mappings.edi.places.notation import QUALIFIER, Path, Shape, Spot, Step, Test, parse
from mappings.edi.places.numbers import Numbers, read_number
from mappings.faults import Unfit
from mappings.paths import Getter
from mappings.paths import Test as Condition

Fits = Callable[[Any], bool]
COMPARED = re.compile(r"(?P<not>not )?(?P<path>(?:[^=!\[]|\[[^\]]*\])+?)(?: ?(?P<sign>!?=) ?(?P<values>[^\]]*))?")


class Elements:
    """Elements of a segment that are a scope of their own.

    Args:
        segment: they are of.
        start: index of the first.
    """

    __slots__ = ("elements", "segment", "start", "tag")

    def __init__(self, segment: Any, start: int, width: int) -> None:
        self.segment, self.start, self.tag = segment, start, segment.tag
        self.elements = segment.elements[start : start + width]


def pick(elements: Sequence[Any], element: int, component: int) -> str:
    """Return one value, empty when it is not there; of a repeated element that of the first repetition."""
    if element >= len(elements):
        return ""
    found = elements[element]
    if type(found) is str:
        return "" if component else found
    if type(found) is not list:
        found = found[0] if found else ""
        if type(found) is str:
            return "" if component else found
    return found[component] if component < len(found) else ""


def components(elements: Sequence[Any], element: int) -> list[str]:
    """Return all values of an element; of a repeated element those of the first repetition."""
    found = elements[element] if element < len(elements) else ""
    if type(found) not in (str, list):
        found = found[0] if found else ""
    return [found] if type(found) is str else list(found)


def fits(tests: tuple[Test, ...]) -> Fits | None:
    """Return what tells whether a segment or group is the one selected; None when any is."""
    found = [one_fits(each) for each in tests if each.selects]
    if not found:
        return None
    if len(found) == 1:
        return found[0]
    if len(found) == 2:
        first, second = found
        return lambda item: first(item) and second(item)
    return lambda item: all(each(item) for each in found)


def one_fits(test: Test) -> Fits:
    """Return what one selector asks."""
    element, component, values = test.element, test.component, frozenset(test.values)
    blank = "" in values

    # Selectors are asked more often than anything else: no call where none is needed, and no generator.
    def one(segment: Any) -> bool:
        elements = segment.elements
        if element >= len(elements):
            return blank
        found = elements[element]
        if type(found) is list:
            return (found[component] if component < len(found) else "") in values
        if type(found) is str:
            return ("" if component else found) in values
        return pick(elements, element, component) in values

    if not test.steps:
        return one
    *groups, tag = (each.removesuffix("loop") for each in test.steps)
    if not groups:

        def inside(group: Group) -> bool:
            tags = group.found_tags
            if tags is None:
                tags = group.by_tag()
            segments = tags.get(tag, ())
            if len(segments) == 1:
                return one(segments[0])
            return any(one(segment) for segment in segments)

        return inside

    def deeper(group: Group) -> bool:
        level = [group]
        for name in groups:
            level = [each for one in level for each in one.by_group().get(name, ())]
        return any(pick(s.elements, element, component) in values for g in level for s in g.by_tag().get(tag, ()))

    return deeper


@lru_cache(maxsize=4096)
def walker(steps: tuple[Step, ...]) -> Callable[[Any], Iterator[Any]]:
    """Return what yields the groups or segments at the end of some steps, in their order."""
    if not steps:
        return lambda scope: iter((scope,))
    wanted, group, name = fits(steps[0].tests), steps[0].group, steps[0].name
    deeper = walker(steps[1:]) if len(steps) > 1 else None

    def walk(scope: Any) -> Iterator[Any]:
        if type(scope) is Elements or not isinstance(scope, Group):
            raise Unfit(f"is looked for in the segment {scope.tag}, which holds no others")
        for item in (scope.by_group() if group else scope.by_tag()).get(name, ()):
            if wanted is None or wanted(item):
                if deeper is None:
                    yield item
                else:
                    yield from deeper(item)

    return walk


class Places:
    """Compiles places of messages of one grammar into getters."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers

    def value(self, text: str) -> Getter:
        """Return a getter of one value: the first that is there."""
        path = parse(text)
        if path.spot is None or path.spot.shape is Shape.SPREAD:
            raise Unfit(f"{text!r} names no element, as BGM/2 does")
        # What stands at the end of the steps is a segment of that tag, unless they end at a group.
        tag = path.steps[-1].name if path.steps and not path.steps[-1].group else None
        take, walk = self.taker(path.spot, tag), walker(path.steps)
        if path.steps and path.steps[-1].every:
            return gathered(walk, take, path)
        if not path.steps:
            return lambda scope, _root: found.rstrip(" ") if type(found := take(scope)) is str else found
        return rooted(self.finder(path.steps, take), path)

    def finder(self, steps: tuple[Step, ...], take: Callable[[Any], Any]) -> Callable[..., Any]:
        """Return what finds the first value that is there, without a generator for every rule."""
        wanted, name = fits(steps[0].tests), steps[0].name
        group, inner = steps[0].group, take if len(steps) == 1 else self.finder(steps[1:], take)

        def find(scope: Any, _root: Any = None) -> Any:
            try:
                tags = scope.found_tags
            except AttributeError:
                raise Unfit(f"is looked for in the segment {scope.tag}, which holds no others") from None
            if tags is None:
                tags = scope.by_tag()
            items = (scope.found_groups if group else tags).get(name)
            if items is None:
                return None
            for item in items:
                if wanted is None or wanted(item):
                    value = inner(item)
                    # Blanks behind a value are no part of it: an order number must not be another one for them.
                    if value and (type(value) is not str or value[-1] != " " or (value := value.rstrip(" "))):
                        return value
            return None

        return find

    def taker(self, spot: Spot, tag: str | None = None) -> Callable[[Any], Any]:
        """Return what takes the value at a spot out of a segment.

        Args:
            tag: of the segment, where it is known before.
        """
        element, component, last = spot.element, spot.component, spot.last
        kind_of, values, tested = self.numbers.kind, frozenset(spot.values), spot.tested

        def text(segment: Any) -> Any:
            elements = segment.elements
            if element >= len(elements):
                return None
            found = elements[element]
            if type(found) is list:
                return found[component] if component < len(found) else ""
            return ("" if component else found) if type(found) is str else pick(elements, element, component)

        def one(segment: Any) -> Any:
            found = text(segment)
            kind = kind_of(segment.tag, element, component) if found else ""
            return read_number(found, kind) if kind else found

        def whole(segment: Any) -> Any:
            found = components(segment.elements, element)[component : last or None]
            return found if any(found) else None

        def run(segment: Any) -> Any:
            found = [pick(segment.elements, each, 0) for each in range(element, last + 1)]
            return found if any(found) else None

        def composite(segment: Any) -> Any:
            for at in range(element, min(last + 1, len(segment.elements))):
                if pick(segment.elements, at, tested or 0) in values:
                    return pick(segment.elements, at, component)
            return None

        def pair(segment: Any) -> Any:
            for at in range(element, min(last + 1, len(segment.elements)), 2):
                if pick(segment.elements, at, 0) in values:
                    return pick(segment.elements, at + 1, component)
            return None

        def qualifier(segment: Any) -> Any:
            for at in range(element, min(last + 1, len(segment.elements)), spot.width):
                found = pick(segment.elements, at, tested or 0)
                if found in values:
                    there = pick(segment.elements, at + (tested is None), 0)
                    return found if there and found != spot.values[0] else None
            return None

        if spot.shape is Shape.SEARCH:
            return qualifier if component == QUALIFIER else pair if tested is None else composite
        if spot.shape is Shape.ONE and tag is not None and not kind_of(tag, element, component):
            return text
        return {Shape.ONE: one, Shape.WHOLE: whole, Shape.RUN: run}[spot.shape]

    def scope(self, text: str) -> Getter:
        """Return a getter of the first group or segment."""
        path = parse(text)
        if path.spot is not None:
            raise Unfit(f"{text!r} names an element, not a group or segment")
        return rooted(self.finder(path.steps, lambda item: item), path)

    def items(self, text: str) -> Getter:
        """Return a getter of all groups or segments, or of elements some at a time; None when there are none."""
        path = parse(text)
        walk, spot = walker(path.steps), path.spot
        if spot is not None and spot.shape is not Shape.SPREAD:
            raise Unfit(f"{text!r} names one element; several are named as SDQ/3..22 by 2")

        def get(scope: Any, root: Any) -> Any:
            found = list(walk(root if path.root else scope))
            if spot is not None:
                found = [each for segment in found for each in spread(segment, spot)]
            return found or None

        return get

    def condition(self, text: str) -> Condition:
        """Return the test of `PATH`, `not PATH`, `PATH=VALUE|VALUE` or `PATH!=VALUE`."""
        found = COMPARED.fullmatch(text.strip())
        if not found:
            raise Unfit(f"{text!r} is no condition such as LIN/3.1, not LIN/3.1, BGM/3=9|5 or BGM/3!=1")
        get = self.value(found["path"].strip())
        if found["sign"] is None:
            wanted = not found["not"]
            return lambda scope, root: bool(get(scope, root)) is wanted
        values, same = frozenset(found["values"].split("|")), (found["sign"] == "=") is not bool(found["not"])
        return lambda scope, root: ((get(scope, root) or "") in values) is same


def rooted(find: Callable[..., Any], path: Path) -> Getter:
    """Return a getter that looks where the rule stands, or in the whole message."""
    return (lambda _scope, root: find(root)) if path.root else find


def spread(segment: Any, spot: Spot) -> Iterator[Elements]:
    """Yield the elements of a segment some at a time, those that are there."""
    for start in range(spot.element, min(spot.last + 1, len(segment.elements)), spot.width):
        found = Elements(segment, start, spot.width)
        if any(found.elements):
            yield found


def gathered(walk: Callable[[Any], Iterator[Any]], take: Callable[[Any], Any], path: Path) -> Getter:
    """Return a getter of the values of all segments, in one list."""

    def get(scope: Any, root: Any) -> Any:
        found: list[Any] = []
        for segment in walk(root if path.root else scope):
            value = take(segment)
            if value:
                found += value if isinstance(value, list) else [value]
        return found or None

    return get
