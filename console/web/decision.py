"""A routing decision as a table: what each node could give, what it would cost, why it was chosen or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping

from core.routing.problem import SCALE


@dataclass(frozen=True, slots=True)
class Candidate:
    """One node of a decision; costs are in the order's currency.

    `unplaced` where the distance counted but node or destination had no point: the costs then take a long way.
    """

    node: str
    chosen: bool
    reason: str
    lines: int | None
    kilometers: int | None
    unplaced: bool
    shipment: Decimal | None
    handling: Decimal | None
    share: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """One decision in words and figures."""

    policy: str
    bound: str | None
    cost: Decimal
    short: bool
    duration_us: int
    at: Any
    candidates: tuple[Candidate, ...]


def explain(row: RowMapping) -> Explanation:
    """Return a stored decision as people read it, the cheapest node first."""
    candidates = [_candidate(one, row["candidates"]) for one in row["candidates"]]
    candidates.sort(key=lambda one: (not one.chosen, one.shipment is None, one.shipment or 0, one.node))
    return Explanation(
        row["policy"], row["bound"], amount(row["choice"].get("cost", 0)), bool(row["choice"].get("short")),
        row["duration_us"], row["at"], tuple(candidates),
    )  # fmt: skip


def _candidate(one: Mapping[str, Any], everyone: Sequence[Mapping[str, Any]]) -> Candidate:
    dearest = max((other.get("shipment") or 0 for other in everyone), default=0)
    shipment = one.get("shipment")
    return Candidate(
        str(one["node"]), bool(one.get("chosen")), str(one.get("reason", "")), one.get("lines"), one.get("km"),
        "km" in one and one["km"] is None,
        amount(shipment) if shipment is not None else None,
        amount(one["handling"]) if one.get("handling") is not None else None,
        shipment / dearest if shipment and dearest else 0.0,
    )  # fmt: skip


def amount(scaled: int) -> Decimal:
    """Return costs of the routing, which reckons in 1/10,000, in the order's currency."""
    return Decimal(scaled) / SCALE
