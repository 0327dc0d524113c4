"""Calls of partners, or of strangers in their place, that were refused: told to people, who are not flooded."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

from sqlalchemy import func, select

from core.domain.cases import CALL_REFUSED
from core.domain.states import LIVE_CASE
from core.errors import CrossdockError
from core.services.cases import Member, Opened, open_cases
from core.services.connections import row_of
from core.store import schema as t
from core.store.unit import Unit

MOST_SENDERS = 5
"""Cases one connection has for senders that are not its partner; all further ones share one."""


def tell_refused(unit: Unit, connection_id: UUID, error: CrossdockError, times: int = 1) -> None:
    """Open a case for calls that were refused, or count them in the one there is for their sender and reason.

    Args:
        unit: the running transaction.
        connection_id: whom they came for.
        error: why; its data has the `modifier` the partner was told, and the `sender` where that is not the partner.
        times: how many calls.
    """
    modifier = str(error.data.get("modifier") or error.error_code)
    fingerprint = f"{CALL_REFUSED.code}:{connection_id.hex}:{modifier}"[:300]
    detail = " ".join(filter(None, (error.what, error.why, error.fix)))
    if error.data.get("sender"):
        fingerprint, alone = _of_sender(unit, connection_id, fingerprint, str(error.data["sender"]))
        detail = detail if alone else f"{detail} So do others: each of {MOST_SENDERS} more has a case of his own."
    c = t.exception_case.c
    before = unit.conn.execute(
        select(c.evidence).where(
            c.tenant_id == unit.tenant, c.fingerprint == fingerprint, c.state.in_([str(each) for each in LIVE_CASE])
        )
    ).scalar_one_or_none()
    count = times + int((before or {}).get("count", 0))
    evidence = {
        "connection": row_of(unit, connection_id).name, "modifier": modifier, "detail": detail[:600], "count": count,
    }  # fmt: skip
    member = Member("connection", connection_id)
    open_cases(unit, [Opened(CALL_REFUSED, fingerprint, evidence, [member], connection_id=connection_id)])


def _of_sender(unit: Unit, connection_id: UUID, fingerprint: str, sender: str) -> tuple[str, bool]:
    """Return the fingerprint of a sender's case, and whether it is his alone: anybody can invent senders."""
    own = f"{fingerprint}:{sha256(sender.encode()).hexdigest()[:16]}"
    c = t.exception_case.c
    live = (c.tenant_id == unit.tenant, c.connection_id == connection_id, c.code == CALL_REFUSED.code,
            c.state.in_([str(each) for each in LIVE_CASE]))  # fmt: skip
    known = unit.conn.execute(select(c.id).where(*live, c.fingerprint == own)).first()
    of_senders = select(func.count()).where(*live, c.fingerprint.startswith(f"{fingerprint}:", autoescape=True))
    if known is not None or unit.conn.execute(of_senders).scalar_one() < MOST_SENDERS:
        return own, True
    return f"{fingerprint}:others", False
