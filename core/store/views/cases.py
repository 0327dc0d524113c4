"""The exceptions queue: one row per cause, what it holds up, and the case behind a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

from core.domain.hold_causes import CAUSE_OF_HOLD

LIVE = "'open', 'auto_resolving', 'assigned'"
# The tabs: name, title, condition; `:me` is the reader, `:risk` the time that counts as soon.
TABS: Mapping[str, tuple[str, str]] = {
    "needs_action": ("Needs action", f"c.state IN ({LIVE})"),
    "risk": ("Due soon", f"c.state IN ({LIVE}) AND c.deadline < :risk"),
    "mine": ("Mine", f"c.state IN ({LIVE}) AND c.owner = :me"),
    "snoozed": ("Snoozed", "c.state = 'snoozed'"),
    "resolved": (
        "Resolved today",
        "c.state IN ('resolved', 'dismissed', 'superseded') AND c.resolved_at >= date_trunc('day', :now)",
    ),
}
HISTOGRAM_POINTS = 12
OF_HOLDS = frozenset(cause.code for cause in CAUSE_OF_HOLD.values())
ROWS = """
    SELECT c.id, c.code, c."class" AS class, c.severity, c.title, c.sentence, c.state, c.owner, c.tags, c.recommended,
           c.deadline, c.snoozed_until, c.first_seen, c.last_seen, c.resolved_at, c.resolution, c.alternatives,
           c.evidence, c.version, k.name AS connection, k.label AS connection_label, n.name AS node,
           coalesce(m.orders, 0) AS orders, coalesce(m.members, 0) AS members, m.value, m.currencies, m.histogram
      FROM exception_case c
      LEFT JOIN connection k ON k.tenant_id = c.tenant_id AND k.id = c.connection_id
      LEFT JOIN node n ON n.tenant_id = c.tenant_id AND n.id = c.node_id
      LEFT JOIN LATERAL (
        SELECT count(DISTINCT m.order_id) AS orders, count(*) AS members, sum(o.total) AS value,
               array_agg(DISTINCT o.currency) FILTER (WHERE o.currency IS NOT NULL) AS currencies,
               array_agg(width_bucket(extract(epoch FROM m.since), :since, :until, 12)) AS histogram
          FROM case_member m LEFT JOIN orders o ON o.tenant_id = m.tenant_id AND o.id = m.order_id
         WHERE m.tenant_id = c.tenant_id AND m.case_id = c.id
           AND (m.resolved_at IS NULL OR c.state IN ('resolved', 'dismissed', 'superseded'))
      ) m ON true
     WHERE c.tenant_id = :tenant
"""
ORDERING = """
     ORDER BY CASE c.severity WHEN 'high' THEN 0 WHEN 'medium' THEN 1 ELSE 2 END, c.deadline NULLS LAST,
              c.first_seen, c.id
     LIMIT :limit
"""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case as queue and pane show it.

    Attributes:
        value: total of the orders it holds up, None when they are of several currencies or there are none.
        histogram: members that joined in each half hour of the last six hours, oldest first.
        recommended: action, label, args and confidence; action is None when only a person can tell.
    """

    id: UUID
    code: str
    klass: str
    severity: str
    title: str
    sentence: str
    state: str
    owner: str | None
    tags: tuple[str, ...]
    connection: str | None
    connection_label: str | None
    node: str | None
    orders: int
    members: int
    value: Decimal | None
    currency: str | None
    histogram: tuple[int, ...]
    deadline: datetime | None
    snoozed_until: datetime | None
    first_seen: datetime
    last_seen: datetime
    resolved_at: datetime | None
    resolution: str | None
    recommended: Mapping[str, Any] | None
    alternatives: Sequence[Mapping[str, Any]]
    evidence: Mapping[str, Any]
    version: int

    @property
    def holds(self) -> bool:
        """Return whether its orders are held for it; other causes only concern them."""
        return self.code in OF_HOLDS


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """What narrows the queue; every field is one parameter of the address."""

    tab: str = "needs_action"
    connection: str = ""
    klass: str = ""
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """One thing a case is about."""

    subject: str
    subject_id: UUID
    order_id: UUID | None
    number: str | None
    total: Decimal | None
    currency: str | None
    since: datetime
    resolved_at: datetime | None


def _row(row: RowMapping) -> CaseRow:
    currencies = row["currencies"] or []
    histogram = [0] * HISTOGRAM_POINTS
    for bucket in row["histogram"] or []:
        if 1 <= bucket <= HISTOGRAM_POINTS:
            histogram[bucket - 1] += 1
    return CaseRow(
        row["id"], row["code"], row["class"], row["severity"], row["title"], row["sentence"], row["state"],
        row["owner"], tuple(row["tags"]), row["connection"], row["connection_label"], row["node"], row["orders"],
        row["members"], row["value"] if len(currencies) == 1 else None,
        currencies[0] if len(currencies) == 1 else None, tuple(histogram), row["deadline"], row["snoozed_until"],
        row["first_seen"], row["last_seen"], row["resolved_at"], row["resolution"], row["recommended"],
        tuple(row["alternatives"] or ()), row["evidence"] or {}, row["version"],
    )  # fmt: skip


def _six_hours(now: datetime) -> dict[str, float]:
    return {"since": now.timestamp() - 21_600, "until": now.timestamp()}


def _where(wanted: CaseFilter) -> str:
    parts = [f" AND {TABS[wanted.tab][1]}"]
    if wanted.connection:
        parts.append(" AND k.name = :connection")
    if wanted.klass:
        parts.append(' AND c."class" = :class')
    if wanted.severity:
        parts.append(" AND c.severity = :severity")
    return "".join(parts)


def _values(tenant: int, wanted: CaseFilter, now: datetime, risk: datetime, me: str) -> dict[str, Any]:
    return {
        "tenant": tenant, "now": now, **_six_hours(now), "risk": risk, "me": me, "connection": wanted.connection,
        "class": wanted.klass, "severity": wanted.severity,
    }  # fmt: skip


def page(
    conn: Connection, tenant: int, wanted: CaseFilter, *, now: datetime, risk: datetime, me: str, limit: int = 200
) -> list[CaseRow]:
    """Return the queue, most severe and most urgent first.

    Args:
        risk: deadlines before this moment are due soon.
        me: the reader's e-mail address.
    """
    values = _values(tenant, wanted, now, risk, me)
    query = text(ROWS + _where(wanted) + ORDERING)
    return [_row(row) for row in conn.execute(query, {**values, "limit": limit}).mappings()]


def tab_counts(conn: Connection, tenant: int, *, now: datetime, risk: datetime, me: str) -> dict[str, int]:
    """Return how many cases each tab holds."""
    columns = ", ".join(f'count(*) FILTER (WHERE {condition}) AS "{name}"' for name, (_, condition) in TABS.items())
    query = text(f"SELECT {columns} FROM exception_case c WHERE c.tenant_id = :tenant")  # noqa: S608 - constants above
    return dict(conn.execute(query, _values(tenant, CaseFilter(), now, risk, me)).mappings().one())


def totals(conn: Connection, tenant: int) -> tuple[int, list[tuple[str, Decimal]]]:
    """Return how many orders live cases hold up, and their value per currency, the largest first."""
    query = text(
        """
        SELECT o.currency, count(*) AS orders, sum(o.total) AS value FROM orders o
         WHERE o.tenant_id = :tenant AND o.id IN (
            SELECT m.order_id FROM case_member m JOIN exception_case c ON c.tenant_id = m.tenant_id AND c.id = m.case_id
             WHERE m.tenant_id = :tenant AND m.resolved_at IS NULL
               AND c.state IN ('open', 'auto_resolving', 'assigned'))
         GROUP BY 1 ORDER BY 3 DESC
        """
    )
    found = conn.execute(query, {"tenant": tenant}).all()
    return sum(row.orders for row in found), [(row.currency, row.value) for row in found]


def one(conn: Connection, tenant: int, case_id: UUID, *, now: datetime) -> CaseRow | None:
    """Return a case, or None when there is none of that id."""
    query = text(ROWS + " AND c.id = :id")
    row = conn.execute(query, {"tenant": tenant, "id": case_id, **_six_hours(now)}).mappings().one_or_none()
    return _row(row) if row else None


def members(conn: Connection, tenant: int, case_id: UUID, limit: int = 50) -> list[Member]:
    """Return what the case is about, oldest first."""
    query = text(
        """
        SELECT m.subject, m.subject_id, m.order_id, m.since, m.resolved_at, o.number, o.external_id, o.total, o.currency
          FROM case_member m LEFT JOIN orders o ON o.tenant_id = m.tenant_id AND o.id = m.order_id
         WHERE m.tenant_id = :tenant AND m.case_id = :id ORDER BY m.resolved_at NULLS FIRST, m.since LIMIT :limit
        """
    )
    return [
        Member(
            r.subject, r.subject_id, r.order_id, r.number or r.external_id, r.total, r.currency, r.since, r.resolved_at
        )
        for r in conn.execute(query, {"tenant": tenant, "id": case_id, "limit": limit})
    ]  # fmt: skip


def history(conn: Connection, tenant: int, case_id: UUID) -> list[RowMapping]:
    """Return the events of a case, oldest first."""
    query = text(
        "SELECT type, actor, data, at FROM event WHERE tenant_id = :tenant AND subject_id = :id ORDER BY seq LIMIT 100"
    )
    return list(conn.execute(query, {"tenant": tenant, "id": case_id}).mappings())


def written_events(conn: Connection, tenant: int) -> list[tuple[str, int]]:
    """Return the types of the events that the running transaction has written, with their numbers."""
    query = text(
        "SELECT type, count(*) AS times FROM event"
        " WHERE tenant_id = :tenant AND xid = pg_current_xact_id() GROUP BY 1 ORDER BY min(seq)"
    )
    return [(row.type, row.times) for row in conn.execute(query, {"tenant": tenant})]


def classes(conn: Connection, tenant: int) -> list[str]:
    """Return the classes that cases have, for the filter."""
    query = text('SELECT DISTINCT "class" FROM exception_case WHERE tenant_id = :tenant ORDER BY 1')
    return list(conn.execute(query, {"tenant": tenant}).scalars())
