"""Transforms of numbers: exact, never through a binary float."""

from __future__ import annotations

import re
from decimal import Context, Decimal
from typing import Any

from mappings.faults import Unfit, kind_of
from mappings.transform import Transform

NUMBER = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,2})?")
# What nearly all amounts look like; nothing in it can be out of range.
COMMON = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,10})?")
MAX_DIGITS = 28
MAX_WHOLE_DIGITS = 18
# Wide enough for the product of two accepted numbers; the default context would round it.
EXACT = Context(prec=64)


def exact(value: Any, decimal: str = ".", thousands: str = "") -> Decimal:
    """Return the number a value says, as written.

    Raises:
        Unfit: it is no number, a binary float, or longer than 28 digits (18 before the point).
    """
    kind = type(value)
    if kind is str:
        if decimal == "." and COMMON.fullmatch(value):
            return Decimal(value)
        text = value.strip()
        if thousands:
            text = ungroup(text, decimal, thousands)
        if decimal != ".":
            if "." in text:
                raise Unfit(f"is not a number with {decimal!r} as decimal sign")
            text = text.replace(decimal, ".")
        if not NUMBER.fullmatch(text):
            raise Unfit("is not a number")
        number = Decimal(text)
    elif kind is Decimal:
        number = value
    elif kind is int:
        if value.bit_length() > 60:
            raise Unfit(f"has more than {MAX_WHOLE_DIGITS} digits")
        return Decimal(value)
    else:
        raise Unfit(f"is {kind_of(value)}, not a number")
    if not number.is_finite():
        raise Unfit("is not a finite number")
    shown = str(number)
    if len(shown) > MAX_DIGITS + 3 or not -MAX_DIGITS <= number.adjusted() < MAX_WHOLE_DIGITS:
        raise Unfit(f"has more than {MAX_DIGITS} digits, or more than {MAX_WHOLE_DIGITS} before the point")
    # 1E+2 is 100 from here on.
    return Decimal(format(number, "f")) if "E+" in shown else number


def ungroup(text: str, decimal: str, thousands: str) -> str:
    """Take out thousands signs that stand where they belong; anything else is not this number format."""
    whole, sign, rest = text.partition(decimal)
    if thousands in rest:
        raise Unfit(f"has {thousands!r} after the decimal sign")
    head, *groups = whole.split(thousands)
    if groups and (any(len(group) != 3 for group in groups) or not 1 <= len(head.lstrip("+-")) <= 3):
        raise Unfit(f"has {thousands!r} not between groups of three digits")
    return head + "".join(groups) + sign + rest


def written(number: Decimal, decimal: str = ".") -> str:
    """Return a number as text without exponent."""
    text = format(number, "f")
    return text if decimal == "." else text.replace(".", decimal)


def money(*, decimal: str = ".", thousands: str = "", minor: int = 0, number: bool = False) -> Transform:
    """An exact amount.

    Args:
        decimal: the decimal sign of a text amount.
        thousands: the grouping sign, accepted when reading and never written.
        minor: the partner counts in minor units with this many digits (2: cents).
        number: write a JSON number instead of text.
    """

    def read(value: Any) -> Decimal:
        amount = exact(value, decimal, thousands)
        return amount.scaleb(-minor) if minor else amount

    def write(value: Any) -> Any:
        amount = exact(value)
        if minor:
            scaled = amount.scaleb(minor)
            if scaled != scaled.to_integral_value():
                raise Unfit(f"has more than {minor} digits after the point")
            return int(scaled)
        return amount if number else written(amount, decimal)

    return Transform("money", read, write)


def quantity(*, decimal: str = ".", thousands: str = "") -> Transform:
    """An exact quantity; whole quantities are written as whole numbers."""

    def write(value: Any) -> Any:
        amount = exact(value)
        if amount == amount.to_integral_value():
            return int(amount)
        return amount if decimal == "." else written(amount, decimal)

    return Transform("quantity", lambda value: exact(value, decimal, thousands), write)


def number(*, decimal: str = ".", thousands: str = "") -> Transform:
    """An exact number, written as a number."""

    def write(value: Any) -> Any:
        amount = exact(value)
        return amount if decimal == "." else written(amount, decimal)

    return Transform("number", lambda value: exact(value, decimal, thousands), write)


def read_integer(value: Any) -> int:
    """Return a whole number; 3.0 is one, 3.5 is not."""
    amount = exact(value)
    if amount != amount.to_integral_value():
        raise Unfit("is not a whole number")
    return int(amount)


def read_sum(value: Any) -> Decimal:
    """Return the sum of a list of amounts; an empty list sums to zero."""
    if not isinstance(value, list):
        raise Unfit(f"is {kind_of(value)}, not a list of amounts")
    total = Decimal(0)
    for each in value:
        total = EXACT.add(total, exact(each))
    return exact(total)


def scaled(*, by: Any) -> Transform:
    """A number in another unit: `{scaled: {by: 1000}}` reads 1.5 kg as 1500 g."""
    factor = exact(by)
    if factor <= 0:
        raise Unfit("`by` must be a positive number")

    def read(value: Any) -> Decimal:
        return exact(shortened(EXACT.multiply(exact(value), factor)))

    def write(value: Any) -> Decimal:
        amount = exact(value)
        found = shortened(EXACT.divide(amount, factor))
        if EXACT.multiply(found, factor) != amount:
            raise Unfit(f"cannot be divided by {factor} exactly")
        return exact(found)

    return Transform("scaled", read, write)


def shortened(number: Decimal) -> Decimal:
    """Return the number without trailing zeros after the point."""
    text = format(number, "f")
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text)


def read_ratio(value: Any) -> Decimal:
    """Return the exact number that two numbers with a stroke between them say: `12.50/100` is 0.125."""
    if not isinstance(value, str):
        raise Unfit(f"is {kind_of(value)}, not two numbers such as 12.50/100")
    above, stroke, below = value.partition("/")
    divisor = exact(below) if stroke else Decimal(1)
    if divisor <= 0:
        raise Unfit("is divided by something that is not positive")
    amount = exact(above)
    found = EXACT.divide(amount, divisor)
    if EXACT.multiply(found, divisor) != amount:
        raise Unfit("cannot be divided exactly")
    return exact(shortened(found))
