"""What an EDI message can be found by, told by its segments alone: numbers of orders, parties and packages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

PO, NUMBER, GLN, SSCC = "po", "number", "gln", "sscc"
MOST = 20_000
# RFF qualifiers of order numbers; REF and the like of X12 have segments of their own.
ORDER_REFERENCES = frozenset({"ON", "VN", "CO"})
ORDER_MESSAGES = frozenset({"ORDERS", "ORDCHG", "850", "860", "875"})
# X12 segments that begin a set and carry its number: tag -> element.
BEGINNINGS = {
    "BEG": 3, "BCH": 3, "BAK": 3, "BCA": 3, "BSN": 2, "BIG": 2, "BIA": 3, "W05": 2, "W06": 2, "W17": 3, "BGN": 2,
    "B4": 2,
}  # fmt: skip
ORDERS_IN = {"BEG": 3, "BCH": 3, "BAK": 3, "BCA": 3, "PRF": 1, "BIG": 4, "W05": 3, "W06": 3}
PACKAGE_QUALIFIERS = frozenset({"GM", "SI"})
LOCATION_QUALIFIER = "UL"


class AnySegment(Protocol):
    """A segment of either standard."""

    @property
    def tag(self) -> str:
        """Return the name of the segment."""

    def value(self, element: int, component: int = 1) -> str:
        """Return one value, empty when it is not there."""


def keys_of(kind: str, segments: Iterable[AnySegment]) -> tuple[str | None, list[tuple[str, str]]]:
    """Return the number of a message, and (kind, value) of what it can be found by.

    Args:
        kind: of the message, such as DESADV or 856.
        segments: of the message.
    """
    number: str | None = None
    found: dict[tuple[str, str], None] = {}
    x12 = kind.isdigit()
    for each in segments:
        own, keys = _x12(each) if x12 else _edifact(kind, each)
        number = number or (own or "").rstrip(" ") or None
        for name, value in keys:
            if value.rstrip(" ") and len(found) < MOST:
                found[name, value.rstrip(" ")] = None
    if number and kind in ORDER_MESSAGES:
        found[PO, number] = None
    return number, list(found)


def _edifact(kind: str, segment: AnySegment) -> tuple[str | None, list[tuple[str, str]]]:
    value = segment.value
    match segment.tag:
        case "BGM":
            return value(2) or None, []
        case "RFF" if value(1) in ORDER_REFERENCES:
            return None, [(PO, value(1, 2))]
        case "NAD" if value(2).isdigit() and len(value(2)) == 13:
            return None, [(GLN, value(2))]
        case "GIN" if value(1) in ("BJ", "AW"):
            # Up to five ranges of one or two numbers each.
            return None, [(SSCC, value(at, part)) for at in range(2, 7) for part in (1, 2)]
    del kind
    return None, []


def _x12(segment: AnySegment) -> tuple[str | None, list[tuple[str, str]]]:
    value, tag = segment.value, segment.tag
    keys: list[tuple[str, str]] = []
    if ORDERS_IN.get(tag):
        keys.append((PO, value(ORDERS_IN[tag])))
    if tag == "N1" and value(3) == LOCATION_QUALIFIER:
        keys.append((GLN, value(4)))
    if tag == "MAN":
        for at in (1, 4):
            if value(at) in PACKAGE_QUALIFIERS:
                # An SSCC is written with or without the application identifier 00 in front.
                digits = value(at + 1)
                keys.append((SSCC, digits[2:] if len(digits) == 20 and digits.startswith("00") else digits))
    if tag == "REF" and value(1) == "PO":
        keys.append((PO, value(2)))
    own = value(BEGINNINGS[tag]) or None if tag in BEGINNINGS else None
    return own, keys
