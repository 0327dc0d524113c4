"""What a map makes: a document read, where each value came from, one document of an input that may hold many."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from core.errors import MappingError

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """One document read.

    Args:
        canonical: the canonical document; a field that was not there is not in it.
        holds: [{kind, path, detail}] for rules that could not be met but must not lose the document.
    """

    canonical: Json
    holds: list[Json] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trace:
    """Where one value came from: both paths, the rule's line in the map, and the value."""

    target: str
    source: str
    line: int
    value: Any


@dataclass(frozen=True, slots=True)
class Reading:
    """One document of an input that may hold many: its number in the input, and a result or an error."""

    number: int
    result: Result | None = None
    error: MappingError | None = None
