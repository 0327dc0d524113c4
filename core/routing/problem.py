"""What is to be decided: lines, nodes, stock and destination, all plain values. No I/O anywhere in this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

# Costs are integers of 1/10,000 of the currency unit, so that solver, log and replay agree to the bit.
SCALE = 10_000


@dataclass(frozen=True, slots=True)
class Demand:
    """Open units of one line."""

    line_id: UUID
    item_id: UUID
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A place that can ship, with its cost terms in 1/10,000 of the currency."""

    id: UUID
    code: str
    latitude: float | None
    longitude: float | None
    country: str | None
    shipment_cost: int
    unit_cost: int
    distance_cost: int
    active: bool = True


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the order goes; the country's middle stands in for an unknown point."""

    country: str | None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What the merchant wants: how far an order may be split and whether a part may go ahead."""

    version: str = "cheapest@1"
    most_nodes: int = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """One order to be sourced.

    `stock` is what may be promised per (item, node); pairs that are missing have none.
    """

    demands: Sequence[Demand]
    nodes: Sequence[NodeFacts]
    stock: Mapping[tuple[UUID, UUID], Decimal]
    destination: Destination
    partial_allowed: bool
    policy: Policy
    excluded: Mapping[UUID, str]


@dataclass(frozen=True, slots=True)
class Assignment:
    """Units of one line taken at one node."""

    line_id: UUID
    item_id: UUID
    node_id: UUID
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided.

    `cost` is in 1/10,000 of the currency; `short` is what no node could give, by line.
    """

    assignments: Sequence[Assignment]
    cost: int
    short: Mapping[UUID, Decimal]
    candidates: Sequence[Mapping[str, object]]
    optimal: bool
