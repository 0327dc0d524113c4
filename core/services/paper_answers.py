"""What became of a paper that was sent: whether it left, and what the partner said of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, update

from core.domain.ids import public_id
from core.domain.vocabulary import Paper
from core.ports.connectors import Json, Receipt
from core.services.advice_clock import stop, warn
from core.services.facts import Facts
from core.store import schema as t
from core.store.unit import Unit

MADE, KEPT, SENT, ACCEPTED, REFUSED = "made", "kept_back", "sent", "accepted", "refused"
NOT_AGREED = "not_agreed"
"""The partner's profile has no document for the paper: it was made, and did not leave."""


def note_sent(unit: Unit, delivery_id: UUID, receipt: Receipt) -> None:
    """Note that the paper of a delivery left: the partner took it, or his transport did; most deliveries have none.

    A partner with whom the paper was not agreed is written nothing (`skipped`), and then none left.
    """
    if receipt.detail.get("skipped"):
        _leave_out(unit, delivery_id, str(receipt.detail["skipped"]))
        return
    c = t.paper.c
    row = unit.conn.execute(
        select(t.paper).where(c.tenant_id == unit.tenant, c.delivery_id == delivery_id)
    ).one_or_none()
    if row is not None:
        unit.event("paper.sent", "paper", row.id, about(row, delivery_id), order_id=row.order_id)


def _leave_out(unit: Unit, delivery_id: UUID, why: str) -> None:
    """Note that the paper a delivery carried did not leave, as it was not agreed; nobody waits for an answer to it."""
    c = t.paper.c
    row = unit.conn.execute(
        update(t.paper)
        .where(c.tenant_id == unit.tenant, c.delivery_id == delivery_id, c.state == SENT)
        .values(state=NOT_AGREED, answer={NOT_AGREED: why}, look_at=None)
        .returning(c.id, c.kind, c.number, c.order_id)
    ).one_or_none()
    if row is not None:
        said = {"kind": row.kind, "number": row.number, "why": why}
        unit.event(f"paper.{NOT_AGREED}", "paper", row.id, said, order_id=row.order_id)


def acknowledge(
    unit: Unit,
    delivery_id: UUID,
    *,
    accepted: bool,
    at: datetime,
    answer: Json | None = None,
    warnings: Sequence[str] = (),
    facts: Facts | None = None,
) -> bool:
    """Note what the partner said of a paper; return whether the delivery carried one.

    What was accepted and is refused afterwards, as business after its syntax was right, is refused; the time of the
    first acceptance stays.

    Warnings of a despatch advice count: they stay with it and open a case, for partners charge for them.

    Args:
        unit: the running transaction.
        delivery_id: what carried it.
        accepted: whether it was accepted, not merely received.
        at: when.
        answer: the partner's codes in words.
        warnings: what he had to say of a paper he accepted (824, APERAK), in words; they may come afterwards.
        facts: connections, for the words of a case.
    """
    c = t.paper.c
    row = unit.conn.execute(
        select(t.paper).where(c.tenant_id == unit.tenant, c.delivery_id == delivery_id).with_for_update()
    ).one_or_none()
    if row is None:
        return False
    if row.state != ACCEPTED or not accepted:
        state = ACCEPTED if accepted else REFUSED
        first = row.acknowledged_at if row.state == ACCEPTED else at
        write_paper(unit, row.id, state=state, acknowledged_at=first, answer=answer)
        unit.event(f"paper.{state}", "paper", row.id, {"number": row.number, "answer": answer}, order_id=row.order_id)
    if warnings:
        said = list(dict.fromkeys([*(row.warnings or ()), *warnings]))
        write_paper(unit, row.id, warnings=said)
        unit.event("paper.warned", "paper", row.id, {"number": row.number, "warnings": said}, order_id=row.order_id)
    if row.kind == Paper.DESPATCH_ADVICE and accepted:
        stop(unit, row, clean=not (warnings or row.warnings))
        if warnings:
            warn(unit, facts, row, list(warnings))
    return True


def about(paper: Row[Any], delivery_id: UUID) -> Json:
    """Return what the events of a paper that leaves say of it."""
    return {"kind": paper.kind, "number": paper.number, "delivery": public_id("delivery", delivery_id)}


def write_paper(unit: Unit, paper_id: UUID, **values: Any) -> None:
    """Write columns of a paper."""
    unit.conn.execute(
        update(t.paper).where(t.paper.c.tenant_id == unit.tenant, t.paper.c.id == paper_id).values(**values)
    )
