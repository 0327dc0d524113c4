"""The map of nodes: where they are, how loaded, and where their parcels go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.web.assets import STATIC
from console.web.geo import Projection
from core.store.views.overview import NodeLoad

# Capitals, as the ends of the lanes: longitude and latitude.
CAPITALS = {
    "AT": (16.4, 48.2), "BE": (4.4, 50.9), "BG": (23.3, 42.7), "CH": (7.4, 46.9), "CZ": (14.4, 50.1),
    "DE": (13.4, 52.5), "DK": (12.6, 55.7), "EE": (24.8, 59.4), "ES": (-3.7, 40.4), "FI": (24.9, 60.2),
    "FR": (2.4, 48.9), "GB": (-0.1, 51.5), "HR": (16.0, 45.8), "HU": (19.0, 47.5), "IE": (-6.3, 53.3),
    "IT": (12.5, 41.9), "LT": (25.3, 54.7), "LU": (6.1, 49.6), "LV": (24.1, 56.9), "NL": (4.9, 52.4),
    "NO": (10.8, 59.9), "PL": (21.0, 52.2), "PT": (-9.1, 38.7), "RO": (26.1, 44.4), "SE": (18.1, 59.3),
    "SI": (14.5, 46.1), "SK": (17.1, 48.1),
}  # fmt: skip
BUSY, FULL = 0.85, 0.95
PROJECTION = Projection.load(next((STATIC / "vendor").glob("world-atlas@*")) / "projection.json")


@dataclass(frozen=True, slots=True)
class Pin:
    """A node on the map; `tone` is the class of its color, `anchor` on which side its name is."""

    node: NodeLoad
    x: float
    y: float
    radius: float
    tone: str
    anchor: str
    figure: str


@dataclass(frozen=True, slots=True)
class Network:
    """What the map shows, and the nodes that have no place on it."""

    width: int
    height: int
    pins: tuple[Pin, ...]
    lanes: tuple[str, ...]
    elsewhere: tuple[NodeLoad, ...]
    summary: str


def network(nodes: Sequence[NodeLoad], lanes: Sequence[tuple[str, str, int]]) -> Network:
    """Return the map of nodes with the busiest lanes of the last days."""
    pins, elsewhere = [], []
    places: dict[str, tuple[float, float]] = {}
    for node in nodes:
        if node.longitude is None or node.latitude is None or not PROJECTION.shows(node.longitude, node.latitude):
            elsewhere.append(node)
            continue
        x, y = PROJECTION.place(node.longitude, node.latitude)
        places[node.code] = (x, y)
        load = node.load or 0.0
        tone = "cd-dn" if load >= FULL else "cd-k3" if load >= BUSY else "cd-k1"
        figure = f"{load * 100:.0f}%" if node.load is not None else f"{node.today:,}"
        pins.append(Pin(node, x, y, 7 + min(load, 1.2) * 4, tone, _anchor(x, y, places, node.code), figure))
    return Network(
        PROJECTION.width, PROJECTION.height, tuple(pins), tuple(_lanes(places, lanes)), tuple(elsewhere),
        "; ".join(f"{pin.node.name} {pin.figure}" for pin in pins) or "no node has a place on it",
    )  # fmt: skip


def _anchor(x: float, y: float, places: dict[str, tuple[float, float]], code: str) -> str:
    """Return the side with room: the name goes left when a neighbor is close to the right, or the edge is near."""
    crowded = any(0 < other[0] - x < 130 and abs(other[1] - y) < 18 for key, other in places.items() if key != code)
    return "end" if crowded or x > PROJECTION.width - 150 else "start"


def _lanes(places: dict[str, tuple[float, float]], lanes: Sequence[tuple[str, str, int]]) -> list[str]:
    """Return a bent line from node to capital for each lane on the map."""
    drawn = []
    for code, country, _ in lanes:
        if code not in places or country not in CAPITALS:
            continue
        (x0, y0), (x1, y1) = places[code], PROJECTION.place(*CAPITALS[country])
        middle = ((x0 + x1) / 2 - (y1 - y0) * 0.18, (y0 + y1) / 2 + (x1 - x0) * 0.18)
        drawn.append(f"M{x0:.1f},{y0:.1f}Q{middle[0]:.1f},{middle[1]:.1f} {x1:.1f},{y1:.1f}")
    return drawn
