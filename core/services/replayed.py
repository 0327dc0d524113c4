"""What came of deciding again: sums before and after, by piece of neighboring decisions, by node and by channel."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal


@dataclass(slots=True)
class Figures:
    """Sums over orders, before and after; an order counts once, with the first decision that was made of it.

    Costs are in 1/10,000 of the currency and only of the orders that get as many units as before (`compared`): who
    ships less is not cheaper for it. `kept` is a sum of probabilities over the orders where both are `known`; those
    rest on deliveries alone (`learned`) or in part on what services state. `carbon` are grams of CO2e of those that get
    as many units as before by services that say it (`weighed`). `told` are orders whose promise is settled,
    `told_kept` how many of them kept it and `told_said` the sum of what was reckoned for them.
    `later` are orders of which a part leaves after a day that is full, and `later_days` how many days in all.
    """

    orders: int = 0
    compared: int = 0
    cost_before: int = 0
    cost_after: int = 0
    split_before: int = 0
    split_after: int = 0
    short_before: int = 0
    short_after: int = 0
    kept_before: float = 0.0
    kept_after: float = 0.0
    known: int = 0
    learned: int = 0
    weighed: int = 0
    carbon_before: int = 0
    carbon_after: int = 0
    told: int = 0
    told_kept: int = 0
    told_said: float = 0.0
    moved: int = 0
    later: int = 0
    later_days: int = 0

    def add(self, other: Figures) -> None:
        """Add what was found elsewhere."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class AtNode:
    """Shipments and units of one node, before and after.

    `kept` are sums of probabilities over the shipments where it is `known` how likely they keep their promise.
    """

    shipments_before: int = 0
    shipments_after: int = 0
    units_before: Decimal = Decimal(0)
    units_after: Decimal = Decimal(0)
    kept_before: float = 0.0
    kept_after: float = 0.0
    known_before: int = 0
    known_after: int = 0

    def add(self, other: AtNode) -> None:
        """Add what was found elsewhere."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def ship(self, when: str, units: Decimal, kept: float | None) -> None:
        """Count one shipment `before` or `after`, with how likely it keeps its promise where that is known."""
        one = {"shipments": 1, "units": units, "kept": kept or 0.0, "known": int(kept is not None)}
        for name, value in one.items():
            setattr(self, f"{name}_{when}", getattr(self, f"{name}_{when}") + value)


@dataclass(slots=True)
class Block:
    """A piece of neighboring decisions, which share stock and hour: intervals are drawn from these.

    Attributes:
        total: over all orders whose first decision is in it.
        channels: by connection name.
        nodes: by node code and day.
    """

    total: Figures = field(default_factory=Figures)
    channels: dict[str, Figures] = field(default_factory=dict)
    nodes: dict[tuple[str, str], AtNode] = field(default_factory=dict)


@dataclass(slots=True)
class Replayed:
    """What came of deciding again.

    Attributes:
        blocks: in the order of their decisions.
        decisions: decisions that were made again; those after an order's first only move stock and fill nodes.
        others: orders the tried policy is not for, counted by their first decision.
        left: decisions of orders it is not for.
        unread: decisions whose inputs are not there or damaged.
        first: when the first decision that was looked at was made; None when there is none.
        parcels: deliveries that were known when the last decision was made.
        carried: whether stock was carried on; then `touched` saw other stock than history, and of `unmet` the recorded
            facts do not hold with it.
    """

    blocks: list[Block] = field(default_factory=list)
    decisions: int = 0
    others: int = 0
    left: int = 0
    unread: int = 0
    first: datetime | None = None
    parcels: int = 0
    carried: bool = False
    touched: int = 0
    unmet: int = 0

    @property
    def looked_at(self) -> int:
        """How many decisions were read."""
        return self.decisions + self.left + self.unread

    def add(self, other: Replayed) -> None:
        """Add what another share found."""
        self.blocks += other.blocks
        for name in ("decisions", "others", "left", "unread", "touched", "unmet"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.first = min((each for each in (self.first, other.first) if each is not None), default=None)
        self.parcels, self.carried = max(self.parcels, other.parcels), self.carried or other.carried

    def total(self) -> Figures:
        """Return the sums over all orders."""
        found = Figures()
        for block in self.blocks:
            found.add(block.total)
        return found

    def by_day(self) -> dict[tuple[str, str], AtNode]:
        """Return the sums by node code and day."""
        found: dict[tuple[str, str], AtNode] = {}
        for block in self.blocks:
            for key, each in block.nodes.items():
                found.setdefault(key, AtNode()).add(each)
        return found
