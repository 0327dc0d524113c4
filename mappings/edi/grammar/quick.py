"""Says of a segment whether its elements are right, quickly and without saying why.

Almost all segments are right, and only of the others it is worth finding out what is wrong. What passes here has no
fault in `elements.py`; what does not pass may still be right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mappings.edi.grammar.elements import PATTERNS
from mappings.edi.grammar.model import Condition, SegmentType, Use

Slot = tuple[int, int, Callable[[str], object] | None, Any]


class Quick(NamedTuple):
    """What elements, or components, must be.

    Args:
        slots: of each (least length, greatest length, matcher of its type or None, its components or None);
            where it has components, the first three are of one that stands there alone, and no length fits where it
            may not.
        required: bit per element that must be there, the first being 1.
        conditions: (kind, bit of the first element, bits of all).
    """

    slots: tuple[Slot, ...]
    required: int
    conditions: tuple[tuple[str, int, int], ...] = ()


def quick(kind: SegmentType) -> Quick:
    """Return what the elements of a segment must be."""
    return quick_uses(kind.uses)._replace(conditions=tuple(masks(each) for each in kind.conditions))


def quick_uses(uses: Sequence[Use]) -> Quick:
    """Return what some elements must be."""
    slots: list[Slot] = []
    required = 0
    for index, use in enumerate(uses):
        required |= use.required << index
        if use.type is None:
            slots.append(composite(quick_uses(use.parts)))
        else:
            pattern = PATTERNS.get(use.type.kind)
            slots.append((use.type.low, use.type.high, pattern[0].match if pattern else None, None))
    return Quick(tuple(slots), required)


def composite(parts: Quick) -> Slot:
    """Return what an element of components must be."""
    low, high, match, deeper = parts.slots[0] if parts.slots else (1, 0, None, None)
    if deeper is not None or parts.required & ~1:
        low, high, match = 1, 0, None
    return low, high, match, parts


def masks(condition: Condition) -> tuple[str, int, int]:
    """Return a condition as bits."""
    return condition.kind, 1 << (condition.positions[0] - 1), sum(1 << (at - 1) for at in condition.positions)


def passes(elements: Sequence[Any], wanted: Quick) -> bool:
    """Return whether elements are right without any doubt."""
    slots, required, conditions = wanted
    if len(elements) > len(slots):
        return False
    present, bit = 0, 1
    # Not zip, which would have to be told again for every segment that the rest may be missing.
    for index, value in enumerate(elements):
        if value:
            low, high, match, parts = slots[index]
            present |= bit
            if type(value) is str:
                if not low <= len(value) <= high or (match is not None and not match(value)):
                    return False
            elif parts is None or type(value) is not list or not passes(value, parts):
                return False
        bit <<= 1
    if present & required != required:
        return False
    for kind, first, every in conditions:
        given = present & every
        wrong: int
        if kind == "P":
            wrong = given != 0 and given != every
        elif kind == "C":
            wrong = given & first != 0 and given != every
        elif kind == "R":
            wrong = not given
        elif kind == "L":
            wrong = given == first
        else:
            wrong = given & (given - 1)
        if wrong:
            return False
    return True
