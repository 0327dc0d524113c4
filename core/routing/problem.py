"""What is to be decided: lines, nodes, stock and destination, all plain values. No I/O anywhere in this package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

# Costs are integers of 1/10,000 of the currency unit, so that solver, log and replay agree to the bit.
SCALE = 10_000


@dataclass(frozen=True, slots=True)
class Demand:
    """Open units of one line.

    `value` is what one unit is sold for in 1/10,000 of the currency, `grams` what it weighs; both 0 when unknown.
    """

    line_id: UUID
    item_id: UUID
    quantity: Decimal
    value: int = 0
    grams: int = 0


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
class Service:
    """A carrier's service as one node would use it for this order; money in 1/10,000 of the currency.

    `shipment` is its price for one shipment, `kilogram` and `unit` what it adds by weight and by unit. `late` is the
    probability (0 to 1) that it arrives after the promise. `carbon_g` is grams of CO2e of one shipment, `carbon_g_kg`
    what a kilogram adds. `refuses` gives the reason by item, `excluded` the reason why it cannot be used at all.
    """

    code: str
    shipment: int
    kilogram: int = 0
    unit: int = 0
    late: float = 0.0
    carbon_g: int = 0
    carbon_g_kg: int = 0
    refuses: Mapping[UUID, str] = field(default_factory=dict)
    excluded: str | None = None


@dataclass(frozen=True, slots=True)
class StockTier:
    """Part of a stock that costs the same to take: an aging lot (negative `extra`), fresh, below safety (positive)."""

    units: Decimal
    extra: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the merchant wants: how far an order may be split, what lateness, carbon and load are worth.

    `late_penalty` is what a late unit costs in 1/10,000 of its value, `carbon_price` what a kilogram of CO2e costs and
    `load_penalty` what a unit costs at a node that is full, both in 1/10,000 of the currency. `weights` are percent by
    the name of a cost term in `costs.py`; a term that is not named counts 100. `budget_ms` limits the search: it stands
    for a number of search steps, not for time on a clock, so that the same problem always gets the same plan.
    """

    version: str = "cheapest@1"
    most_nodes: int = 3
    late_penalty: int = 0
    carbon_price: int = 0
    load_penalty: int = 0
    weights: Mapping[str, int] = field(default_factory=dict)
    budget_ms: int = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One order to be sourced.

    `stock` is what may be promised per (item, node); pairs that are missing have none. `ladders` divide the stock of a
    pair into tiers, which are used instead of it. `services` are by node; a node without any ships at its own cost.
    `capacity` is how many units a node may still take, `load` the part of its capacity (0 to 1) that is used; nodes
    that are missing have no limit and no load. `excluded` are nodes, `forbidden` pairs (item, node), each with the
    reason. `parts` is how many parts of the order stand already: they count for the policy's `most_nodes`.
    """

    demands: Sequence[Demand]
    nodes: Sequence[NodeFacts]
    stock: Mapping[tuple[UUID, UUID], Decimal]
    destination: Destination
    partial_allowed: bool
    policy: Policy
    excluded: Mapping[UUID, str]
    services: Mapping[UUID, Sequence[Service]] = field(default_factory=dict)
    ladders: Mapping[tuple[UUID, UUID], Sequence[StockTier]] = field(default_factory=dict)
    capacity: Mapping[UUID, Decimal] = field(default_factory=dict)
    load: Mapping[UUID, float] = field(default_factory=dict)
    forbidden: Mapping[tuple[UUID, UUID], str] = field(default_factory=dict)
    parts: int = 0


@dataclass(frozen=True, slots=True)
class Assignment:
    """Units of one line taken at one node, and the carrier service they leave by where nodes have services."""

    line_id: UUID
    item_id: UUID
    node_id: UUID
    quantity: Decimal
    service: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What was decided.

    `cost` is in 1/10,000 of the currency; `short` is what no node could give, by line. No plan that ships as many units
    costs less than `bound` (1/10,000 of the currency); `optimal` says that the search proved the plan best. `steps` is
    the work the search was allowed, which with the problem decides the plan.
    """

    assignments: Sequence[Assignment]
    cost: int
    short: Mapping[UUID, Decimal]
    candidates: Sequence[Mapping[str, object]]
    optimal: bool
    bound: int = 0
    steps: int = 0

    @property
    def proof(self) -> str:
        """Return `optimal`, or what is known instead: the bound in the currency, and how far the cost is above it."""
        if self.optimal:
            return "optimal"
        gap = f"gap {100 * (self.cost - self.bound) / self.bound:.1f} %" if self.bound > 0 else "gap unknown"
        return f"at least {Decimal(self.bound) / SCALE:.4f}, {gap}"
