"""From a sourcing problem to the instance that is searched, keeping what each number is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from core.routing import costs
from core.routing.instance import Instance, Option, Tier
from core.routing.problem import Demand, NodeFacts, Problem, Service

DIGITS = 6
"""Quantities have up to so many digits after the point."""


@dataclass(frozen=True, slots=True)
class Way:
    """What an option stands for; `fixed` and `unit` (by line) are its cost terms, `far` is its way in kilometers."""

    node: NodeFacts
    service: Service | None
    far: float
    fixed: dict[str, int]
    unit: tuple[dict[str, int], ...]


@dataclass(frozen=True, slots=True)
class Built:
    """An instance with what its options stand for, and what was left out: (node, service or None) -> reason."""

    instance: Instance
    ways: tuple[Way, ...]
    left_out: dict[tuple[str, str | None], str]
    digits: int


def build(problem: Problem) -> Built:
    """Return the integer form of a problem; nodes are in order of their codes, so that ties fall the same way."""
    items: dict[UUID, int] = {}
    for demand in problem.demands:
        items.setdefault(demand.item_id, len(items))
    digits = _digits(problem)
    scale = 10**digits
    left_out: dict[tuple[str, str | None], str] = {}
    nodes: list[NodeFacts] = []
    stock: dict[tuple[int, int], tuple[Tier, ...]] = {}
    for node in sorted(problem.nodes, key=lambda each: each.code):
        reason = None if node.active else "switched off"
        if problem.excluded:
            reason = problem.excluded.get(node.id) or reason
        held = {} if reason else _stock(problem, node.id, items, scale)
        if reason or not held:
            left_out[node.code, None] = reason or "nothing available"
            continue
        stock.update({(len(nodes), item): ladder for item, ladder in held.items()})
        nodes.append(node)
    ways: list[Way] = []
    options: list[Option] = []
    for place, node in enumerate(nodes):
        far = costs.kilometers(node, problem.destination)
        for service in problem.services.get(node.id) or (None,):
            if service is not None and service.excluded is not None:
                left_out[node.code, service.code] = service.excluded
                continue
            found = _way(problem, node, service, far)
            ways.append(found)
            label = node.code if service is None else f"{node.code}/{service.code}"
            unit = tuple(
                -1 if banned(problem, node, service, demand) else _unit_cost(label, terms)
                for terms, demand in zip(found.unit, problem.demands, strict=True)
            )
            options.append(Option(place, sum(found.fixed.values()), unit, label))
    limits = problem.capacity
    return Built(
        Instance(
            tuple(int(demand.quantity * scale) for demand in problem.demands),
            tuple(items[demand.item_id] for demand in problem.demands),
            tuple(node.code for node in nodes),
            tuple(options),
            stock,
            max(problem.policy.most_nodes - problem.parts, 0),
            not problem.partial_allowed,
            tuple(None if (limit := limits.get(node.id)) is None else max(int(limit * scale), 0) for node in nodes),
            scale,
        ),
        tuple(ways),
        left_out,
        digits,
    )


def _way(problem: Problem, node: NodeFacts, service: Service | None, far: float) -> Way:
    policy = problem.policy
    fixed = costs.fixed_terms(node, service, far, policy)
    used = problem.load.get(node.id, 0.0)
    if service is None:
        # Without a service a unit costs the same whatever line it is of.
        same = costs.unit_terms(node, None, problem.demands[0], used, policy)
        return Way(node, None, far, fixed, (same,) * len(problem.demands))
    unit = tuple(costs.unit_terms(node, service, demand, used, policy) for demand in problem.demands)
    return Way(node, service, far, fixed, unit)


def _unit_cost(label: str, terms: dict[str, int]) -> int:
    cost = sum(terms.values())
    if cost < 0:
        raise ValueError(f"a unit by {label} costs less than nothing: {terms}")
    return cost


def banned(problem: Problem, node: NodeFacts, service: Service | None, demand: Demand) -> str | None:
    """Return why a line must not be shipped from a node by a service, None when it may."""
    reason = problem.forbidden.get((demand.item_id, node.id)) if problem.forbidden else None
    if reason is None and service is not None:
        reason = service.refuses.get(demand.item_id)
    return reason


def _stock(problem: Problem, node: UUID, items: Iterable[UUID], scale: int) -> dict[int, tuple[Tier, ...]]:
    """Return the tiers of what a node has, by item index."""
    held: dict[int, tuple[Tier, ...]] = {}
    ladders = problem.ladders
    for index, item in enumerate(items):
        ladder = ladders.get((item, node)) if ladders else None
        if ladder is None:
            units = problem.stock.get((item, node))
            if units is not None and units > 0:
                held[index] = (Tier(int(units * scale), 0),)
            continue
        weight = problem.policy.weights.get(costs.TIER, 100)
        tiers = [Tier(int(each.units * scale), round(each.extra * weight / 100)) for each in ladder if each.units > 0]
        if tiers:
            held[index] = tuple(sorted(tiers, key=lambda tier: tier.extra))
    return held


def _digits(problem: Problem) -> int:
    """Return how many digits after the point the quantities need."""
    amounts: list[Decimal] = [demand.quantity for demand in problem.demands]
    amounts.extend(problem.stock.values())
    amounts.extend(tier.units for ladder in problem.ladders.values() for tier in ladder)
    amounts.extend(problem.capacity.values())
    return max(map(places, amounts), default=0)


def places(amount: Decimal) -> int:
    """Return how many digits after the point an amount needs."""
    if amount == int(amount):
        return 0
    exponent = amount.normalize().as_tuple().exponent
    return min(max(-exponent, 0), DIGITS) if isinstance(exponent, int) else 0


def quantity(units: int, digits: int) -> Decimal:
    """Return units of the instance as a quantity."""
    return Decimal(units).scaleb(-digits) if digits else Decimal(units)
