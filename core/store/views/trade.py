"""Figures of the console's screens of trade: what each saved view holds, and what money is at stake."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import Connection, Row, func, select, text

from core.store import schema as t
from core.store.read.page import joined
from core.store.read.trade import SHOWN

CHARGEBACKS = text(
    "SELECT state, currency, count(*) AS n, sum(amount) AS amount FROM chargeback WHERE tenant_id = :tenant"
    " GROUP BY state, currency ORDER BY currency"
)


def paper_counts(conn: Connection, tenant: int) -> Mapping[str, int]:
    """Return how many papers are in each state, how many advices were late, and how many there are."""
    paper = t.paper.c
    rows = conn.execute(
        select(SHOWN.label("state"), func.count().label("n"), func.count(paper.late_at).label("late"))
        .select_from(t.paper.outerjoin(t.delivery, joined(t.paper, t.delivery, paper.delivery_id)))
        .where(paper.tenant_id == tenant)
        .group_by(SHOWN)
    ).all()
    found = {row.state: row.n for row in rows}
    return {**found, "late": sum(row.late for row in rows), "all": sum(row.n for row in rows)}


def chargeback_sums(conn: Connection, tenant: int) -> list[Row[tuple[str, str, int, Decimal]]]:
    """Return (state, currency, n, amount) of all deductions."""
    return list(conn.execute(CHARGEBACKS, {"tenant": tenant}).all())
