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

# Name of each term, what it is paid for, and what it is: for people.
TERMS = (
    ("shipment", "shipment", "The node's cost of one shipment."),
    ("way", "shipment", "The node's cost per 100 km, times the kilometers; nothing where the node has services."),
    ("rate", "shipment", "The carrier's price of the service by way and weight."),
    ("carbon", "shipment and kilogram", "Grams of CO2e of the service, times the policy's price of a kilogram."),
    ("handling", "unit", "The node's cost of one unit."),
    ("carriage", "unit", "The carrier's price of a kilogram, times the weight of the unit."),
    ("late", "unit", "The probability to be late, times the value of the unit, times the policy's penalty."),
    ("load", "unit", "The policy's penalty at a full node, times the part of the day's capacity that is used."),
    (TIER, "unit", "What selling a unit now saves or costs: a markdown is negative, safety stock positive."),
)


def kilometers(node: NodeFacts, destination: Destination) -> float:
    """Return the distance from node to destination in kilometers, UNKNOWN_KM where nobody knows it."""
    known = known_kilometers(node, destination)
    return UNKNOWN_KM if known is None else known


@lru_cache(maxsize=65_536)
def known_kilometers(node: NodeFacts, destination: Destination) -> float | None:
    """Return the distance from node to destination in kilometers, None where either has no point."""
    if node.latitude is None or node.longitude is None:
        return None
    if destination.latitude is not None and destination.longitude is not None:
        return distance_km((node.latitude, node.longitude), (destination.latitude, destination.longitude))
    middle = MIDDLE.get(destination.country or "")
    return None if middle is None else distance_km((node.latitude, node.longitude), middle)


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
