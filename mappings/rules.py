"""What a map document says, read and checked: the rules the compiler turns into functions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mappings.codes import CodeList
from mappings.transform import Transform

if TYPE_CHECKING:
    from mappings.edi.places.guide import GuideRule


@dataclass(frozen=True, slots=True)
class Limits:
    """What a value must keep to; a value that does not is refused, never cut."""

    max_length: int | None = None
    pattern: re.Pattern[str] | None = None
    min: Decimal | None = None
    max: Decimal | None = None

    @property
    def any(self) -> bool:
        """Whether there is anything to check."""
        return not (self.max_length is None and self.pattern is None and self.min is None and self.max is None)


@dataclass(frozen=True, slots=True)
class Rule:
    """One field rule: exactly one of path, const, first_of, concat and fields says where the value comes from.

    Args:
        key: the field the rule fills: a canonical path in an inbound map, a partner path in an outbound one.
        scope: `from:` of a sub-object; its fields read from there.
        each: path of the list whose members `fields` describes.
        hold: kind of the hold recorded when the value is missing.
        hold_invalid: kind of the hold recorded when the value does not fit.
        one_way: the rule is left out when the map runs backwards.
    """

    key: str
    line: int
    path: str | None = None
    const: Any = None
    default: Any = None
    first_of: tuple[Rule, ...] = ()
    concat: tuple[Rule, ...] = ()
    separator: str = " "
    fields: tuple[Rule, ...] = ()
    scope: str | None = None
    each: str | None = None
    where: str | None = None
    when: str | None = None
    transforms: tuple[Transform, ...] = ()
    codes: CodeList | None = None
    required: bool = False
    hold: str | None = None
    hold_invalid: str | None = None
    one_way: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def source(self) -> str:
        """The path the rule reads, as shown in errors and traces."""
        if self.path is not None:
            return self.path
        if self.each is not None:
            return self.each
        if self.first_of or self.concat:
            return " | ".join(each.source for each in self.first_of or self.concat)
        if self.fields:
            return self.scope or ""
        return "const"

    @property
    def shown(self) -> str:
        """The rule in a word or two, for errors."""
        names = [f"as {each.name}" for each in self.transforms]
        if self.codes is not None:
            names.append(f"codes {self.codes.name}")
        return ", ".join(names) or "plain value"


@dataclass(frozen=True, slots=True)
class MapDocument:
    """A whole map.

    Args:
        canonical: the canonical document or payload on our side.
        syntax: the syntax of the partner's document.
        inbound: True for `from:` maps, whose fields are canonical; False for `to:` maps, whose fields are the
            partner's.
        records: path of the documents inside one parsed input; None when the input is one document.
        group_by: column whose equal values make rows one document.
        digest: SHA-256 of the map's text, in hexadecimal.
        guide: what the partner requires at places of an EDI message.
        shape: how the canonical document is arranged for the map; None for as it is.
    """

    canonical: str
    syntax: str
    inbound: bool
    version: int
    name: str
    fields: tuple[Rule, ...]
    options: Mapping[str, Any]
    records: str | None
    group_by: str | None
    digest: str
    shape: str | None = None
    guide: tuple[GuideRule, ...] = ()
