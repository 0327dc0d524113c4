"""What a promise rests on: told with it, and recent enough or nothing is promised."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from core.domain.payloads import jsonable
from core.errors import Conflict
from core.services.expecting import Expected
from core.services.facts import Facts
from core.store.unit import Unit

# What an order was given anywhere counts, also what it got before this transaction.
COUNTED = """
SELECT DISTINCT ON (r.order_id) r.order_id, r.node_id, p.counted_at FROM reservation r
JOIN stock_position p ON p.tenant_id = r.tenant_id AND p.item_id = r.item_id AND p.node_id = r.node_id
WHERE r.tenant_id = %s AND r.order_id = ANY(%b::uuid[]) AND r.state = 'allocated' AND p.counted_at IS NOT NULL
ORDER BY r.order_id, p.counted_at, r.node_id
"""


@dataclass(frozen=True, slots=True)
class Count:
    """The oldest count of stock something rests on: when, and at which node."""

    node_id: UUID
    at: datetime


def read_counts(unit: Unit, order_ids: Collection[UUID]) -> dict[UUID, Count]:
    """Return the oldest count behind the units each order has; orders whose units nobody ever counted are left out."""
    rows = unit.conn.exec_driver_sql(COUNTED, (unit.tenant, list(order_ids)))
    return {row.order_id: Count(row.node_id, row.counted_at) for row in rows}


def oldest_allowed(facts: Facts, now: datetime) -> datetime:
    """Return the moment before which a count is too old to promise by."""
    return now - timedelta(hours=facts.promising.terms.stock_hours)


def too_old(facts: Facts, count: Count, errors: Sequence[dict[str, Any]] = ()) -> Conflict:
    """Return the refusal to promise by a count.

    Args:
        facts: nodes and settings.
        count: older than `oldest_allowed`.
        errors: what is short without it, by path.
    """
    return Conflict(
        f"No promise: the stock at {facts.nodes[count.node_id].code} was counted last at {count.at:%Y-%m-%d %H:%M} UTC,"
        f" more than {facts.promising.terms.stock_hours:g} h ago.",
        why="Without it nothing covers the order.",
        fix="Have the node send its stock, or raise promising.stock_hours.",
        code="PROMISE-STALE-409",
        errors=list(errors),
    )


def basis(facts: Facts, counted: datetime | None = None) -> dict[str, Any]:
    """Return what a promise made now rests on, as it is stored with it."""
    transit = facts.promising.transit
    return {
        "model": transit.version,
        "corrected_at": jsonable(transit.corrected_at),
        "outcomes": transit.correction.outcomes,
        "stock_counted_at": jsonable(counted),
    }


def require_fresh_model(facts: Facts, now: datetime) -> None:
    """Go on only when the transit model was corrected recently enough.

    Raises:
        Conflict: it was not.
    """
    at, hours = facts.promising.transit.corrected_at, facts.promising.terms.model_hours
    if at is not None and now - at > timedelta(hours=hours):
        raise Conflict(
            f"No promise: the transit times were corrected last at {at:%Y-%m-%d %H:%M} UTC, more than {hours:g} h ago.",
            why="The relay corrects them every hour while it runs.",
            fix="See that the relay runs (`crossdock status`), or raise promising.model_hours.",
            code="PROMISE-STALE-409",
        )


def require_a_way(parts: Collection[Expected]) -> None:
    """Go on only when somebody knows when each part can get to where it goes.

    Raises:
        Conflict: it goes into an area that is shut for nobody knows how long.
    """
    for each in parts:
        if each.shut is not None:
            to = " ".join(filter(None, (each.lane.to_country, each.lane.to_postal)))
            raise Conflict(
                f"No promise: {to} lies in an area that is shut, and nobody has said until when ({each.shut}).",
                why="What is sent there waits until the area is open again.",
                fix="End the disruption, or say when it ends.",
                code="PROMISE-SHUT-409",
            )
