"""Holds that nobody may release as they are: what would leave is what nobody ordered, or at what nobody pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.money import plain
from core.domain.units import PIECES, divides
from core.domain.vocabulary import HoldKind
from core.errors import Conflict
from core.services.validation import NEGATIVE
from core.store.unit import Unit

ASKED = """
SELECT h.kind, h.detail, h.line_id, l.item_id, l.unit, l.quantity - l.canceled AS units, i.unit AS own,
       (SELECT count(*) FROM order_line b WHERE b.tenant_id = h.tenant_id AND b.order_id = h.order_id
        AND (b.position, b.id) < (l.position, l.id)) AS at
FROM hold h
LEFT JOIN order_line l ON l.tenant_id = h.tenant_id AND l.id = h.line_id
LEFT JOIN item i ON i.tenant_id = l.tenant_id AND i.id = l.item_id
WHERE h.tenant_id = :t AND h.id = ANY(:ids) AND h.state = 'active' ORDER BY h.id
"""
CHEAPEST = """
SELECT unit_price, row - 1 AS at FROM (
    SELECT unit_price, quantity - canceled AS units, row_number() OVER (ORDER BY position, id) AS row FROM order_line
    WHERE tenant_id = :t AND order_id = :o) l
WHERE unit_price < 0 AND units > 0 ORDER BY row LIMIT 1
"""


def refuse_release(unit: Unit, order: Row[Any], hold_ids: Sequence[UUID]) -> None:
    """Refuse to release holds of a locked order that need a fix first.

    Raises:
        Conflict: a line's code means no item, it asks for a part of a piece or is in another unit than its item, or a
            line of a partner's order has a negative price.
    """
    for row in unit.conn.execute(text(ASKED), {"t": unit.tenant, "ids": list(hold_ids)}).all():
        if row.kind == HoldKind.MISSING_FIELD and order.type == "b2b" and row.detail.endswith(NEGATIVE):
            _refuse_negative(unit, order)
        if row.line_id is None or row.units <= 0:
            continue
        if row.kind == HoldKind.UNMAPPED_SKU and row.item_id is None:
            raise Conflict(
                "The line's code still means no item.",
                fix="Add the code as a reference of an item first; the hold then ends by itself.",
                code="HOLD-SKU-409",
            )
        if row.kind == HoldKind.PART_OF_UNIT and divides(row.units, row.own or ""):
            raise Conflict(
                f"The line still asks for {plain(row.units)} of an item counted in {row.own}.",
                why="Released, a node would be told to send a part of a piece.",
                fix="Change the line to a whole number (`crossdock orders change`) or have its source do so: the hold "
                "then ends by itself. An item that is divided needs a unit that is measured, such as KGM or MTR.",
                code="HOLD-FRACTION-409",
            )
        if row.kind == HoldKind.UNMAPPED_CODE and row.own is not None and row.unit not in {*PIECES, row.own}:
            raise _other_unit(order, row)


def _other_unit(order: Row[Any], row: Row[Any]) -> Conflict:
    number, line = order.number or order.external_id, f"lines.{row.at}"
    return Conflict(
        f"Line {row.at + 1} of {number} is still in {row.unit}, and its item is counted in {row.own}.",
        why=f"Released, a node would send {plain(row.units)} {row.own} for {plain(row.units)} {row.unit}.",
        fix=f"Say how many {row.own} are meant and what one costs: `crossdock orders change {number} --set "
        f"{line}.unit={row.own} --set {line}.quantity=UNITS --set {line}.unit_price=PRICE`; the hold then ends by "
        "itself. Or cancel the line. Orders to come are read by the item's packs (`crossdock terms pack`).",
        code="HOLD-UNIT-409",
    )


def _refuse_negative(unit: Unit, order: Row[Any]) -> None:
    row = unit.conn.execute(text(CHEAPEST), {"t": unit.tenant, "o": order.id}).one_or_none()
    if row is None:
        return
    number = order.number or order.external_id
    raise Conflict(
        f"Line {row.at + 1} of {number} still costs {plain(row.unit_price)}.",
        why="Released, the partner would be told and billed a negative price.",
        fix=f"Give it its price: `crossdock orders change {number} --set lines.{row.at}.unit_price=PRICE`; the hold "
        "then ends by itself. Or cancel the line.",
        code="HOLD-PRICE-409",
    )
