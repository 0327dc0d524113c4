"""Compiles a map against the direction it is written in: fields are read by name and written to the rules' paths."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from mappings.access import Access
from mappings.faults import Fault, Unfit
from mappings.leaf import CONVERSION, Context, Ends, is_missing, leaf
from mappings.paths import Setter
from mappings.rules import Rule

# Reads from a scope and fills the document given.
Apply = Callable[[Any, dict[str, Any], Context], None]


class Backward:
    """Compiles rules into functions that fill a document.

    Args:
        access: how the document that is read (by field name) is accessed.
        setter: compiles a rule's path into a setter of the document that is made.
        reading: True when values go from partner to canonical.
        join: what stands between the parts of the made document's paths when they are shown.
    """

    def __init__(self, access: Access, setter: Callable[[str], Setter], *, reading: bool, join: str) -> None:
        self.access, self.setter, self.reading, self.join = access, setter, reading, join

    def fields(self, rules: tuple[Rule, ...], source: str = "", target: str = "") -> Apply:
        """Return the function that fills one object.

        Raises:
            Fault: a rule has no way back and does not say `one_way`.
        """
        taken: dict[str, Rule] = {}
        applies = []
        for rule in rules:
            if rule.one_way:
                continue
            ends = Ends(strict(rule), source + rule.key, target + rule.source)
            try:
                self.claim(rule, taken)
                applies.append(self.rule(rule, ends, source, target))
            except CONVERSION as error:
                raise ends.fault(
                    f"{error}; say `one_way: true` or write a map for this direction", rule.source
                ) from None

        def apply(scope: Any, out: dict[str, Any], ctx: Context) -> None:
            for each in applies:
                each(scope, out, ctx)

        return apply

    def claim(self, rule: Rule, taken: dict[str, Rule]) -> None:
        """Let one rule only write to a path."""
        path = rule.each or rule.path or (rule.first_of[0].path if rule.first_of else None)
        if path is None:
            return
        if path in taken:
            raise Unfit(f"line {taken[path].line} already writes {path}")
        taken[path] = rule

    def rule(self, rule: Rule, ends: Ends, source: str, target: str) -> Apply:
        """Return the function of one rule."""
        if rule.when is not None or rule.where is not None:
            raise Unfit("a condition cannot be run backwards")
        if rule.concat:
            raise Unfit("`concat` cannot be run backwards")
        if rule.const is not None:
            return self.constant(rule, ends)
        if rule.each is not None:
            return self.each(rule, ends)
        if rule.fields:
            return self.object(rule, ends, source, target)
        if rule.first_of:
            first = rule.first_of[0]
            if first.path is None or first.when is not None:
                raise Unfit("`first_of` is written to its first path, which is none here")
            joined = dataclasses.replace(
                ends.rule,
                path=first.path,
                transforms=first.transforms + rule.transforms,
                codes=rule.codes or first.codes,
            )
            if rule.codes and first.codes:
                raise Unfit("`codes` on both levels cannot be run backwards")
            return self.value(joined, ends)
        return self.value(ends.rule, ends)

    def value(self, rule: Rule, ends: Ends) -> Apply:
        """Return the function of one value."""
        assert rule.path is not None
        run = leaf(rule, self.access.value(rule.key), ends, reading=self.reading)
        put = self.setter(rule.path)

        def apply(scope: Any, out: dict[str, Any], ctx: Context) -> None:
            value = run(scope, ctx)
            if value is not None:
                fill(put, out, value, ends)

        return apply

    def constant(self, rule: Rule, ends: Ends) -> Apply:
        """Return the check that the field has the only value this map can carry."""
        get = self.access.value(rule.key)
        plain = dataclasses.replace(ends.rule, required=False)
        wanted = rule.const
        if rule.transforms or rule.codes:
            wanted = leaf(plain, lambda value, _root: value, ends, reading=not self.reading)(wanted, Context(None))

        def apply(scope: Any, _out: dict[str, Any], ctx: Context) -> None:
            value = get(scope, ctx.root)
            if not is_missing(value) and value != wanted and str(value) != str(wanted):
                raise ends.fault(f"is not {wanted}, the only value this map can carry", value)

        return apply

    def object(self, rule: Rule, ends: Ends, source: str, target: str) -> Apply:
        """Return the function of a sub-object; without `from:` its fields land beside the others."""
        get = self.access.scope(rule.key)
        put = None if rule.scope is None else self.setter(rule.scope)
        inner_target = target if rule.scope is None else f"{ends.target}{self.join}"
        inner = self.fields(rule.fields, f"{source}{rule.key}{self.access.join}", inner_target)

        def apply(scope: Any, out: dict[str, Any], ctx: Context) -> None:
            try:
                inside = get(scope, ctx.root)
            except CONVERSION as error:
                ends.invalid(error, None, ctx)
                return
            if inside is None:
                ends.missing(ctx)
                return
            if put is None:
                inner(inside, out, ctx)
                return
            found: dict[str, Any] = {}
            inner(inside, found, ctx)
            if found:
                fill(put, out, found, ends)

        return apply

    def each(self, rule: Rule, ends: Ends) -> Apply:
        """Return the function of a list."""
        assert rule.each is not None
        get = self.access.items(rule.key)
        put = self.setter(rule.each)
        inner = self.fields(rule.fields)

        def apply(scope: Any, out: dict[str, Any], ctx: Context) -> None:
            try:
                items = get(scope, ctx.root)
            except CONVERSION as error:
                ends.invalid(error, None, ctx)
                return
            if items is None:
                ends.missing(ctx)
                return
            made: list[dict[str, Any]] = []
            for index, item in enumerate(items):
                found: dict[str, Any] = {}
                try:
                    inner(item, found, ctx)
                except Fault as fault:
                    at = index + self.access.first
                    raise fault.within(
                        f"{ends.source}[{at}]{self.access.join}", f"{ends.target}[{index}]{self.join}"
                    ) from None
                made.append(found)
            fill(put, out, made, ends)

        return apply


def strict(rule: Rule) -> Rule:
    """Return the rule with holds turned into refusals: what leaves the hub is right or does not leave."""
    return dataclasses.replace(
        rule, required=rule.required or rule.hold is not None, hold=None, hold_invalid=None, default=None
    )


def fill(put: Setter, out: dict[str, Any], value: Any, ends: Ends) -> None:
    """Put a value where the rule says, or say which rule is in the way."""
    try:
        put(out, value)
    except Unfit as error:
        raise ends.fault(str(error), value) from None
