"""Trading partners as the API and the console show them: profiles, and what went on lately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select, text

from core.domain.ids import public_id
from core.errors import NotFound
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, rows_by_text
from core.store.read.text import instant
from core.store.unit import DEFAULT_TENANT

PARTNER_KIND = "edi"
COUNTS = text(
    """
    SELECT d.connection_id, count(*) FILTER (WHERE direction = 'in') AS came,
           count(*) FILTER (WHERE direction = 'out') AS left_us,
           count(*) FILTER (WHERE d.state = 'refused') AS refused,
           count(*) FILTER (WHERE m.state = 'quarantined') AS set_aside,
           count(*) FILTER (WHERE alarmed_at IS NOT NULL AND due_at IS NOT NULL) AS silent, max(at) AS last_at
    FROM edi_document d LEFT JOIN message m ON m.tenant_id = d.tenant_id AND m.id = d.message_id
    WHERE d.tenant_id = :t AND d.connection_id = ANY(:ids) AND at > clock_timestamp() - interval '7 days'
    GROUP BY d.connection_id
    """
)


def list_partners(conn: Connection, piece: Slice, *, tenant: int = DEFAULT_TENANT) -> Listed:
    """Return a page of trading partners by name, each with what went on in the last seven days."""
    c = t.connection.c
    query = select(t.connection).where(c.tenant_id == tenant, c.connector == PARTNER_KIND)
    rows, after = rows_by_text(conn, query, [c.name], piece)
    counts = {row.connection_id: row for row in conn.execute(COUNTS, {"t": tenant, "ids": [each.id for each in rows]})}
    return Listed([_partner(row, counts.get(row.id)) for row in rows], after)


def read_partner(conn: Connection, name: str, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one partner with his profile; secrets are kept elsewhere.

    Raises:
        NotFound: there is no such partner.
    """
    c = t.connection.c
    row = conn.execute(
        select(t.connection).where(c.tenant_id == tenant, c.connector == PARTNER_KIND, c.name == name)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no trading partner {name[:130]!r}.", fix="`crossdock partner list` has them.")
    counts = conn.execute(COUNTS, {"t": tenant, "ids": [row.id]}).one_or_none()
    return {**_partner(row, counts), "profile": row.settings}


def _partner(row: Row[Any], counts: Row[Any] | None) -> Json:
    sides = row.settings.get("identifiers") or {}
    return {
        "id": public_id("connection", row.id),
        "name": row.name,
        "label": row.label,
        "mode": row.mode,
        "ours": _identity(sides.get("ours")),
        "theirs": _identity(sides.get("theirs")),
        "transport": (row.settings.get("transport") or {}).get("kind"),
        "incoming": [str(each["in"]) for each in row.settings.get("documents") or [] if "in" in each],
        "outgoing": [str(each["out"]) for each in row.settings.get("documents") or [] if "out" in each],
        "came": counts.came if counts else 0,
        "left": counts.left_us if counts else 0,
        "refused": counts.refused if counts else 0,
        "set_aside": counts.set_aside if counts else 0,
        "silent": counts.silent if counts else 0,
        "last_at": instant(counts.last_at if counts else None),
    }


def _identity(side: Mapping[str, Any] | None) -> str | None:
    if not side:
        return None
    return f"{side.get('qualifier')}:{side['id']}" if side.get("qualifier") else str(side["id"])
