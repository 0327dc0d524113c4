"""How likely what is still to come of an order is late, and why: parcels, work, and units that no node works on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from core.intelligence.lanes import DAY_SECONDS, LEVELS, Lane, lane_name, make_trip
from core.intelligence.odds import late
from core.services.facts import Facts
from core.services.routing_facts import point_of
from core.services.stoppages import Passage, Place, arriving, known_point, leaving
from core.store.unit import Unit

SURE = len(LEVELS) - 1
# What a node picks for a buyer who comes is taken to be ready: the rest is up to him.
AT_HAND = ("picking", "partly_shipped")


@dataclass(frozen=True, slots=True)
class Chance:
    """The chance that a part of an order is late, and the case it would be.

    Args:
        late: a part of one.
        source: what cases are grouped by: a node, a carrier on a lane, a disruption.
        detail: what is the matter, as a sentence has it.
        node_id: the node that has to do something, None where none has.
    """

    late: float
    source: str
    detail: str
    node_id: UUID | None = None


class Chances:
    """Chances as things stand at a moment.

    Args:
        unit: the running transaction, for the points of postcodes.
        facts: calendars, the transit model, what is off and shut.
        ways: rows of parcels and works; where they go decides what is looked up.
    """

    def __init__(self, unit: Unit, facts: Facts, ways: Collection[Row[Any]]) -> None:
        self._facts, self._now = facts, unit.now
        codes = {(each.to_country, each.to_postal) for each in ways if each.to_country and each.to_postal}
        round_areas = any("km" in each.area for each in facts.routing.disruptions)
        self._points = facts.routing.points.find(unit.conn, codes, unit.tenant) if codes and round_areas else {}

    def of_parcel(self, parcel: Row[Any], due_at: datetime) -> Chance:
        """Return how likely a parcel under way is late."""
        lane = lane_name(parcel.from_country, parcel.to_country)
        source = f"{parcel.carrier or 'a carrier'} {lane}"
        usual = self._way(parcel, parcel.carrier, parcel.service, parcel.shipped_at).level_days[SURE]
        there = max(self._now, parcel.shipped_at + timedelta(days=usual))
        passage = self._arriving(parcel, parcel.carrier, self._now, there)
        if passage.because is not None:
            chance = self._chance(parcel, parcel.carrier, parcel.service, passage.at, due_at)
            return Chance(chance, *_shut(parcel, passage))
        # Of a parcel nobody tracks, not having heard means nothing.
        waited = (self._now - parcel.shipped_at).total_seconds() / DAY_SECONDS if parcel.tracked else 0.0
        chance = self._chance(parcel, parcel.carrier, parcel.service, parcel.shipped_at, due_at, waited)
        return Chance(chance, source, f"{source} is {parcel.state.replace('_', ' ')}")

    def of_work(self, work: Row[Any], due_at: datetime, *, fetched: bool = False) -> Chance:
        """Return how likely work that has not left is late, if it leaves as soon as it can.

        Args:
            work: its row.
            due_at: the promised moment.
            fetched: whether its buyer comes for it: then it has to be ready, and goes nowhere.
        """
        code = self._facts.promising.places[work.node_id].code
        out = leaving(self._facts, work.node_id, work.carrier, self._now)
        why = f"{code} has not {'made it ready' if fetched else 'sent it'}"
        if work.state == "canceling":
            why = f"{code} has not said whether it gives it back"
        if fetched and work.state in AT_HAND:
            return Chance(0.0, code, why, work.node_id)
        if out.because is not None:
            why = f"{code} sends nothing ({out.because})"
        if out.at is None:
            return Chance(1.0, code, why, work.node_id)
        leaves = max(out.at, min(work.ship_at, due_at))
        if fetched:
            return Chance(float(leaves > due_at), code, why, work.node_id)
        usual = self._way(work, work.carrier, None, leaves).level_days[SURE]
        passage = self._arriving(work, work.carrier, leaves, leaves + timedelta(days=usual))
        chance = self._chance(work, work.carrier, None, passage.at, due_at)
        if passage.because is not None:
            return Chance(chance, *_shut(work, passage))
        return Chance(chance, code, why, work.node_id)

    def _arriving(self, way: Row[Any], carrier: str | None, leaves: datetime, there: datetime) -> Passage:
        point = known_point(*point_of(self._points.get((way.to_country, way.to_postal))))
        to = Place(way.to_country, way.to_postal, point)
        return arriving(self._facts.routing.disruptions, to, carrier, leaves, there)

    def _way(self, way: Row[Any], carrier: str | None, service: str | None, leaves: datetime) -> Any:
        lane = Lane(way.from_country, way.from_postal, way.to_country, way.to_postal, way.km)
        return self._facts.promising.transit.way(make_trip(carrier, service, lane, leaves))

    def _chance(
        self,
        way: Row[Any],
        carrier: str | None,
        service: str | None,
        leaves: datetime | None,
        due_at: datetime,
        waited: float = 0.0,
    ) -> float:
        if leaves is None:
            return 1.0
        log_days = self._way(way, carrier, service, leaves).log_days
        return late(log_days, (due_at - leaves).total_seconds() / DAY_SECONDS, max(waited, 0.0))


def _shut(way: Row[Any], passage: Passage) -> tuple[str, str]:
    """Return source and detail of the case of a way into an area that is shut."""
    to = " ".join(filter(None, (way.to_country, way.to_postal)))
    return str(passage.because), f"{to} cannot be reached ({passage.because})"


def of_lost(parcel: Row[Any]) -> Chance:
    """Return that a parcel which was lost or went back does not come, unless its carrier finds it.

    Its case is not that of parcels that are slow on its lane, so that it ends when this one is found.
    """
    way = f"{parcel.carrier or 'a carrier'} {lane_name(parcel.from_country, parcel.to_country)}"
    state = parcel.state.replace("_", " ")
    return Chance(1.0, f"{way} {state}", f"{way} is {state}")


def of_missing(head: Row[Any]) -> Chance:
    """Return that units no node works on come from nowhere as things stand."""
    if head.order_state == "held":
        return Chance(1.0, "a hold", "orders on hold have units that no node works on")
    return Chance(1.0, "stock", "no node has stock for all units")
