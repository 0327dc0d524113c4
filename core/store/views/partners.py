"""Counts for the console's lists of interchanges and their documents, and what a document of ours was made of."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, text

from core.domain.vocabulary import Paper
from core.store.read.page import Json

# As high as a pager counts.
MOST = 10_001
INTERCHANGES = text(
    """
    SELECT count(*) FROM (
        SELECT 1 FROM interchange i JOIN connection c ON c.tenant_id = i.tenant_id AND c.id = i.connection_id
        WHERE i.tenant_id = :t AND (:partner = '' OR c.name = :partner)
          AND (:direction = '' OR i.direction = :direction)
          AND (:state = '' OR i.state = :state) AND (:reference = '' OR i.reference = :reference) LIMIT :most) found
    """
)
DOCUMENTS = """
    SELECT count(*) AS "all", count(*) FILTER (WHERE state = 'refused') AS refused,
           count(*) FILTER (WHERE work = 'quarantined') AS set_aside,
           count(*) FILTER (WHERE alarmed_at IS NOT NULL AND due_at IS NOT NULL) AS silent,
           count(*) FILTER (WHERE direction = 'out' AND state IN ('made', 'sent', 'received')) AS open,
           count(*) FILTER (WHERE direction = 'in') AS "in", count(*) FILTER (WHERE direction = 'out') AS out
    FROM (
        SELECT d.state, d.direction, d.alarmed_at, d.due_at, m.state AS work FROM {found}
        LEFT JOIN message m ON m.tenant_id = d.tenant_id AND m.id = d.message_id
        JOIN connection c ON c.tenant_id = d.tenant_id AND c.id = d.connection_id
        WHERE d.tenant_id = :t AND (:partner = '' OR c.name = :partner) AND (:kind = '' OR d.kind = :kind)
        LIMIT :most) found
    """
ALL = "edi_document d"
# From the value to the few that bear it, and not through all to look whether they do.
NAMED = """(SELECT DISTINCT document_id FROM edi_key WHERE tenant_id = :t AND value = upper(:find) LIMIT :most) k
        JOIN edi_document d ON d.tenant_id = :t AND d.id = k.document_id"""
MADE_OF = text(
    """
    SELECT y.payload FROM edi_document d
    JOIN interchange i ON i.tenant_id = d.tenant_id AND i.id = d.interchange_id
    JOIN delivery y ON y.tenant_id = i.tenant_id AND y.id = i.delivery_id
    WHERE d.tenant_id = :t AND d.id = :id
    """
)


def count_interchanges(conn: Connection, tenant: int, partner: str, direction: str, state: str, reference: str) -> int:
    """Return how many interchanges fit; no more than a pager counts."""
    values = {"t": tenant, "partner": partner, "direction": direction, "state": state, "reference": reference}
    return int(conn.execute(INTERCHANGES, {**values, "most": MOST}).scalar_one())


def count_documents(conn: Connection, tenant: int, partner: str, kind: str, find: str) -> dict[str, int]:
    """Return how many documents each view has; no more than a pager counts."""
    values = {"t": tenant, "partner": partner, "kind": kind, "find": find.strip(), "most": MOST}
    query = text(DOCUMENTS.format(found=NAMED if values["find"] else ALL))
    return dict(conn.execute(query, values).one()._mapping)


def document_kinds(conn: Connection, tenant: int) -> list[str]:
    """Return the kinds of documents there are."""
    query = text("SELECT DISTINCT kind FROM edi_document WHERE tenant_id = :t ORDER BY kind LIMIT 100")
    return list(conn.execute(query, {"t": tenant}).scalars())


def made_of(conn: Connection, tenant: int, document_id: UUID) -> Json | None:
    """Return the paper a document of ours was made of, by its kind; None where it is no paper."""
    payload = conn.execute(MADE_OF, {"t": tenant, "id": document_id}).scalar_one_or_none()
    found = {str(kind): payload[kind] for kind in Paper if payload and kind in payload}
    return found or None
