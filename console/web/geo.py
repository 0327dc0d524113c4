"""Places on the map of Europe: the projection that `console/assets/europe.mjs` drew the land with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import cos, log, pi, radians, sin, tan
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Projection:
    """Lambert conformal conic with two standard parallels (Snyder, USGS PP 1395, section 15), in pixels."""

    width: int
    height: int
    scale: float
    meridian: float
    power: float
    factor: float
    offset: tuple[float, float]

    @classmethod
    def load(cls, file: Path) -> Projection:
        """Return the projection described beside the vendored map."""
        spec = json.loads(file.read_text(encoding="utf-8"))
        first, second = (radians(value) for value in spec["parallels"])
        power = log(cos(first) / cos(second)) / log(_stretch(second) / _stretch(first))
        factor = cos(first) * _stretch(first) ** power / power
        flat = cls(spec["width"], spec["height"], spec["scale"], spec["meridian"], power, factor, (0.0, 0.0))
        center = flat.place(spec["center"][0] + spec["meridian"], spec["center"][1])
        offset = (spec["width"] / 2 - center[0], spec["height"] / 2 - center[1])
        return cls(flat.width, flat.height, flat.scale, flat.meridian, power, factor, offset)

    def place(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Return x and y of a place given in degrees."""
        radius = self.factor / _stretch(radians(latitude)) ** self.power
        angle = self.power * radians(longitude - self.meridian)
        x = self.scale * radius * sin(angle)
        y = self.scale * (radius * cos(angle) - self.factor)
        return x + self.offset[0], y + self.offset[1]

    def shows(self, longitude: float, latitude: float, margin: float = 8) -> bool:
        """Return whether a place lies on the map, `margin` pixels inside its edge."""
        x, y = self.place(longitude, latitude)
        return margin <= x <= self.width - margin and margin <= y <= self.height - margin


def _stretch(latitude: float) -> float:
    return tan(pi / 4 + latitude / 2)
