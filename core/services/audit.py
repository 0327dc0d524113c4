"""The audit log: who did what by hand, append-only, each entry carrying the hash of the one before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, insert, select, text

from core.domain.payloads import jsonable
from core.store import schema as t
from core.store.unit import DEFAULT_TENANT, Unit

# The head of the chain, as the second half of an advisory lock; taken last, because every audited change wants it.
HEAD_LOCK = 0x6175646974


def record(unit: Unit, action: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
    """Append an entry to the chain; call it last in a unit, because it serializes all that are audited.

    Args:
        action: what was done, such as `key.created`.
        subject: the public id or name of what it was done to.
        detail: what else is worth knowing; never a secret, never personal data.
    """
    unit.conn.execute(text("SELECT pg_advisory_xact_lock(:head + :tenant)"), {"head": HEAD_LOCK, "tenant": unit.tenant})
    a = t.audit_entry.c
    previous = unit.conn.execute(
        select(a.hash).where(a.tenant_id == unit.tenant).order_by(a.seq.desc()).limit(1)
    ).scalar_one_or_none()
    kept = jsonable(detail or {})
    unit.conn.execute(
        insert(t.audit_entry).values(
            tenant_id=unit.tenant,
            actor=unit.actor,
            action=action,
            subject=subject,
            detail=kept,
            at=unit.now,
            previous_hash=previous,
            hash=chained(previous, unit.actor, action, subject, kept, unit.now),
        )
    )


def chained(previous: bytes | None, actor: str, action: str, subject: str, detail: Any, at: datetime) -> bytes:
    """Return the hash of an entry: SHA-256 over the hash before it and the entry as JSON with sorted keys."""
    entry = [actor, action, subject, detail, at.astimezone(UTC).isoformat()]
    return hashlib.sha256((previous or b"") + orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)).digest()


def broken_links(conn: Connection, tenant: int = DEFAULT_TENANT) -> list[int]:
    """Return the numbers of entries that do not fit the chain; empty when nobody has touched it."""
    previous: bytes | None = None
    found: list[int] = []
    a = t.audit_entry.c
    entries = select(t.audit_entry).where(a.tenant_id == tenant).order_by(a.seq)
    rows = conn.execute(entries.execution_options(yield_per=1_000))
    for row in rows:
        kept = None if row.hash is None else bytes(row.hash)
        told = None if row.previous_hash is None else bytes(row.previous_hash)
        if told != previous or kept != chained(previous, row.actor, row.action, row.subject, row.detail, row.at):
            found.append(row.seq)
        previous = kept
    return found
