"""Cost terms, each a named function, in 1/10,000 of the currency unit."""

from __future__ import annotations

from functools import lru_cache

from core.routing.geography import MIDDLE, distance_km
from core.routing.problem import Destination, NodeFacts

# A shipment whose distance is unknown is taken to be this far, so that an unknown is never the cheapest.
UNKNOWN_KM = 3_000.0


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


@lru_cache(maxsize=65_536)
def shipment(node: NodeFacts, destination: Destination) -> int:
    """Return what one shipment from this node costs: its fixed cost and the way."""
    return node.shipment_cost + round(node.distance_cost * kilometers(node, destination) / 100)
