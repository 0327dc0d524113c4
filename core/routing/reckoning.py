"""What a plan costs in money and keeps of its promise, whatever weights chose it: policies are compared by this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from core.routing import costs
from core.routing.problem import Assignment, Problem

GRAMS = 1_000


@dataclass(frozen=True, slots=True)
class Reckoning:
    """One plan in figures.

    Attributes:
        cost: shipments, ways, rates, handling and weight in 1/10,000 of the currency; wishes such as lateness or load,
            which nobody is billed for, are not in it.
        on_time: the probability that every shipment arrives by its promise; None where no carrier service says it.
        units: units taken at each node, by its id.
    """

    cost: int
    on_time: float | None
    units: dict[UUID, Decimal]


def reckon(problem: Problem, assignments: Sequence[Assignment]) -> Reckoning:
    """Return what a plan comes to."""
    nodes = {node.id: node for node in problem.nodes}
    grams = {demand.line_id: demand.grams for demand in problem.demands}
    units: dict[UUID, Decimal] = {}
    weight: dict[UUID, Decimal] = {}
    service: dict[UUID, str | None] = {}
    for each in assignments:
        units[each.node_id] = units.get(each.node_id, Decimal(0)) + each.quantity
        weight[each.node_id] = weight.get(each.node_id, Decimal(0)) + each.quantity * grams[each.line_id]
        service[each.node_id] = each.service
    cost, on_time = Decimal(0), 1.0
    for node_id, taken in units.items():
        node = nodes[node_id]
        cost += costs.shipment(node, problem.destination) + taken * node.unit_cost
        code = service[node_id]
        used = next((one for one in problem.services.get(node_id, ()) if one.code == code), None)
        if used is None:
            on_time = float("nan")
        else:
            cost += used.shipment + taken * used.unit + weight[node_id] * used.kilogram / GRAMS
            on_time *= 1 - used.late
    return Reckoning(int(cost), on_time if units and on_time == on_time else None, units)
