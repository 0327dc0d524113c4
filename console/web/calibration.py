"""What promises said against what was kept: the picture, and words for how far each level is off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 430, 300
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 270
# The axes begin here: no level below a half is promised.
LEAST = 0.4


@dataclass(frozen=True, slots=True)
class Mark:
    """One level of the picture in pixels, with its interval; `tone` is the class of its color."""

    x: float
    y: float
    high: float
    low: float
    tone: str
    label: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Said along, kept upwards: on the line, a level is kept as often as it says."""

    width: int
    height: int
    left: int
    right: int
    bottom: int
    line: str
    ticks: tuple[tuple[float, float, str], ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report: of what, its name, how many promises, and per level (kept, low, high, verdict)."""

    part: str
    name: str
    promises: int
    levels: tuple[tuple[float | None, float | None, float | None, str], ...]


def verdict(level: Mapping[str, Any]) -> str:
    """Return how a level was kept: `right`, `bold` (kept less often than said), `shy` (more often), or `unknown`.

    What its 90 % interval takes in is right; a few promises have a wide one and so prove little.
    """
    if level["kept"] is None:
        return "unknown"
    return "bold" if level["high"] < level["said"] else "shy" if level["low"] > level["said"] else "right"


def table(report: Mapping[str, Any]) -> list[Row]:
    """Return the lines of a report, orders and parcels first, then carriers, lanes and nodes by promises."""
    found = [_row("orders", "all", report["orders"]), _row("parcels", "all", report["parcels"])]
    for part in ("carriers", "lanes", "nodes"):
        found += [_row(part.removesuffix("s"), each["name"], each) for each in report[part]]
    return found


def _row(part: str, name: str, figures: Mapping[str, Any]) -> Row:
    levels = tuple((each["kept"], each["low"], each["high"], verdict(each)) for each in figures["levels"])
    return Row(part, name, figures["promises"], levels)


def picture(levels: Sequence[Mapping[str, Any]]) -> Picture | None:
    """Return said against kept, or None when nothing was settled."""
    shown = [each for each in levels if each["kept"] is not None]
    if not shown:
        return None
    tones = {"right": "cd-k2", "bold": "cd-dn", "shy": "cd-k3"}
    marks = tuple(
        Mark(
            _across(each["said"]), _up(each["kept"]), _up(each["high"]), _up(each["low"]), tones[verdict(each)],
            f"{each['said']:.0%} said, {each['kept']:.1%} kept".replace("%", " %"),
        )
        for each in shown
    )  # fmt: skip
    ticks = tuple((_across(at / 100), _up(at / 100), f"{at} %") for at in range(40, 101, 10))
    line = f"M{_across(LEAST)},{_up(LEAST)}L{_across(1.0)},{_up(1.0)}"
    return Picture(WIDTH, HEIGHT, LEFT, WIDTH - RIGHT, BOTTOM, line, ticks, marks)


def _across(value: float) -> float:
    return round(LEFT + (value - LEAST) / (1 - LEAST) * (WIDTH - LEFT - RIGHT), 1)


def _up(value: float) -> float:
    return round(BOTTOM - (max(value, LEAST) - LEAST) / (1 - LEAST) * (BOTTOM - TOP), 1)
