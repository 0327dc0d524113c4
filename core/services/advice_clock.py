"""The clock of despatch advices: an alarm while there is time to act, before a partner counts the advice as late."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, text, update

from core.domain.cases import ADVICE_CLOCK
from core.domain.payloads import jsonable
from core.ports.connectors import Json
from core.services.agreements import terms_of
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.facts import Facts
from core.store import schema as t
from core.store.unit import Unit

SENT, ACCEPTED = "sent", "accepted"
# A paper is made and sent within seconds: before that, an alarm would only say that it is on its way.
GRACE = timedelta(minutes=2)
SOON, LATER = timedelta(minutes=1), timedelta(minutes=10)
DUE = text(
    """
    SELECT p.*, d.state AS delivery_state, s.shipped_at FROM paper p
    LEFT JOIN delivery d ON d.tenant_id = p.tenant_id AND d.id = p.delivery_id
    LEFT JOIN shipment s ON s.tenant_id = p.tenant_id AND s.id = p.shipment_id
    WHERE p.tenant_id = :t AND p.look_at <= clock_timestamp()
    ORDER BY p.look_at LIMIT 100 FOR UPDATE OF p SKIP LOCKED
    """
)


def clock_of(terms: Json, shipped_at: datetime, now: datetime) -> dict[str, datetime | None]:
    """Return until when a despatch advice must be sent and accepted, and when somebody must look at it.

    Args:
        terms: of trade with the partner.
        shipped_at: when the goods left.
        now: when the advice is made.
    """
    due_at = shipped_at + timedelta(hours=terms["advise_within_hours"])
    hours = terms.get("accept_within_hours")
    accept_by = None if hours is None else shipped_at + timedelta(hours=hours)
    return {"due_at": due_at, "accept_by": accept_by, "look_at": max(_alarm(terms, shipped_at, due_at), now + GRACE)}


def watch_advices(unit: Unit, facts: Facts) -> int:
    """Open a case for each advice whose time is running out, end those of advices that made it; return how many."""
    rows = unit.conn.execute(DUE, {"t": unit.tenant}).all()
    for row in rows:
        _look(unit, facts, row)
    return len(rows)


def stop(unit: Unit, paper: Row[Any], *, clean: bool) -> None:
    """Stop the clock of an advice that was accepted; its case stays where the partner had something to say.

    Args:
        unit: the running transaction.
        paper: its row.
        clean: whether it was accepted without warnings.
    """
    _write(unit, paper, look_at=None)
    if clean:
        settle_members(unit, "paper", [paper.id], codes=[ADVICE_CLOCK.code])


def warn(unit: Unit, facts: Facts | None, paper: Row[Any], warnings: list[str]) -> None:
    """Open the case of an advice that was accepted with warnings: partners count it as they count a late one."""
    _open(unit, facts, paper, f"was accepted with warnings: {'; '.join(warnings)[:500]}", unit.now)


def _alarm(terms: Json, shipped_at: datetime, deadline: datetime) -> datetime:
    """Return when to raise the alarm: so many minutes before the deadline, but not before half the time is gone."""
    return max(deadline - timedelta(minutes=terms["alarm_minutes"]), shipped_at + (deadline - shipped_at) / 2)


def _look(unit: Unit, facts: Facts, row: Row[Any]) -> None:
    sent = row.delivery_state == "delivered" or row.state == ACCEPTED
    stage = ACCEPTED if sent else SENT
    if row.state == ACCEPTED or (sent and row.accept_by is None):
        stop(unit, row, clean=not row.warnings)
        return
    if row.alarm not in (None, stage):
        # It has left after all: from here on the clock is that of its acceptance.
        settle_members(unit, "paper", [row.id], codes=[ADVICE_CLOCK.code])
    deadline: datetime = row.accept_by if sent else row.due_at
    terms = terms_of(unit.conn, row.connection_id, unit.tenant)
    alarm_at = deadline if terms is None else _alarm(terms, row.shipped_at or row.made_at, deadline)
    if unit.now < alarm_at:
        _write(unit, row, look_at=alarm_at, alarm=None)
        return
    late = unit.now >= deadline
    if late and row.late_at is None:
        about = {"number": row.number, "stage": stage, "deadline": jsonable(deadline)}
        unit.event("paper.late", "paper", row.id, about, order_id=row.order_id)
    if row.alarm != stage or (late and row.late_at is None):
        minutes = int(abs((deadline - unit.now).total_seconds()) // 60)
        left = f"{minutes} minutes late" if late else f"{minutes} minutes left"
        _open(unit, facts, row, f"is not {stage}, due {deadline:%Y-%m-%d %H:%M} UTC ({left})", deadline)
    _write(
        unit, row, alarm=stage, late_at=row.late_at or (unit.now if late else None),
        look_at=unit.now + LATER if late else min(deadline, unit.now + SOON),
    )  # fmt: skip


def _open(unit: Unit, facts: Facts | None, paper: Row[Any], what: str, deadline: datetime) -> None:
    c = t.connection.c
    known = facts.connections.get(paper.connection_id) if facts else None
    name = known.name if known else unit.conn.execute(select(c.name).where(c.id == paper.connection_id)).scalar_one()
    evidence = {"connection": name, "number": paper.number, "what": what}
    open_cases(
        unit,
        [
            Opened(
                ADVICE_CLOCK,
                f"{ADVICE_CLOCK.code}:{paper.id.hex}",
                evidence,
                [Member("paper", paper.id, paper.order_id)],
                connection_id=paper.connection_id,
                deadline=deadline,
            )
        ],
    )


def _write(unit: Unit, paper: Row[Any], **values: Any) -> None:
    unit.conn.execute(
        update(t.paper).where(t.paper.c.tenant_id == unit.tenant, t.paper.c.id == paper.id).values(**values)
    )
