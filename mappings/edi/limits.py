"""How strictly a file is read, and what bounds the memory and time one file may take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """What happens to what partners write and the standard does not know."""

    # It is read, and said as a tolerance.
    TOLERANT = "tolerant"
    # It is said as an error.
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may take.

    Args:
        chunk: bytes read at once.
        segment: bytes of one segment.
        elements: data elements of a segment, and components or repetitions of an element.
        nesting: indices of an explicit indication of nesting.
        message: segments of one message that are kept in memory.
        groups: of one interchange that are kept with their verdicts; further ones are known to their messages only.
        faults: kept of one message, and of one interchange outside its messages; more are left out.
    """

    chunk: int = 65_536
    segment: int = 1_048_576
    elements: int = 1_000
    nesting: int = 9
    message: int = 250_000
    groups: int = 10_000
    faults: int = 100
