"""Places in a message as maps name them: `SG2[NAD/1=BY]/NAD/2.1`, `PO1/6..24[=VP]`; docs/edi-maps.md describes them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from mappings.faults import Unfit

ROOT = "$."
STEP = re.compile(r"(?P<name>[A-Z0-9]{2,8}?)(?P<loop>loop)?(?P<tests>(?:\[[^\]]+\])*)(?P<every>\*)?")
EDIFACT_GROUP = re.compile(r"SG[0-9]{1,3}")
TEST = re.compile(r"\[(?:(?P<steps>[A-Za-z0-9/]+)/)?(?P<element>[0-9]{1,2})(?:\.(?P<component>[0-9]{1,2}))?"
                  r"(?P<sign>:?=)(?P<values>[^\]]*)\]")  # fmt: skip
ONE = re.compile(r"(?P<element>[0-9]{1,2})(?:\.(?P<component>[0-9]{1,2}|\*|(?P<from>[0-9]{1,2})-(?P<to>[0-9]{1,2})))?")
RUN = re.compile(r"(?P<first>[0-9]{1,2})-(?P<last>[0-9]{1,2})")
SEARCH = re.compile(r"(?P<first>[0-9]{1,2})\.\.(?P<last>[0-9]{1,2})\[(?P<tested>[0-9]{1,2})?=(?P<values>[^\]]+)\]"
                    r"(?:\.(?P<component>[0-9]{1,2}))?")  # fmt: skip
SPREAD = re.compile(r"(?P<first>[0-9]{1,2})\.\.(?P<last>[0-9]{1,2})(?: by (?P<width>[0-9]))?")
PIECES = re.compile(r"(?:[^/\[]|\[[^\]]*\])+")


QUALIFIER = -1
"""Component of a search that means the qualifier itself, where it is another than the first."""


class Shape(StrEnum):
    """What a place means."""

    # One value: element and component.
    ONE = "one"
    # All components of an element, or those from `component` up to number `last`, as a list.
    WHOLE = "whole"
    # Elements from `element` to `last`, as a list.
    RUN = "run"
    # The value beside a qualifier: in one of several composites, or in one of several pairs of elements.
    SEARCH = "search"
    # Elements from `element` to `last`, a few at a time: each few is a scope.
    SPREAD = "spread"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in a segment something stands; numbers count from 0.

    Args:
        values: of the qualifier, the one that is written first.
        component: of the value; QUALIFIER for the qualifier beside it.
        tested: component of the qualifier; None when qualifier and value are elements of their own.
        width: elements of a pair, or of a scope.
    """

    shape: Shape
    element: int
    component: int = 0
    last: int = 0
    values: tuple[str, ...] = ()
    tested: int | None = None
    width: int = 1


@dataclass(frozen=True, slots=True)
class Test:
    """What a selector asks of a segment, or of a segment in a group, and what it writes.

    Args:
        steps: groups and segment from a group to the segment asked; none when a segment is asked.
        values: one of them must be there, "" meaning nothing; the first is written.
        selects: whether it is asked at all, not only written.
    """

    steps: tuple[str, ...]
    element: int
    component: int
    values: tuple[str, ...]
    selects: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A group or a segment on the way.

    Args:
        name: of the group in the grammar, or tag of the segment.
        every: all segments that fit, not only the first.
    """

    name: str
    group: bool
    tests: tuple[Test, ...] = ()
    every: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """A place: groups, then perhaps a segment, then perhaps a spot in it.

    Args:
        root: whether it starts at the message and not where the rule stands.
    """

    steps: tuple[Step, ...]
    spot: Spot | None
    root: bool
    text: str


@lru_cache(maxsize=4096)
def parse(text: str) -> Path:
    """Return the place a text names.

    Raises:
        Unfit: it is not in the notation.
    """
    inner = text.removeprefix(ROOT)
    pieces = PIECES.findall(inner)
    if not pieces or "/".join(pieces) != inner:
        raise unclear(text)
    spot = a_spot(pieces[-1])
    steps = tuple(a_step(each, text) for each in (pieces[:-1] if spot else pieces))
    for at, step in enumerate(steps):
        if not step.group and at < len(steps) - 1:
            raise Unfit(f"{text!r} goes on behind the segment {step.name}: only groups hold others")
        if step.every and (step.group or spot is None or spot.shape not in (Shape.WHOLE, Shape.RUN, Shape.ONE)):
            raise Unfit(f"{text!r} has a * where no values of several segments are collected")
    if spot and steps and steps[-1].group:
        raise Unfit(f"{text!r} names no segment in the group {steps[-1].name}")
    return Path(steps, spot, inner != text, text)


def unclear(text: str) -> Unfit:
    """Return the refusal of what is no place."""
    return Unfit(f"{text!r} is no place such as BGM/2, NAD/2.1, SG2[NAD/1=BY]/NAD/4.1 or N1loop[N1/1=ST]/N1/4")


def a_step(text: str, whole: str) -> Step:
    """Return one step."""
    found = STEP.fullmatch(text)
    if not found:
        raise unclear(whole)
    group = bool(found["loop"] or EDIFACT_GROUP.fullmatch(found["name"]))
    if not group and len(found["name"]) > 3:
        raise unclear(whole)
    tests = tuple(a_test(each, whole) for each in re.findall(r"\[[^\]]+\]", found["tests"]))
    for each in tests:
        if group != bool(each.steps):
            kind = "a group is asked for a segment in it, as in SG2[NAD/1=BY]"
            raise Unfit(f"{whole!r}: {kind if group else 'a segment is asked for an element, as in DTM[1.1=137]'}")
    return Step(found["name"], group, tests, bool(found["every"]))


def a_test(text: str, whole: str) -> Test:
    """Return one selector."""
    found = TEST.fullmatch(text)
    if not found or found["element"] == "0":
        raise Unfit(f"{whole!r}: {text} is no selector such as [1=220], [1.1=137], [NAD/1=BY], [3=EN|UP] or [2.3:=9]")
    steps = tuple(found["steps"].split("/")) if found["steps"] else ()
    component = int(found["component"] or 1) - 1
    return Test(steps, int(found["element"]) - 1, component, tuple(found["values"].split("|")), found["sign"] == "=")


def a_spot(text: str) -> Spot | None:
    """Return the spot a piece names; None when it is a step."""
    if found := ONE.fullmatch(text):
        element, component = int(found["element"]) - 1, found["component"] or "1"
        if component == "*":
            return Spot(Shape.WHOLE, element)
        if found["from"]:
            return Spot(Shape.WHOLE, element, int(found["from"]) - 1, int(found["to"]))
        return Spot(Shape.ONE, element, int(component) - 1)
    if found := RUN.fullmatch(text):
        return Spot(Shape.RUN, int(found["first"]) - 1, last=int(found["last"]) - 1)
    if found := SEARCH.fullmatch(text):
        tested = None if found["tested"] is None else int(found["tested"]) - 1
        return Spot(
            Shape.SEARCH,
            int(found["first"]) - 1,
            int(found["component"] or 1) - 1,  # .0 is QUALIFIER
            int(found["last"]) - 1,
            tuple(found["values"].split("|")),
            tested,
            2 if tested is None else 1,
        )
    if found := SPREAD.fullmatch(text):
        return Spot(Shape.SPREAD, int(found["first"]) - 1, last=int(found["last"]) - 1, width=int(found["width"] or 1))
    return None
