"""What promises rest on, read with the other facts: calendars, full days, where nodes are, the transit model in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, Row, select, text

from config.settings import Promising
from core.domain.calendars import DEFAULT_WEEK, Calendar, Hours
from core.errors import CrossdockError
from core.intelligence.boosted import read_boosted
from core.intelligence.conformal import Correction, read_correction
from core.intelligence.lanes import LEVELS, Floats, Trip
from core.intelligence.odds import level_days
from core.intelligence.transit import RULES, TransitModel, read_lanes
from core.store import schema as t

log = structlog.get_logger()
# Trips remembered by one process; a hub has far fewer different ones.
MOST_REMEMBERED = 50_000


@dataclass(frozen=True, slots=True)
class Way:
    """How long a trip takes.

    Args:
        log_days: corrected log-days by quantile.
        level_days: days by `LEVELS`.
    """

    log_days: Floats
    level_days: tuple[float, ...]


@dataclass(slots=True)
class Transit:
    """The champion with its correction; what it says of a trip is computed once.

    Args:
        model: what says how long trips take.
        correction: what outcomes have taught since.
        version: as stored with promises: `rules`, or `lanes@3`.
        id: of its row, None for the rule before any outcome.
        corrected_at: when it was corrected last, None when never.
        failed: why the champion could not be read, when the rule stands in for it.
    """

    model: TransitModel = RULES
    correction: Correction = field(default_factory=Correction)
    version: str = "rules"
    id: UUID | None = None
    corrected_at: datetime | None = None
    failed: str | None = None
    _known: dict[Trip, Way] = field(default_factory=dict)

    def log_days(self, trip: Trip) -> Floats:
        """Return the trip's corrected log-days by quantile."""
        return self.way(trip).log_days

    def way(self, trip: Trip) -> Way:
        """Return how long the trip takes."""
        found = self._known.get(trip)
        if found is None:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            log_days = self.correction.apply(self.model.log_days([trip])[0])
            found = self._known[trip] = Way(log_days, tuple(level_days(log_days, level) for level in LEVELS))
        return found


@dataclass(frozen=True, slots=True)
class NodePlace:
    """Where a node is, as far as lanes need it."""

    code: str
    country: str | None
    postal: str | None


@dataclass(frozen=True, slots=True)
class PromisingFacts:
    """One consistent picture of what promises rest on.

    Args:
        terms: the settings of promising.
        calendars: by node, all of them.
        full: by node, days whose capacity is used up.
        places: by node.
        transit: the model in use.
    """

    terms: Promising = field(default_factory=Promising)
    calendars: Mapping[UUID, Calendar] = field(default_factory=dict)
    full: Mapping[UUID, frozenset[date]] = field(default_factory=dict)
    places: Mapping[UUID, NodePlace] = field(default_factory=dict)
    transit: Transit = field(default_factory=Transit)


def read_promising(
    conn: Connection, tenant: int, nodes: Sequence[Row[Any]], terms: Promising, before: PromisingFacts | None
) -> PromisingFacts:
    """Read the picture.

    Args:
        conn: a session.
        tenant: whose.
        nodes: rows of the node table.
        terms: the settings.
        before: the picture read last; its model is kept while the champion and its correction are the same.
    """
    return PromisingFacts(
        terms,
        _calendars(conn, tenant, nodes),
        _full_days(conn, tenant, nodes),
        {row.id: NodePlace(row.code, row.country, row.postal_code) for row in nodes},
        read_transit(conn, tenant, before.transit if before else None),
    )


def _calendars(conn: Connection, tenant: int, nodes: Sequence[Row[Any]]) -> dict[UUID, Calendar]:
    weeks = select(t.node_calendar).where(t.node_calendar.c.tenant_id == tenant)
    own = {row.node_id: row for row in conn.execute(weeks)}
    days: dict[UUID, dict[date, Hours | None]] = {}
    for row in conn.execute(select(t.node_closure).where(t.node_closure.c.tenant_id == tenant)):
        days.setdefault(row.node_id, {})[row.day] = None if row.opens is None else Hours(row.opens, row.closes)
    return {
        row.id: Calendar(
            row.timezone,
            read_week(own[row.id].week) if row.id in own else DEFAULT_WEEK,
            days.get(row.id, {}),
            row.cutoff,
            timedelta(minutes=own[row.id].handling_minutes if row.id in own else 0),
        )
        for row in nodes
    }


def read_week(stored: Sequence[Mapping[str, str] | None]) -> tuple[Hours | None, ...]:
    """Return a week as it is stored with a node: seven entries, Monday first, null for a day off."""
    return tuple(
        None if each is None else Hours(time.fromisoformat(each["opens"]), time.fromisoformat(each["closes"]))
        for each in stored
    )


PLANNED = text(
    """
    SELECT p.node_id, p.ship_at, count(*) AS works FROM promise_part p
    JOIN fulfillment_order f ON f.tenant_id = p.tenant_id AND f.id = p.fulfillment_id
    WHERE p.tenant_id = :t AND p.node_id = ANY(:nodes) AND p.ship_at >= :since
      AND f.state NOT IN ('rejected', 'canceled')
    GROUP BY p.node_id, p.ship_at
    """
)


def _full_days(conn: Connection, tenant: int, nodes: Sequence[Row[Any]]) -> dict[UUID, frozenset[date]]:
    """Return the days for which a node has as much work planned as it can do."""
    limited = {row.id: row for row in nodes if row.capacity_per_day is not None}
    if not limited:
        return {}
    planned: dict[UUID, dict[date, int]] = {node: {} for node in limited}
    since = datetime.now(UTC) - timedelta(days=1)
    for row in conn.execute(PLANNED, {"t": tenant, "nodes": list(limited), "since": since}):
        day = row.ship_at.astimezone(ZoneInfo(limited[row.node_id].timezone)).date()
        planned[row.node_id][day] = planned[row.node_id].get(day, 0) + row.works
    return {
        node: frozenset(day for day, works in days.items() if works >= limited[node].capacity_per_day)
        for node, days in planned.items()
    }


def read_transit(conn: Connection, tenant: int, before: Transit | None) -> Transit:
    """Return the champion with its correction, the rule where there is none yet.

    A champion that cannot be read, such as one whose engine is not installed here, is stood in for by the rule without
    correction, and `failed` says so: promises name what they rest on.
    """
    m = t.model_version.c
    row = conn.execute(
        select(m.id, m.version, m.engine, m.correction, m.corrected_at).where(
            m.tenant_id == tenant, m.kind == "transit", m.state == "champion"
        )
    ).one_or_none()
    if row is None:
        return before if before is not None and before.id is None else Transit()
    if before is not None and (before.id, before.corrected_at) == (row.id, row.corrected_at):
        return before
    correction, version = read_correction(row.correction), f"{row.engine}@{row.version}"
    if before is not None and before.id == row.id and before.failed is None:
        return Transit(before.model, correction, version, row.id, row.corrected_at)
    content = conn.execute(select(m.content).where(m.tenant_id == tenant, m.id == row.id)).scalar_one()
    try:
        model = read_model(row.engine, content)
    except CrossdockError as error:
        log.warning("promising.model_unreadable", model=version, what=error.what)
        return Transit(RULES, Correction(), "rules", row.id, row.corrected_at, error.what)
    return Transit(model, correction, version, row.id, row.corrected_at)


def read_model(engine: str, content: Mapping[str, Any]) -> TransitModel:
    """Return a stored model.

    Raises:
        Misconfigured: its engine is not installed.
    """
    if engine == "boosted":
        return read_boosted(content)
    return RULES if engine == "rules" else read_lanes(content)
