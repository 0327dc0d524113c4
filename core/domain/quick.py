"""The fast way through the canonical schemas: marshmallow's own schemas, compiled to closures for values already typed.

Maps produce Decimals, aware times and short texts; for those a check is a type test and a comparison. Whatever the
closures do not recognize as plainly valid goes to marshmallow, which decides and finds the words. A property test
proves that both agree.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from marshmallow import Schema, ValidationError, fields, missing, validate

Check = Callable[[Any], Any]
NO_NUL = validate.Regexp(r"\A[^\x00]*\Z", error="must not contain the NUL character")


# Deepest nesting of JSON, at the doors and where messages are read.
JSON_LEVELS = 64
# An amount or quantity has at most this many digits after the point: enough for unit prices of screws in dinars, and
# no way to make the hub write out ten thousand zeros.
MOST_PLACES = 12


class Sized(validate.Range):
    """A range whose values also have a sane number of digits."""

    def __call__(self, value: Any) -> Any:
        """Return the value.

        Raises:
            ValidationError: it is out of range, or has more than `MOST_PLACES` digits after the point.
        """
        found = super().__call__(value)
        if not has_sane_places(value):
            raise ValidationError(f"must have at most {MOST_PLACES} digits after the point")
        return found


def has_sane_places(value: Decimal) -> bool:
    """Return whether a finite number can be written out in a few digits."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and -MOST_PLACES <= exponent <= MOST_PLACES


class Digits(fields.Field[Any]):
    """A number in ASCII digits; Python itself reads `1_0` and the digits of every script as numbers too."""

    def _validated(self, value: Any) -> Any:
        if isinstance(value, str) and (not value.isascii() or "_" in value):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)  # type: ignore[misc]


class Exact(Digits, fields.Decimal):
    """A decimal number."""


class Whole(Digits, fields.Integer):
    """A whole number; one with a fraction is refused, not cut."""

    def _validated(self, value: Any) -> Any:
        found = super()._validated(value)
        if isinstance(value, float | Decimal) and value != found:
            raise self.make_error("invalid", input=value)
        return found


class Real(Digits, fields.Float):
    """A number that need not be exact, such as a degree."""


class Trimmed(fields.String):
    """A text without blanks around it: what a scanner or a sheet puts there is no part of a number."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        return super()._deserialize(value, attr, data, **kwargs).strip()


class Doubtful(Exception):
    """The value is not plainly valid: let marshmallow decide."""


def compile_schema(schema: Schema) -> Check:
    """Return a function that takes a document, returns it loaded, or raises Doubtful."""
    checks = {name: _field(field) for name, field in schema.fields.items()}
    required = [name for name, field in schema.fields.items() if field.required]
    defaults = [
        (name, field.load_default)
        for name, field in schema.fields.items()
        if field.load_default is not missing and not callable(field.load_default)
    ]

    def check(document: Any) -> Any:
        if type(document) is not dict:
            raise Doubtful
        found = {}
        for name, value in document.items():
            known = checks.get(name)
            if known is None:
                raise Doubtful
            found[name] = known(value)
        for name in required:
            if name not in found:
                raise Doubtful
        for name, default in defaults:
            if name not in found:
                found[name] = default
        return found

    return check


def _field(field: Any) -> Check:
    inner = _typed(field)
    if not field.allow_none:
        return inner

    def optional(value: Any) -> Any:
        return None if value is None else inner(value)

    return optional


def _typed(field: Any) -> Check:
    rules = [rule for rule in field.validators if not isinstance(rule, validate.Length | validate.Range)]
    if isinstance(field, fields.Nested):
        return compile_schema(field.schema)
    if isinstance(field, fields.Dict):
        return _texts(field)
    if isinstance(field, fields.List):
        return _list(field)
    if isinstance(field, fields.AwareDateTime):
        return _instant
    if isinstance(field, fields.Decimal):
        return _decimal(field)
    if isinstance(field, fields.Integer):
        return _integer(field)
    if isinstance(field, fields.Boolean):
        return _exactly(bool)
    if isinstance(field, fields.Date):
        return _exactly(date)
    if isinstance(field, fields.String):
        return _trimmed(_text(field, rules)) if isinstance(field, Trimmed) else _text(field, rules)
    return _doubt


def _trimmed(known: Check) -> Check:
    def check(value: Any) -> Any:
        if type(value) is str and value != value.strip():
            raise Doubtful
        return known(value)

    return check


def _doubt(_value: Any) -> Any:
    raise Doubtful


def _exactly(kind: type) -> Check:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise Doubtful
        return value

    return check


def _instant(value: Any) -> Any:
    if type(value) is not datetime or value.tzinfo is None:
        raise Doubtful
    return value


def _integer(field: Any) -> Check:
    if len(field.validators) > 1 or any(not isinstance(rule, validate.Range) for rule in field.validators):
        return _doubt
    least = min((rule.min for rule in field.validators), default=-(2**63))
    most = max((rule.max for rule in field.validators), default=2**63 - 1)

    def check(value: Any) -> Any:
        if type(value) is not int or not least <= value <= most:
            raise Doubtful
        return value

    return check


def _decimal(field: Any) -> Check:
    ranges = [rule for rule in field.validators if isinstance(rule, Sized)]
    if len(ranges) != 1 or len(field.validators) != 1 or field.places is not None:
        return _doubt
    [rule] = ranges
    least, most, open_below = rule.min, rule.max, not rule.min_inclusive

    def check(value: Any) -> Any:
        if type(value) is not Decimal or not value.is_finite():
            raise Doubtful
        if value > most or value < least or (open_below and value == least) or not has_sane_places(value):
            raise Doubtful
        return value

    return check


def _text(field: Any, rules: list[Any]) -> Check:
    lengths = [rule for rule in field.validators if isinstance(rule, validate.Length)]
    least = max((rule.min or 0 for rule in lengths), default=0)
    most = min((rule.max for rule in lengths if rule.max is not None), default=2**31)
    others = [rule for rule in rules if rule is not NO_NUL]
    no_nul = len(others) < len(rules)

    def check(value: Any) -> Any:
        if type(value) is not str or not least <= len(value) <= most or (no_nul and "\x00" in value):
            raise Doubtful
        for rule in others:
            try:
                rule(value)
            except ValidationError:
                raise Doubtful from None
        return value

    return check


def _texts(field: Any) -> Check:
    if field.validators or type(field.value_field) is not fields.String or type(field.key_field) is not fields.String:
        return _doubt

    def check(value: Any) -> Any:
        if type(value) is not dict:
            raise Doubtful
        for name, each in value.items():
            if type(name) is not str or type(each) is not str:
                raise Doubtful
        return dict(value)

    return check


def _list(field: Any) -> Check:
    inner = _field(field.inner)
    lengths = [rule for rule in field.validators if isinstance(rule, validate.Length)]
    others = [rule for rule in field.validators if rule not in lengths]
    least = max((rule.min or 0 for rule in lengths), default=0)
    most = min((rule.max for rule in lengths if rule.max is not None), default=2**31)

    def check(value: Any) -> Any:
        if type(value) is not list or not least <= len(value) <= most:
            raise Doubtful
        found = [inner(each) for each in value]
        for rule in others:
            try:
                rule(found)
            except ValidationError:
                raise Doubtful from None
        return found

    return check
