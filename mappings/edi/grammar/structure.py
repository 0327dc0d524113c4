"""Walks a message along its grammar: groups it, and says what is missing, misplaced or too much.

From one place in the structure a tag leads to exactly one other place, whatever came before; these steps are found once
and remembered, so that a message costs little more than a look-up per segment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from mappings.edi.grammar.model import Grammar, Node


class AnySegment(Protocol):
    """A segment of either standard: pydifact's, or one of X12."""

    tag: str
    elements: Any


class Group:
    """A group as it came.

    Args:
        name: in the grammar.
        items: its segments and groups, in their order; the first is the segment that begins it.
        place: while it is walked, of the group that came last in it.
        count: how often that came in a row.
    """

    __slots__ = ("count", "found_groups", "found_tags", "items", "name", "place")

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: list[Any] = []
        self.place: Node | None = None
        self.count = 0
        self.found_tags: dict[str, list[Any]] | None = None

    def by_tag(self) -> dict[str, list[Any]]:
        """Return its own segments by tag; they may not change afterwards."""
        if self.found_tags is None:
            tags: dict[str, list[Any]] = {}
            self.found_tags = tags
            self.found_groups: dict[str, list[Group]] = {}
            for each in self.items:
                if type(each) is Group:
                    self.found_groups.setdefault(each.name, []).append(each)
                elif each.tag in tags:
                    tags[each.tag].append(each)
                else:
                    tags[each.tag] = [each]
        return self.found_tags

    def by_group(self) -> dict[str, list[Group]]:
        """Return its own groups by name; they may not change afterwards."""
        self.by_tag()
        return self.found_groups

    def segments(self, tag: str) -> list[Any]:
        """Return its own segments of a tag."""
        return [each for each in self.items if type(each) is not Group and each.tag == tag]

    def groups(self, name: str) -> list[Group]:
        """Return its own groups of a name."""
        return [each for each in self.items if type(each) is Group and each.name == name]

    def __repr__(self) -> str:
        return f"{self.name}{self.items!r}"


class Step(NamedTuple):
    """Where a tag leads from a place.

    Args:
        pops: groups that end.
        opens: groups that begin, the outermost first.
        leaf: the place of the segment.
        missing: tags that had to come before it.
        plain: whether it stays in its group.
    """

    pops: int
    opens: tuple[Node, ...]
    leaf: Node
    missing: tuple[str, ...]
    plain: bool


Report = Callable[..., None]
NOWHERE = object()


def walk(grammar: Grammar, segments: Iterable[AnySegment], report: Report) -> Group:
    """Return the segments of a message in their groups.

    Args:
        report: called with the fault's name, the index of the segment and the parts of the sentence.
    """
    root = Group(grammar.message)
    open_ = [root]
    levels: dict[str, Group] = {}
    append, leaf, count = root.items.append, START, 0
    tags: frozenset[str] = frozenset()
    index = 0
    node: Node
    for index, segment in enumerate(segments):
        tag = segment.tag
        step: Any = leaf.steps.get(tag) or find(grammar.root, leaf, tag)
        if step is NOWHERE:
            tags = tags or grammar.tags()
            report(misplacement(grammar, tag, tags), index, tag)
            append(segment)
            continue
        if step[4] and step[2] is leaf and count >= leaf.high:
            later = find(grammar.root, leaf, tag, beyond=True)
            if later is NOWHERE:
                report("segment-too-often", index, tag, leaf.high)
            else:
                step = later
        pops, opens, target, missing, plain = step
        if missing:
            for each in missing:
                report("segment-missing", index, each)
        if plain:
            if target is leaf:
                count += 1
            else:
                leaf, count = target, 1
            append(segment)
            continue
        if pops:
            del open_[-pops:]
        for node in opens:
            top = open_[-1]
            again = top.place is node
            if again:
                top.count += 1
                if top.count == node.high + 1:
                    report("group-too-often", index, node.name, node.high)
            else:
                top.place, top.count = node, 1
            made = Group(node.name)
            holder = nest(top, segment, made, levels, index, report) if node.nested else top
            holder.items.append(made)
            open_.append(made)
        leaf, count = target, 1
        append = open_[-1].items.append
        append(segment)
    for each in left(grammar.root, leaf):
        report("segment-missing", index, each)
    return root


START = Node("", 0, 0)
"""Before the first segment."""


def find(root: Node, leaf: Node, tag: str, *, beyond: bool = False) -> Any:
    """Return where a tag leads from a place, and remember it there; NOWHERE where it may not come.

    Args:
        beyond: look behind the place even if the place itself is meant, as it is full.
    """
    if leaf is START:
        return search(root, -1, tag, 0) or NOWHERE
    if not beyond and leaf.name == tag:
        found: Any = Step(0, (), leaf, (), True)
    else:
        found = climb(leaf, tag) or NOWHERE
    if not beyond and found is not NOWHERE:
        leaf.steps[tag] = found
    return found


def climb(leaf: Node, tag: str) -> Step | None:
    """Search behind a place, then behind the group it is in, and so on outwards."""
    place, pops = leaf, 0
    missing: tuple[str, ...] = ()
    while place.parent is not None:
        holder = place.parent
        found = search(holder, place.index, tag, pops)
        if found is not None:
            return found._replace(missing=missing + found.missing)
        missing += required(holder, place.index + 1, len(holder.nodes))
        if holder.tag == tag and holder.parent is not None:
            return Step(pops + 1, (holder,), holder.nodes[0], missing, False)
        place, pops = holder, pops + 1
    return None


def search(holder: Node, after: int, tag: str, pops: int) -> Step | None:
    """Search the places of a group behind one of them."""
    for index in range(after + 1, len(holder.nodes)):
        node = holder.nodes[index]
        if node.tag != tag:
            continue
        opens: tuple[Node, ...] = ()
        while node.nodes:
            opens, node = (*opens, node), node.nodes[0]
        return Step(pops, opens, node, required(holder, after + 1, index), not pops and not opens)
    return None


def required(holder: Node, start: int, stop: int) -> tuple[str, ...]:
    """Return the tags that must come at some places of a group."""
    return tuple(node.tag for node in holder.nodes[start:stop] if node.low)


def left(root: Node, leaf: Node) -> tuple[str, ...]:
    """Return the tags that had to come after the last segment."""
    if leaf is START:
        return required(root, 0, len(root.nodes))
    found: tuple[str, ...] = ()
    place = leaf
    while place.parent is not None:
        found += required(place.parent, place.index + 1, len(place.parent.nodes))
        place = place.parent
    return found


def misplacement(grammar: Grammar, tag: str, tags: frozenset[str]) -> str:
    """Return what is wrong with a segment that leads nowhere.

    Args:
        tags: of the message.
    """
    if tag in tags:
        return "segment-misplaced"
    return "segment-not-in-message" if tag in grammar.segments else "segment-unknown"


def nest(
    holder: Group, segment: AnySegment, made: Group, levels: dict[str, Group], index: int, report: Report
) -> Group:
    """Return the group a level (HL) belongs to: that of the parent it names, or where it stands without one."""
    values = [each if isinstance(each, str) else "" for each in segment.elements[:2]]
    number, parent = [*values, "", ""][:2]
    above = levels.get(parent) if parent else holder
    if above is None:
        report("parent-unknown", index, "HL02", parent, element=2)
        above = holder
    if number in levels:
        report("level-duplicate", index, "HL01", number, element=1)
    else:
        levels[number] = made
    return above
