"""A sourcing problem and its plan as JSON and back, so that a stored decision can be made again to the byte.

What many decisions share (nodes with their costs, the policy) is one document, kept once; what is an order's own is
another, which names nodes and items by their place in a list. A field that is added to a dataclass later takes its
default in what is stored already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.routing.problem import Demand, Destination, NodeFacts, Plan, Policy, Problem, Service, StockTier

Json = dict[str, Any]
# Goes up when the same problem may get another plan: decisions of an older engine are not expected to come out alike.
ENGINE = 1
_DEFAULTS = [(each.name, each.default) for each in fields(Service) if each.name != "refuses"]


def shared_of(nodes: Sequence[NodeFacts], policy: Policy) -> Json:
    """Return what decisions share: the engine, the policy, and the nodes as columns and rows."""
    names = [each.name for each in fields(NodeFacts)]
    rows = [[_plain(getattr(node, name)) for name in names] for node in nodes]
    kept = {each.name: _plain(getattr(policy, each.name)) for each in fields(Policy)}
    return {"engine": ENGINE, "policy": kept, "node_fields": names, "nodes": rows}


def inputs_of(problem: Problem, nodes: Sequence[NodeFacts]) -> Json:
    """Return what is an order's own in a problem; nodes and items are named by their place.

    Args:
        problem: the order's.
        nodes: as they are for all orders, in the same order; what a problem says otherwise of one is the order's own.
    """
    at = {node.id: index for index, node in enumerate(nodes)}
    items = list(dict.fromkeys(demand.item_id for demand in problem.demands))
    place = {item: index for index, item in enumerate(items)}
    stock: list[list[tuple[int, str]]] = [[] for _ in items]
    for (item, node), units in problem.stock.items():
        if item in place and node in at:
            stock[place[item]].append((at[node], format(units, "f")))
    goal = problem.destination
    found: Json = {
        "lines": [_line(demand, place) for demand in problem.demands],
        "items": [item.hex for item in items],
        "stock": stock,
        "to": [goal.country] if goal.latitude is None else [goal.country, goal.latitude, goal.longitude],
        "partial": problem.partial_allowed,
    }
    more: Json = {
        "nodes": [
            (index, _changes(known, own))
            for index, (known, own) in enumerate(zip(nodes, problem.nodes, strict=True))
            if own is not known and own != known
        ],
        "excluded": [(at[node], reason) for node, reason in problem.excluded.items() if node in at],
        "services": [
            (at[node], [_service(each, place) for each in offered])
            for node, offered in problem.services.items()
            if node in at and offered
        ],
        "ladders": [
            (place[item], at[node], [(format(tier.units, "f"), tier.extra, tier.label) for tier in tiers])
            for (item, node), tiers in problem.ladders.items()
            if item in place and node in at
        ],
        "capacity": [(at[node], format(units, "f")) for node, units in problem.capacity.items() if node in at],
        "load": [(at[node], part) for node, part in problem.load.items() if node in at],
        "forbidden": [
            (place[item], at[node], reason)
            for (item, node), reason in problem.forbidden.items()
            if item in place and node in at
        ],
        "parts": problem.parts,
    }
    return found | {name: value for name, value in more.items() if value}


@dataclass(frozen=True, slots=True)
class Shared:
    """A shared document as it is used: the engine that decided, the nodes in their order, the policy."""

    engine: int
    nodes: Sequence[NodeFacts]
    policy: Policy


def shared_from(document: Json) -> Shared:
    """Return a shared document in its usable form."""
    rows = [dict(zip(document["node_fields"], row, strict=True)) for row in document["nodes"]]
    nodes = [NodeFacts(**{**row, "id": UUID(row["id"])}) for row in rows]
    return Shared(document["engine"], nodes, Policy(**document["policy"]))


def problem_of(shared: Shared, inputs: Json) -> Problem:
    """Return the problem behind its two documents; plans made for it are those made for the original."""
    nodes = list(shared.nodes)
    for index, changes in inputs.get("nodes", ()):
        nodes[index] = replace(nodes[index], **changes)
    items = [UUID(item) for item in inputs["items"]]
    return Problem(
        demands=[
            Demand(UUID(line), items[item], Decimal(units), *more) for line, item, units, *more in inputs["lines"]
        ],
        nodes=nodes,
        stock={
            (item, nodes[node].id): Decimal(units)
            for item, positions in zip(items, inputs["stock"], strict=True)
            for node, units in positions
        },
        destination=Destination(*inputs["to"]),
        partial_allowed=inputs["partial"],
        policy=shared.policy,
        excluded={nodes[node].id: reason for node, reason in inputs.get("excluded", ())},
        services={
            nodes[node].id: [_service_of(each, items) for each in offered]
            for node, offered in inputs.get("services", ())
        },
        ladders={
            (items[item], nodes[node].id): [StockTier(Decimal(units), extra, label) for units, extra, label in tiers]
            for item, node, tiers in inputs.get("ladders", ())
        },
        capacity={nodes[node].id: Decimal(units) for node, units in inputs.get("capacity", ())},
        load={nodes[node].id: part for node, part in inputs.get("load", ())},
        forbidden={(items[item], nodes[node].id): reason for item, node, reason in inputs.get("forbidden", ())},
        parts=inputs.get("parts", 0),
    )


def choice_of(problem: Problem, plan: Plan) -> Json:
    """Return what was chosen: units by line (its place among the lines), node code and carrier service; cost; rest."""
    code = {node.id: node.code for node in problem.nodes}
    line = {demand.line_id: index for index, demand in enumerate(problem.demands)}
    return {
        "assignments": [
            [line[each.line_id], code[each.node_id], format(each.quantity, "f"), *([each.service] * bool(each.service))]
            for each in plan.assignments
        ],
        "cost": plan.cost,
        "short": [[line[line_id], format(units, "f")] for line_id, units in plan.short.items()],
    }


def _changes(known: NodeFacts, own: NodeFacts) -> Json:
    names = [each.name for each in fields(NodeFacts)]
    return {name: getattr(own, name) for name in names if getattr(own, name) != getattr(known, name)}


def _line(demand: Demand, place: Mapping[UUID, int]) -> list[Any]:
    found = [demand.line_id.hex, place[demand.item_id], format(demand.quantity, "f")]
    return [*found, demand.value, demand.grams] if demand.value or demand.grams else found


def _service(service: Service, place: Mapping[UUID, int]) -> Json:
    found = {name: value for name, default in _DEFAULTS if (value := getattr(service, name)) != default}
    if service.refuses:
        found["refuses"] = [(place[item], reason) for item, reason in service.refuses.items() if item in place]
    return found


def _service_of(kept: Json, items: Sequence[UUID]) -> Service:
    refuses = {items[item]: reason for item, reason in kept.get("refuses", ())}
    return Service(**{**kept, "refuses": refuses})


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return value.hex
    return dict(value) if isinstance(value, Mapping) else value
