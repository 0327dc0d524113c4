"""Cost terms, each a named function, in 1/10,000 of the currency unit.

`fixed_terms` are paid once for a shipment, `unit_terms` for each unit of a line; the tier of the stock a unit is taken
from adds its own ("tier"). A policy weighs each term in percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from core.routing.geography import MIDDLE, distance_km
from core.routing.problem import Demand, Destination, NodeFacts, Policy, Service

# A shipment whose distance is unknown is taken to be this far, so that an unknown is never the cheapest.
UNKNOWN_KM = 3_000.0
TIER = "tier"
GRAMS = 1000


@lru_cache(maxsize=65_536)
def kilometers(node: NodeFacts, destination: Destination) -> float:
    """Return the distance from node to destination in kilometers."""
    if node.latitude is None or node.longitude is None:
        return UNKNOWN_KM
    if destination.latitude is not None and destination.longitude is not None:
        return distance_km((node.latitude, node.longitude), (destination.latitude, destination.longitude))
    middle = MIDDLE.get(destination.country or "")
    return UNKNOWN_KM if middle is None else distance_km((node.latitude, node.longitude), middle)


def way(node: NodeFacts, far: float) -> int:
    """Return what the way of one shipment costs: the node's cost per 100 km times the kilometers."""
    return round(node.distance_cost * far / 100)


def carriage(service: Service, grams: int) -> int:
    """Return what a carrier asks for one unit: by unit, and by weight from its price of a kilogram."""
    return service.unit + round(service.kilogram * grams / GRAMS)


def lateness(service: Service, value: int, late_penalty: int) -> int:
    """Return the expected cost that a unit is late: probability x value x penalty in 1/10,000 of the value."""
    return round(service.late * value * late_penalty / 10_000)


def carbon(grams: int, carbon_price: int) -> int:
    """Return what grams of CO2e cost at a price of a kilogram."""
    return round(grams * carbon_price / GRAMS)


def load(part: float, load_penalty: int) -> int:
    """Return what a unit costs at a node of whose capacity a part (0 to 1) is used; it grows in proportion."""
    return round(part * load_penalty)


def fixed_terms(node: NodeFacts, service: Service | None, far: float, policy: Policy) -> dict[str, int]:
    """Return what one shipment from a node by a service costs over so many kilometers, by term."""
    terms = {"shipment": node.shipment_cost, "way": way(node, far)}
    if service is not None:
        terms["rate"] = service.shipment
        terms["carbon"] = carbon(service.carbon_g, policy.carbon_price)
    return weighed(terms, policy.weights)


def unit_terms(node: NodeFacts, service: Service | None, demand: Demand, used: float, policy: Policy) -> dict[str, int]:
    """Return what one unit of a line costs at a node by a service, by term; `used` is the node's load (0 to 1)."""
    terms = {"handling": node.unit_cost}
    if used and policy.load_penalty:
        terms["load"] = load(used, policy.load_penalty)
    if service is not None:
        terms["carriage"] = carriage(service, demand.grams)
        terms["late"] = lateness(service, demand.value, policy.late_penalty)
        terms["carbon"] = carbon(round(service.carbon_g_kg * demand.grams / GRAMS), policy.carbon_price)
    return weighed(terms, policy.weights)


def weighed(terms: dict[str, int], weights: Mapping[str, int]) -> dict[str, int]:
    """Return terms times their weights in percent; a term without a weight counts in full."""
    if not weights:
        return terms
    return {name: round(amount * weights.get(name, 100) / 100) for name, amount in terms.items()}
