"""The promises screen: those at risk now and those that were late, with their order, node and carrier."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

PARTS = """
      JOIN orders o ON o.tenant_id = p.tenant_id AND o.id = p.order_id
      LEFT JOIN LATERAL (
           SELECT array_agg(DISTINCT n.code) AS nodes,
                  array_agg(DISTINCT coalesce(s.carrier, part.carrier)) FILTER (
                      WHERE coalesce(s.carrier, part.carrier) IS NOT NULL) AS carriers
             FROM promise_part part JOIN node n ON n.tenant_id = part.tenant_id AND n.id = part.node_id
             JOIN fulfillment_order f ON f.tenant_id = part.tenant_id AND f.id = part.fulfillment_id
                  AND f.state NOT IN ('canceled', 'rejected')
             LEFT JOIN shipment s ON s.tenant_id = part.tenant_id AND s.fulfillment_id = part.fulfillment_id
            WHERE part.tenant_id = p.tenant_id AND part.order_id = p.order_id) ways ON true
"""
COLUMNS = """
    SELECT p.id, p.order_id, coalesce(o.number, o.external_id) AS number, o.phase, o.ship_country AS country, p.due_at,
           p.level, p.risk, p.made_at, p.delivered_at, p.settled_at, coalesce(ways.nodes, '{}') AS nodes,
           coalesce(ways.carriers, '{}') AS carriers
      FROM promise p
"""
# What is past its date and not settled yet is at risk whatever was reckoned last.
AT_RISK = "p.tenant_id = :tenant AND p.state = 'standing' AND (p.risk >= :risk OR p.due_at < clock_timestamp())"
LATE = "p.tenant_id = :tenant AND p.state = 'late' AND p.settled_at >= :since"
RISKY = text(
    f"""
    {COLUMNS} {PARTS} WHERE {AT_RISK}
       AND (CAST(:after AS uuid) IS NULL OR (p.due_at, p.id) > (
            SELECT due_at, id FROM promise WHERE tenant_id = :tenant AND id = CAST(:after AS uuid)))
     ORDER BY p.due_at, p.id LIMIT :limit
    """  # noqa: S608 - the interpolated parts are constants
)
LATES = text(
    f"""
    {COLUMNS} {PARTS} WHERE {LATE}
       AND (CAST(:after AS uuid) IS NULL OR (p.settled_at, p.id) < (
            SELECT settled_at, id FROM promise WHERE tenant_id = :tenant AND id = CAST(:after AS uuid)))
     ORDER BY p.settled_at DESC, p.id DESC LIMIT :limit
    """  # noqa: S608 - the interpolated parts are constants
)
COUNTS = text(
    f"""
    SELECT (SELECT count(*) FROM promise p WHERE {AT_RISK}) AS risk,
           (SELECT count(*) FROM promise p WHERE {LATE}) AS late
    """  # noqa: S608 - the interpolated parts are constants
)


def counts(conn: Connection, tenant: int, *, risk: float, since: datetime) -> dict[str, int]:
    """Return how many promises are at risk now, and how many were late since a moment."""
    return dict(conn.execute(COUNTS, {"tenant": tenant, "risk": risk, "since": since}).mappings().one())


def at_risk(
    conn: Connection, tenant: int, *, risk: float, after: UUID | None = None, limit: int = 50
) -> Sequence[RowMapping]:
    """Return standing promises that will rather be late, the one due first first.

    Args:
        conn: a session.
        tenant: whose.
        risk: the chance of being late from which on a promise counts.
        after: the last promise of the page before.
        limit: at most so many.
    """
    values = {"tenant": tenant, "risk": risk, "after": after, "limit": limit}
    return conn.execute(RISKY, values).mappings().all()


def late(
    conn: Connection, tenant: int, *, since: datetime, after: UUID | None = None, limit: int = 50
) -> Sequence[RowMapping]:
    """Return promises that were not kept and were settled since a moment, the newest first."""
    values = {"tenant": tenant, "since": since, "after": after, "limit": limit}
    return conn.execute(LATES, values).mappings().all()
