"""Units that nodes were asked to stop: requests to cancel that no node has answered yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text, update

from core.store import schema as t
from core.store.unit import Unit

ZERO = Decimal(0)


def open_requests(unit: Unit, order_id: UUID) -> Sequence[Row[Any]]:
    """Return the requests to cancel of a locked order that nodes have not answered, oldest first."""
    return unit.conn.execute(
        text(
            "SELECT id, changes, created_at FROM change_set WHERE tenant_id = :t AND order_id = :o AND kind = 'cancel'"
            " AND state = 'requested' ORDER BY id"
        ),
        {"t": unit.tenant, "o": order_id},
    ).all()


def units_of(requests: Iterable[Row[Any]]) -> dict[UUID, Decimal]:
    """Return the units of each line that requests ask nodes to stop."""
    found: dict[UUID, Decimal] = {}
    for request in requests:
        for line, units in request.changes["lines"].items():
            found[UUID(hex=line)] = found.get(UUID(hex=line), ZERO) + Decimal(units)
    return found


def take_off(unit: Unit, requests: Iterable[Row[Any]], lines: Mapping[UUID, Decimal]) -> dict[UUID, Decimal]:
    """Let requests ask for so many units less of these lines, the first first, and return by how many they do."""
    left, taken = dict(lines), dict[UUID, Decimal]()
    for request in requests:
        kept: dict[str, str] = {}
        for line_hex, units_text in request.changes["lines"].items():
            line, units = UUID(hex=line_hex), Decimal(units_text)
            some = min(units, left.get(line, ZERO))
            if some > 0:
                left[line] -= some
                taken[line] = taken.get(line, ZERO) + some
            if units > some:
                kept[line_hex] = format(units - some, "f")
        unit.conn.execute(
            update(t.change_set)
            .where(t.change_set.c.tenant_id == unit.tenant, t.change_set.c.id == request.id)
            .values(changes={"lines": kept})
        )
    return taken
