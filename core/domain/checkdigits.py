"""GS1 keys and their check digit: GTIN-8/12/13/14, GLN and SSCC (GS1 General Specifications, section 7.9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import ValidationError

GTIN_LENGTHS = frozenset({8, 12, 13, 14})
GLN_LENGTHS = frozenset({13})
SSCC_LENGTHS = frozenset({18})
LENGTHS = {"gtin": GTIN_LENGTHS, "gln": GLN_LENGTHS, "sscc": SSCC_LENGTHS}
MOST = 20


def check_digit(digits: str) -> str:
    """Return the digit that follows `digits`: weights 3, 1, 3 … from the right, up to the next multiple of ten."""
    total = sum(int(digit) * (3 if index % 2 == 0 else 1) for index, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def is_key(value: str, lengths: frozenset[int]) -> bool:
    """Return whether a text is a GS1 key of one of these lengths with the right check digit."""
    return len(value) in lengths and value.isascii() and value.isdigit() and check_digit(value[:-1]) == value[-1]


class Gs1Key:
    """A marshmallow rule: the value is a GS1 key with the right check digit."""

    def __init__(self, what: str, lengths: frozenset[int]) -> None:
        """Take the key's name and how many digits it may have."""
        self.what, self.lengths = what, lengths

    def __call__(self, value: str) -> str:
        """Return the value.

        Raises:
            ValidationError: its length or check digit is wrong.
        """
        if not is_key(value, self.lengths):
            several = " or ".join(str(each) for each in sorted(self.lengths))
            raise ValidationError(f"must be a {self.what}: {several} digits, the last a GS1 check digit")
        return value


GTIN = Gs1Key("GTIN", GTIN_LENGTHS)
GLN = Gs1Key("GLN", GLN_LENGTHS)
SSCC = Gs1Key("SSCC", SSCC_LENGTHS)


def wrong_keys(body: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each GTIN, GLN and SSCC in a canonical document whose length or check digit is wrong.

    Looks where canonical documents have them: parties, places, lines, packages and items; at most twenty are said.
    """
    found = []
    for path, name, value in _keys(body):
        lengths = LENGTHS[name]
        if value and not is_key(value, lengths):
            why = "a wrong check digit" if len(value) in lengths and value.isdigit() else "a wrong length"
            found.append(f"{path} {value!r} has {why} for a {name.upper()}")
            if len(found) == MOST:
                break
    return found


def _keys(body: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    for name in ("buyer", "seller", "ship_to", "bill_to", "ship_from"):
        if place := body.get(name):
            yield f"{name}.gln", "gln", place.get("gln")
    for lists, name in (("stores", "gln"), ("lines", "gtin"), ("items", "gtin"), ("packages", "sscc")):
        for number, each in enumerate(body.get(lists) or ()):
            if value := each.get(name):
                yield f"{lists}[{number}].{name}", name, value
