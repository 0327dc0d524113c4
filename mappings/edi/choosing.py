"""Which of several maps a message is for: their guides say which codes they take in the segment that opens it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mappings.edi.places.guide import GuideRule, compiled
from mappings.edi.places.message import EdiMessage
from mappings.edi.places.notation import parse
from mappings.edi.places.numbers import Numbers
from mappings.engine import Map
from mappings.schema import EDI

OPENING = 1
"""Where the segment that says what a message is for stands, as BGM and BCH do: behind UNH or ST."""


def functions(map_: Map) -> Mapping[str, Sequence[str]]:
    """Return the codes a map takes in the opening segment, by their places; empty where it takes any message."""
    return {rule.place: rule.codes or () for rule in _rules(map_)}


def stated(map_: Map, message: EdiMessage) -> Mapping[str, Sequence[str]]:
    """Return what a message has at the places by which a map says what it takes."""
    numbers = Numbers(map_.document.options["grammar"])
    found = {}
    for rule in _rules(map_):
        holders, values = compiled(rule, numbers)
        found[rule.place] = [value for holder in holders(message) for value in values(holder)]
    return found


def takes(map_: Map, message: EdiMessage) -> bool:
    """Return whether a message has codes in its opening segment that a map takes."""
    found = stated(map_, message)
    return all(
        (found[rule.place] or not rule.required) and set(found[rule.place]) <= set(rule.codes or ())
        for rule in _rules(map_)
    )


def alike(one: Map, other: Map) -> bool:
    """Return whether two maps would take the same messages: neither version nor code says which of them is meant."""
    if one.document.syntax in EDI and not _share_versions(one, other):
        return False
    first, second = ({rule.place: rule for rule in _rules(each)} for each in (one, other))
    return not any(_apart(first[place], second[place]) for place in first.keys() & second.keys())


def _apart(one: GuideRule, other: GuideRule) -> bool:
    # Where neither has to be there, a message without it would be for both.
    return (one.required or other.required) and not set(one.codes or ()) & set(other.codes or ())


def _share_versions(one: Map, other: Map) -> bool:
    first, second = ([each.document.options["version"], *each.document.options["also"]] for each in (one, other))
    return any(each.startswith(found) or found.startswith(each) for each in first for found in second)


def _rules(map_: Map) -> list[GuideRule]:
    if map_.document.syntax not in EDI:
        return []
    opening = map_.document.options["grammar"].root.nodes[OPENING].name
    found = [(rule, parse(rule.place)) for rule in map_.document.guide if rule.codes]
    return [rule for rule, path in found if [(step.name, step.group) for step in path.steps] == [(opening, False)]]
