"""The day it is at each node: lots expire by the clock of where they lie."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Connection

from core.domain.calendars import day_in
from core.store.unit import CLOCK, DEFAULT_TENANT


def node_days(conn: Connection, tenant: int = DEFAULT_TENANT, at: datetime | None = None) -> dict[UUID, date]:
    """Return the day it is at each node at a moment, now when left out.

    Days are told here and not by the database, which may know other time zones than those a node may have.
    """
    moment = at or conn.execute(CLOCK).scalar_one()
    rows = conn.exec_driver_sql("SELECT id, timezone FROM node WHERE tenant_id = %s", (tenant,))
    return {row.id: day_in(row.timezone, moment) for row in rows}
