"""From when on a parcel can leave a node or get to a place, given what is off, shut and disrupted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from core.domain.calendars import next_ship_moment
from core.services.facts import Facts
from core.services.routing_facts import Disruption, RoutingFacts


@dataclass(frozen=True, slots=True)
class Place:
    """Where a parcel goes; its point is (degrees north, degrees east), None where nobody knows it."""

    country: str | None
    postal_code: str | None
    point: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """When something can go on, None when nobody knows, and what it waits for until then (None: nothing)."""

    at: datetime | None
    because: str | None = None


def known_point(latitude: float | None, longitude: float | None) -> tuple[float, float] | None:
    """Return a point, None when nobody knows where it is."""
    return None if latitude is None or longitude is None else (latitude, longitude)


def leaving(facts: Facts, node_id: UUID, carrier: str | None, now: datetime) -> Passage:
    """Return when what is packed now can leave a node: not while it is off, its area shut or its carrier stands still.

    Args:
        facts: calendars, and what is off, shut and disrupted.
        node_id: of a node that has a calendar.
        carrier: who fetches it, None when that is open.
        now: an aware moment.
    """
    routing, calendar = facts.routing, facts.promising.calendars[node_id]
    off, begins = routing.closed.get(node_id), now
    if off is not None:
        if node_id not in routing.reopens:
            return Passage(None, off)
        begins = max(now, routing.reopens[node_id])
    days = {**_carrier_days(routing, node_id, carrier, now), **routing.shut.get(node_id, {})}
    # Packed already or not: at best it leaves when the node's next parcels do.
    usual = next_ship_moment(calendar, now, handling=timedelta(0))
    leaves = next_ship_moment(calendar, begins, handling=timedelta(0), full=days)
    if leaves is not None and leaves == usual:
        return Passage(leaves)
    return Passage(leaves, off or next(iter(days.values()), "it does not work within 60 days"))


def arriving(
    disruptions: Sequence[Disruption], to: Place, carrier: str | None, leaves: datetime, there: datetime
) -> Passage:
    """Return from when on the way of a parcel counts: when it leaves, or when the area it goes into is open again.

    What waits before a shut area is taken to need its whole way from the day on which the area opens: what has piled
    up is not there at once. With days that are those of UTC, as all of disruptions.

    Args:
        disruptions: those that are not over.
        to: where it goes.
        carrier: who takes it, None when that is open.
        leaves: when it leaves.
        there: when it would be there, nearly surely, if nothing was shut.
    """
    at, because = leaves, None
    if not disruptions:
        return Passage(at)
    met = [each for each in disruptions if each.carrier in (None, carrier) and _covers(each, to)]
    # One area that opens may leave another that is shut by then, whatever their order.
    while (shut := next((each for each in met if _lies_between(each, at, there)), None)) is not None:
        because = f"disruption: {shut.label}"
        if shut.last is None:
            return Passage(None, because)
        opens = datetime.combine(shut.last + timedelta(days=1), time(), UTC)
        at, there = opens, there + (opens - at)
    return Passage(at, because)


def _covers(each: Disruption, to: Place) -> bool:
    return each.covers(to.country, to.postal_code, to.point)


def _lies_between(each: Disruption, leaves: datetime, there: datetime) -> bool:
    first, last = leaves.astimezone(UTC).date(), there.astimezone(UTC).date()
    return each.first <= last and (each.last is None or each.last >= first)


def _carrier_days(routing: RoutingFacts, node_id: UUID, carrier: str | None, now: datetime) -> dict[date, str]:
    days: dict[date, str] = {}
    for each in routing.disruptions:
        if carrier is not None and each.carrier == carrier:
            rules = routing.nodes[node_id]
            if each.covers(rules.country, rules.postal_code, rules.point):
                days.update(each.days(now.astimezone(UTC).date()))
    return days
