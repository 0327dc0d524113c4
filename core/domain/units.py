"""Units of quantity (UN/ECE Recommendations 20 and 21): which are counted, so that nobody has a part of one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from core.errors import InputError

# Sources that say nothing of units, or "one", "piece" or "each", mean the item's own sales unit.
PIECES = frozenset({"C62", "H87", "EA", "PCE"})
# Pairs, sets and kits; a dozen or a thousand can be halved, as can what is weighed or measured.
_COUNTED = PIECES | {"PR", "NPR", "SET", "KT"}


def is_counted(unit: str) -> bool:
    """Return whether only whole units of it exist: pieces, pairs, sets, and packages such as XBX."""
    # Recommendation 21's codes of packages are written X and two characters among those of Recommendation 20.
    return unit in _COUNTED or (len(unit) == 3 and unit.startswith("X"))


def same_package(unit: str) -> tuple[str, ...]:
    """Return the codes a package is known by: CT of Recommendation 21 is XCT among those of Recommendation 20."""
    if len(unit) == 2 and unit not in PIECES:
        return unit, f"X{unit}"
    return (unit, unit[1:]) if len(unit) == 3 and unit.startswith("X") else (unit,)


def is_part(quantity: Decimal) -> bool:
    """Return whether a quantity is not a whole number."""
    return quantity % 1 != 0


def divides(quantity: Decimal, unit: str) -> bool:
    """Return whether a quantity has a part of a unit of which only whole ones exist."""
    return is_part(quantity) and is_counted(unit)


def check_quantity(value: Any, what: str) -> Decimal:
    """Return a finite, non-negative quantity.

    Raises:
        InputError: it is not one.
    """
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        found = Decimal("NaN")
    if not found.is_finite() or found < 0 or found > Decimal(10) ** 12:
        raise InputError(f"{what} must be a quantity of 0 or more, not {str(value)[:40]!r}.")
    return found
