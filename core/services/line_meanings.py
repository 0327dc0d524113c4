"""Codes of held lines get a meaning, by a person or an import, and the orders that waited only for it go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.line_codes import BUYER, GTIN, SELLER, Code, line_codes
from core.domain.units import PIECES, divides
from core.domain.vocabulary import HoldKind
from core.errors import InputError, Refused
from core.ports.connectors import Json
from core.services.catalog import add_reference, resolve_skus, units_of
from core.services.facts import Facts
from core.services.holds import Stopped, end_holds, place
from core.services.line_items import item_of, resolve_lines
from core.services.validation import Stop, other_unit, part_of_unit
from core.store.locks import lock_order, lock_orders
from core.store.unit import Unit

WAITING = """
FROM hold h
JOIN orders o ON o.tenant_id = h.tenant_id AND o.id = h.order_id
JOIN order_line l ON l.tenant_id = h.tenant_id AND l.id = h.line_id
WHERE h.tenant_id = :t AND h.state = 'active' AND h.kind = :kind
"""
CODES = """
o.connection_id, l.sku, l.item_ref->>'scheme' AS ref_scheme, l.item_ref->>'code' AS ref_code,
l.trade->>'buyer_code' AS buyer_code, l.trade->>'gtin' AS gtin
"""
CARRIES = {
    BUYER: "l.trade->>'buyer_code' = :code",
    GTIN: "l.trade->>'gtin' = :code",
    SELLER: "(l.sku = :code OR l.item_ref->>'code' = :code)",
}


def map_code(unit: Unit, facts: Facts, case: Row[Any], args: Mapping[str, Any]) -> int:
    """Make the code a case is about a reference of an item; return how many orders waited only for it and go on.

    Args:
        unit: the running transaction.
        facts: nodes and connections.
        case: the row of the case; what its lines are called is said there, and nothing else becomes a reference.
        args: `sku` of the item.

    Raises:
        InputError: no item has the SKU.
        Refused: no line that waits carries such a code.
    """
    said, sku = case.recommended.get("args", {}), args.get("sku")
    item = resolve_skus(unit, {(case.connection_id, str(sku))}).get((case.connection_id, str(sku)))
    if item is None:
        raise InputError(f"No item has the SKU {sku!r}.", code="ITEM-SKU-404")
    code = Code(str(said.get("scheme") or SELLER), str(said.get("code") or ""))
    if not _waiting(unit, case.connection_id, code):
        raise Refused(
            "Nothing can be applied to this exception: no line that waits for it carries a code.",
            why=f"{code.code!r} was not sent as a code, and as a reference it would give other lines this item.",
            fix="Have the source send the order again with codes, or put a line of the item in the place of this one "
            "(`crossdock orders change`: remove and add).",
            code="CASE-ACTION-403",
        )
    add_reference(unit, item, code.scheme, code.code, case.connection_id)
    return fill_lines(unit, facts, case.connection_id, code)


def _waiting(unit: Unit, connection_id: UUID, code: Code) -> list[Row[Any]]:
    """Return the holds of lines that carry a code and whose item is not known."""
    return list(
        unit.conn.execute(
            text(
                "SELECT h.id, h.order_id, h.line_id, o.total, l.position, l.unit, l.quantity - l.canceled AS units,"
                f" {CODES} {WAITING} AND o.connection_id = :c AND {CARRIES.get(code.scheme, CARRIES[SELLER])}"
                " ORDER BY h.order_id, h.id"
            ),
            {"t": unit.tenant, "c": connection_id, "kind": str(HoldKind.UNMAPPED_SKU), "code": code.code},
        )
    )


def _line(row: Row[Any]) -> Json:
    """Return the codes of a stored line as its source sent them."""
    item_ref = {"scheme": row.ref_scheme, "code": row.ref_code} if row.ref_code else None
    return {"sku": row.sku, "item_ref": item_ref, "buyer_code": row.buyer_code, "gtin": row.gtin}


def fill_lines(unit: Unit, facts: Facts, connection_id: UUID, code: Code) -> int:
    """Give held lines with this code their item and end their holds; return how many orders that were.

    A line in another unit than its item, or that asks for a part of a piece, is held for that instead; one whose codes
    name two items stays.
    """
    waiting = _waiting(unit, connection_id, code)
    known = resolve_lines(unit, ((connection_id, _line(row)) for row in waiting))
    items = {row.id: item for row in waiting if (item := item_of(known, connection_id, _line(row))) is not None}
    rows = [row for row in waiting if row.id in items]
    own = units_of(unit, set(items.values()))
    by_order: dict[UUID, list[Row[Any]]] = {}
    for row in rows:
        by_order.setdefault(row.order_id, []).append(row)
    lock_orders(unit, by_order)
    stopped = [
        Stopped(row.order_id, connection_id, row.total, [row.line_id], stops)
        for row in rows
        if (stops := _stops(row, own[items[row.id]]))
    ]
    place(unit, facts, stopped)
    for order_id, holds in by_order.items():
        for hold in holds:
            unit.conn.execute(
                text("UPDATE order_line SET item_id = :i WHERE tenant_id = :t AND id = :line AND item_id IS NULL"),
                {"i": items[hold.id], "t": unit.tenant, "line": hold.line_id},
            )
        end_holds(unit, lock_order(unit, order_id), [hold.id for hold in holds])
    return len(by_order)


def _stops(row: Row[Any], own: str) -> list[Stop]:
    """Return what still stops a line whose item has become known.

    Packs are counted and priced when an order comes in, by the item of each line; nobody does so afterwards.
    """
    if row.unit not in {*PIECES, own}:
        return [other_unit(row.position, row.unit, own, 0)]
    return [part_of_unit(row.position, row.units, own, 0)] if divides(row.units, own) else []


def end_known_skus(unit: Unit, facts: Facts) -> int:
    """End holds for codes that have got a meaning since, by an import or a new reference; return how many orders."""
    rows = unit.conn.execute(
        text(f"SELECT DISTINCT {CODES} {WAITING} LIMIT 500"),
        {"t": unit.tenant, "kind": str(HoldKind.UNMAPPED_SKU)},
    ).all()
    lines = [(row.connection_id, _line(row)) for row in rows]
    known = resolve_lines(unit, lines)
    ready = sorted(
        (connection, code)
        for connection, line in lines
        if item_of(known, connection, line) is not None
        for code in line_codes(line)
        if (connection, code) in known
    )
    if not ready:
        return 0
    # One code a round: its orders are locked together, and other codes' orders would come out of order after them.
    return fill_lines(unit, facts, *ready[0])
