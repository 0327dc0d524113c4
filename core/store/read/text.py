"""How values look in API answers: times in UTC, decimals as text, amounts with their minor digits, public ids."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.domain.ids import public_id
from core.domain.money import CURRENCIES, minor_unit, plain

ZERO = Decimal(0)


def instant(value: datetime | None) -> str | None:
    """Return a time as RFC 3339 text in UTC, such as `2026-11-20T09:41:00Z`."""
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def quantity(value: Decimal | None) -> str | None:
    """Return a quantity without exponent or trailing zeros."""
    return None if value is None else plain(value)


def money(value: Decimal | str | None, currency: str | None) -> str | None:
    """Return an amount with at least the currency's minor digits; digits beyond them are never cut."""
    if value is None:
        return None
    amount = Decimal(value)
    if currency is not None and currency in CURRENCIES:
        least = minor_unit(currency)
        if amount.as_tuple().exponent > least.as_tuple().exponent:  # type: ignore[operator]
            amount = amount.quantize(least)
    return format(amount, "f")


def ref(kind: str, value: UUID | None) -> str | None:
    """Return the public id of something that may be absent."""
    return None if value is None else public_id(kind, value)


def amounts(part: dict[str, Any], names: tuple[str, ...], currency: str | None) -> dict[str, Any]:
    """Return a stored part of a document with the named amounts written out."""
    return {key: money(value, currency) if key in names else value for key, value in part.items()}
