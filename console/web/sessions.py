"""Sessions of people who signed in: rows in the database, found by the hash of the cookie's token."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update

from core.errors import Refused
from core.services.access import check_password
from core.store import schema as t
from core.store.unit import Store, Unit

SESSION_IDLE = timedelta(hours=12)
SESSION_LIFE = timedelta(days=7)
# `seen_at` is written at most this often, so that reading a page is not a write.
SEEN_EVERY = timedelta(minutes=5)
LOOKERS = ("viewer", "auditor")


@dataclass(frozen=True, slots=True)
class Person:
    """Someone signed in."""

    id: UUID
    email: str
    name: str
    role: str
    csrf_token: str

    @property
    def actor(self) -> str:
        """Return how histories name this person."""
        return f"user:{self.email}"

    @property
    def may_change(self) -> bool:
        """Return whether this person may do more than look."""
        return self.role not in LOOKERS


def sign_in(store: Store, email: str, password: str) -> str:
    """Return the token of a new session.

    Raises:
        Refused: address and password do not go together, or too many tries; the answer does not say which users exist.
    """
    with store.begin(actor="hub") as unit:
        user = check_password(unit, email, password)
        if user is not None:
            return _open(unit, user.id)
    raise Refused("This address and password do not go together.", code="USER-PASSWORD-401")


def session_person(store: Store, token: str) -> Person | None:
    """Return who holds the session of a token; None when it is unknown, idle for too long or over."""
    s, u = t.login_session, t.user_account
    digest = _digest(token)
    with store.read() as conn:
        row = conn.execute(
            select(u.c.id, u.c.email, u.c.name, u.c.role, s.c.csrf_token, s.c.seen_at, s.c.tenant_id)
            .join(u, (u.c.tenant_id == s.c.tenant_id) & (u.c.id == s.c.user_id))
            .where(s.c.token_hash == digest, u.c.active)
            .where(s.c.expires_at > func.clock_timestamp(), s.c.seen_at > func.clock_timestamp() - SESSION_IDLE)
        ).one_or_none()
        if row is None:
            return None
        fresh = conn.execute(select(row.seen_at > func.clock_timestamp() - SEEN_EVERY)).scalar_one()
    if not fresh:
        with store.begin() as unit:
            unit.conn.execute(
                update(s)
                .where(s.c.tenant_id == row.tenant_id, s.c.token_hash == digest)
                .values(seen_at=func.clock_timestamp())
            )
    return Person(row.id, row.email, row.name, row.role, row.csrf_token)


def sign_out(store: Store, token: str) -> None:
    """End the session of a token."""
    with store.begin() as unit:
        unit.conn.execute(
            delete(t.login_session).where(
                t.login_session.c.tenant_id == unit.tenant, t.login_session.c.token_hash == _digest(token)
            )
        )


def _open(unit: Unit, user_id: UUID) -> str:
    s = t.login_session
    unit.conn.execute(delete(s).where(s.c.tenant_id == unit.tenant, s.c.expires_at < unit.now))
    token = secrets.token_urlsafe(32)
    row = {
        "tenant_id": unit.tenant, "token_hash": _digest(token), "user_id": user_id,
        "csrf_token": secrets.token_urlsafe(24), "expires_at": unit.now + SESSION_LIFE,
    }  # fmt: skip
    unit.conn.execute(insert(s).values(row))
    return token


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
