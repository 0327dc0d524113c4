"""Promises, scores and model versions as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from core.domain.ids import public_id
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, only, row_of, rows_by_id, rows_by_text
from core.store.read.text import instant
from core.store.unit import DEFAULT_TENANT

LEVELS = ((0.5, "due_50"), (0.8, "due_80"), (0.9, "due_90"), (0.95, "due_95"))


def list_promises(
    conn: Connection,
    piece: Slice,
    *,
    state: Sequence[str] = (),
    order_id: UUID | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of promises, newest first."""
    p = t.promise.c
    query = only(select(t.promise), t.promise, tenant, state=(p.state, state), order=(p.order_id, order_id))
    rows, after = rows_by_id(conn, query, p.id, piece)
    return Listed(_promises(conn, rows, tenant), after)


def read_promise(conn: Connection, promise_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one promise.

    Raises:
        NotFound: there is no such promise.
    """
    p = t.promise.c
    row = row_of(conn, select(t.promise), p.id, promise_id, "promise", tenant)
    return _promises(conn, [row], tenant)[0]


def _promises(conn: Connection, rows: Sequence[Row[Any]], tenant: int) -> list[Json]:
    parts = _parts(conn, [row.order_id for row in rows if row.order_id], tenant)
    return [_promise(row, parts.get(row.order_id, [])) for row in rows]


def _promise(row: Row[Any], parts: list[Json]) -> Json:
    return {
        "id": public_id("promise", row.id),
        "order": public_id("order", row.order_id) if row.order_id else None,
        "state": row.state,
        "at": instant(row.due_at),
        "probability": row.level,
        "dates": _dates(row),
        "risk": round(row.risk, 4),
        "country": row.to_country,
        "postal_code": row.to_postal,
        "lines": row.lines or [],
        "nodes": parts,
        "asked": row.basis.get("asked"),
        "basis": {"policy": None, **{name: value for name, value in row.basis.items() if name != "asked"}},
        "made_at": instant(row.made_at),
        "stands_until": instant(row.stands_until),
        "delivered_at": instant(row.delivered_at),
        "settled_at": instant(row.settled_at),
        "version": row.version,
    }


def _dates(row: Row[Any]) -> list[Json]:
    return [{"probability": level, "at": instant(getattr(row, name))} for level, name in LEVELS]


def _parts(conn: Connection, order_ids: Sequence[UUID], tenant: int) -> dict[UUID, list[Json]]:
    """Return the parts of the nodes that ship these orders, by order: not of work that was taken from one."""
    found: dict[UUID, list[Json]] = {}
    if not order_ids:
        return found
    p, n, f = t.promise_part.c, t.node.c, t.fulfillment_order.c
    rows = conn.execute(
        select(t.promise_part, n.code)
        .join(t.node, (n.tenant_id == p.tenant_id) & (n.id == p.node_id))
        .join(t.fulfillment_order, (f.tenant_id == p.tenant_id) & (f.id == p.fulfillment_id))
        .where(p.tenant_id == tenant, p.order_id.in_(order_ids), f.state.not_in(("canceled", "rejected")))
        .order_by(p.ship_at, n.code)
    )
    for row in rows:
        found.setdefault(row.order_id, []).append(
            {
                "node": row.code,
                "fulfillment": public_id("fulfillment", row.fulfillment_id),
                "carrier": row.carrier,
                "ship_at": instant(row.ship_at),
                "dates": _dates(row),
            }
        )
    return found


def list_scores(
    conn: Connection,
    piece: Slice,
    *,
    subject: Sequence[str] = (),
    name: Sequence[str] = (),
    measure: Sequence[str] = (),
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of scores by subject, name, part and measure."""
    s = t.score.c
    query = only(
        select(t.score),
        t.score,
        tenant,
        subject=(s.subject, subject),
        name=(s.name, name),
        measure=(s.measure, measure),
    )
    rows, after = rows_by_text(conn, query, [s.subject, s.name, s.part, s.measure], piece)
    return Listed(
        [
            {
                "subject": row.subject,
                "name": row.name,
                "part": row.part or None,
                "measure": row.measure,
                "value": round(row.value, 4),
                "low": None if row.low is None else round(row.low, 4),
                "high": None if row.high is None else round(row.high, 4),
                "outcomes": row.outcomes,
                "weight": round(row.weight, 2),
                "prior": round(row.prior, 4),
                "computed_at": instant(row.computed_at),
            }
            for row in rows
        ],
        after,
    )


def list_models(conn: Connection, piece: Slice, *, state: Sequence[str] = (), tenant: int = DEFAULT_TENANT) -> Listed:
    """Return a page of model versions, newest first."""
    m = t.model_version.c
    query = only(select(*_SHOWN), t.model_version, tenant, state=(m.state, state))
    rows, after = rows_by_id(conn, query, m.id, piece)
    return Listed([_model(row) for row in rows], after)


def read_model_version(conn: Connection, model_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one model version, without its content.

    Raises:
        NotFound: there is no such version.
    """
    m = t.model_version.c
    row = row_of(conn, select(*_SHOWN), m.id, model_id, "model", tenant)
    return _model(row)


# The content is megabytes of trees: nobody reads a list of them.
_SHOWN = [column for column in t.model_version.c if column.name != "content"]


def _model(row: Row[Any]) -> Json:
    return {
        "id": public_id("model", row.id),
        "kind": row.kind,
        "model": f"{row.engine}@{row.version}",
        "state": row.state,
        "content_hash": row.content_hash or None,
        "data_from": instant(row.data_from),
        "data_to": instant(row.data_to),
        "outcomes": row.outcomes,
        "features": row.features,
        "metrics": row.metrics,
        "correction": row.correction,
        "corrected_at": instant(row.corrected_at),
        "watch": row.watch,
        "watched_at": instant(row.watched_at),
        "approved_by": row.approved_by,
        "promoted_at": instant(row.promoted_at),
        "created_at": instant(row.created_at),
    }
