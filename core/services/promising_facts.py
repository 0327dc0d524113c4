"""What promises rest on, read with the other facts: calendars, where nodes are, the transit model in use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, Row, select

from config.settings import Promising
from core.domain.calendars import Calendar
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
        places: by node.
        transit: the model in use.
    """

    terms: Promising = field(default_factory=Promising)
    calendars: Mapping[UUID, Calendar] = field(default_factory=dict)
    places: Mapping[UUID, NodePlace] = field(default_factory=dict)
    transit: Transit = field(default_factory=Transit)


def promising_facts(
    terms: Promising, nodes: Sequence[Row[Any]], calendars: Mapping[UUID, Calendar], transit: Transit
) -> PromisingFacts:
    """Return the picture made of what was read; `nodes` are rows of the node table."""
    places = {row.id: NodePlace(row.code, row.country, row.postal_code) for row in nodes}
    return PromisingFacts(terms, calendars, places, transit)


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
