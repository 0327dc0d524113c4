"""What a plan costs in money and keeps of its promise, whatever weights chose it: policies are compared by this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from core.routing import costs
from core.routing.problem import Assignment, Policy, Problem

# No weights and no penalties: what is left is what somebody is billed for.
BILLED = Policy()


@dataclass(frozen=True, slots=True)
class Reckoning:
    """One plan in figures.

    Attributes:
        cost: shipments, ways, rates, handling and weight in 1/10,000 of the currency; wishes such as lateness or load,
            which nobody is billed for, are not in it.
        on_time: the probability that every shipment arrives by its promise; None where no carrier service says it.
        units: units taken at each node, by its id.
        carbon_g: grams of CO2e of its shipments; None where a node ships by no service, which alone says it.
    """

    cost: int
    on_time: float | None
    units: dict[UUID, Decimal]
    carbon_g: int | None = None


def reckon(problem: Problem, assignments: Sequence[Assignment]) -> Reckoning:
    """Return what a plan comes to."""
    nodes = {node.id: node for node in problem.nodes}
    demands = {demand.line_id: demand for demand in problem.demands}
    units: dict[UUID, Decimal] = {}
    cost, carbon, on_time, known = Decimal(0), Decimal(0), 1.0, bool(assignments)
    for each in assignments:
        node, demand = nodes[each.node_id], demands[each.line_id]
        service = next((one for one in problem.services.get(node.id, ()) if one.code == each.service), None)
        known = known and service is not None
        if node.id not in units:
            far = costs.kilometers(node, problem.destination)
            cost += sum(costs.fixed_terms(node, service, far, BILLED).values())
            if service is not None:
                on_time *= 1 - service.late
                carbon += service.carbon_g
        units[node.id] = units.get(node.id, Decimal(0)) + each.quantity
        cost += each.quantity * sum(costs.unit_terms(node, service, demand, 0.0, BILLED).values())
        if service is not None:
            carbon += each.quantity * service.carbon_g_kg * demand.grams / costs.GRAMS
    return Reckoning(int(cost), on_time if known else None, units, int(carbon) if known else None)
