"""A refund of a partner's order that a person makes; what a channel gives back it reports itself (see refunds.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text

from core.domain.ids import public_id, uuid7
from core.domain.money import plain
from core.domain.papers import short_number
from core.errors import Conflict, InputError
from core.ports.connectors import Json
from core.services.crediting import gives_money
from core.services.facts import Facts
from core.services.refund_checks import refuse_part
from core.services.refunds import give_back
from core.store import schema as t
from core.store.locks import lock_order
from core.store.unit import Unit

ZERO = Decimal(0)
LINES = text(
    "SELECT l.id, l.external_id, l.sku, l.quantity - l.canceled - l.shipped AS open, l.shipped - l.returned AS out,"
    " coalesce(i.unit, l.unit) AS unit FROM order_line l LEFT JOIN item i ON i.tenant_id = l.tenant_id AND"
    " i.id = l.item_id WHERE l.tenant_id = :t AND l.order_id = :o ORDER BY l.position, l.id"
)
TOLD = text("SELECT line_id, quantity, restock, amount FROM refund_line WHERE tenant_id = :t AND refund_id = :r")
MOST = {"cancel": ("open", "open"), "return": ("out", "with the buyer")}
"""By what becomes of units: the column that says how many there are, and what they are."""


def refund_order(unit: Unit, facts: Facts, order_id: UUID, asked: Json) -> tuple[UUID, bool]:
    """Give back money or units of a partner's order, and return the refund's id and whether it is new.

    The same `external_id` again with the same content is the same refund. Where money is given back to a partner with
    terms of trade, a credit note leaves by itself.

    Args:
        unit: the running transaction.
        facts: connections.
        order_id: the order.
        asked: {external_id, amount, note, lines: [{line, quantity, restock, amount}]}; a line is named by its id
            (`lin_…`), external id or SKU, and amounts are in the order's currency, tax included where its prices are.

    Raises:
        NotFound: there is no such order.
        Conflict: it is an order of a shop, or the number is that of a refund of another order or of other content.
        InputError: nothing is given back, a line is none of the order, it has fewer units than come back or comes back
            in part of a piece, or an amount is finer than the currency.
    """
    order = lock_order(unit, order_id)
    if order.type != "b2b":
        raise Conflict(
            f"{order.number or order.external_id} is an order of a shop, which gives the money back itself.",
            fix="Refund it at the channel; the hub hears of it from there.",
            code="REFUND-CHANNEL-409",
        )
    number = asked.get("external_id") or short_number("R", uuid7())
    rows = unit.conn.execute(LINES, {"t": unit.tenant, "o": order_id}).all()
    named = [_row(rows, each["line"], at) for at, each in enumerate(asked.get("lines") or [])]
    lines = _lines(named, asked.get("lines") or [])
    known = _known(unit, order, number, asked, lines)
    if known is not None:
        return known, False
    _refuse_units(named, asked.get("lines") or [])
    if not gives_money({**asked, "lines": lines}) and all(each["restock"] == "none" for each in lines):
        raise InputError(
            "Nothing is given back.",
            why="There is neither an amount nor a line whose units are canceled or come back.",
            fix="Give `amount`, or lines with an amount, or with `restock` cancel or return.",
            code="REFUND-EMPTY-422",
        )
    body = {
        **{name: asked[name] for name in ("amount", "note") if asked.get(name) is not None},
        "external_id": number,
        "currency": order.currency,
        "lines": lines,
    }
    made = give_back(unit, facts, order.connection_id, order, body, _units(lines, "cancel"), _units(lines, "return"))
    assert made is not None  # the order is locked, and its refund of that number was looked for
    return made, True


def _known(unit: Unit, order: Row[Any], number: str, asked: Json, lines: Sequence[Json]) -> UUID | None:
    """Return the refund of this number; of other content it is another one, which needs a number of its own."""
    r = t.refund.c
    row = unit.conn.execute(
        select(r.id, r.order_id, r.amount, r.currency, r.note).where(
            r.tenant_id == unit.tenant, r.connection_id == order.connection_id, r.external_id == number
        )
    ).one_or_none()
    if row is None:
        return None
    if row.order_id != order.id:
        raise Conflict(
            f"{number[:60]!r} is the number of a refund of another order.",
            fix="Give another number, or none: the hub then makes one.",
            code="REFUND-NUMBER-409",
        )
    told = unit.conn.execute(TOLD, {"t": unit.tenant, "r": row.id}).all()
    same_lines = Counter((each["line_id"], each["quantity"], each["restock"], each["amount"]) for each in lines)
    if (row.amount, row.note) != (asked.get("amount"), asked.get("note")) or same_lines != Counter(map(tuple, told)):
        given = "units alone" if row.amount is None else f"{plain(row.amount)} {row.currency}"
        raise Conflict(
            f"{number[:60]!r} is the number of another refund of this order: {given}.",
            why="Its amount, note or lines are others than what is asked for now, of which nothing was done.",
            fix="For another refund give another number, or none: the hub then makes one.",
            code="REFUND-NUMBER-409",
        )
    return UUID(str(row.id))


def _lines(named: Sequence[Row[Any]], asked: Sequence[Json]) -> list[Json]:
    """Return the lines asked for as those of a canonical refund, each with the id of ours."""
    return [
        {
            "line_id": row.id,
            "external_id": row.external_id or public_id("line", row.id),
            "quantity": each.get("quantity") or ZERO,
            "restock": each.get("restock") or "none",
            "amount": each.get("amount"),
        }
        for row, each in zip(named, asked, strict=True)
    ]


def _refuse_units(named: Sequence[Row[Any]], asked: Sequence[Json]) -> None:
    """Refuse lines that leave or come back with more units than there are, or with a part of a piece."""
    taken: dict[tuple[UUID, str], Decimal] = {}
    for at, (row, each) in enumerate(zip(named, asked, strict=True)):
        restock, units = each.get("restock") or "none", each.get("quantity") or ZERO
        if restock not in MOST:
            continue
        column, words = MOST[restock]
        taken[row.id, restock] = taken.get((row.id, restock), ZERO) + units
        there = max(getattr(row, column), ZERO)
        if not units or taken[row.id, restock] > there:
            raise InputError(
                f"Of line {each['line'][:60]!r} {plain(there)} units are {words}, not {plain(units)}.",
                fix="Ask for as many as there are; `none` gives money back without units.",
                code="REFUND-UNITS-422",
                errors=[{"path": f"lines.{at}.quantity", "reason": f"must be from 1 to {plain(there)}"}],
            )
        refuse_part(units, row.unit, each["line"], at)


def _row(rows: Sequence[Row[Any]], name: str, at: int) -> Row[Any]:
    matches = [row for row in rows if name in (public_id("line", row.id), row.external_id, row.sku)]
    if len(matches) != 1:
        reason = "Several lines are named like that." if matches else "The order has no such line."
        raise InputError(
            f"{name[:60]!r} is not one line of the order.",
            fix="Name lines by their id (`lin_…`); `crossdock orders show ORDER --json` has them.",
            code="REFUND-LINE-422",
            errors=[{"path": f"lines.{at}.line", "reason": reason}],
        )
    return matches[0]


def _units(lines: Sequence[Mapping[str, Any]], restock: str) -> dict[UUID, Decimal]:
    found: dict[UUID, Decimal] = {}
    for each in lines:
        if each["restock"] == restock:
            found[each["line_id"]] = found.get(each["line_id"], ZERO) + each["quantity"]
    return found
