"""People with access: listing them, new passwords, taking access away."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, select, update

from core.domain.ids import public_id
from core.errors import NotFound
from core.services import audit
from core.services.access import hash_password
from core.store import schema as t
from core.store.unit import DEFAULT_TENANT, Unit

_u = t.user_account.c


def list_users(conn: Connection, tenant: int = DEFAULT_TENANT) -> list[dict[str, Any]]:
    """Return everybody by address; never a password."""
    rows = conn.execute(select(t.user_account).where(_u.tenant_id == tenant).order_by(_u.email))
    return [
        {
            "id": public_id("user", row.id),
            "email": row.email,
            "name": row.name,
            "role": row.role,
            "active": row.active,
            "last_login_at": row.last_login_at,
            "created_at": row.created_at,
        }
        for row in rows
    ]


def set_password(unit: Unit, email: str, password: str) -> None:
    """Give a person a new password, unlock the account and end its sessions.

    Raises:
        NotFound: there is no such person.
        InputError: the password is too short.
    """
    stretched = hash_password(password)
    user_id = _found(unit, email)
    _write(unit, user_id, password_hash=stretched, failed_logins=0, locked_until=None, active=True)
    _end_sessions(unit, user_id)
    audit.record(unit, "user.password_set", public_id("user", user_id))


def remove_user(unit: Unit, email: str) -> None:
    """Take a person's access away and end their sessions; the account stays, because the history names it.

    Raises:
        NotFound: there is no such person.
    """
    user_id = _found(unit, email)
    _write(unit, user_id, active=False)
    _end_sessions(unit, user_id)
    audit.record(unit, "user.removed", public_id("user", user_id))


def _found(unit: Unit, email: str) -> UUID:
    address = email.strip().lower()
    user_id = unit.conn.execute(
        select(_u.id).where(_u.tenant_id == unit.tenant, _u.email == address).with_for_update()
    ).scalar_one_or_none()
    if user_id is None:
        raise NotFound(f"There is no user {address[:120]!r}.", fix="See `crossdock user list`.")
    return UUID(str(user_id))


def _write(unit: Unit, user_id: UUID, **values: Any) -> None:
    unit.conn.execute(update(t.user_account).where(_u.tenant_id == unit.tenant, _u.id == user_id).values(**values))


def _end_sessions(unit: Unit, user_id: UUID) -> None:
    s = t.login_session.c
    unit.conn.execute(delete(t.login_session).where(s.tenant_id == unit.tenant, s.user_id == user_id))
