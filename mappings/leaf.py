"""Compiles one rule that yields one value: get it, convert it, check it, or say why not."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from core.errors import UnmappedCode
from mappings.faults import Fault, Unfit, shorten
from mappings.functions import SCALAR
from mappings.numbers import exact
from mappings.paths import Getter
from mappings.rules import Limits, Rule
from mappings.transform import Convert, chain

# Everything a conversion may raise for a value it was not made for; a connector's own functions are among them.
CONVERSION = (Unfit, UnmappedCode, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RecursionError)


class Context:
    """What one run of a map collects.

    Args:
        root: the whole document, for `$.` paths.
        holds: [kind, target path, source path, what is wrong].
        trace: None, or a list that gets [target path, source path, line, value] for every field filled.
    """

    __slots__ = ("holds", "root", "trace")

    def __init__(self, root: Any, trace: list[list[Any]] | None = None) -> None:
        self.root = root
        self.holds: list[list[str]] = []
        self.trace = trace


Run = Callable[[Any, Context], Any]


def conversion(rule: Rule, *, reading: bool) -> Convert:
    """Return what `as:` and `codes:` of a rule do together in one direction.

    Raises:
        Unfit: there is no way back.
    """
    steps: list[Convert] = []
    if rule.transforms:
        steps.append(chain(rule.transforms, reading=reading))
    elif rule.codes is None:
        steps.append(SCALAR.read if reading else write_scalar)
    if rule.codes is not None:
        if reading:
            steps.append(rule.codes.read)
        else:
            steps.insert(0, rule.codes.write)
    if rule.limits.any:
        check = limit(rule.limits, reading=reading)
        steps = [check(steps)]
    if len(steps) == 1:
        return steps[0]
    first, second = steps

    def both(value: Any) -> Any:
        found = first(value)
        return None if found is None else second(found)

    return both


def write_scalar(value: Any) -> Any:
    """Return a canonical value as it is written without `as:`."""
    assert SCALAR.write is not None
    return SCALAR.write(value)


def limit(limits: Limits, *, reading: bool) -> Callable[[list[Convert]], Convert]:
    """Return a wrapper of conversions that checks the partner's text and the canonical number."""

    def wrap(steps: list[Convert]) -> Convert:
        def convert(value: Any) -> Any:
            found = value
            for step in steps:
                found = step(found)
                if found is None:
                    return None
            partner, canonical = (value, found) if reading else (found, value)
            check_text(partner, limits)
            check_number(canonical, limits)
            return found

        return convert

    return wrap


def check_text(value: Any, limits: Limits) -> None:
    """Check length and pattern of the value as the partner has it."""
    if limits.max_length is None and limits.pattern is None:
        return
    text = value if isinstance(value, str) else str(SCALAR.read(value))
    if limits.max_length is not None and len(text) > limits.max_length:
        raise Unfit(f"has {len(text)} characters, {limits.max_length} are allowed")
    if limits.pattern is not None and not re.fullmatch(limits.pattern, text):
        raise Unfit(f"does not match {limits.pattern.pattern}")


def check_number(value: Any, limits: Limits) -> None:
    """Check the range of the canonical value."""
    if limits.min is None and limits.max is None:
        return
    number: Decimal = exact(value)
    if limits.min is not None and number < limits.min:
        raise Unfit(f"is less than {limits.min}")
    if limits.max is not None and number > limits.max:
        raise Unfit(f"is more than {limits.max}")


class Ends:
    """What happens when a value is missing or does not fit, with the paths to name."""

    __slots__ = ("rule", "source", "target")

    def __init__(self, rule: Rule, source: str, target: str) -> None:
        self.rule, self.source, self.target = rule, source, target

    def missing(self, ctx: Context) -> None:
        """Record the hold, raise, or let the field be absent."""
        if self.rule.hold:
            ctx.holds.append([self.rule.hold, self.target, self.source, "is missing"])
        elif self.rule.required:
            raise self.fault("is missing and required", None)

    def invalid(self, error: Exception, value: Any, ctx: Context) -> None:
        """Record the hold or raise."""
        fault = self.fault(reason_of(error), value)
        fault.unmapped = isinstance(error, UnmappedCode)
        if self.rule.hold_invalid is None:
            raise fault from None
        shown = shorten(value, self.source)
        ctx.holds.append([self.rule.hold_invalid, self.target, self.source, f"{fault.reason} (value {shown})"])

    def fault(self, reason: str, value: Any) -> Fault:
        """Return the failure of this rule."""
        return Fault(
            reason,
            source=self.source,
            target=self.target,
            value=value,
            rule=self.rule.shown,
            line=self.rule.line,
        )


def reason_of(error: Exception) -> str:
    """Return why a conversion failed; an unforeseen exception is named, its text may hold data and is not."""
    if isinstance(error, UnmappedCode):
        return f"has a code that is not in code list {error.data.get('list', 'of its connector')}"
    if isinstance(error, Unfit):
        return str(error)
    return f"cannot be converted ({type(error).__name__})"


def is_missing(value: Any) -> bool:
    """Return whether there is nothing: absent, null, or text without a visible character."""
    return value is None or value == "" or (type(value) is str and value.isspace())


def leaf(rule: Rule, get: Getter, ends: Ends, *, reading: bool, default: Any = None) -> Run:
    """Return the function that gets and converts one value.

    Args:
        default: stands in, converted, when there is none.
    """
    convert = conversion(rule, reading=reading)
    fallback = None if default is None else convert(default)
    missing, invalid = ends.missing, ends.invalid

    def run(scope: Any, ctx: Context) -> Any:
        value = None
        try:
            value = get(scope, ctx.root)
            if value is None or value == "" or (type(value) is str and value.isspace()):
                found = fallback
            else:
                found = convert(value)
        except CONVERSION as error:
            return invalid(error, value, ctx)
        if found is None:
            return missing(ctx)
        return found

    if rule.transforms or rule.codes or rule.limits.any or not reading:
        return run

    def plain(scope: Any, ctx: Context) -> Any:
        # The commonest rule by far: text that stays as it is.
        try:
            value = get(scope, ctx.root)
        except CONVERSION as error:
            return invalid(error, None, ctx)
        if type(value) is str and value and not value.isspace():
            return value
        if value is None and fallback is None:
            # Most fields of most documents: nothing is there, and nobody has to look twice.
            return missing(ctx)
        return run(scope, ctx)

    return plain
