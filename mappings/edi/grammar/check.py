"""Checks a message of either standard against its grammar."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mappings.edi.faults import EdiFault, Kind, Level, Place, shown
from mappings.edi.grammar.codes import FAULTS
from mappings.edi.grammar.elements import check_elements
from mappings.edi.grammar.model import Grammar, Standard
from mappings.edi.grammar.quick import passes, quick
from mappings.edi.grammar.structure import Group, walk

MOST = 100
"""Faults of one message that are kept; whoever sent more has another problem."""


class Checked(NamedTuple):
    """A message in its groups, and what is wrong with it in the order of its segments."""

    groups: Group
    faults: list[EdiFault]


def check(
    grammar: Grammar,
    segments: Sequence[Any],
    place: Callable[[int], Place] | None = None,
    *,
    elements: bool = True,
) -> Checked:
    """Return a message's segments in their groups, and its faults.

    Args:
        segments: with `tag` and `elements`: those of pydifact or of X12; from ST to SE or UNH to UNT.
        place: of a segment by its index; without it the place is what the segment itself tells.
        elements: check what elements hold as well; without it only the structure.
    """
    found: list[tuple[int, EdiFault]] = []

    def report(name: str, index: int, *parts: Any, **where: int) -> None:
        if len(found) < MOST:
            found.append((index, fault(grammar.standard, segments, place, name, index, parts, where)))

    groups = walk(grammar, segments, report)
    if elements:
        wanted = grammar.quick
        for index, segment in enumerate(segments):
            known = wanted.get(segment.tag)
            if known is None:
                if segment.tag not in grammar.segments:
                    continue
                known = wanted[segment.tag] = quick(grammar.segments[segment.tag])
            if not passes(segment.elements, known):
                check_elements(segment, grammar.segments[segment.tag], index, report)
        found.sort(key=lambda each: each[0])
    return Checked(groups, [each for _, each in found])


def fault(
    standard: Standard,
    segments: Sequence[Any],
    place: Callable[[int], Place] | None,
    name: str,
    index: int,
    parts: tuple[Any, ...],
    where: dict[str, int],
) -> EdiFault:
    """Return a fault with its standard's code, its sentence and its place."""
    x12, edifact, text = FAULTS[name]
    at = place(index) if place else own_place(segments, index)
    if where:
        at = Place(
            at.offset, at.number, at.tag, at.interchange, at.group, at.message, at.position,
            where.get("element"), where.get("component"), where.get("repetition"),
        )  # fmt: skip
    code = x12 if standard is Standard.X12 else edifact
    said = text.format(*(shown(str(each)) for each in parts))
    value = value_at(segments[index], where) if segments else None
    return EdiFault(Kind.ERROR, name, code, said, at, Level.MESSAGE, value)


def own_place(segments: Sequence[Any], index: int) -> Place:
    """Return the place a segment itself tells."""
    if not segments:
        return Place(0)
    segment = segments[index]
    number, offset = getattr(segment, "number", None), getattr(segment, "offset", 0)
    return Place(offset, number, segment.tag, position=index + 1)


def value_at(segment: Any, where: dict[str, int]) -> str | None:
    """Return what stands at a place within a segment, shortened."""
    if "element" not in where:
        return None
    value: Any = segment.elements
    for key in ("element", "repetition", "component"):
        if key not in where or isinstance(value, str):
            continue
        value = value[where[key] - 1] if where[key] <= len(value) else ""
    return shown(value) if isinstance(value, str) and value else None
