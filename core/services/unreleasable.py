"""Holds that nobody may release as they are: what would leave is what nobody ordered, or at what nobody pays."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.money import plain
from core.domain.units import PIECES, divides
from core.domain.vocabulary import HoldKind
from core.errors import Conflict
from core.ports.connectors import Json
from core.services.agreements import packs_of
from core.services.order_rows import part_of
from core.services.validation import NEGATIVE, PACKS
from core.store.unit import Unit

ASKED = """
SELECT h.id, h.kind, h.detail, h.evidence, h.line_id, l.item_id, i.sku AS item_sku,
       l.unit, l.quantity - l.canceled AS units, i.unit AS own,
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
        Conflict: a line's code means no item, it asks for a part of a piece or is in another unit than its item, a line
            of a store cannot be counted, or one of a partner's order has a negative price.
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
        if _is_uncounted(unit, row):
            raise _unknown_pack(order, row)
        if row.kind == HoldKind.UNMAPPED_CODE and row.own is not None and row.unit not in {*PIECES, row.own}:
            raise _other_unit(order, row)


def uncounted(unit: Unit, hold_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of these holds that are of stores' lines whose units nobody has counted since."""
    rows = unit.conn.execute(text(ASKED), {"t": unit.tenant, "ids": list(hold_ids)}).all()
    return {row.id for row in rows if row.line_id is not None and row.units > 0 and _is_uncounted(unit, row)}


def still_uncounted(unit: Unit, order_id: UUID, lines: Sequence[Json]) -> list[Json]:
    """Return the holds of an order's lines that cannot be counted and stay as they are, as its map would ask for them.

    Args:
        unit: the running transaction.
        order_id: the order.
        lines: as a person wants them.
    """
    active = text(
        "SELECT h.id, h.kind, h.detail, h.evidence, l.external_id FROM hold h"
        " JOIN order_line l ON l.tenant_id = h.tenant_id AND l.id = h.line_id"
        " WHERE h.tenant_id = :t AND h.order_id = :o AND h.state = 'active' ORDER BY h.id"
    )
    rows = {row.id: row for row in unit.conn.execute(active, {"t": unit.tenant, "o": order_id})}
    held = {rows[each].external_id: rows[each] for each in uncounted(unit, list(rows))}
    found = []
    for index, line in enumerate(lines):
        row = held.get(line["external_id"])
        if (
            row is not None
            and line["unit"] == row.evidence["unit"]
            and (line["quantity"] == Decimal(row.evidence["quantity"]))
        ):
            said = {"kind": row.kind, "path": "", "detail": row.detail}
            found.append({**said, "line": index, "evidence": row.evidence})
    return found


def _is_uncounted(unit: Unit, row: Row[Any]) -> bool:
    """Return whether a store's line is as it came, and a pack it is counted by is not known yet."""
    said = row.evidence or {}
    if row.kind != HoldKind.UNMAPPED_CODE or PACKS not in said:
        return False
    if (row.unit, row.units) != (said["unit"], Decimal(said["quantity"])):
        return False
    known = {*PIECES, row.own}
    if row.item_id is not None:
        known |= {name for _, name in packs_of(unit, {row.item_id})}
    return not known.issuperset(said[PACKS])


def _named(order: Row[Any]) -> str:
    """Return the name that commands find an order by: parts of stores have one number together."""
    return str(order.external_id if part_of(order.body) else order.number or order.external_id)


def _unknown_pack(order: Row[Any], row: Row[Any]) -> Conflict:
    number, line, packs = _named(order), f"lines.{row.at}", row.evidence[PACKS]
    own = row.own or "C62"
    return Conflict(
        f"Line {row.at + 1} of {number} is for a store, and how many units it is cannot be told: no pack "
        f"{', '.join(packs)} of its item is known.",
        why="Released, a node would send what may not be what was ordered.",
        fix=f"Say what the pack holds (`crossdock terms pack {row.item_sku or 'SKU'} {packs[0]} UNITS`) and read the "
        "message again (`crossdock messages replay`). Or say how many units are meant and what one costs: `crossdock "
        f"orders change {number} --set {line}.unit={own} --set {line}.quantity=UNITS --set {line}.unit_price=PRICE`. "
        "The hold then ends by itself. Or cancel the line.",
        code="HOLD-PACK-409",
    )


def _other_unit(order: Row[Any], row: Row[Any]) -> Conflict:
    number, line = _named(order), f"lines.{row.at}"
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
    number = _named(order)
    raise Conflict(
        f"Line {row.at + 1} of {number} still costs {plain(row.unit_price)}.",
        why="Released, the partner would be told and billed a negative price.",
        fix=f"Give it its price: `crossdock orders change {number} --set lines.{row.at}.unit_price=PRICE`; the hold "
        "then ends by itself. Or cancel the line.",
        code="HOLD-PRICE-409",
    )
