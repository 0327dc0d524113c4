"""API keys as an administrator sees them: never the secret."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from core.domain.ids import public_id
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, joined, only, row_of, rows_by_id
from core.store.read.text import instant
from core.store.unit import DEFAULT_TENANT

_k = t.api_key.c
_KEYS = select(t.api_key, t.connection.c.name.label("connection_name")).outerjoin(
    t.connection, joined(t.api_key, t.connection, _k.connection_id)
)


def list_keys(conn: Connection, piece: Slice, tenant: int = DEFAULT_TENANT) -> Listed:
    """Return a page of keys, newest first, revoked ones too."""
    rows, after = rows_by_id(conn, only(_KEYS, t.api_key, tenant), _k.id, piece)
    return Listed([_key(row) for row in rows], after)


def read_key(conn: Connection, key_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one key.

    Raises:
        NotFound: there is no such key.
    """
    row = row_of(conn, _KEYS, _k.id, key_id, "key", tenant)
    return _key(row)


def _key(row: Row[Any]) -> Json:
    return {
        "id": public_id("key", row.id),
        "name": row.name,
        "prefix": f"cd_live_{row.prefix}",
        "scopes": list(row.scopes),
        "connection": row.connection_name,
        "expires_at": instant(row.expires_at),
        "last_used_at": instant(row.last_used_at),
        "revoked_at": instant(row.revoked_at),
        "created_at": instant(row.created_at),
    }
