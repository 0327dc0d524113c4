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
# Width of one letter of a label, about, in pixels of the map.
SIGN = 8.0
Box = tuple[float, float, float, float]
PROJECTION = Projection.load(next((STATIC / "vendor").glob("world-atlas@*")) / "projection.json")


@dataclass(frozen=True, slots=True)
class Pin:
    """A node on the map; `tone` is the class of its color, the label has its own place and text anchor."""

    node: NodeLoad
    x: float
    y: float
    radius: float
    tone: str
    label_x: float
    label_y: float
    anchor: str
    figure: str


@dataclass(frozen=True, slots=True)
class Network:
    """What the map shows, and the nodes that have no place on it."""

    width: int
    height: int
    pins: tuple[Pin, ...]
    lanes: tuple[str, ...]
    ends: tuple[tuple[float, float], ...]
    elsewhere: tuple[NodeLoad, ...]
    summary: str


def network(nodes: Sequence[NodeLoad], lanes: Sequence[tuple[str, str, int]]) -> Network:
    """Return the map of nodes with the busiest lanes of the last days."""
    shown = {node.code: _place(node) for node in nodes}
    places = {code: place for code, place in shown.items() if place is not None}
    taken = [(x - 9, y - 9, x + 9, y + 9) for x, y in places.values()]
    pins = [_pin(node, *places[node.code], taken) for node in nodes if node.code in places]
    return Network(
        PROJECTION.width, PROJECTION.height, tuple(pins), *_lanes(places, lanes),
        tuple(node for node in nodes if node.code not in places),
        "; ".join(f"{pin.node.name} {pin.figure}" for pin in pins) or "no node has a place on it",
    )  # fmt: skip


def _place(node: NodeLoad) -> tuple[float, float] | None:
    if node.longitude is None or node.latitude is None or not PROJECTION.shows(node.longitude, node.latitude):
        return None
    return PROJECTION.place(node.longitude, node.latitude)


def _pin(node: NodeLoad, x: float, y: float, taken: list[Box]) -> Pin:
    load = node.load or 0.0
    tone = "cd-dn" if load >= FULL else "cd-k3" if load >= BUSY else "cd-k1"
    figure = f"{load * 100:.0f}%" if node.load is not None else f"{node.today:,}"
    label, anchor = _label(x, y, SIGN * (len(node.name) + len(figure) + 1), taken)
    return Pin(node, x, y, 7 + min(load, 1.2) * 4, tone, *label, anchor, figure)


def _label(x: float, y: float, width: float, taken: list[Box]) -> tuple[tuple[float, float], str]:
    """Return where a name stands beside its pin: the first of right, left, above and below that is free."""
    spots = [
        ((x + 15, y + 5), "start", (x + 12, y - 9, x + 15 + width, y + 9)),
        ((x - 15, y + 5), "end", (x - 15 - width, y - 9, x - 12, y + 9)),
        ((x, y - 15), "middle", (x - width / 2, y - 30, x + width / 2, y - 11)),
        ((x, y + 26), "middle", (x - width / 2, y + 11, x + width / 2, y + 30)),
    ]
    for at, anchor, box in spots:
        inside = box[0] > 0 and box[2] < PROJECTION.width and box[1] > 0 and box[3] < PROJECTION.height
        if inside and not any(_overlap(box, other) for other in taken):
            taken.append(box)
            return at, anchor
    return spots[0][0], spots[0][1]


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _lanes(
    places: dict[str, tuple[float, float]], lanes: Sequence[tuple[str, str, int]]
) -> tuple[tuple[str, ...], tuple[tuple[float, float], ...]]:
    """Return a bent line from node to capital for each lane on the map, and the capitals reached."""
    drawn, ends = [], set()
    for code, country, _ in lanes:
        if code not in places or country not in CAPITALS or not PROJECTION.shows(*CAPITALS[country]):
            continue
        (x0, y0), (x1, y1) = places[code], PROJECTION.place(*CAPITALS[country])
        middle = ((x0 + x1) / 2 - (y1 - y0) * 0.16, (y0 + y1) / 2 + (x1 - x0) * 0.16)
        drawn.append(f"M{x0:.1f},{y0:.1f}Q{middle[0]:.1f},{middle[1]:.1f} {x1:.1f},{y1:.1f}")
        ends.add((round(x1, 1), round(y1, 1)))
    return tuple(drawn), tuple(sorted(ends))
