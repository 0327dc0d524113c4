"""What came of trying a message of a partner, and control numbers that are nobody's."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from core.ports.connectors import Json

UNKNOWN = "?"
"""Kind of what could not be told."""


@dataclass(slots=True)
class Tried:
    """What came of one message.

    Args:
        sample: file it is of; empty for what no sample was given of.
        kind: such as 850.
        way: `in` or `out`.
        passed: whether everything held.
        reasons: why not.
        notes: what else is to be known, such as places no rule of the map reads.
        canonical: what it means.
        written: what would leave.
        map: name of the map it was tried with; empty where it came to none.
    """

    sample: str
    kind: str
    way: str
    passed: bool = True
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    canonical: Json | None = None
    written: str | None = None
    map: str = ""

    def fail(self, *reasons: str) -> None:
        """Note why it does not pass."""
        self.passed = False
        self.reasons += reasons


def seen(found: Iterable[Tried], kind: str, way: str, map_name: str) -> bool:
    """Return whether a row of the profile was tried; of several rows of a kind, each by its own map.

    Args:
        found: what was tried.
        kind: of the row.
        way: `in` or `out`.
        map_name: of the row; empty where any map of its kind will do.
    """
    maps = {each.map for each in found if (each.kind, each.way) == (kind, way)}
    return bool(maps if not map_name else maps & {"", map_name})


def untried(found: Iterable[Tried], incoming: bool, orders: Collection[str]) -> str:
    """Return why a row of the profile was not tried: no sample, or one that was read and does not count.

    Args:
        found: what came of the samples.
        incoming: whether the row is of what comes.
        orders: kinds of orders, of which papers are made.
    """
    failed = [each for each in found if each.sample and each.way == "in" and not each.passed]
    order = next((each for each in failed if each.kind in orders), None)
    if not incoming and order is not None:
        return f"not made: {order.sample} was read, and its {order.kind} does not pass: {_first(order)}"
    unknown = next((each for each in failed if each.kind == UNKNOWN), None)
    wanted = "no sample of it" if incoming else "no sample of it, nor of an order"
    if unknown is not None:
        return f"{wanted}: {unknown.sample} was read and does not count as one: {_first(unknown)}"
    return "no sample was given" if incoming or any(each.kind in orders for each in found) else wanted


def _first(tried: Tried) -> str:
    return tried.reasons[0].rstrip(".") if tried.reasons else "see above"


class Numbers:
    """Control numbers for trying: they are nobody's."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def number(self, series: str, *, start: int, limit: int, on_rollover: str) -> tuple[int, int]:
        """Return the next number of a series."""
        del limit, on_rollover
        self._next[series] = self._next.get(series, start - 1) + 1
        return self._next[series], 0
