"""When a wave runs by itself: every so often while work waits, and a last time before a node's cut-off."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoSession

from core.domain.calendars import closing, latest_start, until_fetched
from core.domain.cases import WAVE_FAILED
from core.errors import Conflict
from core.jobs.hub import Hub
from core.services.cases import Member, Opened, open_cases
from core.services.facts import Facts, read_facts
from core.services.releasing import MARGIN
from core.services.waving import EVERY_WAVE, Asked, run_wave
from core.store.unit import Unit

log = structlog.get_logger()
LEAD = timedelta(minutes=3)
"""So long before the work of a cut-off is released it is planned a last time."""
MINUTE = timedelta(minutes=1)
LAST = text("SELECT max(at) FROM wave WHERE tenant_id = :t")
WAITING = text("""
SELECT DISTINCT node_id, carrier, service, ship_on FROM fulfillment_order
WHERE tenant_id = :t AND state = 'planned' AND release_at > clock_timestamp()
""")


def wave_due(unit: Unit, facts: Facts, every_minutes: float) -> str | None:
    """Return why a wave is due, `schedule` or `cutoff`; None when it is not.

    Args:
        unit: the running transaction; nothing is written in it.
        facts: calendars and services.
        every_minutes: between two waves; 0 is never.
    """
    if not every_minutes:
        return None
    waiting = unit.conn.execute(WAITING, {"t": unit.tenant}).all()
    if not waiting:
        return None
    last: datetime | None = unit.conn.execute(LAST, {"t": unit.tenant}).scalar()
    if last is None or unit.now - last >= timedelta(minutes=every_minutes):
        return "schedule"
    cutoffs = {service.code: service.cutoff for service in facts.routing.tariff.services.values()}
    ahead = MARGIN + LEAD
    for row in waiting:
        if row.ship_on is None:
            continue
        calendar = until_fetched(facts.promising.calendars[row.node_id], cutoffs.get(f"{row.carrier}/{row.service}"))
        leaves = closing(calendar, row.ship_on)
        begins = None if leaves is None else latest_start(calendar, unit.now, leaves, ahead // MINUTE + 1)
        if begins is not None and last < begins - ahead <= unit.now:
            return "cutoff"
    return None


def run_due_wave(hub: Hub) -> dict[str, Any] | None:
    """Run a wave when one is due and none runs; return its report, None when there was nothing to do.

    A wave that fails for another reason than a database that is away opens a case, which the next that runs ends.
    """
    try:
        with hub.store.begin() as unit:
            facts = read_facts(unit.conn, hub.connectors, unit.tenant, hub.promising)
            cause = wave_due(unit, facts, hub.waves.every_minutes)
            if cause is None:
                return None
            found = run_wave(unit, facts, Asked(cause, hub.waves.search_seconds, hub.waves.orders))
    except Conflict:
        return None  # another process is at it
    except (OperationalError, NoSession):
        raise  # the database is away: the relay asks again
    except Exception as error:
        with hub.store.begin(actor="relay") as unit:
            _tell(unit, error)
        raise
    if found["refused"]:
        log.error("wave.refused", wave=found["id"], why=found["refused"])
    return found


def _tell(unit: Unit, error: Exception) -> None:
    """Open the case of waves that fail, or say in it why the last one did."""
    evidence = {"error": type(error).__name__, "detail": str(error)[:500]}
    open_cases(unit, [Opened(WAVE_FAILED, WAVE_FAILED.code, evidence, [Member("waves", EVERY_WAVE)])])
