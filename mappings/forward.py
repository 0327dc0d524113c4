"""Compiles a map in the direction it is written in: rules read by path and fill the fields they are named after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mappings.access import Access
from mappings.faults import Fault, Unfit, kind_of, prefixed
from mappings.leaf import CONVERSION, Context, Ends, Run, is_missing, leaf
from mappings.paths import Put, Setter
from mappings.rules import Rule


class Forward:
    """Compiles rules into functions of (scope, context).

    Args:
        access: how the document that is read is accessed.
        setter: compiles a field name into a setter of the document that is made.
        reading: True when values go from partner to canonical.
        join: what stands between the parts of the made document's paths when they are shown.
        tracing: whether every value filled is noted in the context's trace.
    """

    def __init__(
        self,
        access: Access,
        setter: Callable[[str], Setter],
        *,
        reading: bool,
        join: str,
        tracing: bool = False,
    ) -> None:
        self.access, self.setter, self.reading, self.join, self.tracing = access, setter, reading, join, tracing

    def fields(self, rules: tuple[Rule, ...], source: str = "", target: str = "") -> Run:
        """Return the function that fills one object, or returns None when nothing was there."""
        runs = [(self.target(rule, target), self.rule(rule, source, target)) for rule in rules]

        def run(scope: Any, ctx: Context) -> Any:
            out: dict[str, Any] = {}
            for put, get in runs:
                value = get(scope, ctx)
                if value is not None:
                    put(out, value)
            return out or None

        names = [(put.name, get) for put, get in runs if isinstance(put, Put)]
        if len(names) < len(runs):
            return run

        def direct(scope: Any, ctx: Context) -> Any:
            # No name reaches into what another one made: nothing to join.
            out: dict[str, Any] = {}
            for name, get in names:
                value = get(scope, ctx)
                if value is not None:
                    out[name] = value
            return out or None

        return direct

    def target(self, rule: Rule, target: str) -> Setter:
        """Return the setter of the field a rule fills."""
        try:
            return self.setter(rule.key)
        except Unfit as error:
            raise Ends(rule, rule.source, target + rule.key).fault(str(error), rule.key) from None

    def rule(self, rule: Rule, source: str, target: str) -> Run:
        """Return the function of one rule.

        Raises:
            Fault: the rule cannot be compiled.
        """
        ends = Ends(rule, prefixed(source, rule.source), target + rule.key)
        try:
            run = self.whole(rule, ends, source, target)
            if rule.when is not None:
                run = conditional(run, self.access.condition(rule.when), ends)
        except CONVERSION as error:
            raise ends.fault(str(error), rule.source) from None
        # Objects and lists are traced by their fields.
        return traced(run, ends) if self.tracing and not rule.fields else run

    def whole(self, rule: Rule, ends: Ends, source: str, target: str) -> Run:
        """Return the function of one rule without its condition."""
        if rule.path is not None:
            get = self.access.value(rule.path)
            return leaf(rule, get, ends, reading=self.reading, default=rule.default)
        if rule.const is not None:
            return constant(rule, ends, reading=self.reading)
        if rule.first_of:
            return self.first_of(rule, ends, source, target)
        if rule.concat:
            return self.concat(rule, ends, source, target)
        if rule.each is not None:
            return self.each(rule, ends)
        return self.object(rule, ends, source, target)

    def first_of(self, rule: Rule, ends: Ends, source: str, target: str) -> Run:
        """Return the function that tries alternatives in order and takes the first that is there."""
        runs = [self.rule(each, source, target) for each in rule.first_of]

        def get(scope: Any, ctx: Context) -> Any:
            for run in runs:
                value = run(scope, ctx)
                if not is_missing(value):
                    return value
            return None

        return self.combined(rule, ends, get)

    def concat(self, rule: Rule, ends: Ends, source: str, target: str) -> Run:
        """Return the function that joins the parts that are there."""
        silent = Forward(self.access, self.setter, reading=self.reading, join=self.join)
        runs = [silent.rule(each, source, target) for each in rule.concat]

        def get(scope: Any, ctx: Context) -> Any:
            parts = [value for run in runs if not is_missing(value := run(scope, ctx))]
            for part in parts:
                if not isinstance(part, str):
                    raise ends.fault(f"joins {kind_of(part)}, only text can be joined", part)
            return rule.separator.join(parts) or None

        return self.combined(rule, ends, get)

    def combined(self, rule: Rule, ends: Ends, get: Run) -> Run:
        """Return the function that converts what several alternatives or parts came to."""
        if not (rule.transforms or rule.codes or rule.limits.any):
            fallback = rule.default

            def plain(scope: Any, ctx: Context) -> Any:
                value = get(scope, ctx)
                if value is None:
                    value = fallback
                return ends.missing(ctx) if value is None else value

            return plain
        finish = leaf(rule, lambda value, _root: value, ends, reading=self.reading, default=rule.default)
        return lambda scope, ctx: finish(get(scope, ctx), ctx)

    def object(self, rule: Rule, ends: Ends, source: str, target: str) -> Run:
        """Return the function of a sub-object."""
        if rule.scope is None:
            inner = self.fields(rule.fields, source, f"{target}{rule.key}{self.join}")

            def same(scope: Any, ctx: Context) -> Any:
                found = inner(scope, ctx)
                return ends.missing(ctx) if found is None else found

            return same
        get = self.access.scope(rule.scope)
        deeper = self.fields(rule.fields, ends.source + self.access.join, f"{target}{rule.key}{self.join}")

        def run(scope: Any, ctx: Context) -> Any:
            try:
                inside = get(scope, ctx.root)
            except CONVERSION as error:
                return ends.invalid(error, None, ctx)
            found = None if inside is None else deeper(inside, ctx)
            return ends.missing(ctx) if found is None else found

        return run

    def each(self, rule: Rule, ends: Ends) -> Run:
        """Return the function of a list; a missing list stays missing, an empty one is empty."""
        assert rule.each is not None
        get = self.access.items(rule.each)
        wanted = None if rule.where is None else self.access.condition(rule.where)
        member = self.fields(rule.fields)
        join, first, made = self.access.join, self.access.first, self.join

        def shown(item: Any, index: int, made_index: int) -> tuple[str, str]:
            # A row says its own number in the file.
            number = getattr(item, "number", index + first)
            return f"{ends.source}[{number}]{join}", f"{ends.target}[{made_index}]{made}"

        def run(scope: Any, ctx: Context) -> Any:
            try:
                items = get(scope, ctx.root)
                if items is None:
                    return ends.missing(ctx)
                numbered: Any = enumerate(items)
                if wanted is not None:
                    numbered = [(index, item) for index, item in numbered if wanted(item, ctx.root)]
            except CONVERSION as error:
                return ends.invalid(error, None, ctx)
            found: list[Any] = []
            holds, trace = ctx.holds, ctx.trace
            for index, item in numbered:
                held, traced = len(holds), 0 if trace is None else len(trace)
                try:
                    one = member(item, ctx) or {}
                except Fault as fault:
                    raise fault.within(*shown(item, index, len(found))) from None
                if trace is not None or len(holds) > held:
                    source, target = shown(item, index, len(found))
                    for hold in holds[held:]:
                        hold[1], hold[2] = target + hold[1], prefixed(source, hold[2])
                    for note in [] if trace is None else trace[traced:]:
                        note[0], note[1] = target + note[0], prefixed(source, note[1])
                found.append(one)
            return found

        return run


def constant(rule: Rule, ends: Ends, *, reading: bool) -> Run:
    """Return the function of `const:`; the value is converted once, here."""
    value = rule.const
    if rule.transforms or rule.codes or rule.limits.any:
        found = leaf(rule, lambda value, _root: value, ends, reading=reading)(value, Context(None))
        if found is None:
            raise Unfit("the constant comes to nothing")
        value = found
    return lambda _scope, _ctx: value


def conditional(run: Run, test: Callable[[Any, Any], bool], ends: Ends) -> Run:
    """Return the function that runs only when the condition holds."""

    def guarded(scope: Any, ctx: Context) -> Any:
        try:
            wanted = test(scope, ctx.root)
        except CONVERSION as error:
            return ends.invalid(error, None, ctx)
        return run(scope, ctx) if wanted else None

    return guarded


def traced(run: Run, ends: Ends) -> Run:
    """Return the function that also notes what it filled."""

    def noted(scope: Any, ctx: Context) -> Any:
        trace = [] if ctx.trace is None else ctx.trace
        before = len(trace)
        value = run(scope, ctx)
        # A choice was noted by the alternative taken, which knows the path; the value is the one that came of it.
        source = trace[before][1] if len(trace) > before else ends.source
        trace[before:] = [] if value is None else [[ends.target, source, ends.rule.line, value]]
        return value

    return noted
