"""The short texts of a grammar: `REF 0..12`, `AN 1/30`, `128!, 127, C040`; docs/edi-grammars.md describes them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mappings.edi.grammar.model import MANY, Condition, ElementType, SegmentType, Use

PLACE = re.compile(r"(?P<name>[A-Z0-9]{1,8})(?: (?P<low>[0-9]{1,9})\.\.(?P<high>[0-9]{1,9}|\*))?(?P<nested> by HL)?\Z")
X12_TYPE = re.compile(r"(AN|ID|N[0-9]|R|DT|TM|B) ([0-9]{1,9})/([0-9]{1,18})\Z")
EDIFACT_TYPE = re.compile(r"(an|a|n)(\.\.)?([0-9]{1,9})\Z")
USE = re.compile(r"(?P<id>[A-Z]?[0-9]{1,4})(?P<required>!)?(?: x(?P<high>[0-9]{1,9}))?\Z")
CONDITION = re.compile(r"[PRECL](?:[0-9]{2}){2,20}\Z")


class Unclear(ValueError):
    """A text is not written as the notation wants it; the message says how."""


def place(text: str) -> tuple[str, int, int, bool]:
    """Return name, least and greatest count of a place, and whether it nests by HL."""
    found = PLACE.match(text)
    if not found:
        raise Unclear(f"{text!r} is no place: write it as BEG, CUR 0..1, REF 0..*")
    if found["low"] is None:
        return found["name"], 1, 1, bool(found["nested"])
    low, high = int(found["low"]), MANY if found["high"] == "*" else int(found["high"])
    if high < max(low, 1):
        raise Unclear(f"{text!r} may come at most {high} times: less than it must, or never")
    return found["name"], low, high, bool(found["nested"])


def element_type(name: str, text: str) -> ElementType:
    """Return what a simple element holds."""
    if found := X12_TYPE.match(text):
        kind, low, high = found[1], int(found[2]), int(found[3])
    elif found := EDIFACT_TYPE.match(text):
        kind, high = found[1], int(found[3])
        low = 1 if found[2] else high
    else:
        raise Unclear(f"{text!r} is no type: write it as AN 1/30, N2 1/10, an..35, n3")
    if low > high:
        raise Unclear(f"{text!r} is at least {low} and at most {high} long")
    return ElementType(name, kind, low, high)


def uses(text: str, types: Mapping[str, ElementType], composites: Mapping[str, tuple[Use, ...]]) -> tuple[Use, ...]:
    """Return the elements of a segment or composite."""
    made = []
    for each in text.split(", ") if text else []:
        found = USE.match(each)
        if not found:
            raise Unclear(f"{each!r} is no element: write it as 128, 128! where required, C022! x5 where repeated")
        name, required, high = found["id"], bool(found["required"]), int(found["high"] or 1)
        if name in composites:
            made.append(Use(name, required, None, composites[name], high))
        elif name in types:
            made.append(Use(name, required, types[name], (), high))
        else:
            raise Unclear(f"element {name} is described neither under elements nor under composites")
    return tuple(made)


def segment_type(
    tag: str, text: str, types: Mapping[str, ElementType], composites: Mapping[str, tuple[Use, ...]]
) -> SegmentType:
    """Return what a segment holds: its elements and, after a semicolon, its conditions."""
    listed, _, rules = text.partition("; ")
    found = uses(listed.strip(), types, composites)
    return SegmentType(tag, found, tuple(condition(each, len(found)) for each in rules.split()))


def condition(text: str, length: int) -> Condition:
    """Return a rule between elements."""
    if not CONDITION.match(text):
        raise Unclear(f"{text!r} is no condition: write it as P0304, R0203, C0302, E0405, L091011")
    positions = tuple(int(text[at : at + 2]) for at in range(1, len(text), 2))
    if max(positions) > length or min(positions) < 1:
        raise Unclear(f"{text!r} names an element the segment does not have")
    return Condition(text[0], positions)


def shown_type(found: ElementType) -> str:
    """Return a type as the notation writes it."""
    if found.kind in ("a", "n", "an"):
        return f"{found.kind}{found.high}" if found.low == found.high else f"{found.kind}..{found.high}"
    return f"{found.kind} {found.low}/{found.high}"


def shown_uses(found: tuple[Use, ...]) -> str:
    """Return elements as the notation writes them."""
    return ", ".join(f"{each.id}{'!' * each.required}{f' x{each.high}' if each.high > 1 else ''}" for each in found)


def shown_place(name: str, low: int, high: int, *, nested: bool = False) -> str:
    """Return a place as the notation writes it."""
    count = "" if (low, high) == (1, 1) else f" {low}..{'*' if high >= MANY else high}"
    return f"{name}{count}{' by HL' if nested else ''}"
