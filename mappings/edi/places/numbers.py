"""Numbers as the standards write them: with a comma or a point, or with decimals that are only implied."""

from __future__ import annotations

import re
from decimal import Decimal

from mappings.edi.grammar.model import ElementType, Grammar
from mappings.faults import Unfit

COUNTED = frozenset({"6060", "6314"})
"""Data elements of EDIFACT that are numbers, though directories call them text: quantities and measures."""
IMPLIED = re.compile(r"N[1-9]")


class Numbers:
    """What the elements of a grammar's segments make of numbers.

    Args:
        grammar: whose segments are meant.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.kinds: dict[tuple[str, int, int], str] = {}

    def kind(self, tag: str, element: int, component: int) -> str:
        """Return what to do with a value: nothing (""), mend its decimal mark ("n"), or move it ("N2")."""
        key = (tag, element, component)
        found = self.kinds.get(key)
        if found is None:
            found = self.kinds[key] = kind_of_type(type_of(self.grammar, *key))
        return found


def type_of(grammar: Grammar, tag: str, element: int, component: int) -> ElementType | None:
    """Return the type of a simple element or component, None where the grammar has none."""
    segment = grammar.segments.get(tag)
    if segment is None or element >= len(segment.uses):
        return None
    use = segment.uses[element]
    if use.type is not None:
        return use.type if component == 0 else None
    return use.parts[component].type if component < len(use.parts) else None


def kind_of_type(found: ElementType | None) -> str:
    """Return what to do with the values of a type."""
    if found is None:
        return ""
    if IMPLIED.fullmatch(found.kind):
        return found.kind
    return "n" if found.kind == "n" or found.id in COUNTED else ""


def read_number(text: str, kind: str) -> str:
    """Return a number as conversions take it; text that is none stays for them to refuse."""
    if kind == "n":
        return text.replace(",", ".")
    # With blanks behind it a number of implied decimals would be taken for one without.
    text = text.strip(" ")
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    if not digits.isascii() or not digits.isdigit():
        return text
    places = int(kind[1:])
    digits = digits.rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def write_number(text: str, kind: str) -> str:
    """Return a number as the standard writes it.

    Raises:
        Unfit: it has more decimals than are implied.
    """
    if kind == "n":
        return text
    try:
        moved = Decimal(text).scaleb(int(kind[1:]))
    except ArithmeticError:
        raise Unfit("is no number") from None
    if moved != moved.to_integral_value():
        raise Unfit(f"has more than the {kind[1:]} decimals of this element")
    return f"{moved.to_integral_value():f}"
