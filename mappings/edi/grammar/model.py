"""What a grammar says of a message: the order of its segments, how often each may come, and what its elements hold.

The same model serves X12 and EDIFACT. It holds ids, order, counts, types and lengths, and no texts of the standards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

MANY = 1_000_000_000
"""The highest count where a grammar sets none."""


class Standard(StrEnum):
    """Whose codes faults bear."""

    X12 = "x12"
    EDIFACT = "edifact"


@dataclass(frozen=True, slots=True)
class ElementType:
    """What a simple element holds.

    Args:
        kind: `AN ID N0..N9 R DT TM B` of X12, or `a n an` of EDIFACT.
        low: characters at least; signs and decimal marks of numbers do not count.
        high: characters at most.
    """

    id: str
    kind: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Use:
    """An element in a segment, or a component in a composite.

    Args:
        type: None for a composite.
        parts: components of a composite.
        high: repetitions at most.
    """

    id: str
    required: bool
    type: ElementType | None = None
    parts: tuple[Use, ...] = ()
    high: int = 1


@dataclass(frozen=True, slots=True)
class Condition:
    """A rule between elements of a segment.

    Args:
        kind: P all or none, R at least one, E at most one, C the others if the first, L one other if the first.
        positions: from 1.
    """

    kind: str
    positions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SegmentType:
    """What a segment holds."""

    tag: str
    uses: tuple[Use, ...]
    conditions: tuple[Condition, ...] = ()


@dataclass(slots=True, eq=False)
class Node:
    """A place in the structure: of a segment, or of a group when it has `nodes`.

    Args:
        name: tag of the segment, or name of the group.
        low: times it must come.
        high: times it may come.
        nodes: of a group; the first is the segment that begins it.
        nested: whether repetitions nest by the parent they name (HL).
        steps: where a segment leads from here; filled while messages are checked.
    """

    name: str
    low: int
    high: int
    nodes: tuple[Node, ...] = ()
    nested: bool = False
    parent: Node | None = None
    index: int = 0
    steps: dict[str, object] = field(default_factory=dict, repr=False)

    @property
    def tag(self) -> str:
        """Return the tag of the segment, or of the one that begins the group."""
        return self.nodes[0].tag if self.nodes else self.name


@dataclass(frozen=True, slots=True)
class Grammar:
    """A message of one version.

    Args:
        root: its segments from ST to SE, or from UNH to UNT.
        segments: tag -> type; those of the structure, and others of the version.
        quick: tag -> what its elements must be; filled while messages are checked.
    """

    standard: Standard
    message: str
    version: str
    root: Node
    segments: Mapping[str, SegmentType]
    quick: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def tags(self) -> frozenset[str]:
        """Return the tags that may come in the message."""
        return frozenset(leaves(self.root))


def leaves(node: Node) -> list[str]:
    """Return the tags of a structure, in order and as often as they stand there."""
    return [tag for each in node.nodes for tag in leaves(each)] if node.nodes else [node.name]


def group(name: str, low: int, high: int, nodes: list[Node], *, nested: bool = False) -> Node:
    """Return a group whose nodes know their place in it."""
    made = Node(name, low, high, tuple(nodes), nested)
    for index, each in enumerate(nodes):
        each.parent, each.index = made, index
    return made
