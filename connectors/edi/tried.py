"""What came of trying a message of a partner, and control numbers that are nobody's."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.ports.connectors import Json


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


class Numbers:
    """Control numbers for trying: they are nobody's."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}

    def number(self, series: str, *, start: int, limit: int, on_rollover: str) -> tuple[int, int]:
        """Return the next number of a series."""
        del limit, on_rollover
        self._next[series] = self._next.get(series, start - 1) + 1
        return self._next[series], 0
