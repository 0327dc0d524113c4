"""Shapes: a document arranged as a syntax needs it where rules alone cannot: each line inside the packages it is in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mappings.edi import packs

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A pair of functions around a map.

    Args:
        read: what the map has read -> the canonical document.
        write: a canonical document -> what the map writes.
    """

    read: Callable[[Json], Json]
    write: Callable[[Json], Json]


SHAPES: Mapping[str, Shape] = {
    "pack_levels": Shape(packs.from_levels, packs.to_levels),
    "pack_tree": Shape(packs.from_tree, packs.to_tree),
}
