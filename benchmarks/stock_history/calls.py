"""The calls of a history as their clients saw them, and the verdict over them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NEVER = 1 << 62
MOST_TOLD = 20


@dataclass(slots=True)
class Operation:
    """One call as its client saw it; nothing came back from one that was cut.

    Args:
        kind: what was called.
        called: when, in nanoseconds of the machine's clock.
        told: what was asked for.
        returned: when the answer came.
        outcome: how it ended.
        answers: whether each reservation of a batch was granted.
    """

    kind: str
    called: int
    told: dict[str, Any]
    returned: int = NEVER
    outcome: str = "unknown"
    answers: tuple[bool, ...] = ()

    @property
    def size(self) -> int:
        """How many operations the call is."""
        return int(self.told["n"])


@dataclass(slots=True)
class Verdict:
    """What was found: how much there was of what, and what breaks a rule."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def object(self, rule: str, what: str) -> None:
        """Note that a rule is broken."""
        self.wrong[rule] += 1
        if len(self.told) < MOST_TOLD:
            self.told.append(f"{rule}: {what}")


def read_logs(logs: Iterable[Path]) -> dict[str, Operation]:
    """Return operations by name; a last line that was cut counts as not written."""
    found: dict[str, Operation] = {}
    for log in logs:
        for line in log.read_text(encoding="utf-8").splitlines():
            try:
                said = json.loads(line)
            except json.JSONDecodeError:
                continue
            if "t0" in said:
                found[said["i"]] = Operation(said["k"], said["t0"], said)
            elif said["i"] in found:
                operation = found[said["i"]]
                operation.returned, operation.outcome = said["t1"], said["r"]
                operation.answers = tuple(said.get("a", ()))
    return found
