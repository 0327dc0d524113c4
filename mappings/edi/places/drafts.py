"""Messages in the making: values put at places, in any order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from mappings.edi.places.notation import QUALIFIER, Path, Shape, Spot, Step, Test, parse
from mappings.edi.places.numbers import Numbers, write_number
from mappings.faults import MapError, Unfit, kind_of, shorten

Key = tuple[str, tuple[Test, ...]]


class SegmentDraft:
    """A segment in the making: text by element and component."""

    __slots__ = ("numbers", "parts", "qualified", "tag")

    def __init__(self, tag: str, numbers: Numbers, tests: tuple[Test, ...] = ()) -> None:
        self.tag, self.numbers = tag, numbers
        self.parts: dict[tuple[int, int], str] = {}
        self.qualified: list[tuple[Spot, str]] = []
        for each in tests:
            if each.values[0]:
                self.parts[each.element, each.component] = each.values[0]

    def put(self, spot: Spot, value: Any) -> None:
        """Put a value at a spot."""
        element = spot.element
        if spot.shape is Shape.ONE:
            self.set(element, spot.component, value)
        elif spot.shape is Shape.SEARCH and spot.component == QUALIFIER:
            if value not in spot.values:
                raise Unfit(f"is none of the qualifiers {', '.join(spot.values)}")
            self.qualified.append((spot, value))
        elif spot.shape is Shape.SEARCH:
            at = self.slot(spot)
            self.set(at + (spot.tested is None), spot.component, value)
        elif not isinstance(value, list):
            raise Unfit(f"is {kind_of(value)}, not a list of parts")
        elif spot.shape is Shape.WHOLE:
            if spot.last and len(value) > spot.last - spot.component:
                raise Unfit(f"has {len(value)} parts, {spot.last - spot.component} components are there")
            for component, each in enumerate(value, spot.component):
                self.set(element, component, each)
        else:
            if len(value) > spot.last - element + 1:
                raise Unfit(f"has {len(value)} parts, {spot.last - element + 1} elements are there")
            for offset, each in enumerate(value):
                self.set(element + offset, 0, each)

    def set(self, element: int, component: int, value: Any) -> None:
        """Put text at an element and component; nothing stays nothing."""
        if value is None or value == "":
            return
        text = as_text(value)
        kind = self.numbers.kind(self.tag, element, component)
        self.parts[element, component] = write_number(text, kind) if kind else text

    def slot(self, spot: Spot) -> int:
        """Return the element of a qualifier's composite or pair: where it stands already, or the first free one."""
        tested = spot.tested or 0
        used = {element for element, _ in self.parts}
        for at in range(spot.element, spot.last + 1, spot.width):
            if self.parts.get((at, tested)) == spot.values[0]:
                return at
        for at in range(spot.element, spot.last + 1, spot.width):
            if at not in used:
                self.parts[at, tested] = spot.values[0]
                return at
        raise Unfit(f"finds no place left in {self.tag} between element {spot.element + 1} and {spot.last + 1}")

    def qualify(self) -> None:
        """Give values that were written with the first of their qualifiers the one that was asked for.

        A value whose own rule writes another qualifier keeps that one, and the order of the rules does not matter.
        """
        for spot, value in self.qualified:
            tested = spot.tested or 0
            for at in range(spot.element, spot.last + 1, spot.width):
                if self.parts.get((at, tested)) == spot.values[0]:
                    self.parts[at, tested] = value
                    break

    def fill(self, content: Mapping[str, Any]) -> None:
        """Put values at spots of this segment."""
        for text, value in content.items():
            path = parse(text)
            if path.steps or path.spot is None:
                raise refused(path, "leads out of the segment its rule stands in", value)
            if path.spot.shape is Shape.SPREAD:
                self.spread(path, path.spot, value)
                continue
            unfit(path, value, lambda spot=path.spot, value=value: self.put(spot, value))

    def spread(self, path: Path, spot: Spot, scopes: list[Any]) -> None:
        """Put scopes one after the other, a few elements each."""
        for index, content in enumerate(scopes):
            start = spot.element + index * spot.width
            if start > spot.last:
                raise refused(path, f"has {len(scopes)} members, which do not fit", None)
            one = SegmentDraft(self.tag, self.numbers)
            one.fill(content)
            one.qualify()
            for (element, component), text in one.parts.items():
                self.parts[start + element, component] = text

    def elements(self) -> list[Any]:
        """Return the elements: text, or a list of components; nothing behind the last."""
        self.qualify()
        found: list[Any] = []
        for (element, component), text in self.parts.items():
            while len(found) <= element:
                found.append("")
            there = found[element]
            if component == 0 and type(there) is str:
                found[element] = text
                continue
            if type(there) is str:
                there = found[element] = [there]
            while len(there) <= component:
                there.append("")
            there[component] = text
        return found


class GroupDraft:
    """A group in the making: its segments and groups by name, each in the order they were made."""

    __slots__ = ("groups", "made", "name", "numbers", "segments")

    def __init__(self, name: str, numbers: Numbers, tests: tuple[Test, ...] = ()) -> None:
        self.name, self.numbers = name, numbers
        self.segments: dict[str, list[SegmentDraft]] = {}
        self.groups: dict[str, list[GroupDraft]] = {}
        self.made: dict[Key, Any] = {}
        for each in tests:
            if each.values[0]:
                self.at(each.steps).parts[each.element, each.component] = each.values[0]

    def at(self, steps: tuple[str, ...]) -> SegmentDraft:
        """Return the segment some names lead to."""
        holder = self
        for name in steps[:-1]:
            holder = holder.group(Step(name.removesuffix("loop"), True))
        return holder.segment(Step(steps[-1], False))

    def group(self, step: Step) -> GroupDraft:
        """Return the group a step selects, made when it is not there."""
        key = (step.name, step.tests)
        if key not in self.made:
            self.made[key] = self.new_group(step)
        found: GroupDraft = self.made[key]
        return found

    def new_group(self, step: Step) -> GroupDraft:
        """Return one more group."""
        found = GroupDraft(step.name, self.numbers, step.tests)
        self.groups.setdefault(step.name, []).append(found)
        return found

    def segment(self, step: Step) -> SegmentDraft:
        """Return the segment a step selects, made when it is not there."""
        key = (f"/{step.name}", tuple(each for each in step.tests if each.selects))
        found: SegmentDraft | None = self.made.get(key)
        if found is None:
            # Rules that do not select share the first segment of a tag with those that do, and with the group's own.
            there = self.segments.get(step.name, [])
            shared = self.made.get((f"/{step.name}", ())) if key[1] else (there[0] if there else None)
            found = shared if shared is not None and agree(shared, step.tests) else self.new_segment(step)
            self.made[key] = found
        for each in step.tests:
            if each.values[0]:
                found.parts[each.element, each.component] = each.values[0]
        return found

    def new_segment(self, step: Step) -> SegmentDraft:
        """Return one more segment."""
        found = SegmentDraft(step.name, self.numbers, step.tests)
        self.segments.setdefault(step.name, []).append(found)
        return found

    def fill(self, content: Mapping[str, Any]) -> None:
        """Put every value where its place says."""
        for text, value in content.items():
            path = parse(text)
            if path.root:
                raise refused(path, "starts at the message; places that are written start where the rule stands", value)
            steps, holder = path.steps, self
            for step in steps[:-1]:
                holder = holder.group(step)
            if not steps:
                raise refused(path, "names no segment", value)
            last = steps[-1]
            if path.spot is None:
                holder.scopes(path, last, value)
            elif path.spot.shape is Shape.SPREAD:
                holder.spreads(path, last, path.spot, value)
            elif last.every:
                holder.every(path, last, path.spot, value)
            else:
                unfit(path, value, lambda h=holder, s=last, p=path.spot, v=value: h.segment(s).put(p, v))

    def scopes(self, path: Path, step: Step, value: Any) -> None:
        """Fill the group or segment of a `from:`, or those of an `each:`."""
        many = isinstance(value, list)
        for content in value if isinstance(value, list) else [value]:
            if not isinstance(content, Mapping):
                raise refused(path, f"would hold {kind_of(content)}", content)
            if step.group:
                (self.new_group(step) if many else self.group(step)).fill(content)
            else:
                (self.new_segment(step) if many else self.segment(step)).fill(content)

    def spreads(self, path: Path, step: Step, spot: Spot, value: Any) -> None:
        """Fill elements a few at a time, in as many segments as that takes."""
        each = (spot.last - spot.element + 1) // spot.width
        for start in range(0, len(value), each):
            (self.new_segment(step) if start else self.segment(step)).spread(path, spot, value[start : start + each])

    def every(self, path: Path, step: Step, spot: Spot, value: Any) -> None:
        """Fill as many segments as the values take."""
        values = value if isinstance(value, list) else [value]
        size = self.room(step.name, spot)
        for start in range(0, len(values), size):
            part = values[start : start + size]
            draft = self.new_segment(step)
            unfit(path, value, lambda d=draft, p=part: d.put(spot, p[0] if spot.shape is Shape.ONE else p))

    def room(self, tag: str, spot: Spot) -> int:
        """Return how many values one segment takes at a spot."""
        if spot.last:
            return spot.last - (spot.element - 1 if spot.shape is Shape.RUN else spot.component)
        segment = self.numbers.grammar.segments.get(tag)
        if spot.shape is Shape.ONE or segment is None or spot.element >= len(segment.uses):
            return 1
        return max(len(segment.uses[spot.element].parts), 1)


def agree(segment: SegmentDraft, tests: tuple[Test, ...]) -> bool:
    """Return whether a segment has, or could have, what a selector asks."""
    return all(
        segment.parts.get((each.element, each.component), each.values[0]) == each.values[0]
        for each in tests
        if each.selects
    )


def as_text(value: Any) -> str:
    """Return one value as text.

    Raises:
        Unfit: it is no plain value.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | Decimal | date):
        raise Unfit(f"is {kind_of(value)}; `as:` says how it is written")
    return f"{value:f}" if isinstance(value, Decimal) else value.isoformat() if isinstance(value, date) else str(value)


def unfit(path: Path, value: Any, put: Any) -> None:
    """Put a value, or say where it does not fit."""
    try:
        put()
    except Unfit as error:
        raise refused(path, str(error), value) from None


def refused(path: Path, reason: str, value: Any) -> MapError:
    """Return the error of a value that cannot be written to its place."""
    return MapError(
        f"{path.text}: {reason} (value {shorten(value, path.text)}).",
        fix="Mend the rule of this place, or the source.",
        document_path=path.text,
    )
