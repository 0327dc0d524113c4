"""A routing decision as a table: what each node could give, what it would cost, why it was chosen or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping

from core.domain.packing import unpack
from core.routing.problem import SCALE


@dataclass(frozen=True, slots=True)
class Candidate:
    """One node of a decision, and the carrier service where it has several; costs are in the order's currency.

    `terms` are the cost of what it ships or could ship, by name; `dearer` is how much more the best plan costs that
    takes it; both are known of decisions since services are chosen. `unplaced` where the distance counted but node or
    destination had no point: the costs then take a long way.
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
    service: str | None = None
    terms: tuple[tuple[str, Decimal], ...] = ()
    dearer: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Before:
    """What a wave found an order planned as; the cost is in the order's currency."""

    wave: str
    cost: Decimal
    parts: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One decision in words and figures; `before` is of orders that a wave planned again.

    `cost` is money; `weighed` is what the policy compared, by its weights and penalties, as terms of candidates are.
    """

    id: UUID
    policy: str
    bound: str | None
    cost: Decimal
    weighed: Decimal
    short: bool
    duration_us: int
    at: Any
    candidates: tuple[Candidate, ...]
    before: Before | None = None


def explain(row: RowMapping, cost: int | None = None) -> Explanation:
    """Return a stored decision as people read it, the cheapest node first.

    Args:
        row: of the decision.
        cost: what it costs in money, in 1/10,000 of the currency; None where only what was weighed is known.
    """
    weighed = row["choice"].get("cost", 0)
    told = orjson.loads(unpack(row["candidates"]))
    candidates = [_candidate(one, told, weighed) for one in told]
    candidates.sort(key=lambda one: (not one.chosen, one.shipment is None, one.shipment or 0, one.node))
    return Explanation(
        row["id"], row["policy"], row["bound"], amount(weighed if cost is None else cost), amount(weighed),
        bool(row["choice"].get("short")), row["duration_us"], row["at"], tuple(candidates),
        _before(row) if row["kind"] == "wave" else None,
    )  # fmt: skip


def _before(row: RowMapping) -> Before:
    kept = orjson.loads(unpack(row["inputs"]))["wave"]
    return Before(kept["id"], amount(kept["cost_before"]), tuple(kept["before"]))


def _candidate(one: Mapping[str, Any], everyone: Sequence[Mapping[str, Any]], cost: int) -> Candidate:
    dearest = max((other.get("shipment") or 0 for other in everyone), default=0)
    shipment = one.get("shipment")
    return Candidate(
        str(one["node"]), bool(one.get("chosen")), str(one.get("reason", "")), one.get("lines"), one.get("km"),
        "km" in one and one["km"] is None,
        amount(shipment) if shipment is not None else None,
        amount(one["handling"]) if one.get("handling") is not None else None,
        shipment / dearest if shipment and dearest else 0.0,
        one.get("service"),
        tuple((name, amount(value)) for name, value in one.get("terms", {}).items() if value),
        amount(one["instead"] - cost) if one.get("instead") is not None and not one.get("chosen") else None,
    )  # fmt: skip


def amount(scaled: int) -> Decimal:
    """Return costs of the routing, which reckons in 1/10,000, in the order's currency."""
    return Decimal(scaled) / SCALE
