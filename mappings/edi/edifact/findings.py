"""What the tokenizer notices about the text of an interchange; the reader gives it its place among the messages."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Weight(Enum):
    """What a finding means."""

    # Mere layout: a tolerance, said once in an interchange; an error to a strict reader.
    LAYOUT = auto()
    # A tolerance, said once in a message; an error to a strict reader.
    SMALL = auto()
    # An error of the message it is in.
    MESSAGE = auto()
    # An error of the whole interchange.
    INTERCHANGE = auto()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing noticed.

    Args:
        weight: what it means.
        name: stable word.
        code: of code list 0085.
        text: a sentence.
        offset: in the file, in bytes.
        number: of the segment in the file, None outside segments.
        tag: of the segment.
        element: from 1.
        component: from 1.
        value: what was found there.
        counted: whether it stands for a segment that could not be made.
    """

    weight: Weight
    name: str
    code: str | None
    text: str
    offset: int
    number: int | None = None
    tag: str | None = None
    element: int | None = None
    component: int | None = None
    value: str | None = None
    counted: bool = False
