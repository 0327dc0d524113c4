"""Units that nodes were asked to stop: requests to cancel that no node has answered yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text, update

from core.store import schema as t
from core.store.unit import Unit

ZERO = Decimal(0)


def going(unit: Unit, order_id: UUID) -> dict[UUID, Decimal]:
    """Return the units of a locked order's lines that nodes were asked to stop and have not answered for."""
    found: dict[UUID, Decimal] = {}
    for request in open_requests(unit, order_id):
        for line, units in request.changes["lines"].items():
            found[UUID(hex=line)] = found.get(UUID(hex=line), ZERO) + Decimal(units)
    return found


def withdraw_cancels(unit: Unit, order_id: UUID, lines: Mapping[UUID, Decimal]) -> None:
    """Take back requests to cancel that nodes have not answered, the last first, by so many units of these lines."""
    left = {line.hex: units for line, units in lines.items()}
    for request in reversed(open_requests(unit, order_id)):
        kept = {}
        for line, units_text in request.changes["lines"].items():
            units = Decimal(units_text)
            taken = min(units, left.get(line, ZERO))
            left[line] = left.get(line, ZERO) - taken
            if units > taken:
                kept[line] = format(units - taken, "f")
        rewrite(unit, request.id, kept)


def open_requests(unit: Unit, order_id: UUID) -> Sequence[Row[Any]]:
    """Return the requests to cancel that nodes have not answered, oldest first."""
    return unit.conn.execute(
        text(
            "SELECT id, changes FROM change_set WHERE tenant_id = :t AND order_id = :o AND kind = 'cancel'"
            " AND state = 'requested' ORDER BY id"
        ),
        {"t": unit.tenant, "o": order_id},
    ).all()


def rewrite(unit: Unit, request_id: UUID, lines: Mapping[str, str]) -> None:
    """Let a request ask for other units, by hex of a line's id."""
    unit.conn.execute(
        update(t.change_set)
        .where(t.change_set.c.tenant_id == unit.tenant, t.change_set.c.id == request_id)
        .values(changes={"lines": dict(lines)})
    )
