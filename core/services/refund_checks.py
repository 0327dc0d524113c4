"""What nobody can give back: amounts finer than their currency, and parts of pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from core.domain.money import minor_unit, plain
from core.domain.units import divides
from core.errors import InputError
from core.ports.connectors import Json

ZERO = Decimal(0)
UNITS = frozenset({"cancel", "return"})
"""What may become of units; all else gives money alone."""


def refuse_unpayable(currency: str, body: Json, rows: Mapping[str, Row[Any]]) -> None:
    """Refuse a refund of a partner's order that a credit note could not say.

    Args:
        currency: of its amounts.
        body: canonical.
        rows: lines of the order with their `unit`, by external id.

    Raises:
        InputError: an amount is finer than the currency, or part of a piece is canceled or comes back.
    """
    lines: Sequence[Json] = body.get("lines") or []
    _refuse_finer(currency, body.get("amount"), lines)
    for at, each in enumerate(lines):
        row = rows.get(each["external_id"])
        if row is not None and each["restock"] in UNITS:
            refuse_part(each["quantity"] or ZERO, row.unit, each["external_id"], at)


def _refuse_finer(currency: str, whole: Decimal | None, lines: Sequence[Json]) -> None:
    """Refuse amounts that nobody can pay: the credit note would say another one."""
    least = minor_unit(currency)
    said = [("amount", whole), *((f"lines.{at}.amount", each.get("amount")) for at, each in enumerate(lines))]
    finer = [(path, amount) for path, amount in said if amount is not None and amount % least]
    if finer:
        raise InputError(
            f"{plain(finer[0][1])} {currency} cannot be given back.",
            why=f"The smallest amount of {currency} is {plain(least)}.",
            fix="Round the amount, and ask again; have a partner send his document again.",
            code="REFUND-AMOUNT-422",
            errors=[{"path": path, "reason": f"must be a multiple of {plain(least)}"} for path, _ in finer],
        )


def refuse_part(units: Decimal, unit: str, name: str, at: int) -> None:
    """Refuse a part of a piece.

    Args:
        units: that leave the order or come back.
        unit: what the line is counted in.
        name: of the line.
        at: its place in the refund, from 0.

    Raises:
        InputError: it is a part of something of which there are whole ones only.
    """
    if divides(units, unit):
        raise InputError(
            f"{plain(units)} of line {name[:60]!r} cannot come back: it is counted in {unit}.",
            why="Nobody can send a part of a piece.",
            fix="Ask for a whole number; `none` gives money back without units.",
            code="REFUND-PART-422",
            errors=[{"path": f"lines.{at}.quantity", "reason": f"must be a whole number of {unit}"}],
        )
