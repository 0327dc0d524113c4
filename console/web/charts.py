"""Geometry of the small charts: numbers in, SVG path data out; colors and text stay in the templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, log10


@dataclass(frozen=True, slots=True)
class Spark:
    """A sparkline: the filled area and the line above it, in a box of `width` by `height`."""

    area: str
    line: str
    width: int
    height: int


def spark(values: Sequence[float], width: int = 76, height: int = 34) -> Spark | None:
    """Return the sparkline of a series, or None when there is no line to draw."""
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    spread = (high - low) or 1.0
    step = width / (len(values) - 1)
    floor = height - 3
    points = [f"{i * step:.1f},{floor - (value - low) / spread * (height - 8):.1f}" for i, value in enumerate(values)]
    path = " L".join(points)
    return Spark(f"M0,{height} L{path} L{width},{height}Z", f"M{path}", width, height)


@dataclass(frozen=True, slots=True)
class Band:
    """One series of a stacked chart; `color` counts from 1."""

    name: str
    key: str
    color: int
    area: str
    edge: str
    total: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A labeled place on an axis, in pixels."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Column:
    """One bucket along the time axis, in pixels."""

    x: float
    width: float
    index: int


@dataclass(frozen=True, slots=True)
class Stack:
    """A stacked area chart ready to draw."""

    width: int
    height: int
    left: int
    bottom: int
    bands: tuple[Band, ...]
    rows: tuple[Tick, ...]
    ticks: tuple[Column, ...]
    columns: tuple[Column, ...]
    peak: int


def nice_ceiling(value: float) -> int:
    """Return the smallest axis end that is not below the value and gives four round steps."""
    size = 1
    while True:
        for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8):
            step = factor * size
            if step == int(step) and 4 * step >= value:
                return int(4 * step)
        size *= 10


def stack(
    series: Sequence[tuple[str, str, Sequence[int]]],
    count: int,
    *,
    every: int,
    width: int = 740,
    height: int = 222,
) -> Stack:
    """Return a stacked area chart.

    Args:
        series: name, key and one count per bucket, bottom band first.
        count: how many buckets there are.
        every: how many buckets lie between two labels on the axis.
        width, height: the box in pixels.
    """
    left, right, top, foot = 38, 14, 16, 24
    totals = [sum(values[i] for _, _, values in series) for i in range(count)]
    ceiling = nice_ceiling(max(totals, default=0))
    step = (width - left - right) / max(count - 1, 1)
    bottom = height - foot

    def place(i: int, value: float) -> tuple[float, float]:
        return left + i * step, bottom - value / ceiling * (bottom - top)

    below = [0] * count
    bands = []
    for number, (name, key, values) in enumerate(series, start=1):
        above = [base + value for base, value in zip(below, values, strict=True)]
        upper = _curve([place(i, value) for i, value in enumerate(above)])
        lower = _curve([place(i, value) for i, value in reversed(list(enumerate(below)))])
        bands.append(Band(name, key, (number - 1) % 6 + 1, f"{upper}L{lower[1:]}Z", upper, sum(values)))
        below = above
    rows = tuple(Tick(place(0, ceiling * k / 4)[1], f"{ceiling * k // 4:,}") for k in range(5))
    ticks = tuple(Column(place(i, 0)[0], 0, i) for i in range(0, count, every))
    columns = tuple(Column(max(left, left + i * step - step / 2), step, i) for i in range(count))
    return Stack(width, height, left, bottom, tuple(bands), rows, ticks, columns, max(totals, default=0))


def bars(values: Sequence[int], width: int = 62, height: int = 20) -> list[tuple[float, float, float, float, bool]]:
    """Return x, y, width, height and whether it stands for nothing, for each bar of a small histogram."""
    top = max([*values, 1])
    slot = width / max(len(values), 1)
    drawn = []
    for i, value in enumerate(values):
        tall = max(1.5, value / top * (height - 1))
        drawn.append((round(i * slot, 1), round(height - tall, 1), round(slot - 1.6, 1), round(tall, 1), not value))
    return drawn


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """Return a path through the points, bent only along x, so that it never rises above its highest point."""
    if not points:
        return "M0,0"
    parts = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (x0 + x1) / 2
        parts.append(f"C{middle:.1f},{y0:.1f} {middle:.1f},{y1:.1f} {x1:.1f},{y1:.1f}")
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class Point:
    """One thing to be drawn by two figures, both the lower the better; `low` and `high` are the ends of its `x`."""

    name: str
    key: str
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Dot:
    """A point in pixels; `best` when no other is better in one figure without being worse in the other.

    `down` is how far its name stands below it: names of points that lie close together are put under each other.
    """

    name: str
    key: str
    x: float
    y: float
    start: float
    end: float
    best: bool
    down: float


@dataclass(frozen=True, slots=True)
class Scatter:
    """A Pareto picture ready to draw: dots, the line through the best, and both axes."""

    width: int
    height: int
    left: int
    bottom: int
    dots: tuple[Dot, ...]
    front: str
    columns: tuple[Tick, ...]
    rows: tuple[Tick, ...]


def scatter(points: Sequence[Point], width: int = 740, height: int = 250) -> Scatter | None:
    """Return the Pareto picture of some points, or None when there is nothing to compare."""
    if len(points) < 2:
        return None
    left, right, top, foot = 46, 90, 14, 30
    bottom = height - foot
    columns = steps(min(each.low for each in points), max(each.high for each in points))
    rows = steps(min(0.0, *(each.y for each in points)), max(each.y for each in points))

    def across(value: float) -> float:
        return round(left + (value - columns[0]) / (columns[-1] - columns[0]) * (width - left - right), 1)

    def up(value: float) -> float:
        return round(bottom - (value - rows[0]) / (rows[-1] - rows[0]) * (bottom - top), 1)

    named: list[tuple[float, float, float]] = []
    dots = tuple(
        Dot(
            each.name, each.key, across(each.x), up(each.y), across(each.low), across(each.high), _best(each, points),
            _room(named, each.name, across(each.x), up(each.y)),
        )
        for each in points
    )  # fmt: skip
    best = sorted({(dot.x, dot.y) for dot in dots if dot.best}, key=lambda place: (place[0], -place[1]))
    front = "M" + " L".join(f"{x},{y}" for x, y in best)
    return Scatter(
        width, height, left, bottom, dots, front,
        tuple(Tick(across(value), _label(value, "+")) for value in columns),
        tuple(Tick(up(value), _label(value)) for value in rows),
    )  # fmt: skip


LETTER, LINE = 7.0, 14.0
"""How wide a letter and how high a line of a name is, in pixels."""


def _room(named: list[tuple[float, float, float]], name: str, x: float, y: float) -> float:
    """Return how far below its point a name can stand without lying on another, and note it as written."""
    wide = LETTER * len(name)

    def free(down: float) -> bool:
        return all(abs(y + down - line) >= LINE or x + wide < start or x > end for start, end, line in named)

    down = next((way for k in range(12) for way in (-7 + LINE * k, -7 - LINE * k) if free(way)), -7.0)
    named.append((x, x + wide, y + down))
    return down


def _best(one: Point, points: Sequence[Point]) -> bool:
    return not any(other.x <= one.x and other.y <= one.y and (other.x < one.x or other.y < one.y) for other in points)


def _label(value: float, sign: str = "") -> str:
    return f"{value:{sign}g}".replace("-", "−") if value else "0"


def steps(low: float, high: float) -> list[float]:
    """Return at most seven round places on an axis that takes both ends in."""
    spread = (high - low) or abs(high) or 1.0
    size = 10 ** floor(log10(spread / 5))
    step = next(size * factor for factor in (1, 2, 5, 10) if spread / (size * factor) <= 5)
    first, last = floor(low / step), ceil(high / step)
    if first == last:
        last += 1
    return [round(step * place, 10) for place in range(first, last + 1)]
