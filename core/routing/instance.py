"""The abstract form of a sourcing problem that is searched: small integers only, so that all runs agree to the bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Option:
    """One way to ship: a node with one carrier service; a plan uses at most one option of a node.

    `node` is an index into `Instance.nodes`. `fixed` is what one shipment costs and `unit` what a whole unit costs by
    line, both in 1/10,000 of the currency; -1 means that this option must not carry the line. `label` is for people.
    """

    node: int
    fixed: int
    unit: tuple[int, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Tier:
    """Part of the stock of one item at one node: `units` in 1/`Instance.scale`, `extra` cost per whole unit."""

    units: int
    extra: int


@dataclass(frozen=True, slots=True)
class Instance:
    """One order's problem: most units first, then least cost.

    Args:
        demand: units wanted per line, in 1/`scale`.
        item: item index per line; lines of one item share its stock.
        nodes: codes.
        options: ways to ship.
        stock: tiers by (node, item) in ascending extra cost.
        most_nodes: how many nodes may ship (split limit).
        complete: all units or nothing.
        capacity: units each node may still take, in 1/`scale`; None is no limit.
        scale: quantities are multiples of 1/`scale`; 1 for whole units.
    """

    demand: tuple[int, ...]
    item: tuple[int, ...]
    nodes: tuple[str, ...]
    options: tuple[Option, ...]
    stock: Mapping[tuple[int, int], tuple[Tier, ...]]
    most_nodes: int
    complete: bool
    capacity: tuple[int | None, ...]
    scale: int = 1


@dataclass(frozen=True, slots=True)
class Solution:
    """What the search found.

    Args:
        assignments: (line, option) -> units in 1/`scale`, zero units left out.
        cost: of the assignments, exact, in 1/(10,000 x `scale`) of the currency: `scale` x fixed costs of the options
            used plus cost per unit x units in 1/`scale`.
        units: units assigned, in 1/`scale`.
        optimal: whether the search proved that no plan ships more units, or as many at less cost.
        bound: no plan that ships `units` or more costs less; equals `cost` when optimal. Same unit as `cost`.
        nodes_visited: parts of the search tree that were looked into.
        steps: the work that was allowed.
    """

    assignments: Mapping[tuple[int, int], int]
    cost: int
    units: int
    optimal: bool
    bound: int
    nodes_visited: int
    steps: int
