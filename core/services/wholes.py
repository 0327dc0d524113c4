"""Parts of what exists in whole units only, refused where somebody asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select

from core.domain.money import plain
from core.domain.units import divides, is_part
from core.errors import InputError
from core.store import schema as t
from core.store.unit import Unit

Asked = tuple[str, UUID, Decimal]
"""Where a quantity stands in what was sent, the item, and how many units of it."""


def parts_among(unit: Unit, asked: Sequence[Asked]) -> list[tuple[Asked, str, str]]:
    """Return what asks for a part of a unit of which only whole ones exist, with the item's SKU and that unit."""
    broken = [each for each in asked if is_part(each[2])]
    if not broken:
        return []
    i = t.item.c
    rows = unit.conn.execute(
        select(i.id, i.sku, i.unit).where(i.tenant_id == unit.tenant, i.id.in_({item for _, item, _ in broken}))
    )
    known = {row.id: (row.sku, row.unit) for row in rows}
    return [(each, *known[each[1]]) for each in broken if divides(each[2], known[each[1]][1])]


def require_whole(unit: Unit, *asked: Asked) -> None:
    """Refuse to go on when a part is asked for of what is counted.

    Raises:
        InputError: it is; the errors say where.
    """
    if not (found := parts_among(unit, asked)):
        return
    (_, _, units), sku, counted_in = found[0]
    raise InputError(
        f"{plain(units)} of {sku!r} cannot be: it is counted in {counted_in}.",
        why="Nobody can send a part of a piece.",
        fix="Ask for a whole number; an item that is divided needs a unit that is measured, such as KGM or MTR.",
        code="STOCK-PART-422",
        errors=[{"path": path, "reason": f"must be a whole number of {own}"} for (path, _, _), _, own in found],
    )
