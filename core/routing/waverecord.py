"""A wave as JSON and back, so that what was decided together can be checked together, and made again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.routing import record
from core.routing.pooling import Taken
from core.routing.problem import Assignment, NodeFacts, StockTier
from core.routing.waves import Place, Pooled, cost_of, replan, ways_of

Json = dict[str, Any]
Plans = Mapping[UUID, Sequence[Assignment]]


def inputs_of(
    pool: Sequence[Pooled],
    bases: Sequence[bytes],
    stock: Mapping[Place, Sequence[StockTier]],
    limits: Mapping[str, int],
    nodes: Sequence[NodeFacts],
) -> Json:
    """Return what a wave was made from; nodes are named by their place.

    Args:
        pool: its orders.
        bases: the hash of what each order's problem shares with others.
        stock: as in `core.routing.waves.replan`.
        limits: as there.
        nodes: all there are, in the order of the shared documents.
    """
    at = {node.id: index for index, node in enumerate(nodes)}
    return {
        "orders": [
            {
                "order": each.order_id.hex,
                "basis": basis.hex(),
                # Its own stock is not looked at: the pool's is.
                "problem": record.inputs_of(replace(each.problem, stock={}, ladders={}), nodes),
                "plan": plan_of(each, each.plan, at),
                "late": [[at[node], service] for node, service in _sorted(each.late, at)],
                "slots": [
                    [at[node], service, list(each.slots[node, service])] for node, service in _sorted(each.slots, at)
                ],
            }
            for each, basis in zip(pool, bases, strict=True)
        ],
        "stock": [
            [item.hex, at[node], [[format(tier.units, "f"), tier.extra, tier.label] for tier in tiers]]
            for (item, node), tiers in stock.items()
        ],
        "limits": dict(limits),
    }


def _sorted(taken: Iterable[Taken], at: Mapping[UUID, int]) -> list[Taken]:
    """Return ways in the order they are kept in; a node's own way, which names no service, before its services."""
    return sorted(taken, key=lambda each: (at[each[0]], each[1] or ""))


def plan_of(order: Pooled, plan: Sequence[Assignment], at: Mapping[UUID, int]) -> list[list[Any]]:
    """Return a plan as rows: line (its place among the order's), node (its place), units, service."""
    line = {demand.line_id: index for index, demand in enumerate(order.problem.demands)}
    return [[line[each.line_id], at[each.node_id], format(each.quantity, "f"), each.service] for each in plan]


def wave_of(
    inputs: Json, shared: Callable[[bytes], record.Shared]
) -> tuple[list[Pooled], dict[Place, list[StockTier]], dict[str, int]]:
    """Return pool, stock and limits of a stored wave; `shared` gives a shared document by its hash."""
    pool: list[Pooled] = []
    nodes: Sequence[NodeFacts] = ()
    for each in inputs["orders"]:
        basis = shared(bytes.fromhex(each["basis"]))
        problem, nodes = record.problem_of(basis, each["problem"]), basis.nodes
        late: frozenset[Taken] = frozenset((nodes[node].id, service) for node, service in each["late"])
        slots = {(nodes[node].id, service): names for node, service, names in each["slots"]}
        order = Pooled(UUID(each["order"]), problem, (), late, slots)
        pool.append(replace(order, plan=assignments_of(order, each["plan"], nodes)))
    stock = {
        (UUID(item), nodes[node].id): [StockTier(Decimal(units), extra, label) for units, extra, label in tiers]
        for item, node, tiers in inputs["stock"]
    }
    return pool, stock, inputs["limits"]


def assignments_of(order: Pooled, rows: Sequence[Sequence[Any]], nodes: Sequence[NodeFacts]) -> list[Assignment]:
    """Return a plan from its rows."""
    demands = order.problem.demands
    return [
        Assignment(demands[line].line_id, demands[line].item_id, nodes[node].id, Decimal(units), service)
        for line, node, units, service in rows
    ]


def faults(
    pool: Sequence[Pooled],
    stock: Mapping[Place, Sequence[StockTier]],
    limits: Mapping[str, int],
    plans: Plans,
    before: int,
    after: int,
) -> list[str]:
    """Return what is wrong with a wave: none when it is possible, keeps each promise and line, and is not dearer.

    Args:
        pool: its orders.
        stock: as in `core.routing.waves.replan`.
        limits: as there.
        plans: of the orders that got another.
        before: what today's plans are said to cost.
        after: what the new ones are said to cost.
    """
    found = []
    for each in pool:
        plan = plans.get(each.order_id, each.plan)
        if ways_of(plan) - ways_of(each.plan) & each.late:
            found.append(f"order {each.order_id} breaks its promise")
        if _by_line(plan) != _by_line(each.plan):
            found.append(f"order {each.order_id} ships other units than before")
    try:
        costs = cost_of(pool, stock, limits, {}), cost_of(pool, stock, limits, plans)
    except ValueError as error:
        return [*found, str(error)]
    if costs != (before, after):
        found.append(f"it costs {costs[0]} before and {costs[1]} after, not {before} and {after}")
    if after > before:
        found.append(f"it costs {after}, more than the {before} before")
    return found


def again(
    pool: Sequence[Pooled], stock: Mapping[Place, Sequence[StockTier]], limits: Mapping[str, int], seconds: float
) -> int | None:
    """Return what the same search comes to now, None when it does not end in time."""
    wave = replan(pool, stock, {}, limits, seconds=seconds)
    return wave.after if wave.finished else None


def _by_line(plan: Sequence[Assignment]) -> dict[UUID, Decimal]:
    found: dict[UUID, Decimal] = {}
    for each in plan:
        found[each.line_id] = found.get(each.line_id, Decimal(0)) + each.quantity
    return found
