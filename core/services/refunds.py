"""Refunds: units taken off an order before shipment, units coming back after it, or money only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.dialects.postgresql import insert

from core.domain.ids import uuid7
from core.domain.payloads import jsonable
from core.errors import InputError
from core.ports.connectors import Json
from core.services.canceling import cancel_order
from core.services.facts import Facts
from core.services.latecomers import settle_late
from core.services.phase import refresh_phases
from core.services.refund_checks import refuse_unpayable
from core.services.refund_parts import order_refunded
from core.services.trade_due import owe_credit
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.unit import Unit

ZERO = Decimal(0)


def line_ids(unit: Unit, order_id: UUID, lines: Sequence[Mapping[str, Any]]) -> dict[UUID, Decimal]:
    """Return units by our line id for lines named by the source's ids.

    Several lines of one name are filled in their order, each with what it has, the last with the rest.

    Raises:
        InputError: the order has no such line.
    """
    rows = unit.conn.execute(
        text(
            "SELECT id, external_id, quantity - canceled - returned AS there FROM order_line"
            " WHERE tenant_id = :t AND order_id = :o ORDER BY position, id"
        ),
        {"t": unit.tenant, "o": order_id},
    )
    known: dict[str, list[Row[Any]]] = {}
    for row in rows:
        known.setdefault(row.external_id, []).append(row)
    found: dict[UUID, Decimal] = {}
    for line in lines:
        if line["external_id"] not in known:
            raise InputError(
                f"The order has no line {line['external_id']!r}.",
                code="ORDER-LINE-404",
                fix="Send the order itself again.",
            )
        left: Decimal = line["quantity"]
        *others, last = known[line["external_id"]]
        for row in others:
            units = min(left, row.there - found.get(row.id, ZERO))
            if units > 0:
                found[row.id] = found.get(row.id, ZERO) + units
                left -= units
        if left > 0 or not others:
            found[last.id] = found.get(last.id, ZERO) + left
    return found


def apply_refund(unit: Unit, facts: Facts, connection_id: UUID, body: Json) -> tuple[UUID, bool]:
    """Apply a refund once and return the order it concerns, and whether the refund was new.

    Units marked `cancel` leave the open part of the order; what of them has been shipped meanwhile counts as returned
    with the units marked `return`. Where money goes back to a partner, the order is owed a credit note.

    Raises:
        NotFound: the order has not come in (yet).
        InputError: the order has no line that units are taken off or brought back to, or was split by store and not
            exactly one part fits; see `give_back` as well.
    """
    order = order_refunded(unit, connection_id, body)
    lines = body.get("lines") or []
    off = line_ids(unit, order.id, [line for line in lines if line["restock"] == "cancel"])
    back = line_ids(unit, order.id, [line for line in lines if line["restock"] == "return"])
    refund_id = give_back(unit, facts, connection_id, order, body, off, back)
    return UUID(str(order.id)), refund_id is not None


def give_back(
    unit: Unit,
    facts: Facts,
    connection_id: UUID,
    order: Row[Any],
    body: Json,
    off: Mapping[UUID, Decimal],
    back: Mapping[UUID, Decimal],
) -> UUID | None:
    """Write a refund with what it does to its order, which is locked; return its id, None for one told before.

    Args:
        unit: the running transaction.
        facts: connections.
        connection_id: whose refund it is.
        order: its row.
        body: canonical; a line with `line_id` is the one of ours with this id.
        off: units by line that leave the open part of the order.
        back: units by line that come back.

    Raises:
        InputError: of a partner's order, an amount is finer than the currency, or part of a piece is taken off or
            brought back; what was written must not be committed.
    """
    lines = body.get("lines") or []
    refund_id = _insert(unit, connection_id, order, body)
    if refund_id is None:
        return None
    rows = {
        row.id: row
        for row in unit.conn.execute(
            text(
                "SELECT l.id, l.external_id, l.quantity - l.canceled - l.shipped AS open,"
                " l.shipped - l.returned AS out, coalesce(i.unit, l.unit) AS unit FROM order_line l"
                " LEFT JOIN item i ON i.tenant_id = l.tenant_id AND i.id = l.item_id"
                " WHERE l.tenant_id = :t AND l.order_id = :o"
            ),
            {"t": unit.tenant, "o": order.id},
        )
    }
    if order.type == "b2b":
        # What a shop tells of its own refunds has happened already.
        currency = body.get("currency") or order.currency
        refuse_unpayable(currency, body, {row.external_id: row for row in rows.values()})
    _insert_lines(unit, refund_id, lines, {row.external_id: row.id for row in rows.values()})
    cancel = {line: min(units, rows[line].open) for line, units in off.items()}
    returned = {
        line: min(back.get(line, ZERO) + off.get(line, ZERO) - cancel.get(line, ZERO), rows[line].out)
        for line in {*off, *back}
    }
    cancel = {line: units for line, units in cancel.items() if units > 0}
    if cancel and order.state not in ("completed", "canceled"):
        cancel_order(unit, facts, order.id, cancel, body.get("note") or "refunded")
    returned = {line: units for line, units in returned.items() if units > 0}
    unit.conn.exec_driver_sql(
        "UPDATE order_line l SET returned = l.returned + d.units FROM unnest(%s::uuid[], %s::numeric[]) AS d(id, units)"
        " WHERE l.tenant_id = %s AND l.id = d.id",
        (list(returned), list(returned.values()), unit.tenant),
    )
    settle_late(unit, order.id)
    refresh_phases(unit, [order.id])
    unit.event(
        "refund.succeeded",
        "order",
        order.id,
        {name: jsonable(body.get(name)) for name in ("external_id", "amount", "currency", "note")},
        order_id=order.id,
    )
    owe_credit(unit, facts, order, refund_id, body)
    return refund_id


def _insert(unit: Unit, connection_id: UUID, order: Row[Any], body: Json) -> UUID | None:
    """Write the refund and return its id, or None when it has been told before."""
    return unit.conn.execute(
        insert(t.refund)
        .values(
            tenant_id=unit.tenant,
            id=uuid7(),
            connection_id=connection_id,
            external_id=body["external_id"],
            order_id=order.id,
            amount=body.get("amount"),
            currency=body.get("currency") or order.currency,
            note=body.get("note"),
            occurred_at=body.get("occurred_at") or unit.now,
        )
        .on_conflict_do_nothing()
        .returning(t.refund.c.id)
    ).scalar_one_or_none()


def _insert_lines(unit: Unit, refund_id: UUID, lines: Sequence[Mapping[str, Any]], known: Mapping[str, UUID]) -> None:
    rows = [
        (uuid7(), refund_id, line["external_id"], line.get("line_id") or known.get(line["external_id"]),
         line["quantity"], line["restock"], line.get("amount"))
        for line in lines
    ]  # fmt: skip
    columns = ("id", "refund_id", "external_id", "line_id", "quantity", "restock", "amount")
    copy_rows(unit, t.refund_line, columns, rows)
