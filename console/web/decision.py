"""A routing decision as a table: what each node could give, what it would cost, why it was chosen or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import RowMapping

from core.domain.packing import unpack
from core.routing.problem import SCALE


@dataclass(frozen=True, slots=True)
class Candidate:
    """One node of a decision; costs are in the order's currency."""

    node: str
    chosen: bool
    reason: str
    lines: int | None
    kilometers: int | None
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
    told = orjson.loads(unpack(row["candidates"]))
    candidates = [_candidate(one, told) for one in told]
    candidates.sort(key=lambda one: (not one.chosen, one.shipment is None, one.shipment or 0, one.node))
    return Explanation(
        row["policy"], row["bound"], _amount(row["choice"].get("cost", 0)), bool(row["choice"].get("short")),
        row["duration_us"], row["at"], tuple(candidates),
    )  # fmt: skip


def _candidate(one: Mapping[str, Any], everyone: Sequence[Mapping[str, Any]]) -> Candidate:
    dearest = max((other.get("shipment") or 0 for other in everyone), default=0)
    shipment = one.get("shipment")
    return Candidate(
        str(one["node"]), bool(one.get("chosen")), str(one.get("reason", "")), one.get("lines"), one.get("km"),
        _amount(shipment) if shipment is not None else None,
        _amount(one["handling"]) if one.get("handling") is not None else None,
        shipment / dearest if shipment and dearest else 0.0,
    )  # fmt: skip


def _amount(scaled: int) -> Decimal:
    return Decimal(scaled) / SCALE
