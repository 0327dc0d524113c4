"""Orders that look like one another's double: the same buyer, goods and total on two connections within hours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from core.domain.ids import public_id
from core.domain.vocabulary import HoldKind
from core.ports.connectors import Json
from core.services.facts import Facts
from core.services.validation import Stop
from core.store.unit import Unit

SAME_BUYER = """
SELECT w.at, o.id, o.connection_id, coalesce(o.number, o.external_id) AS number
FROM unnest(%b::int[], %b::text[], %b::uuid[], %b::timestamptz[], %b::numeric[], %b::text[])
     AS w(at, email, connection_id, placed_at, total, currency)
JOIN orders o ON lower(o.buyer_email) = w.email AND o.connection_id <> w.connection_id AND o.total = w.total
     AND o.currency = w.currency AND o.placed_at BETWEEN w.placed_at - %b::interval AND w.placed_at + %b::interval
WHERE o.tenant_id = %s AND o.buyer_email IS NOT NULL AND o.state <> 'canceled'
ORDER BY w.at, o.placed_at, o.id
"""
GOODS = """
SELECT order_id, coalesce(item_id::text, sku, '') AS good, sum(quantity) AS units FROM order_line
WHERE tenant_id = %s AND order_id = ANY(%s::uuid[]) GROUP BY 1, 2
"""


class Placed(Protocol):
    """What is looked at of a new order."""

    connection_id: UUID
    document: Json
    order_id: UUID
    items: list[UUID | None]


def find_doubles(unit: Unit, facts: Facts, batch: Sequence[tuple[Placed, Decimal]]) -> dict[UUID, Stop]:
    """Return by order id the reason to hold each new order that another connection seems to have brought as well.

    The other order has the same buyer e-mail whatever its case, the same units of the same goods, the same total and
    currency, was placed within `facts.double_hours`, is not canceled, and came by another connection: within one
    connection the source's own id tells repeats. Of two in one batch the one placed later is held. Two that are applied
    at the very same moment do not see each other.

    Args:
        unit: the running transaction.
        facts: connections, and within how many hours doubles are looked for; 0 looks for none.
        batch: orders that are not written yet, with their totals.
    """
    asked = [(each, total) for each, total in batch if _email(each)] if facts.double_hours > 0 else []
    if not asked:
        return {}
    span = timedelta(hours=facts.double_hours)
    found = _stored(unit, asked, span)
    for first, later in _in_batch(asked, span):
        number = first.document.get("number") or first.document["external_id"]
        found.setdefault(later.order_id, (first.order_id, first.connection_id, number))
    stops = {}
    for order_id, (other, connection_id, number) in found.items():
        known = facts.connections.get(connection_id)
        detail = f"{number} of {known.name if known else '?'}"
        stops[order_id] = Stop(HoldKind.POSSIBLE_DUPLICATE, detail, evidence={"order": public_id("order", other)})
    return stops


def _email(each: Placed) -> str:
    return str((each.document.get("buyer") or {}).get("email") or "").lower()


def _goods(each: Placed) -> Mapping[str, Decimal]:
    """Return units by item, or by SKU where no item is known."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for item, line in zip(each.items, each.document["lines"], strict=True):
        found[str(item) if item else line.get("sku") or ""] += line["quantity"]
    return found


def _stored(unit: Unit, asked: Sequence[tuple[Placed, Decimal]], span: timedelta) -> dict[UUID, tuple[UUID, UUID, str]]:
    columns: tuple[list[Any], ...] = (
        list(range(len(asked))),
        [_email(each) for each, _ in asked],
        [each.connection_id for each, _ in asked],
        [each.document["placed_at"] for each, _ in asked],
        [total for _, total in asked],
        [each.document["currency"] for each, _ in asked],
    )
    rows = unit.conn.exec_driver_sql(SAME_BUYER, (*columns, span, span, unit.tenant)).all()
    if not rows:
        return {}
    goods = _stored_goods(unit, {row.id for row in rows})
    found: dict[UUID, tuple[UUID, UUID, str]] = {}
    for row in rows:
        each = asked[row.at][0]
        if each.order_id not in found and goods[row.id] == _goods(each):
            found[each.order_id] = (row.id, row.connection_id, row.number)
    return found


def _stored_goods(unit: Unit, order_ids: Collection[UUID]) -> Mapping[UUID, Mapping[str, Decimal]]:
    goods: defaultdict[UUID, dict[str, Decimal]] = defaultdict(dict)
    for row in unit.conn.exec_driver_sql(GOODS, (unit.tenant, list(order_ids))):
        goods[row.order_id][row.good] = row.units
    return goods


def _in_batch(asked: Sequence[tuple[Placed, Decimal]], span: timedelta) -> list[tuple[Placed, Placed]]:
    """Return (earlier, later) for doubles among the orders themselves."""
    alike: defaultdict[tuple[str, Decimal, str], list[Placed]] = defaultdict(list)
    for each, total in asked:
        alike[_email(each), total, each.document["currency"]].append(each)
    found = []
    for same in alike.values():
        if len({each.connection_id for each in same}) < 2:
            continue
        ordered = sorted(same, key=_placed_at)
        for place, later in enumerate(ordered):
            found += [
                (first, later)
                for first in ordered[:place]
                if first.connection_id != later.connection_id
                and _placed_at(later) - _placed_at(first) <= span
                and _goods(first) == _goods(later)
            ]
    return found


def _placed_at(each: Placed) -> datetime:
    found: datetime = each.document["placed_at"]
    return found
