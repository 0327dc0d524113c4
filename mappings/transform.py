"""A transform: a pair of pure functions between a partner's value and the canonical one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mappings.faults import Unfit

Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Transform:
    """One `as:`; both functions raise `Unfit` (or ValueError) with the reason and never see a missing value.

    Args:
        read: partner value -> canonical value.
        write: canonical value, typed or as JSON text -> partner value; None when the way back is not known.
    """

    name: str
    read: Convert
    write: Convert | None = None


# A name in `as:` stands for a transform, or for a function that makes one from the options given in the map.
Maker = Callable[..., Transform]


def chain(transforms: tuple[Transform, ...], *, reading: bool) -> Convert:
    """Return the conversions one after the other: in order when reading, backwards when writing.

    Raises:
        Unfit: one of them has no way back.
    """
    if reading:
        steps = [each.read for each in transforms]
    else:
        steps = []
        for each in reversed(transforms):
            if each.write is None:
                raise Unfit(f"`as: {each.name}` only reads")
            steps.append(each.write)
    if len(steps) == 1:
        return steps[0]

    def convert(value: Any) -> Any:
        for step in steps:
            value = step(value)
            if value is None:
                return None
        return value

    return convert
