"""A partner's guide: what he requires at places of a message, beyond its grammar."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError, fields, validate, validates_schema

from mappings.edi.places.notation import Path, Shape, parse
from mappings.edi.places.numbers import Numbers
from mappings.edi.places.reading import Places, walker
from mappings.faults import MapError, shorten
from mappings.schema import PatternField, Strict


class GuideSchema(Strict):
    """What is required of the values at one place."""

    required = fields.Boolean(truthy={True}, falsy={False}, load_default=False)
    codes = fields.List(fields.String(), load_default=None, validate=validate.Length(min=1))
    min_length = fields.Integer(strict=True, load_default=0, validate=validate.Range(min=1))
    max_length = fields.Integer(strict=True, load_default=None, validate=validate.Range(min=1))
    pattern = PatternField(load_default=None)
    note = fields.String()

    @validates_schema
    def check(self, data: Mapping[str, Any], **_kwargs: Any) -> None:
        """Refuse a place of which nothing is required."""
        if not any(data.get(name) for name in ("required", "codes", "min_length", "max_length", "pattern")):
            raise ValidationError("requires nothing: say required, codes, min_length, max_length or pattern")


@dataclass(frozen=True, slots=True)
class GuideRule:
    """What a partner requires at a place.

    Args:
        place: as maps name it.
        line: of the guide.
        required: whether there must be a value, in each group that the place does not select.
        codes: that may stand there; None for any.
    """

    place: str
    line: int
    required: bool = False
    codes: tuple[str, ...] | None = None
    min_length: int = 0
    max_length: int | None = None
    pattern: re.Pattern[str] | None = None

    def wrong(self, value: str) -> str | None:
        """Return what is wrong with a value, None when nothing is."""
        if self.codes is not None and value not in self.codes:
            return f"is none of {', '.join(self.codes)}"
        if len(value) < self.min_length:
            return f"has {len(value)} characters, at least {self.min_length} are wanted"
        if self.max_length is not None and len(value) > self.max_length:
            return f"has {len(value)} characters, {self.max_length} are allowed"
        if self.pattern is not None and not self.pattern.fullmatch(value):
            return f"does not match {self.pattern.pattern}"
        return None


Check = Callable[[Any], None]


def guide_check(rules: tuple[GuideRule, ...], numbers: Numbers, name: str) -> Check:
    """Return what checks a message against a guide.

    Args:
        rules: of the guide.
        numbers: of the message's grammar.
        name: of the map or overlay the guide stands in.
    """
    checks = [(rule, *compiled(rule, numbers)) for rule in rules]

    def check(message: Any) -> None:
        for rule, holders, values in checks:
            for holder in holders(message):
                found = list(values(holder))
                if rule.required and not found:
                    raise broken(rule, "is missing and the partner's guide requires it", None, name)
                for value in found:
                    why = rule.wrong(value)
                    if why is not None:
                        raise broken(rule, f"{why} by the partner's guide", value, name)

    return check


def compiled(
    rule: GuideRule, numbers: Numbers
) -> tuple[Callable[[Any], Iterator[Any]], Callable[[Any], Iterator[str]]]:
    """Return what yields the groups in which a place is looked for, and what yields its values in one."""
    path: Path = parse(rule.place)
    assert path.spot is not None
    free = 0
    while free < len(path.steps) - 1 and path.steps[free].group and not path.steps[free].tests:
        free += 1
    segments = walker(path.steps[free:])
    take = Places(numbers).taker(path.spot)

    def values(holder: Any) -> Iterator[str]:
        for segment in segments(holder):
            found = take(segment)
            for each in found if isinstance(found, list) else [found]:
                if each:
                    yield each

    return walker(path.steps[:free]), values


def broken(rule: GuideRule, why: str, value: str | None, name: str) -> MapError:
    """Return the error of a message that is not as the guide wants it."""
    shown = "" if value is None else f" (value {shorten(value, rule.place)})"
    return MapError(
        f"{rule.place} {why}{shown}, {name}:{rule.line}.",
        fix="Mend the source, or ask the partner whether the guide still holds.",
        code="MAP-GUIDE-422",
        document_path=rule.place,
        map=f"{name}:{rule.line}",
    )


def check_place(text: str) -> None:
    """Refuse what names no value.

    Raises:
        Unfit: it is no place, or none of a value.
    """
    path = parse(text)
    if path.spot is None or path.spot.shape is Shape.SPREAD or path.root:
        raise ValidationError("names no element, as BGM/1 does")
