"""What a node's part of an order is expected to do: when it leaves, how long it takes, when it is there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import log
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from core.domain.calendars import HORIZON_DAYS, closing, next_ship_moment
from core.intelligence.lanes import DAY_SECONDS, LEAST_DAYS, LEVELS, QUANTILES, Lane, make_trip
from core.intelligence.odds import due_days, late
from core.routing.costs import known_kilometers
from core.routing.problem import Destination
from core.services.facts import Facts
from core.services.promising_facts import Way
from core.services.stoppages import Place, arriving, known_point

if TYPE_CHECKING:
    from core.services.offers import Leg

# What is fetched is where it was made ready.
NO_WAY = Way(np.full(len(QUANTILES), log(LEAST_DAYS)), (0.0,) * len(LEVELS))
DUE_NAMES = ("due_50", "due_80", "due_90", "due_95")


@dataclass(frozen=True, slots=True)
class Expected:
    """One node's part.

    Args:
        node_id: who ships it.
        ship_at: when it leaves.
        lane: both ends.
        way: how long it takes.
        begins: from when on that counts: when it leaves, or when the area it goes into is open again.
        shut: why nobody can say when it is there; None where that is known.
    """

    node_id: UUID
    ship_at: datetime
    lane: Lane
    way: Way
    begins: datetime
    shut: str | None = None


class Outlook:
    """What parts of orders placed now are expected to do; each node's next moment is found once.

    Args:
        facts: calendars, places, the transit model.
        now: an aware moment.
    """

    def __init__(self, facts: Facts, now: datetime) -> None:
        self._facts = facts
        self._now = now
        self._leaves: dict[tuple[UUID, date | None], datetime | None] = {}

    def part(self, node_id: UUID, destination: Destination, to_postal: str | None, leg: Leg) -> Expected | None:
        """Return what a node's part is expected to do, None when the node ships nothing.

        Args:
            node_id: who would ship it.
            destination, to_postal: where to.
            leg: the day it leaves and who takes it, as far as that was chosen.
        """
        ship_at = self._ship_at(node_id, leg.ship_on)
        if ship_at is None:
            return None
        lane = lane_of(self._facts, node_id, destination, to_postal)
        way = self._facts.promising.transit.way(make_trip(leg.carrier, leg.service, lane, ship_at))
        if not self._facts.routing.disruptions:
            return Expected(node_id, ship_at, lane, way, ship_at)
        there = ship_at + timedelta(days=way.level_days[-1])
        to = Place(destination.country, to_postal, known_point(destination.latitude, destination.longitude))
        passage = arriving(self._facts.routing.disruptions, to, leg.carrier, ship_at, there)
        if passage.at is None:
            # Something has to be expected of it; nothing is promised by that.
            return Expected(node_id, ship_at, lane, way, ship_at + timedelta(days=HORIZON_DAYS), passage.because)
        return Expected(node_id, ship_at, lane, way, passage.at)

    def ready(self, node_id: UUID, leg: Leg) -> Expected | None:
        """Return when what the buyer fetches at a node is ready there, None when the node makes nothing ready."""
        ready_at = self._ship_at(node_id, leg.ship_on)
        if ready_at is None:
            return None
        place = self._facts.promising.places[node_id]
        lane = Lane(place.country, place.postal, place.country, place.postal, 0.0)
        return Expected(node_id, ready_at, lane, NO_WAY, ready_at)

    def _ship_at(self, node_id: UUID, day: date | None) -> datetime | None:
        key = node_id, day
        if key not in self._leaves:
            promising = self._facts.promising
            calendar = promising.calendars[node_id]
            leaves = None if day is None else closing(calendar, day)
            if leaves is None:
                leaves = next_ship_moment(calendar, self._now)
            self._leaves[key] = leaves
        return self._leaves[key]


def lane_of(facts: Facts, node_id: UUID, destination: Destination, to_postal: str | None) -> Lane:
    """Return the lane from a node to a destination; its distance is unknown where a point is."""
    place = facts.promising.places[node_id]
    km = known_kilometers(facts.nodes[node_id], destination)
    return Lane(place.country, place.postal, destination.country, to_postal, km)


def dues(parts: Sequence[Expected]) -> tuple[datetime, ...]:
    """Return when all parts are there, at each of `core.intelligence.lanes.LEVELS`."""
    if len(parts) == 1:  # the usual order: nothing to combine
        [part] = parts
        return tuple(part.begins + timedelta(days=days) for days in part.way.level_days)
    first = min(each.begins for each in parts)
    found = due_days([((each.begins - first).total_seconds() / DAY_SECONDS, each.way.log_days) for each in parts])
    return tuple(first + timedelta(days=days) for days in found)


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
