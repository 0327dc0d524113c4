"""Checks the places of a map against its grammar when the map is loaded, not when the first message comes."""

from __future__ import annotations

from mappings.edi.grammar.model import Grammar, Node, SegmentType
from mappings.edi.places.notation import QUALIFIER, Path, Shape, Spot, Test, parse
from mappings.edi.places.reading import COMPARED
from mappings.faults import Fault, Unfit
from mappings.leaf import Ends
from mappings.rules import Rule

# A rule stands in a group, or in a segment.
Scope = Node | SegmentType


class RuleCheck:
    """Says of each rule of a map whether its place exists.

    Args:
        grammar: of the message.
        inbound: whether the map reads, and so has its places on the right.
    """

    def __init__(self, grammar: Grammar, *, inbound: bool) -> None:
        self.grammar, self.inbound = grammar, inbound

    def rules(self, rules: tuple[Rule, ...], scope: Scope) -> None:
        """Check some rules that stand in a group or segment.

        Raises:
            Fault: a place is in no message of this grammar.
        """
        for rule in rules:
            try:
                inner = self.rule(rule, scope)
            except Unfit as error:
                raise self.fault(rule, str(error)) from None
            self.rules(rule.fields, inner)

    def rule(self, rule: Rule, scope: Scope) -> Scope:
        """Check one rule; return the scope of its fields."""
        if not self.inbound:
            return self.place(parse(rule.key), scope)
        self.rules(rule.first_of + rule.concat, scope)
        if rule.when is not None:
            self.condition(rule.when, scope)
        own = rule.path or rule.each or rule.scope
        inner = scope if own is None else self.place(parse(own), scope)
        if rule.where is not None:
            self.condition(rule.where, inner)
        return inner

    def condition(self, text: str, scope: Scope) -> None:
        """Check the place a condition asks."""
        found = COMPARED.fullmatch(text.strip())
        if found:
            self.place(parse(found["path"].strip()), scope)

    def place(self, path: Path, scope: Scope) -> Scope:
        """Check a place; return the group or segment it leads to."""
        if path.root:
            scope = self.grammar.root
        for step in path.steps:
            scope = self.step(scope, step.name, group=step.group)
            for test in step.tests:
                self.test(test, scope)
        if path.spot is not None and isinstance(scope, SegmentType):
            check_spot(path.spot, scope)
        return scope

    def step(self, scope: Scope, name: str, *, group: bool) -> Scope:
        """Return the group or segment of a name."""
        if isinstance(scope, SegmentType):
            raise Unfit(f"{name} cannot stand in the segment {scope.tag}")
        message = f"{self.grammar.message} {self.grammar.version}"
        if group:
            for node in scope.nodes:
                if node.nodes and node.name == name:
                    return node
            if scope.nested and scope.name == name:
                return scope
            there = ", ".join(shown(each, self.grammar) for each in scope.nodes if each.nodes)
            raise Unfit(f"{name} is no group in {scope.name} of {message}; there are {there or 'none'}")
        if all(node.nodes or node.name != name for node in scope.nodes):
            there = ", ".join(each.name for each in scope.nodes if not each.nodes)
            raise Unfit(f"{name} is no segment in {scope.name} of {message}; there are {there}")
        return self.grammar.segments[name]

    def test(self, test: Test, scope: Scope) -> None:
        """Check what a selector asks."""
        for name in test.steps[:-1]:
            scope = self.step(scope, name.removesuffix("loop"), group=True)
        if test.steps:
            scope = self.step(scope, test.steps[-1], group=False)
        if isinstance(scope, SegmentType):
            check_element(scope, test.element, test.component)

    @staticmethod
    def fault(rule: Rule, reason: str) -> Fault:
        """Return the failure of a rule."""
        return Ends(rule, rule.source, rule.key).fault(reason, rule.source)


def shown(node: Node, grammar: Grammar) -> str:
    """Return a group as it is named in a place."""
    return node.name if grammar.standard == "edifact" else f"{node.name}loop"


def check_spot(spot: Spot, segment: SegmentType) -> None:
    """Refuse a spot that a segment does not have."""
    pair = spot.width == 2 and spot.tested is None and spot.values
    component = (spot.tested or 0) if spot.component == QUALIFIER else spot.component
    check_element(segment, spot.element + bool(pair), 0 if pair else component)
    if spot.shape is Shape.WHOLE:
        check_element(segment, spot.element, max(spot.last - 1, 0))
    elif spot.last:
        check_element(segment, spot.last, 0)


def check_element(segment: SegmentType, element: int, component: int) -> None:
    """Refuse an element or component that a segment does not have."""
    if element >= len(segment.uses):
        raise Unfit(f"{segment.tag} has {len(segment.uses)} elements, not {element + 1}")
    parts = max(len(segment.uses[element].parts), 1)
    if component >= parts:
        raise Unfit(f"{segment.tag}/{element + 1} has {parts} components, not {component + 1}")
