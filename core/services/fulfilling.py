"""A node's work on an order: finding it, matching reported lines, giving its units back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from core.domain.ids import KINDS
from core.domain.states import FULFILLMENT
from core.errors import InputError, NotFound
from core.ports.connectors import Json
from core.services.allocations import take_back
from core.store.locks import lock_order
from core.store.unit import ORDERS, Unit

ZERO = Decimal(0)
# Three index look-ups, our own names first: one condition with OR would read the whole table.
LOOK_UP = """
SELECT id, order_id FROM (
    SELECT id, order_id, 1 AS place FROM fulfillment_order WHERE tenant_id = :tenant AND id = :id
    UNION ALL
    SELECT id, order_id, 2 FROM fulfillment_order WHERE tenant_id = :tenant AND number = :number
    UNION ALL
    SELECT id, order_id, 3 FROM fulfillment_order
    WHERE tenant_id = :tenant AND connection_id = :connection AND reference = :reference
) f ORDER BY place LIMIT 1
"""
LINES = """
SELECT f.id, f.line_id, f.item_id, f.quantity, f.shipped, f.canceled, l.sku, l.external_id, i.sku AS item_sku
FROM fulfillment_line f JOIN order_line l ON l.tenant_id = f.tenant_id AND l.id = f.line_id
JOIN item i ON i.tenant_id = f.tenant_id AND i.id = f.item_id
WHERE f.tenant_id = :tenant AND f.fulfillment_id = :id ORDER BY f.id
"""


def as_uuid(public: str | None) -> UUID | None:
    """Return the UUID in a public id of any kind, or None."""
    prefix, _, digits = (public or "").partition("_")
    try:
        return UUID(hex=digits) if prefix in KINDS and len(digits) == 32 else None
    except ValueError:
        return None


def find_work(unit: Unit, document: Json, connection_id: UUID | None) -> tuple[Row[Any], Row[Any]]:
    """Lock and return (fulfillment order, order) a report is about.

    Raises:
        NotFound: no fulfillment order has the id, number or reference it names.
    """
    named = document.get("fulfillment")
    found = unit.conn.execute(
        text(LOOK_UP),
        {
            "tenant": unit.tenant,
            "id": as_uuid(named),
            "number": named,
            "reference": document.get("reference"),
            "connection": connection_id,
        },
    ).one_or_none()
    if found is None:
        raise NotFound(
            f"There is no fulfillment order {named or document.get('reference')!r}.",
            why="Nothing the hub released has this id, number or reference.",
            fix="Send our id (ful_…) as the WMS got it. A message is tried again by itself, a call to the API is not.",
            code="SHIP-UNKNOWN-404",
        )
    order = lock_order(unit, found.order_id)
    work = unit.conn.execute(
        text("SELECT * FROM fulfillment_order WHERE tenant_id = :t AND id = :id"), {"t": unit.tenant, "id": found.id}
    ).one()
    return work, order


def work_lines(unit: Unit, work_id: UUID) -> Sequence[Row[Any]]:
    """Return the lines of a fulfillment order with the codes they can be named by."""
    return unit.conn.execute(text(LINES), {"tenant": unit.tenant, "id": work_id}).all()


def lines_named(lines: Sequence[Row[Any]], named: Mapping[str, Any]) -> list[Row[Any]]:
    """Return the lines a report can mean: by our ids, or by SKU or the source's id."""
    wanted = as_uuid(named.get("line"))
    code = named.get("sku") or named.get("line")
    return [
        line
        for line in lines
        if (wanted is not None and wanted in (line.id, line.line_id))
        or (wanted is None and code is not None and code in (line.sku, line.item_sku, line.external_id))
    ]


def match_lines(
    lines: Sequence[Row[Any]], named: Sequence[Mapping[str, Any]] | None
) -> tuple[dict[UUID, Decimal], dict[UUID, Decimal]]:
    """Return (units by fulfillment line, units too many by fulfillment line) of a report; no lines means all open.

    Raises:
        InputError: a reported line is not in this fulfillment order.
    """
    open_units = {line.id: line.quantity - line.shipped - line.canceled for line in lines}
    if not named:
        return {line: units for line, units in open_units.items() if units > 0}, {}
    found: dict[UUID, Decimal] = {}
    over: dict[UUID, Decimal] = {}
    for each in named:
        left: Decimal = each["quantity"]
        fitting = lines_named(lines, each)
        if not fitting:
            raise InputError(
                f"The report names {each.get('line') or each.get('sku')!r}, not a line of this fulfillment order.",
                fix="Name lines by our ids (fln_… or lin_…) or by SKU.",
                code="SHIP-LINE-422",
            )
        for line in fitting:
            units = min(left, open_units[line.id])
            if units > 0:
                open_units[line.id] -= units
                found[line.id] = found.get(line.id, ZERO) + units
                left -= units
        if left > 0:
            over[fitting[0].id] = over.get(fitting[0].id, ZERO) + left
    return found, over


def set_work_state(unit: Unit, work_id: UUID, state: str, **more: Any) -> None:
    """Write the state of a fulfillment order."""
    columns = ", ".join(f"{name} = :{name}" for name in more)
    unit.conn.execute(
        text(
            "UPDATE fulfillment_order SET state = :state, updated_at = clock_timestamp(), version = version + 1,"  # noqa: S608
            " finished_at = CASE WHEN :final THEN clock_timestamp() END"
            f"{', ' + columns if columns else ''} WHERE tenant_id = :t AND id = :id"
        ),
        {"state": state, "final": state in FULFILLMENT.final, "t": unit.tenant, "id": work_id, **more},
    )


def cancel_work_units(unit: Unit, units: Mapping[UUID, Decimal]) -> None:
    """Take units off fulfillment lines."""
    unit.conn.exec_driver_sql(
        "UPDATE fulfillment_line f SET canceled = f.canceled + d.units"
        " FROM unnest(%s::uuid[], %s::numeric[]) AS d(id, units) WHERE f.tenant_id = %s AND f.id = d.id",
        (list(units), list(units.values()), unit.tenant),
    )


def give_back(unit: Unit, work: Row[Any], order: Row[Any]) -> dict[UUID, Decimal]:
    """Release what a fulfillment order still held and return the units by order line."""
    lines = work_lines(unit, work.id)
    units = {line.id: line.quantity - line.shipped - line.canceled for line in lines}
    open_units = {line: number for line, number in units.items() if number > 0}
    cancel_work_units(unit, open_units)
    by_line = {line.line_id: open_units[line.id] for line in lines if line.id in open_units}
    return take_back(unit, order.id, by_line, work.id)


def source_again(unit: Unit, order_id: UUID) -> None:
    """Have what is open and unallocated of a locked order sourced in the next round."""
    unit.conn.execute(
        text(
            "UPDATE orders SET sourcing_at = clock_timestamp(), version = version + 1"
            " WHERE tenant_id = :t AND id = :id AND state IN ('accepted', 'in_progress')"
        ),
        {"t": unit.tenant, "id": order_id},
    )
    unit.wake(ORDERS)
