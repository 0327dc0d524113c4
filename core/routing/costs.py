"""Cost terms, each a named function, in 1/10,000 of the currency unit."""

from __future__ import annotations

from functools import lru_cache

from core.routing.geography import MIDDLE, distance_km
from core.routing.problem import Destination, NodeFacts

# A shipment whose distance is unknown is taken to be this far, so that an unknown is never the cheapest.
UNKNOWN_KM = 3_000.0


@lru_cache(maxsize=65_536)
def kilometers(node: NodeFacts, destination: Destination) -> float:
    """Return the distance from node to destination in kilometers."""
    if node.latitude is None or node.longitude is None:
        return UNKNOWN_KM
    if destination.latitude is not None and destination.longitude is not None:
        return distance_km((node.latitude, node.longitude), (destination.latitude, destination.longitude))
    middle = MIDDLE.get(destination.country or "")
    return UNKNOWN_KM if middle is None else distance_km((node.latitude, node.longitude), middle)


@lru_cache(maxsize=65_536)
def shipment(node: NodeFacts, destination: Destination) -> int:
    """Return what one shipment from this node costs: its fixed cost and the way."""
    return node.shipment_cost + round(node.distance_cost * kilometers(node, destination) / 100)
