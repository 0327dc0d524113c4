"""Scores of carriers and nodes, computed anew from outcomes every hour; each says how many it rests on.

A carrier's outcomes are its ended parcels, and those under way a day beyond their promise, which are late already. A
node's are the fulfillment orders it was given. Outcomes weigh half after `HALF_LIFE_DAYS`; a rate is drawn to that of
all carriers or nodes together, and that one to a rule, with the weight of `PRIOR_WEIGHT` outcomes each.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import Any

from sqlalchemy import Row, delete, text

from core.intelligence.lanes import LEAST_DAYS
from core.intelligence.scores import HALF_LIFE_DAYS, PRIOR_WEIGHT, shrink, shrink_mean
from core.services.counting import count_scores
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.unit import Unit

# Older outcomes weigh less than 2 % and are left out.
WINDOW_DAYS = 6 * HALF_LIFE_DAYS
# What is usual where nothing is known: cold start by rule.
RULE_RATES = {"on_time": 0.9, "lost": 0.005, "damaged": 0.005, "accepted": 0.98, "short": 0.02}
RULE_DAYS = 2.0
RULE_HOURS = 24.0
CARRIERS = text(
    f"""
    WITH parcel AS (
        SELECT lower(carrier) AS name, lower(coalesce(service, '')) AS service,
               coalesce(from_country, '?') || '>' || coalesce(to_country, '?') AS lane,
               state = 'lost' AS lost, damaged,
               CASE WHEN coalesce(due_at, due_90) IS NULL THEN NULL
                    ELSE state = 'delivered' AND delivered_at <= coalesce(due_at, due_90) END AS on_time,
               ln(greatest(extract(epoch FROM delivered_at - shipped_at) / 86400, {LEAST_DAYS})) AS log_days,
               power(0.5, extract(epoch FROM clock_timestamp() - settled_at) / 86400 / :half_life) AS weight
        FROM outcome WHERE tenant_id = :t AND settled_at >= clock_timestamp() - make_interval(days => :days)
          AND carrier IS NOT NULL
        UNION ALL
        SELECT lower(s.carrier), lower(coalesce(s.service, '')),
               coalesce(p.from_country, '?') || '>' || coalesce(p.to_country, '?'), false, false, false, NULL, 1
        FROM promise_part p JOIN shipment s ON s.tenant_id = p.tenant_id AND s.fulfillment_id = p.fulfillment_id
        WHERE p.tenant_id = :t AND p.due_90 < clock_timestamp() - interval '1 day'
          AND p.due_90 >= clock_timestamp() - make_interval(days => :days) AND s.carrier IS NOT NULL
          AND s.state NOT IN ('delivered', 'lost', 'returned_to_sender', 'voided')
          AND EXISTS (SELECT 1 FROM tracking_event e WHERE e.tenant_id = s.tenant_id AND e.shipment_id = s.id)
    )
    SELECT name, CASE WHEN grouping(service) = 0 THEN 'service ' || service
                      WHEN grouping(lane) = 0 THEN 'lane ' || lane ELSE '' END AS part,
           count(*) AS outcomes, sum(weight) AS weight,
           count(on_time) AS on_time_outcomes,
           coalesce(sum(weight) FILTER (WHERE on_time IS NOT NULL), 0) AS on_time_weight,
           coalesce(sum(weight) FILTER (WHERE on_time), 0) AS on_time,
           coalesce(sum(weight) FILTER (WHERE lost), 0) AS lost,
           coalesce(sum(weight) FILTER (WHERE damaged), 0) AS damaged,
           count(log_days) AS days_outcomes,
           coalesce(sum(weight) FILTER (WHERE log_days IS NOT NULL), 0) AS days_weight,
           coalesce(sum(weight * log_days), 0) AS log_days
    FROM parcel GROUP BY GROUPING SETS ((), (name), (name, lane), (name, service))
    HAVING grouping(service) = 1 OR service <> ''
    """  # noqa: S608 - the interpolated number is a constant
)
NODES = text(
    """
    WITH work AS (
        SELECT n.code AS name, f.state <> 'rejected' AS accepted,
               EXISTS (SELECT 1 FROM fulfillment_line l WHERE l.tenant_id = f.tenant_id AND l.fulfillment_id = f.id
                       AND l.canceled > 0) AS short,
               ln(greatest(extract(epoch FROM s.shipped_at - f.released_at) / 3600, 0.05)) AS log_hours,
               power(0.5, extract(epoch FROM clock_timestamp() - f.updated_at) / 86400 / :half_life) AS weight
        FROM fulfillment_order f
        JOIN node n ON n.tenant_id = f.tenant_id AND n.id = f.node_id
        LEFT JOIN LATERAL (SELECT min(shipped_at) AS shipped_at FROM shipment
                           WHERE tenant_id = f.tenant_id AND fulfillment_id = f.id) s ON true
        WHERE f.tenant_id = :t AND f.created_at >= clock_timestamp() - make_interval(days => :days)
          AND f.state NOT IN ('planned', 'released', 'on_hold', 'canceling', 'canceled')
    )
    SELECT name, count(*) AS outcomes, sum(weight) AS weight,
           coalesce(sum(weight) FILTER (WHERE accepted), 0) AS accepted,
           coalesce(sum(weight) FILTER (WHERE short), 0) AS short,
           count(log_hours) AS hours_outcomes,
           coalesce(sum(weight) FILTER (WHERE log_hours IS NOT NULL), 0) AS hours_weight,
           coalesce(sum(weight * log_hours), 0) AS log_hours
    FROM work GROUP BY GROUPING SETS ((), (name))
    """
)
COLUMNS = (
    "subject", "name", "part", "measure", "value", "low", "high", "outcomes", "weight", "prior", "computed_at",
)  # fmt: skip


def refresh_scores(unit: Unit) -> int:
    """Compute all scores anew and return how many there are."""
    values = {"t": unit.tenant, "half_life": HALF_LIFE_DAYS, "days": int(WINDOW_DAYS)}
    carriers = unit.conn.execute(CARRIERS, values).all()
    nodes = unit.conn.execute(NODES, values).all()
    scores = [*_carrier_scores(carriers), *_node_scores(nodes), *count_scores(unit)]
    unit.conn.execute(delete(t.score).where(t.score.c.tenant_id == unit.tenant))
    copy_rows(unit, t.score, COLUMNS, [(*score, unit.now) for score in scores])
    return len(scores)


def _carrier_scores(rows: Sequence[Row[Any]]) -> list[tuple[Any, ...]]:
    together = next((row for row in rows if row.name is None), None)
    if together is None or not together.outcomes:
        return []
    usual = {measure: _usual(together, measure) for measure in ("on_time", "lost", "damaged")}
    usual_days = shrink_mean(together.log_days, float(together.days_weight), log(RULE_DAYS))
    scores = []
    for row in rows:
        if row.name is None:
            continue
        for measure, prior in usual.items():
            scores.append(_rate("carrier", row.name, row.part, measure, row, prior))
        scores.append(
            _mean("carrier", row.name, row.part, "days", row.log_days, row.days_weight, row.days_outcomes, usual_days)
        )
    return scores


def _node_scores(rows: Sequence[Row[Any]]) -> list[tuple[Any, ...]]:
    together = next((row for row in rows if row.name is None), None)
    if together is None or not together.outcomes:
        return []
    usual = {measure: _usual(together, measure) for measure in ("accepted", "short")}
    usual_hours = shrink_mean(together.log_hours, float(together.hours_weight), log(RULE_HOURS))
    scores = []
    for row in rows:
        if row.name is None:
            continue
        for measure, prior in usual.items():
            scores.append(_rate("node", row.name, "", measure, row, prior))
        scores.append(
            _mean("node", row.name, "", "hours", row.log_hours, row.hours_weight, row.hours_outcomes, usual_hours)
        )
    return scores


def _counted(row: Row[Any], measure: str) -> tuple[float, float, int]:
    """Return (decayed count of the measure, decayed count of all, plain count of all)."""
    found = row._asdict()
    weight = found.get(f"{measure}_weight", found["weight"])
    return float(found[measure]), float(weight), int(found.get(f"{measure}_outcomes", found["outcomes"]))


def _usual(together: Row[Any], measure: str) -> float:
    good, weight, outcomes = _counted(together, measure)
    return shrink(good, weight, outcomes, RULE_RATES[measure]).value


def _rate(subject: str, name: str, part: str, measure: str, row: Row[Any], prior: float) -> tuple[Any, ...]:
    good, weight, outcomes = _counted(row, measure)
    share = shrink(good, weight, outcomes, prior)
    return subject, name, part, measure, share.value, share.low, share.high, outcomes, weight, prior


def _mean(
    subject: str, name: str, part: str, measure: str, total: Any, weight: Any, outcomes: int, usual: float
) -> tuple[Any, ...]:
    """Return a typical length of time: the shrunk mean of logarithms, taken back."""
    value = exp(shrink_mean(float(total), float(weight), usual, PRIOR_WEIGHT))
    return subject, name, part, measure, value, None, None, outcomes, float(weight), exp(usual)
