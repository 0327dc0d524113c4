"""Units a buyer took off an order himself: noted beside his change, so that no answer says we refused them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.ids import public_id
from core.domain.money import plain
from core.ports.connectors import Json

ZERO = Decimal(0)
BEFORE = "canceled_before"
"""Key of one whose node was asked: what was canceled of the order before it; it was done where more is by then."""
TAKEN = "taken_off"
"""Key of a partner's change that is kept: units it took off, by hex of the line's id."""


def taken_off(before: Sequence[Row[Any]], after: Sequence[Row[Any]], requested: Mapping[str, Any]) -> Json:
    """Return by line the units that a change took off, negative where it brought some back.

    Args:
        before: lines of one order as they were.
        after: the same as they are now.
        requested: by public line id, units that a node was asked to give back for it.
    """
    had = {line.id: line.canceled for line in before}
    return _noted({
        line.id: line.canceled - had.get(line.id, ZERO) + Decimal(requested.get(public_id("line", line.id), 0))
        for line in after
    })  # fmt: skip


def taken_by_picture(before: Sequence[Row[Any]], wanted: Mapping[UUID, Decimal]) -> Json:
    """Return by line the units that a new picture of an order takes off, negative where it brings some back.

    Args:
        before: lines of one order as they were.
        wanted: units of those of them that the picture has.
    """
    less = {line.id: line.quantity - line.canceled - wanted.get(line.id, ZERO) for line in before}
    return _noted({line.id: max(less[line.id], -line.canceled) for line in before})


def off_by_buyer(lines: Sequence[Row[Any]], changes: Sequence[Row[Any]]) -> dict[UUID, Decimal]:
    """Return by line how many of its canceled units the buyer took off himself.

    Args:
        lines: of one order.
        changes: what he asked to change of it or to cancel, oldest first.
    """
    found = dict.fromkeys((line.id for line in lines), ZERO)
    everything = False
    for each in changes:
        if each.state != "confirmed":
            continue
        taken = each.changes.get(TAKEN)
        # Cancellations of before units were noted took off what is canceled.
        everything = everything or (taken is None and "cancel" in each.changes)
        for line, units in (taken or {}).items():
            key = UUID(hex=line)
            found[key] = max(found.get(key, ZERO) + Decimal(units), ZERO)
    return {line.id: line.canceled if everything else min(found[line.id], line.canceled) for line in lines}


def _noted(units: Mapping[UUID, Decimal]) -> Json:
    return {line.hex: plain(each) for line, each in units.items() if each}
