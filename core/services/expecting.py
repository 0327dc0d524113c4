"""What a node's part of an order is expected to do: when it leaves, how long it takes, when it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from core.domain.calendars import next_ship_moment
from core.intelligence.lanes import DAY_SECONDS, Floats, Lane, Trip, make_trip
from core.intelligence.odds import due_days, late
from core.routing.costs import known_kilometers
from core.routing.problem import Destination
from core.services.facts import Facts

DUE_NAMES = ("due_50", "due_80", "due_90", "due_95")


@dataclass(frozen=True, slots=True)
class Expected:
    """One node's part.

    Args:
        node_id: who ships it.
        ship_at: when it leaves.
        trip: its way.
        lane: both ends.
        log_days: corrected log-days in transit by quantile.
    """

    node_id: UUID
    ship_at: datetime
    trip: Trip
    lane: Lane
    log_days: Floats


def lane_of(facts: Facts, node_id: UUID, destination: Destination, to_postal: str | None) -> Lane:
    """Return the lane from a node to a destination; its distance is unknown where a point is."""
    place = facts.promising.places[node_id]
    km = known_kilometers(facts.nodes[node_id], destination)
    return Lane(place.country, place.postal, destination.country, to_postal, km)


def expect(
    facts: Facts,
    node_id: UUID,
    destination: Destination,
    to_postal: str | None,
    now: datetime,
    *,
    carrier: str | None = None,
    service: str | None = None,
) -> Expected | None:
    """Return what the node's part of an order placed now is expected to do, None when the node ships nothing.

    Args:
        facts: calendars, full days, places, the transit model.
        node_id: who would ship it.
        destination, to_postal: where to.
        now: an aware moment.
        carrier, service: when it is known who takes it.
    """
    ship_at = next_ship_moment(facts.promising.calendars[node_id], now, full=facts.promising.full.get(node_id, ()))
    if ship_at is None:
        return None
    lane = lane_of(facts, node_id, destination, to_postal)
    trip = make_trip(carrier, service, lane, ship_at)
    return Expected(node_id, ship_at, trip, lane, facts.promising.transit.log_days(trip))


def dues(parts: Sequence[Expected], now: datetime) -> tuple[datetime, ...]:
    """Return when all parts are there, at each of `core.intelligence.lanes.LEVELS`."""
    found = due_days([((each.ship_at - now).total_seconds() / DAY_SECONDS, each.log_days) for each in parts])
    return tuple(now + timedelta(days=days) for days in found)


def lateness_probability(
    facts: Facts, carrier: str | None, service: str | None, lane: Lane, ship_at: datetime, promised_at: datetime
) -> float:
    """Return the chance that a parcel on this lane is not there by the promised moment.

    Args:
        facts: the transit model in use.
        carrier, service: who takes it, None when that is open.
        lane: both ends and the distance.
        ship_at: when it leaves.
        promised_at: when it should be there; before `ship_at` gives 1.
    """
    days = (promised_at - ship_at).total_seconds() / DAY_SECONDS
    return late(facts.promising.transit.log_days(make_trip(carrier, service, lane, ship_at)), days)
