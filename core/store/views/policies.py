"""Versions of policies as the console lists and compares them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, text

VERSIONS = text(
    """
    SELECT p.*, p.name || '@' || p.number AS title,
           p.state IN ('active', 'approved') AND p.active_from <= clock_timestamp() AS begun
      FROM policy p WHERE p.tenant_id = :tenant
     ORDER BY p.state = 'active' DESC, p.name, p.number DESC LIMIT 200
    """
)
EVER = text("SELECT EXISTS (SELECT 1 FROM decision WHERE tenant_id = :tenant)")


def versions(conn: Connection, tenant: int) -> Sequence[RowMapping]:
    """Return the versions, those in force first, then by name, newest first."""
    return conn.execute(VERSIONS, {"tenant": tenant}).mappings().all()


def any_decision(conn: Connection, tenant: int) -> bool:
    """Return whether anything was ever decided, so that a policy can be tried over it."""
    return bool(conn.execute(EVER, {"tenant": tenant}).scalar_one())
