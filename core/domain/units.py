"""Units of quantity (UN/ECE Recommendations 20 and 21): which are counted, so that nobody has a part of one."""

from __future__ import annotations

from decimal import Decimal

# Sources that say nothing of units, or "one", "piece" or "each", mean the item's own sales unit.
PIECES = frozenset({"C62", "H87", "EA", "PCE"})
# Pairs, sets and kits; a dozen or a thousand can be halved, as can what is weighed or measured.
_COUNTED = PIECES | {"PR", "NPR", "SET", "KT"}


def is_counted(unit: str) -> bool:
    """Return whether only whole units of it exist: pieces, pairs, sets, and packages such as XBX."""
    # Recommendation 21's codes of packages are written X and two characters among those of Recommendation 20.
    return unit in _COUNTED or (len(unit) == 3 and unit.startswith("X"))


def is_part(quantity: Decimal) -> bool:
    """Return whether a quantity is not a whole number."""
    return quantity % 1 != 0


def divides(quantity: Decimal, unit: str) -> bool:
    """Return whether a quantity has a part of a unit of which only whole ones exist."""
    return is_part(quantity) and is_counted(unit)
