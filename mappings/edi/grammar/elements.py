"""Checks what the elements of a segment hold: presence, number, length, type, and the conditions between them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from mappings.edi.grammar.model import Condition, ElementType, SegmentType, Use

Report = Callable[..., None]
NUMBER = re.compile(r"-?(?:[0-9]+(?:[.,][0-9]*)?|[.,][0-9]+)(?:E-?[0-9]+)?\Z")
WHOLE = re.compile(r"-?[0-9]+\Z")
LETTERS = re.compile(r"[^0-9]*\Z")
DATE = re.compile(r"(?:[0-9]{2})?[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])\Z")
TIME = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9](?:[0-9]{1,2})?)?\Z")
NOT_COUNTED = str.maketrans("", "", "-.,E")
NUMERIC = frozenset({"n", "R", *(f"N{places}" for places in range(10))})
PATTERNS: dict[str, tuple[re.Pattern[str], str]] = {
    "a": (LETTERS, "element-characters"),
    "n": (NUMBER, "element-characters"),
    "R": (NUMBER, "element-characters"),
    "DT": (DATE, "date-invalid"),
    "TM": (TIME, "time-invalid"),
} | {f"N{places}": (WHOLE, "element-characters") for places in range(10)}


def check_elements(segment: Any, kind: SegmentType, index: int, report: Report) -> None:
    """Report what is wrong with a segment's elements.

    Args:
        index: of the segment in its message.
        report: called with the fault's name, the index, the parts of its sentence, and the place within the segment.
    """
    elements, uses = segment.elements, kind.uses
    if len(elements) > len(uses) and any(elements[len(uses) :]):
        report("element-too-many", index, segment.tag, len(uses), element=len(uses) + 1)
    for position, use in enumerate(uses, 1):
        value = elements[position - 1] if position <= len(elements) else ""
        if not value:
            if use.required:
                report("element-missing", index, f"{segment.tag}{position:02}", element=position)
            continue
        name = f"{segment.tag}{position:02}"
        if isinstance(value, list) and type(value) is not list:
            # A list of its own kind holds the repetitions of an element, a plain one the components of a composite.
            if len(value) > use.high:
                report("repeated-too-often", index, name, use.high, element=position)
            for repetition, each in enumerate(value, 1):
                check_value(each, use, index, name, report, element=position, repetition=repetition)
        else:
            check_value(value, use, index, name, report, element=position)
    for condition in kind.conditions:
        check_condition(elements, condition, segment.tag, index, report)


def check_value(value: Any, use: Use, index: int, name: str, report: Report, **where: int) -> None:
    """Report what is wrong with one value of an element: a text, or the components of a composite."""
    if use.type is not None:
        if isinstance(value, str):
            check_text(value, use.type, index, name, report, where)
        elif any(value[1:]):
            report("element-too-many", index, name, 1, component=2, **where)
        elif value:
            check_text(value[0], use.type, index, name, report, where)
        return
    parts = [value] if isinstance(value, str) else value
    if len(parts) > len(use.parts) and any(parts[len(use.parts) :]):
        report("element-too-many", index, name, len(use.parts), component=len(use.parts) + 1, **where)
    for number, part in enumerate(use.parts, 1):
        text = parts[number - 1] if number <= len(parts) else ""
        inner = f"{name}-{number}"
        if text and part.type is not None:
            check_text(text, part.type, index, inner, report, {**where, "component": number})
        elif part.required and not text:
            report("element-missing", index, inner, component=number, **where)


def check_text(text: str, kind: ElementType, index: int, name: str, report: Report, where: dict[str, int]) -> None:
    """Report a text that is too short, too long, or not of its type."""
    length = len(text.translate(NOT_COUNTED)) if kind.kind in NUMERIC else len(text)
    if length > kind.high:
        report("element-long", index, name, kind.high, **where)
    elif length < kind.low:
        report("element-short", index, name, kind.low, **where)
    pattern = PATTERNS.get(kind.kind)
    if pattern is not None and not pattern[0].match(text):
        report(pattern[1], index, name, kind.kind, **where)


def check_condition(elements: list[Any], condition: Condition, tag: str, index: int, report: Report) -> None:
    """Report a broken rule between elements, at the element that is missing or too much."""
    positions = condition.positions
    given = [at for at in positions if at <= len(elements) and elements[at - 1]]
    absent = [at for at in positions if at not in given]
    wrong = None
    match condition.kind:
        case "P":
            wrong = absent[0] if given and absent else None
        case "R":
            wrong = None if given else positions[0]
        case "C":
            wrong = absent[0] if positions[0] in given and absent else None
        case "L":
            wrong = positions[1] if given == [positions[0]] else None
        case _:
            if len(given) > 1:
                report("condition-exclusive", index, f"{tag}{given[1]:02}", shown(condition), element=given[1])
    if wrong is not None:
        report("condition-missing", index, f"{tag}{wrong:02}", shown(condition), element=wrong)


def shown(condition: Condition) -> str:
    """Return a condition as standards write it."""
    return condition.kind + "".join(f"{at:02}" for at in condition.positions)
