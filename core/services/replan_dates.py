"""When work is there today and would be elsewhere, and what that makes of the promise of its order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.domain.payloads import jsonable
from core.intelligence.lanes import DAY_SECONDS, LEVELS
from core.intelligence.odds import late
from core.services.affected import Affected
from core.services.expecting import Expected, Outlook, dues
from core.services.facts import Facts
from core.services.leaving import leg_of
from core.services.offers import Leg
from core.services.sourcing import Sourced
from core.store.unit import Unit

PROMISES = """
SELECT order_id, level, due_at FROM promise WHERE tenant_id = %s AND state = 'standing' AND order_id = ANY(%s::uuid[])
"""


@dataclass(frozen=True, slots=True)
class There:
    """When an order's affected work is there, with the chance its promise has (or the usual one).

    Args:
        before, after: today and elsewhere by the hub's own transit times; None where a node never sends it.
        due_at: what was promised, None without a promise.
        late: the chance that the promise is late elsewhere, None without one.
    """

    before: datetime | None = None
    after: datetime | None = None
    due_at: datetime | None = None
    late: float | None = None


def read_promised(unit: Unit, orders: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    """Return the standing promises of orders, by order."""
    return {row.order_id: row for row in unit.conn.exec_driver_sql(PROMISES, (unit.tenant, sorted(orders)))}


def expected(
    before: Outlook,
    after: Outlook,
    facts: Facts,
    order: Sourced,
    works: Sequence[Affected],
    legs: Mapping[UUID, Leg],
    promise: Row[Any] | None,
    *,
    short: bool,
) -> There:
    """Return when an order's work is there today and would be elsewhere.

    Args:
        before: as if nothing had happened.
        after: as things are.
        facts: the settings of promising.
        order: with its destination.
        works: what is affected.
        legs: what it would become, by node.
        promise: the order's, None when it has none.
        short: whether units are left that nobody else has: nobody knows when they are there.
    """
    today = [_part(before, order, work.node_id, leg_of(work)) for work in works]
    then = [_part(after, order, node, leg) for node, leg in legs.items()]
    at = LEVELS.index(promise.level if promise else facts.promising.terms.level)
    return There(
        _there(today, at),
        None if short else _there(then, at),
        promise.due_at if promise else None,
        None if promise is None else 1.0 if short else _late(then, promise.due_at),
    )


def _part(outlook: Outlook, order: Sourced, node: UUID, leg: Leg) -> Expected | None:
    if order.wishes.pickup_node is not None:
        return outlook.ready(node, leg)
    part = outlook.part(node, order.destination, order.wishes.postal_code, leg)
    return None if part is None or part.shut is not None else part


def _there(parts: Sequence[Expected | None], at: int) -> datetime | None:
    known = [part for part in parts if part is not None]
    return dues(known)[at] if known and len(known) == len(parts) else None


def _late(parts: Sequence[Expected | None], due_at: datetime) -> float:
    on_time = 1.0
    for part in parts:
        days = 0.0 if part is None else (due_at - part.begins).total_seconds() / DAY_SECONDS
        on_time *= 0.0 if part is None else 1 - late(part.way.log_days, days)
    return 1 - on_time


def dates(works: Sequence[Affected], legs: Collection[Leg], there: There, risk: float) -> dict[str, Any]:
    """Return the days as they are shown: before and after, of which kind, whether they are later, and the promise's.

    Days of arrival are the carriers' own where each part has one, else those expected of the hub's transit times, and
    where nothing is expected of a node, days of leaving.

    Args:
        works: what is affected.
        legs: what it would become.
        there: what is expected of both.
        risk: the chance of being late from which on a promise is at risk.
    """
    kind = "leaves"
    before, after = _last(each.ship_on for each in works), _last(each.ship_on for each in legs)
    arrivals = _last(each.arrive_on for each in works), _last(each.arrive_on for each in legs)
    if None not in arrivals:
        kind, (before, after) = "arrives", arrivals
    elif there.before is not None and there.after is not None:
        kind, before, after = "expected", there.before.astimezone(UTC).date(), there.after.astimezone(UTC).date()
    at_risk = there.late is not None and there.late >= risk
    return {
        "date_before": None if before is None else before.isoformat(),
        "date_after": None if after is None else after.isoformat(),
        "dates": kind,
        "later": (before is not None and after is not None and after > before) or at_risk,
        "due_at": jsonable(there.due_at),
        "promise_late": None if there.late is None else round(there.late, 4),
        "at_risk": at_risk,
    }


def _last(days: Iterable[date | None]) -> date | None:
    """Return the last of several days, None where one is not known."""
    known = list(days)
    return None if None in known else max((day for day in known if day is not None), default=None)
