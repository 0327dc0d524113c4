"""What the frame of the console shows on every screen: counts beside the menu, and how far the event feed is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, text

COUNTS = text(
    """
    SELECT
      (SELECT count(*) FROM exception_case
        WHERE tenant_id = :tenant AND state IN ('open', 'auto_resolving', 'assigned')) AS exceptions,
      (SELECT count(*) FROM connection
        WHERE tenant_id = :tenant AND mode <> 'off' AND paused_until > clock_timestamp()) AS paused,
      (SELECT count(*) FROM message WHERE tenant_id = :tenant AND state = 'quarantined') AS quarantined,
      (SELECT count(*) FROM delivery WHERE tenant_id = :tenant AND state = 'dead') AS dead,
      (SELECT count(*) FROM disruption WHERE tenant_id = :tenant AND starts_at <= clock_timestamp()
        AND (ends_at IS NULL OR ends_at > clock_timestamp())) AS disruptions,
      (SELECT count(*) FROM case_member
        WHERE tenant_id = :tenant AND subject = 'edi_document' AND resolved_at IS NULL) AS partners
    """
)
DEMO = text("SELECT value FROM setting WHERE tenant_id = :tenant AND name = 'demo'")
LAST = text("SELECT coalesce(max(seq), 0) FROM event WHERE tenant_id = :tenant")
# Identifiers begin with their time, so the primary key finds the last minute.
RATE = text(
    "SELECT count(*) FROM message WHERE tenant_id = :tenant AND id >= :floor"
    " AND received_at > clock_timestamp() - interval '1 minute'"
)


@dataclass(frozen=True, slots=True)
class Counts:
    """How much waits for a person, by screen."""

    exceptions: int
    paused: int
    quarantined: int
    dead: int
    disruptions: int
    partners: int


def counts(conn: Connection, tenant: int) -> Counts:
    """Return the counts beside the menu."""
    row = conn.execute(COUNTS, {"tenant": tenant}).one()
    return Counts(row.exceptions, row.paused, row.quarantined, row.dead, row.disruptions, row.partners)


def last_event(conn: Connection, tenant: int) -> int:
    """Return the number of the newest event."""
    return int(conn.execute(LAST, {"tenant": tenant}).scalar_one())


def demo_badge(conn: Connection, tenant: int) -> str | None:
    """Return what the badge says while simulated traffic runs: `badge` of the setting `demo`; None in earnest."""
    row = conn.execute(DEMO, {"tenant": tenant}).one_or_none()
    return str(row.value["badge"]) if row else None


def messages_per_minute(conn: Connection, tenant: int, now: datetime) -> int:
    """Return how many messages came in during the last minute."""
    return int(conn.execute(RATE, {"tenant": tenant, "floor": id_floor(now - timedelta(minutes=2))}).scalar_one())


def id_floor(at: datetime) -> UUID:
    """Return the smallest UUIDv7 of an instant: identifiers made since then are not below it."""
    return UUID(int=int(at.timestamp() * 1000) << 80)
