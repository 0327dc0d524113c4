"""How far counts of batch nodes fall short of what the ledger expects, learned per node and class of item.

An outcome is one count of one position: what was expected at its moment, and what was counted. Its error is the share
that was missing; finding more is an error of 0. Outcomes weigh half after `HALF_LIFE_DAYS` and with the units expected,
so that the figure says: of the units on hand, so many in a hundred lie where a count finds no larger share missing. As
long as a node has fewer outcomes than it asks for, its rule stands for those it lacks. A class of items has a figure of
its own once it has enough outcomes of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, text

from core.intelligence.scores import HALF_LIFE_DAYS, quantile_with_rule, shrink_mean
from core.store.unit import Unit

# Older outcomes weigh less than 7 % and are forgotten.
WINDOW_DAYS = 4 * HALF_LIFE_DAYS
ERROR, HOURS = "count_error", "count_hours"
# Errors are told apart to a tenth of a percent, so that a million outcomes are a thousand rows.
OUTCOMES = text(
    """
    SELECT n.code, o.part, round(greatest(o.expected - o.counted, 0) / o.expected, 3) AS error, count(*) AS outcomes,
           sum(w.weight) AS weight, sum(w.weight * o.expected) AS units, sum(w.weight * o.hours) AS hours,
           n.count_error, n.count_hours, n.count_samples, n.count_quantile
    FROM count_outcome o JOIN node n ON n.tenant_id = o.tenant_id AND n.id = o.node_id AND n.stock_mode = 'batch'
    CROSS JOIN LATERAL (
        SELECT power(0.5, extract(epoch FROM clock_timestamp() - o.as_of) / 86400 / :half_life) AS weight) w
    WHERE o.tenant_id = :t AND o.expected > 0 AND o.as_of >= clock_timestamp() - make_interval(days => :days)
    GROUP BY n.tenant_id, n.id, o.part, 3
    """
)
FORGET = "DELETE FROM count_outcome WHERE tenant_id = %s AND as_of < clock_timestamp() - make_interval(days => %s)"


def count_scores(unit: Unit) -> list[tuple[Any, ...]]:
    """Return the scores of batch nodes' counts: the error, with its rule as prior, and the hours between two counts."""
    unit.conn.exec_driver_sql(FORGET, (unit.tenant, int(WINDOW_DAYS)))
    values = {"t": unit.tenant, "half_life": HALF_LIFE_DAYS, "days": int(WINDOW_DAYS)}
    together: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    by_class: defaultdict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    for row in unit.conn.execute(OUTCOMES, values):
        together[row.code].append(row)
        if row.part:
            by_class[row.code, row.part].append(row)
    scores = []
    for code, rows in sorted(together.items()):
        first = rows[0]
        scores.append(_error(code, "", rows))
        weight = float(sum(row.weight for row in rows))
        total = float(sum(row.hours for row in rows))
        usual = float(first.count_hours)
        hours = shrink_mean(total, weight, usual, float(first.count_samples))
        outcomes = sum(row.outcomes for row in rows)
        scores.append(("node", code, "", HOURS, hours, None, None, outcomes, weight, usual))
    for (code, part), rows in sorted(by_class.items()):
        if sum(row.weight for row in rows) >= rows[0].count_samples:
            scores.append(_error(code, part, rows))
    return scores


def _error(code: str, part: str, rows: Iterable[Row[Any]]) -> tuple[Any, ...]:
    own = list(rows)
    rule, samples = float(own[0].count_error), float(own[0].count_samples)
    weight = float(sum(row.weight for row in own))
    value = quantile_with_rule(
        [(float(row.error), float(row.units)) for row in own],
        float(own[0].count_quantile),
        rule,
        max(samples - weight, 0.0) / max(samples, weight, 1.0),
    )
    return "node", code, part, ERROR, value, None, None, sum(row.outcomes for row in own), weight, rule
