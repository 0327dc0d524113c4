"""The connections screen: how each account did in the last 24 hours, and what waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

from core.store.views.shell import id_floor

HOURS = 24

LIST = text(
    """
    SELECT c.id, c.name, c.label, c.connector, c.mode, c.paused_until, c.pause_reason, c.failures, c.breaker_opened,
           c.created_at,
           (SELECT count(*) FROM delivery d WHERE d.tenant_id = c.tenant_id AND d.connection_id = c.id
                AND d.state IN ('due', 'waiting', 'sending', 'unknown')) AS waiting,
           (SELECT max(received_at) FROM message m WHERE m.tenant_id = c.tenant_id AND m.connection_id = c.id
                AND m.id >= :floor) AS last_message
      FROM connection c WHERE c.tenant_id = :tenant AND (CAST(:name AS text) IS NULL OR c.name = :name)
     ORDER BY c.name
    """
)
HOURLY = text(
    """
    SELECT connection_id, bucket, sum(good) AS good, sum(bad) AS bad FROM (
        SELECT connection_id, width_bucket(extract(epoch FROM received_at), :start, :end, :points) AS bucket,
               count(*) FILTER (WHERE state <> 'quarantined') AS good,
               count(*) FILTER (WHERE state = 'quarantined') AS bad
          FROM message WHERE tenant_id = :tenant AND id >= :floor GROUP BY 1, 2
        UNION ALL
        SELECT d.connection_id, width_bucket(extract(epoch FROM a.started_at), :start, :end, :points),
               count(*) FILTER (WHERE a.outcome IN ('delivered', 'declined')),
               count(*) FILTER (WHERE a.outcome NOT IN ('delivered', 'declined'))
          FROM attempt a JOIN delivery d ON d.tenant_id = a.tenant_id AND d.id = a.delivery_id
         WHERE a.tenant_id = :tenant AND a.id >= :floor GROUP BY 1, 2
    ) both_ways GROUP BY 1, 2
    """
)
LAGS = text(
    """
    SELECT connection_id, extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY took)) AS seconds FROM (
        (SELECT connection_id, finished_at - received_at AS took FROM message
          WHERE tenant_id = :tenant AND id >= :floor AND finished_at IS NOT NULL ORDER BY id DESC LIMIT 20000)
        UNION ALL
        (SELECT connection_id, finished_at - created_at FROM delivery
          WHERE tenant_id = :tenant AND id >= :floor AND state = 'delivered' ORDER BY id DESC LIMIT 20000)
    ) done GROUP BY 1
    """
)


@dataclass(frozen=True, slots=True)
class Health:
    """One account.

    Attributes:
        hours: per hour, oldest first: `ok`, `some` errors, `bad` (half or more) or `idle`.
        lag: 95th percentile of seconds from in to done, both ways.
        errors: share of failed messages and attempts; None when nothing happened.
        state: `ok`, `paused`, `failing` (over 5 % errors or an open breaker), `off` or `idle`.
    """

    id: UUID
    name: str
    label: str
    connector: str
    mode: str
    paused_until: datetime | None
    pause_reason: str | None
    waiting: int
    last_message: datetime | None
    hours: tuple[str, ...]
    lag: float | None
    errors: float | None
    failures: int
    handled: int
    state: str


def health(conn: Connection, tenant: int, now: datetime, name: str | None = None) -> list[Health]:
    """Return the accounts by name, or the one of that name."""
    start = now - timedelta(hours=HOURS)
    bounds = {
        "tenant": tenant, "start": start.timestamp(), "end": now.timestamp(), "points": HOURS, "floor": id_floor(start)
    }  # fmt: skip
    hourly: dict[UUID, dict[int, tuple[int, int]]] = {}
    for row in conn.execute(HOURLY, bounds):
        hour = min(max(row.bucket, 1), HOURS)
        good, bad = hourly.setdefault(row.connection_id, {}).get(hour, (0, 0))
        hourly[row.connection_id][hour] = (good + int(row.good), bad + int(row.bad))
    lags = {row.connection_id: float(row.seconds) for row in conn.execute(LAGS, bounds) if row.seconds is not None}
    found = []
    for row in conn.execute(LIST, {**bounds, "name": name}):
        hours = hourly.get(row.id, {})
        good, bad = (sum(pair[side] for pair in hours.values()) for side in (0, 1))
        errors = bad / (good + bad) if good + bad else None
        paused = row.paused_until is not None and row.paused_until > now
        found.append(
            Health(
                row.id, row.name, row.label or row.name, row.connector, row.mode,
                row.paused_until if paused else None, row.pause_reason if paused else None, row.waiting,
                row.last_message, tuple(_hour(hours.get(hour)) for hour in range(1, HOURS + 1)), lags.get(row.id),
                errors, row.failures, good + bad, _state(row.mode, paused, errors),
            )
        )  # fmt: skip
    return found


def _hour(counts: tuple[int, int] | None) -> str:
    if not counts or not sum(counts):
        return "idle"
    good, bad = counts
    if not bad:
        return "ok"
    return "bad" if bad >= good else "some"


def _state(mode: str, paused: bool, errors: float | None) -> str:
    if mode == "off":
        return "off"
    if paused:
        return "paused"
    if errors is None:
        return "idle"
    return "failing" if errors > 0.05 else "ok"
