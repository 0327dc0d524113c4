"""The network screens: nodes with their calendars and scores, carriers' services with their rates and scores."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, text

# A closure counts until its day is over; today's work is what was given to the node today, as on the overview.
NODES = text(
    """
    SELECT n.code, n.name, n.kind, n.country, n.city, n.timezone, n.cutoff, n.off_reason, n.capacity_per_day,
           n.off_until, n.active AND (n.off_until IS NULL OR n.off_until <= clock_timestamp()) AS works, n.active,
           c.node_id IS NOT NULL AS own_calendar, coalesce(c.handling_minutes, 0) AS handling_minutes,
           closed.day AS closed_on, closed.label AS closed_for, closed.days AS closed_days,
           work.today, work.open,
           accepted.value AS accepted, accepted.low AS accepted_low, accepted.high AS accepted_high,
           accepted.outcomes AS accepted_outcomes, hours.value AS hours, hours.outcomes AS hours_outcomes
      FROM node n
      LEFT JOIN node_calendar c ON c.tenant_id = n.tenant_id AND c.node_id = n.id
      LEFT JOIN score accepted ON accepted.tenant_id = n.tenant_id AND accepted.subject = 'node'
           AND accepted.name = n.code AND accepted.part = '' AND accepted.measure = 'accepted'
      LEFT JOIN score hours ON hours.tenant_id = n.tenant_id AND hours.subject = 'node'
           AND hours.name = n.code AND hours.part = '' AND hours.measure = 'hours'
      LEFT JOIN LATERAL (
           SELECT min(day) AS day, (array_agg(label ORDER BY day))[1] AS label, count(*) AS days FROM node_closure
            WHERE tenant_id = n.tenant_id AND node_id = n.id AND opens IS NULL AND day >= current_date) closed ON true
      LEFT JOIN LATERAL (
           SELECT count(*) FILTER (WHERE created_at >= date_trunc('day', clock_timestamp())) AS today,
                  count(*) FILTER (WHERE state IN ('planned', 'released', 'on_hold', 'acknowledged', 'picking',
                                                   'partly_shipped', 'canceling')) AS open
             FROM fulfillment_order
            WHERE tenant_id = n.tenant_id AND node_id = n.id AND state NOT IN ('canceled', 'rejected')
              AND created_at >= clock_timestamp() - interval '30 days') work ON true
     WHERE n.tenant_id = :tenant AND n.code > :after AND (:only = '' OR n.code = :only)
     ORDER BY n.code LIMIT :limit
    """
)
# A service's own score where it has one, else its carrier's over all services.
SERVICES = text(
    """
    SELECT s.carrier, s.service, s.label, s.level, s.nodes, s.cutoff, s.pickup_limit, s.transit_days, s.on_time,
           s.max_weight_g, s.active, rates.lanes, rates.cheapest, rates.currency,
           score.value AS kept, score.low AS kept_low, score.high AS kept_high, score.outcomes AS kept_outcomes,
           score.part <> '' AS own_score
      FROM carrier_service s
      LEFT JOIN LATERAL (
           SELECT count(*) AS lanes, min(price) AS cheapest, min(currency) AS currency FROM rate
            WHERE tenant_id = s.tenant_id AND service_id = s.id
              AND (valid_to IS NULL OR valid_to >= current_date)) rates ON true
      LEFT JOIN LATERAL (
           SELECT value, low, high, outcomes, part FROM score
            WHERE tenant_id = s.tenant_id AND subject = 'carrier' AND name = lower(s.carrier) AND measure = 'on_time'
              AND part IN ('', 'service ' || lower(s.service)) ORDER BY part DESC LIMIT 1) score ON true
     WHERE s.tenant_id = :tenant AND (:carrier = '' OR s.carrier = :carrier)
     ORDER BY s.carrier, s.service LIMIT :limit
    """
)
COUNTS = text(
    """
    SELECT count(*) FILTER (WHERE ends_at IS NULL OR ends_at > clock_timestamp()) AS live,
           count(*) FILTER (WHERE ends_at <= clock_timestamp()) AS over
      FROM disruption WHERE tenant_id = :tenant
    """
)
CARRIERS = text("SELECT DISTINCT carrier FROM carrier_service WHERE tenant_id = :tenant ORDER BY 1")


def nodes(conn: Connection, tenant: int, *, after: str = "", only: str = "", limit: int = 100) -> Sequence[RowMapping]:
    """Return nodes by code, switched off or not, with today's work, closed days to come and scores.

    Args:
        conn: a session.
        tenant: whose.
        after: the code after which the page begins.
        only: the one node wanted.
        limit: at most so many.
    """
    return conn.execute(NODES, {"tenant": tenant, "after": after, "only": only, "limit": limit}).mappings().all()


def services(conn: Connection, tenant: int, *, carrier: str = "", limit: int = 500) -> Sequence[RowMapping]:
    """Return carriers' services with the number of their rates, their lowest price and how they kept their dates."""
    return conn.execute(SERVICES, {"tenant": tenant, "carrier": carrier, "limit": limit}).mappings().all()


def disruption_counts(conn: Connection, tenant: int) -> dict[str, int]:
    """Return how many disruptions there are by tab: not over, and over."""
    return dict(conn.execute(COUNTS, {"tenant": tenant}).mappings().one())


def carriers(conn: Connection, tenant: int) -> list[tuple[str, str]]:
    """Return every carrier with services, as value and text of a choice."""
    return [(name, name) for name in conn.execute(CARRIERS, {"tenant": tenant}).scalars()]
