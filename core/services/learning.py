"""Learning from outcomes: the transit model in use is corrected every hour by what became of recent parcels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import Row, insert, select, text, update

from core.domain.ids import uuid7
from core.intelligence.conformal import WINDOW_DAYS, correct
from core.intelligence.lanes import DAY_SECONDS, LEAST_DAYS, LEVELS, Floats, Lane, Trip, make_trip
from core.intelligence.transit import RULES
from core.services.expecting import DUE_NAMES
from core.services.promising_facts import Transit, read_transit
from core.store import schema as t
from core.store.unit import Unit

log = structlog.get_logger()
TRANSIT = "transit"
# With fewer arrivals than this the rule stands as it is.
LEAST_OUTCOMES = 30
# Newest parcels looked at; more would not move a quantile.
MOST_PARCELS = 20_000
WAYS = "carrier, service, from_country, from_postal, to_country, to_postal, km"
# Ended parcels, and those under way that a carrier tells of; what is not tracked tells nothing by not arriving.
RECENT = text(
    f"""
    SELECT * FROM (
        SELECT ship_at, delivered_at, {WAYS} FROM outcome
        WHERE tenant_id = :t AND ship_at >= :since AND ship_at <= clock_timestamp()
        UNION ALL
        SELECT p.ship_at, NULL, s.carrier, s.service, p.from_country, p.from_postal, p.to_country, p.to_postal, p.km
        FROM promise_part p JOIN shipment s ON s.tenant_id = p.tenant_id AND s.fulfillment_id = p.fulfillment_id
        WHERE p.tenant_id = :t AND p.ship_at >= :since AND p.ship_at <= clock_timestamp()
          AND s.state NOT IN ('delivered', 'lost', 'returned_to_sender', 'voided')
          AND EXISTS (SELECT 1 FROM tracking_event e WHERE e.tenant_id = s.tenant_id AND e.shipment_id = s.id)
    ) parcels ORDER BY ship_at DESC LIMIT :most
    """  # noqa: S608 - the interpolated text is the constant above
)
FELL_DUE = text(
    """
    SELECT p.due_50, p.due_80, p.due_90, p.due_95, s.delivered_at
    FROM promise_part p JOIN shipment s ON s.tenant_id = p.tenant_id AND s.fulfillment_id = p.fulfillment_id
    WHERE p.tenant_id = :t AND p.due_95 > :since AND p.due_95 <= :now AND s.state <> 'voided'
      AND (s.delivered_at IS NOT NULL
           OR EXISTS (SELECT 1 FROM tracking_event e WHERE e.tenant_id = s.tenant_id AND e.shipment_id = s.id))
    ORDER BY p.due_95 LIMIT :most
    """
)


@dataclass(frozen=True, slots=True)
class Seen:
    """Parcels as a model learns from them.

    Args:
        trips: their ways.
        ages: days since each was to leave.
        days: how long each took, or has been under way.
        arrived: whether it arrived.
        left: when each was to leave.
    """

    trips: Sequence[Trip]
    ages: Floats
    days: Floats
    arrived: NDArray[np.bool_]
    left: Sequence[datetime]


def read_seen(unit: Unit, since: datetime) -> Seen:
    """Return the newest parcels that were to leave after a moment."""
    rows = unit.conn.execute(RECENT, {"t": unit.tenant, "since": since, "most": MOST_PARCELS}).all()
    ages = np.array([(unit.now - row.ship_at).total_seconds() / DAY_SECONDS for row in rows])
    arrived = np.array([row.delivered_at is not None for row in rows], dtype=bool)
    took = np.array([((row.delivered_at or unit.now) - row.ship_at).total_seconds() / DAY_SECONDS for row in rows])
    return Seen(
        [trip_of(row) for row in rows], ages, np.maximum(took, LEAST_DAYS), arrived, [row.ship_at for row in rows]
    )


def trip_of(row: Row[Any]) -> Trip:
    """Return the trip of a parcel, of whose row the columns are those of `WAYS` and when it left."""
    lane = Lane(row.from_country, row.from_postal, row.to_country, row.to_postal, row.km)
    return make_trip(row.carrier, row.service, lane, row.ship_at)


def correct_transit(unit: Unit) -> int:
    """Correct the transit model in use by recent outcomes and return by how many.

    The first time enough parcels have arrived, the rule itself becomes the first version, so that it can be corrected
    and challenged like any other.
    """
    transit = read_transit(unit.conn, unit.tenant, None)
    if transit.failed is not None:
        log.warning("promising.not_corrected", why=transit.failed)
        return 0
    seen = read_seen(unit, unit.now - timedelta(days=WINDOW_DAYS))
    arrived = int(seen.arrived.sum())
    if transit.id is None and arrived < LEAST_OUTCOMES:
        return 0
    model_id = transit.id or _store_rules(unit)
    said = transit.model.log_days(seen.trips)
    kept = _kept(unit, transit)
    correction = correct(transit.correction, said, np.log(seen.days), seen.arrived, seen.ages, kept)
    m = t.model_version.c
    unit.conn.execute(
        update(t.model_version)
        .where(m.tenant_id == unit.tenant, m.id == model_id)
        .values(correction=correction.document(), corrected_at=unit.now)
    )
    return arrived


def _kept(unit: Unit, transit: Transit) -> Floats:
    """Return by promised parcel that fell due since the last correction which of `LEVELS` were kept."""
    since = transit.corrected_at or unit.now
    rows = unit.conn.execute(FELL_DUE, {"t": unit.tenant, "since": since, "now": unit.now, "most": MOST_PARCELS})
    return np.array(
        [
            [row.delivered_at is not None and row.delivered_at <= getattr(row, name) for name in DUE_NAMES]
            for row in rows
        ],
        dtype=float,
    ).reshape(-1, len(LEVELS))


def _store_rules(unit: Unit) -> Any:
    model_id = uuid7()
    unit.conn.execute(
        insert(t.model_version).values(
            tenant_id=unit.tenant,
            id=model_id,
            kind=TRANSIT,
            version=next_version(unit),
            engine=RULES.kind,
            state="champion",
            content_hash="",
            content={},
            features=["countries", "km"],
            metrics={},
            approved_by="rule",
            promoted_at=unit.now,
        )
    )
    return model_id


def next_version(unit: Unit) -> int:
    """Return the number of the next version of the transit model."""
    m = t.model_version.c
    newest = unit.conn.execute(
        select(m.version).where(m.tenant_id == unit.tenant, m.kind == TRANSIT).order_by(m.version.desc()).limit(1)
    ).scalar_one_or_none()
    return (newest or 0) + 1
