"""Figures of the console's screens of trade: what each saved view holds, and what money is at stake."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import Connection, Row, text

PAPERS = text("SELECT state, count(*) AS n, count(late_at) AS late FROM paper WHERE tenant_id = :tenant GROUP BY state")
CHARGEBACKS = text(
    "SELECT state, currency, count(*) AS n, sum(amount) AS amount FROM chargeback WHERE tenant_id = :tenant"
    " GROUP BY state, currency ORDER BY currency"
)


def paper_counts(conn: Connection, tenant: int) -> Mapping[str, int]:
    """Return how many papers are in each state, how many advices were late, and how many there are."""
    rows = conn.execute(PAPERS, {"tenant": tenant}).all()
    found = {row.state: row.n for row in rows}
    return {**found, "late": sum(row.late for row in rows), "all": sum(row.n for row in rows)}


def chargeback_sums(conn: Connection, tenant: int) -> list[Row[tuple[str, str, int, Decimal]]]:
    """Return (state, currency, n, amount) of all deductions."""
    return list(conn.execute(CHARGEBACKS, {"tenant": tenant}).all())
