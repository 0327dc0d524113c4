"""A refund of a partner's order that a person makes; what a channel gives back it reports itself (see refunds.py)."""

from __future__ import annotations

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
from core.services.refunds import give_back
from core.store import schema as t
from core.store.locks import lock_order
from core.store.unit import Unit

ZERO = Decimal(0)
LINES = text(
    "SELECT id, external_id, sku, quantity - canceled - shipped AS open, shipped - returned AS out FROM order_line"
    " WHERE tenant_id = :t AND order_id = :o ORDER BY position, id"
)
MOST = {"cancel": ("open", "open"), "return": ("out", "with the buyer")}
"""By what becomes of units: the column that says how many there are, and what they are."""


def refund_order(unit: Unit, facts: Facts, order_id: UUID, asked: Json) -> tuple[UUID, bool]:
    """Give back money or units of a partner's order, and return the refund's id and whether it is new.

    The same `external_id` again for the same order is the same refund. Where money is given back to a partner with
    terms of trade, a credit note leaves by itself.

    Args:
        unit: the running transaction.
        facts: connections.
        order_id: the order.
        asked: {external_id, amount, note, lines: [{line, quantity, restock, amount}]}; a line is named by its id
            (`lin_…`), external id or SKU, and amounts are in the order's currency, tax included where its prices are.

    Raises:
        NotFound: there is no such order.
        Conflict: it is an order of a shop, or the number is that of a refund of another order.
        InputError: nothing is given back, a line is none of the order, or it has fewer units than come back.
    """
    order = lock_order(unit, order_id)
    if order.type != "b2b":
        raise Conflict(
            f"{order.number or order.external_id} is an order of a shop, which gives the money back itself.",
            fix="Refund it at the channel; the hub hears of it from there.",
            code="REFUND-CHANNEL-409",
        )
    number = asked.get("external_id") or short_number("R", uuid7())
    known = _known(unit, order, number)
    if known is not None:
        return known, False
    lines = _lines(unit.conn.execute(LINES, {"t": unit.tenant, "o": order_id}).all(), asked.get("lines") or [])
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


def _known(unit: Unit, order: Row[Any], number: str) -> UUID | None:
    r = t.refund.c
    row = unit.conn.execute(
        select(r.id, r.order_id).where(
            r.tenant_id == unit.tenant, r.connection_id == order.connection_id, r.external_id == number
        )
    ).one_or_none()
    if row is not None and row.order_id != order.id:
        raise Conflict(
            f"{number[:60]!r} is the number of a refund of another order.",
            fix="Give another number, or none: the hub then makes one.",
            code="REFUND-NUMBER-409",
        )
    return None if row is None else UUID(str(row.id))


def _lines(rows: Sequence[Row[Any]], asked: Sequence[Json]) -> list[Json]:
    """Return the lines asked for as those of a canonical refund, each with the id of ours."""
    found: list[Json] = []
    taken: dict[tuple[UUID, str], Decimal] = {}
    for at, each in enumerate(asked):
        row = _row(rows, each["line"], at)
        restock, units = each.get("restock") or "none", each.get("quantity") or ZERO
        if restock in MOST:
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
        named = row.external_id or public_id("line", row.id)
        found.append(
            {"line_id": row.id, "external_id": named, "quantity": units, "restock": restock,
             "amount": each.get("amount")}
        )  # fmt: skip
    return found


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
