"""Postcodes as they are compared: without spaces and hyphens, and which shorter ones they lie in."""

from __future__ import annotations

from functools import lru_cache

# The last three signs of a British postcode are the inward code; "M1 1AE" does not lie in "M11".
INWARD = 3
LONGEST = 12
WHOLE = "*"
"""The prefix that stands for a whole country, where one must be said: an empty one is a slip."""


def normal(postal_code: str) -> str:
    """Return a postcode in upper case with letters and digits only, cut after `LONGEST` signs: `211 24` is `21124`."""
    return "".join(sign for sign in postal_code.upper() if sign.isalnum())[:LONGEST]


@lru_cache(maxsize=65_536)
def steps(country: str, postal_code: str) -> tuple[str, ...]:
    """Return the postcode and the areas it lies in, from the smallest to the largest.

    Args:
        country: ISO 3166 code of two letters.
        postal_code: as written.

    Returns:
        Normal postcodes, the whole one first; in Great Britain the outward code and the area of two letters, elsewhere
        every shorter beginning.
    """
    code = normal(postal_code)
    if country == "GB":
        outward = code[:-INWARD] if len(code) > INWARD + 1 and code[-INWARD].isdigit() else code
        area = code[:2] if code[:2].isalpha() else ""
        return tuple(dict.fromkeys(each for each in (code, outward, area) if each))
    return tuple(code[:length] for length in range(len(code), 0, -1))


def lies_in(country: str, postal_code: str, prefix: str) -> bool:
    """Return whether a postcode is in the area of a prefix; every one is in the empty one and in `*`."""
    return prefix in {"", WHOLE} or normal(prefix) in steps(country, postal_code)
