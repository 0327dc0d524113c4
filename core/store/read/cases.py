"""Exception cases as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, func, select

from core.domain.cases import CAUSES, SEVERITIES
from core.domain.ids import public_id
from core.domain.states import LIVE_CASE, CaseState
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, joined, only, require_named, row_of, rows_by_id
from core.store.read.text import instant, quantity, ref
from core.store.read.timeline import subject_id
from core.store.unit import DEFAULT_TENANT

# A case can stop ten thousand messages: the object shows this many, `member_count` says how many there are.
MOST_MEMBERS = 500
_c, _m = t.exception_case.c, t.case_member.c
_COUNT = (
    select(func.count())
    .where(_m.tenant_id == _c.tenant_id, _m.case_id == _c.id, _m.resolved_at.is_(None))
    .scalar_subquery()
    .label("member_count")
)
_CASES = (
    select(t.exception_case, t.connection.c.name.label("connection_name"), t.node.c.code.label("node_code"), _COUNT)
    .outerjoin(t.connection, joined(t.exception_case, t.connection, _c.connection_id))
    .outerjoin(t.node, joined(t.exception_case, t.node, _c.node_id))
)


def list_cases(
    conn: Connection,
    piece: Slice,
    *,
    state: Sequence[str] = (),
    kind: Sequence[str] = (),
    code: Sequence[str] = (),
    severity: Sequence[str] = (),
    owner: str | None = None,
    connection: str | None = None,
    order_id: UUID | None = None,
    live: bool | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of exception cases, newest first; `kind` is the class of cause, `live` those not settled."""
    require_named(conn, t.connection, t.connection.c.name, connection, tenant)
    query = only(
        _CASES,
        t.exception_case,
        tenant,
        state=(_c.state, state, CaseState),
        kind=(_c["class"], kind, {each.group for each in CAUSES.values()}),
        code=(_c.code, code, CAUSES),
        severity=(_c.severity, severity, SEVERITIES),
        owner=(_c.owner, owner),
        connection=(t.connection.c.name, connection),
    )
    if order_id is not None:
        query = query.where(
            _c.id.in_(
                select(_m.case_id).where(_m.tenant_id == tenant, _m.order_id == order_id, _m.resolved_at.is_(None))
            )
        )
    if live is not None:
        query = query.where(_c.state.in_(LIVE_CASE) if live else _c.state.not_in(LIVE_CASE))
    rows, after = rows_by_id(conn, query, _c.id, piece)
    return Listed([_case(row) for row in rows], after)


def read_case(conn: Connection, case_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one exception case with what it stops.

    Raises:
        NotFound: there is no such case.
    """
    row = row_of(conn, _CASES, _c.id, case_id, "case", tenant, called="exception")
    members = conn.execute(
        select(t.case_member)
        .where(_m.tenant_id == tenant, _m.case_id == case_id)
        .order_by(_m.resolved_at.is_not(None), _m.since, _m.subject_id)
        .limit(MOST_MEMBERS)
    )
    return {
        **_case(row),
        "members": [
            {
                "subject": member.subject,
                "id": subject_id(member.subject, member.subject_id),
                "order": ref("order", member.order_id),
                "value": quantity(member.value),
                "since": instant(member.since),
                "resolved_at": instant(member.resolved_at),
            }
            for member in members
        ],
    }


def _case(row: Row[Any]) -> Json:
    return {
        "id": public_id("case", row.id),
        "code": row.code,
        "class": row._mapping["class"],
        "severity": row.severity,
        "title": row.title,
        "sentence": row.sentence,
        "state": row.state,
        "owner": row.owner,
        "tags": list(row.tags),
        "connection": row.connection_name,
        "node": row.node_code,
        "recommended": row.recommended,
        "alternatives": row.alternatives or [],
        "evidence": row.evidence,
        "member_count": row.member_count,
        "deadline": instant(row.deadline),
        "snoozed_until": instant(row.snoozed_until),
        "first_seen": instant(row.first_seen),
        "last_seen": instant(row.last_seen),
        "resolved_at": instant(row.resolved_at),
        "resolution": row.resolution,
        "version": row.version,
    }
