"""A source's picture of an order beside what is stored: which line and item is which, how many units it speaks of."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from core.ports.connectors import Json

ZERO = Decimal(0)


def wanted_of(line: Json) -> Decimal:
    """Return the units a source's line still wants: ordered less removed."""
    ordered: Decimal = line["quantity"]
    return ordered - min(line.get("removed") or ZERO, ordered)


def same_address(one: Json | None, other: Json | None) -> bool:
    """Return whether two addresses say the same; an empty field says nothing."""
    return {k: v for k, v in (one or {}).items() if v} == {k: v for k, v in (other or {}).items() if v}


def match_picture(stored: Sequence[Row[Any]], lines: Sequence[Json]) -> list[Row[Any] | None]:
    """Return for each line of a picture its stored row, or None where it is new; each row at most once.

    Lines are known by their external id, else by position and SKU. Lines that share a name are told apart by their
    order: the first with the name is the first stored.

    Args:
        stored: rows of order_line by position and id.
        lines: the canonical lines in the source's order.
    """
    named: defaultdict[Hashable, deque[Row[Any]]] = defaultdict(deque)
    for row in stored:
        named[row.external_id or (row.position, row.sku)].append(row)
    found: list[Row[Any] | None] = []
    for index, line in enumerate(lines):
        place = (line.get("position") or index + 1, line.get("sku"))
        rows = named.get(line.get("external_id") or place) or named.get(place)
        found.append(rows.popleft() if rows else None)
    return found
