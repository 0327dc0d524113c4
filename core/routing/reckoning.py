"""What a plan costs in money and keeps of its promise, whatever weights chose it: policies are compared by this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isnan, nan
from uuid import UUID

from core.routing import costs
from core.routing.problem import Assignment, Policy, Problem

# No weights and no penalties: what is left is what somebody is billed for.
BILLED = Policy()
UNKNOWN = nan


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
    demands = {demand.line_id: demand for demand in problem.demands}
    units: dict[UUID, Decimal] = {}
    cost, on_time = Decimal(0), 1.0
    for each in assignments:
        node = nodes[each.node_id]
        service = next((one for one in problem.services.get(node.id, ()) if one.code == each.service), None)
        if node.id not in units:
            far = costs.kilometers(node, problem.destination)
            cost += sum(costs.fixed_terms(node, service, far, BILLED).values())
            on_time *= UNKNOWN if service is None else 1 - service.late
        units[node.id] = units.get(node.id, Decimal(0)) + each.quantity
        cost += each.quantity * sum(costs.unit_terms(node, service, demands[each.line_id], 0.0, BILLED).values())
    return Reckoning(int(cost), on_time if units and not isnan(on_time) else None, units)
