"""The rows of a seeded company before they are written, and what is known of them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert

from core.domain.ids import uuid7
from core.store import schema as t

TENANT = 1


@dataclass
class Company:
    """What was written, for the tests to compare with."""

    now: datetime
    accounts: dict[str, UUID] = field(default_factory=dict)
    nodes: dict[str, UUID] = field(default_factory=dict)
    items: list[tuple[UUID, str, str, Decimal]] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    cases: dict[str, UUID] = field(default_factory=dict)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> dict[str, Any]:
        """Note a row of a table; written by `flush`."""
        whole = {"tenant_id": TENANT, **row}
        self.rows.setdefault(table, []).append(whole)
        return whole

    def flush(self, conn: Connection) -> None:
        """Write the rows noted so far, table by table in the order they were first named."""
        for table, rows in self.rows.items():
            keys = {key for row in rows for key in row}
            groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
            for row in rows:
                groups.setdefault(tuple(sorted(keys & row.keys())), []).append(row)
            for same in groups.values():
                conn.execute(insert(t.metadata.tables[table]), same)
        self.rows = {}


def id_at(at: datetime) -> UUID:
    return uuid7(int(at.timestamp() * 1000))


def add_delivery(
    company: Company,
    dice: Random,
    account: UUID,
    kind: str,
    order_id: UUID,
    at: datetime,
    state: str = "delivered",
) -> UUID:
    delivery_id = id_at(at)
    done = at + timedelta(seconds=dice.uniform(0.5, 4))
    company.add(
        "delivery", id=delivery_id, connection_id=account, lane=f"order:{order_id.hex}", kind=kind, order_id=order_id,
        payload={"order": {"id": f"ord_{order_id.hex}"}}, state=state, run_at=at, attempts=1, created_at=at,
        finished_at=done, reference=f"R{delivery_id.int % 100000}" if state == "delivered" else None,
        error=None if state == "delivered" else {"code": "OUT-REJECTED-422", "what": "The ERP refuses the order."},
    )  # fmt: skip
    company.add(
        "attempt", id=id_at(at), delivery_id=delivery_id, number=1, started_at=at,
        outcome="delivered" if state == "delivered" else "rejected",
        duration_ms=240, exchanges=[{"request": {"method": "POST"}, "status": 200}],
    )  # fmt: skip
    return delivery_id


def add_event(
    company: Company,
    kind: str,
    subject: str,
    subject_id: UUID,
    at: datetime,
    *,
    order_id: UUID | None = None,
    cause: str = "",
) -> None:
    company.add(
        "event", type=kind, subject=subject, subject_id=subject_id, at=at, cause=cause or None,
        order_id=order_id or (subject_id if subject == "order" else None),
    )  # fmt: skip
