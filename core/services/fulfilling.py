"""A node's work on an order: finding it, matching reported lines, giving its units back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row

from core.domain.ids import KINDS
from core.domain.money import plain
from core.domain.states import FULFILLMENT
from core.errors import InputError, NotFound
from core.ports.connectors import Json
from core.services.allocations import take_back
from core.services.promise_looks import look_at_promise
from core.store.locks import lock_orders
from core.store.unit import DEFAULT_TENANT, ORDERS, Unit

ZERO = Decimal(0)
# Three index look-ups, our own names first: one condition with OR would read the whole table.
LOOK_UP = """
WITH named AS MATERIALIZED (
    SELECT * FROM unnest(%(ids)s::uuid[], %(numbers)s::text[], %(references)s::text[], %(connections)s::uuid[])
        WITH ORDINALITY AS w(id, number, reference, connection_id, place)
)
SELECT DISTINCT ON (place) place, id, order_id FROM (
    SELECT w.place, f.id, f.order_id, 1 AS rank FROM named w JOIN fulfillment_order f ON f.id = w.id
    WHERE f.tenant_id = %(tenant)s
    UNION ALL
    SELECT w.place, f.id, f.order_id, 2 FROM named w JOIN fulfillment_order f ON f.number = w.number
    WHERE f.tenant_id = %(tenant)s
    UNION ALL
    SELECT w.place, f.id, f.order_id, 3 FROM named w
    JOIN fulfillment_order f ON f.connection_id = w.connection_id AND f.reference = w.reference
    WHERE f.tenant_id = %(tenant)s
) found ORDER BY place, rank
"""
LINES = """
SELECT f.id, f.fulfillment_id, f.line_id, f.item_id, f.quantity, f.shipped, f.canceled, l.sku, l.external_id,
       l.position, i.sku AS item_sku, coalesce(b.tracking, i.tracking) AS tracking, coalesce(b.sku, i.sku) AS told_sku,
       coalesce(b.id, i.id) AS told_item, coalesce(k.units, 1) AS per_unit, i.unit
FROM fulfillment_line f JOIN order_line l ON l.tenant_id = f.tenant_id AND l.id = f.line_id
JOIN item i ON i.tenant_id = f.tenant_id AND i.id = f.item_id
LEFT JOIN item b ON b.tenant_id = i.tenant_id AND b.id = i.bundle_of
LEFT JOIN kit_component k ON k.tenant_id = i.tenant_id AND k.kit_id = i.id AND k.component_id = i.bundle_of
     AND k.ended_at IS NULL
WHERE f.tenant_id = %s AND f.fulfillment_id = ANY(%s::uuid[]) ORDER BY f.id
"""
SET_STATES = """
UPDATE fulfillment_order f SET state = d.state, updated_at = clock_timestamp(), version = f.version + 1,
       finished_at = CASE WHEN d.final THEN clock_timestamp() END,
       reason = CASE WHEN d.told THEN d.reason ELSE f.reason END
FROM unnest(%b::uuid[], %b::text[], %b::bool[], %b::bool[], %b::text[]) AS d(id, state, final, told, reason)
WHERE f.tenant_id = %s AND f.id = d.id
"""


def as_uuid(public: str | None) -> UUID | None:
    """Return the UUID in a public id of any kind, or None."""
    prefix, _, digits = (public or "").partition("_")
    try:
        return UUID(hex=digits) if prefix in KINDS and len(digits) == 32 else None
    except ValueError:
        return None


def find_works(
    conn: Connection, named: Sequence[tuple[Json, UUID | None]], tenant: int = DEFAULT_TENANT
) -> list[tuple[UUID, UUID] | None]:
    """Return (fulfillment order, order) of each report, given as (document, its connection), without locking any.

    None is for a report whose `fulfillment` and `reference` nothing has.
    """
    if not named:
        return []
    names = [document.get("fulfillment") for document, _ in named]
    rows = conn.exec_driver_sql(
        LOOK_UP,
        {
            "ids": [as_uuid(name) for name in names],
            "numbers": names,
            "references": [document.get("reference") for document, _ in named],
            "connections": [connection_id for _, connection_id in named],
            "tenant": tenant,
        },
    )
    found = {row.place: (row.id, row.order_id) for row in rows}
    return [found.get(place) for place in range(1, len(named) + 1)]


def lock_works(unit: Unit, named: Sequence[tuple[Json, UUID | None]]) -> list[tuple[Row[Any], Row[Any]] | NotFound]:
    """Lock the orders that reports are about, in id order, and return (fulfillment order, order) or why not of each.

    Args:
        unit: the running transaction.
        named: each report with the connection it came by.
    """
    found = find_works(unit.conn, named, unit.tenant)
    orders = lock_orders(unit, {each[1] for each in found if each})
    rows = unit.conn.exec_driver_sql(
        "SELECT * FROM fulfillment_order WHERE tenant_id = %s AND id = ANY(%s::uuid[])",
        (unit.tenant, sorted({each[0] for each in found if each})),
    )
    works = {row.id: row for row in rows}
    return [
        _unknown(document) if each is None else (works[each[0]], orders[each[1]])
        for each, (document, _) in zip(found, named, strict=True)
    ]


def _unknown(document: Json) -> NotFound:
    return NotFound(
        f"There is no fulfillment order {document.get('fulfillment') or document.get('reference')!r}.",
        why="Nothing the hub released has this id, number or reference.",
        fix="Send our id (ful_…) as the WMS got it. A message is tried again by itself, a call to the API is not.",
        code="SHIP-UNKNOWN-404",
    )


def find_work(unit: Unit, fulfillment: str) -> tuple[Row[Any], Row[Any]]:
    """Lock and return (fulfillment order, order) of a public id or number.

    Raises:
        NotFound: no fulfillment order has it.
    """
    [found] = lock_works(unit, [({"fulfillment": fulfillment}, None)])
    if isinstance(found, NotFound):
        raise found
    return found


def work_lines(unit: Unit, work_ids: Collection[UUID]) -> dict[UUID, list[Row[Any]]]:
    """Return the lines of fulfillment orders with the codes they can be named by."""
    found: dict[UUID, list[Row[Any]]] = {work_id: [] for work_id in work_ids}
    for row in unit.conn.exec_driver_sql(LINES, (unit.tenant, list(found))):
        found[row.fulfillment_id].append(row)
    return found


def lines_named(lines: Sequence[Row[Any]], named: Mapping[str, Any]) -> list[Row[Any]]:
    """Return the lines a report can mean: by our ids, or by SKU or the source's id."""
    wanted = as_uuid(named.get("line"))
    code = named.get("sku") or named.get("line")
    return [
        line
        for line in lines
        if (wanted is not None and wanted in (line.id, line.line_id))
        or (wanted is None and code is not None and code in (line.sku, line.item_sku, line.told_sku, line.external_id))
    ]


def _per_unit(line: Row[Any], named: Mapping[str, Any]) -> Decimal:
    """Return the units a report means by one of the line: of a bundle its item's, unless the order's SKU is named."""
    per_unit: Decimal = line.per_unit
    return Decimal(1) if (named.get("sku") or named.get("line")) in (line.item_sku, line.sku) else per_unit


def match_lines(
    lines: Sequence[Row[Any]], named: Sequence[Mapping[str, Any]] | None
) -> tuple[dict[UUID, Decimal], dict[UUID, Decimal]]:
    """Return (units by fulfillment line, units too many by fulfillment line) of a report; no lines means all open.

    Raises:
        InputError: a reported line is not in this fulfillment order, or a part of a bundle is reported.
    """
    if not named:
        return open_units(lines), {}
    still = open_units(lines)
    found: dict[UUID, Decimal] = {}
    over: dict[UUID, Decimal] = {}
    for each in named:
        fitting = lines_named(lines, each)
        if not fitting:
            raise InputError(
                f"The report names {each.get('line') or each.get('sku')!r}, not a line of this fulfillment order.",
                fix="Name lines by our ids (fln_… or lin_…) or by SKU.",
                code="SHIP-LINE-422",
            )
        left: Decimal = each["quantity"]
        for line in fitting:
            per_unit = _per_unit(line, each)
            units = min(left if per_unit == 1 else left // per_unit, still.get(line.id, ZERO))
            if units > 0:
                still[line.id] -= units
                found[line.id] = found.get(line.id, ZERO) + units
                left -= units * per_unit
        if left > 0:
            per_unit = _per_unit(fitting[0], each)
            if (per_unit != 1 and left % per_unit) or any(still.get(line.id) for line in fitting):
                raise _part_of_bundle(fitting, each)
            over[fitting[0].id] = over.get(fitting[0].id, ZERO) + left / per_unit
    return found, over


def _part_of_bundle(lines: Sequence[Row[Any]], named: Mapping[str, Any]) -> InputError:
    line = next(line for line in lines if _per_unit(line, named) != 1)
    return InputError(
        f"{plain(named['quantity'])} units of {line.told_sku} are not all of the {plain(line.per_unit)} that go instead"
        f" of one {line.sku}.",
        fix="Report them when all the units that stand for one are picked, or short.",
        code="SHIP-BUNDLE-422",
    )


def set_work_state(unit: Unit, work_id: UUID, state: str, reason: str | None) -> None:
    """Write the state of a fulfillment order and why."""
    set_work_states(unit, {work_id: state}, {work_id: reason})


def set_work_states(unit: Unit, states: Mapping[UUID, str], reasons: Mapping[UUID, str | None]) -> None:
    """Write the states of fulfillment orders, and the reasons of those that have one here."""
    if states:
        columns = (
            list(states),
            [str(state) for state in states.values()],
            [state in FULFILLMENT.final for state in states.values()],
            [work in reasons for work in states],
            [reasons.get(work) for work in states],
        )
        unit.conn.exec_driver_sql(SET_STATES, (*columns, unit.tenant))


def cancel_work_units(unit: Unit, units: Mapping[UUID, Decimal]) -> None:
    """Take units off fulfillment lines."""
    count_work_units(unit, {}, units)


def count_work_units(unit: Unit, shipped: Mapping[UUID, Decimal], canceled: Mapping[UUID, Decimal]) -> None:
    """Count units of fulfillment lines as shipped and as canceled."""
    lines = sorted({*shipped, *canceled})
    if lines:
        unit.conn.exec_driver_sql(
            "UPDATE fulfillment_line f SET shipped = f.shipped + d.shipped, canceled = f.canceled + d.canceled"
            " FROM unnest(%b::uuid[], %b::numeric[], %b::numeric[]) AS d(id, shipped, canceled)"
            " WHERE f.tenant_id = %s AND f.id = d.id",
            (
                lines,
                [shipped.get(line, ZERO) for line in lines],
                [canceled.get(line, ZERO) for line in lines],
                unit.tenant,
            ),
        )


def open_units(lines: Sequence[Row[Any]]) -> dict[UUID, Decimal]:
    """Return what is neither shipped nor canceled of fulfillment lines, of those where that is anything."""
    units = {line.id: line.quantity - line.shipped - line.canceled for line in lines}
    return {line: number for line, number in units.items() if number > 0}


def by_order_line(lines: Sequence[Row[Any]], units: Mapping[UUID, Decimal]) -> dict[UUID, Decimal]:
    """Return units given by fulfillment line by the order line they are of."""
    found: dict[UUID, Decimal] = {}
    for line in lines:
        if line.id in units:
            found[line.line_id] = found.get(line.line_id, ZERO) + units[line.id]
    return found


def give_back(unit: Unit, work: Row[Any], order: Row[Any]) -> dict[UUID, Decimal]:
    """Release what a fulfillment order still held and return the units by order line."""
    lines = work_lines(unit, [work.id])[work.id]
    units = open_units(lines)
    cancel_work_units(unit, units)
    return take_back(unit, order.id, by_order_line(lines, units), work.id)


def source_again(unit: Unit, *order_ids: UUID) -> None:
    """Have what is open and unallocated of locked orders sourced in the next round, and their promises looked at."""
    unit.conn.exec_driver_sql(
        "UPDATE orders SET sourcing_at = clock_timestamp(), version = version + 1"
        " WHERE tenant_id = %s AND id = ANY(%s::uuid[]) AND state IN ('accepted', 'in_progress')",
        (unit.tenant, list(order_ids)),
    )
    look_at_promise(unit, *order_ids)
    unit.wake(ORDERS)
