"""Papers, packages and chargebacks of B2B orders as the API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, case, func, select, text

from core.domain.ids import public_id
from core.domain.states import UNFINISHED_DELIVERY, DeliveryState
from core.errors import NotFound
from core.store import schema as t
from core.store.read.page import Json, Listed, Slice, joined, only, require_named, row_of, rows_by_id
from core.store.read.text import instant, money, quantity, ref
from core.store.unit import DEFAULT_TENANT

_p, _c, _d = t.paper.c, t.chargeback.c, t.delivery.c
PAPER_STATES = ("kept_back", "waiting", "sent", "failed", "accepted", "refused", "not_agreed")
# A paper in the outbox has not left: whether it waits, left or failed stands at its delivery, pruned long afterwards.
SHOWN = case(
    (_p.state != "sent", _p.state),
    (_d.state.in_([str(each) for each in UNFINISHED_DELIVERY]), "waiting"),
    (_d.state.in_([str(DeliveryState.DEAD), str(DeliveryState.DECLINED), str(DeliveryState.SUPERSEDED)]), "failed"),
    else_="sent",
)
# A paper may leave more than once, and a later delivery may fail: it is late or not by the first that was taken.
_f = t.delivery.alias("f").c
FIRST_SENT = (
    select(func.min(_f.finished_at))
    .where(
        _f.tenant_id == _p.tenant_id, _f.order_id == _p.order_id, _f.connection_id == _p.connection_id,
        _f.state == str(DeliveryState.DELIVERED), _p.state != "not_agreed",
        func.json_extract_path_text(_f.payload, _p.kind, "number") == _p.number,
    )
    .correlate(t.paper)
    .scalar_subquery()
)  # fmt: skip
_PAPERS = (
    select(t.paper, t.connection.c.name.label("connection_name"), SHOWN.label("shown"),
           _d.state.label("delivery_state"), _d.error.label("delivery_error"), FIRST_SENT.label("first_sent_at"))
    .outerjoin(t.connection, joined(t.paper, t.connection, _p.connection_id))
    .outerjoin(t.delivery, joined(t.paper, t.delivery, _p.delivery_id))
)  # fmt: skip
_CHARGEBACKS = select(t.chargeback, t.connection.c.name.label("connection_name")).outerjoin(
    t.connection, joined(t.chargeback, t.connection, _c.connection_id)
)
# Papers of the order of an invoice, each with the time it was first taken: what was sent, not what was planned.
TRACE = text(
    """
    SELECT p.id, p.kind, p.number, p.order_id, p.shipment_id, p.made_at, p.due_at, p.state, p.checks,
           (SELECT min(d.finished_at) FROM delivery d
            WHERE d.tenant_id = p.tenant_id AND d.order_id = p.order_id AND d.connection_id = p.connection_id
              AND d.state = 'delivered' AND p.state <> 'not_agreed'
              AND json_extract_path_text(d.payload, p.kind, 'number') = p.number) AS sent_at,
           p.acknowledged_at
    FROM paper i
    JOIN paper p ON p.tenant_id = i.tenant_id AND p.order_id = i.order_id AND p.connection_id = i.connection_id
    WHERE i.tenant_id = :t AND i.id = :id
      AND (p.shipment_id IS NULL OR p.shipment_id IS NOT DISTINCT FROM i.shipment_id)
    ORDER BY p.made_at, p.id
    """
)


def trace(conn: Connection, invoice_id: UUID, tenant: int = DEFAULT_TENANT) -> list[Json]:
    """Return the papers an invoice rests on, oldest first, each with when it was due, sent and acknowledged."""
    return [
        {
            "id": public_id("paper", row.id),
            "kind": row.kind,
            "number": row.number,
            "state": row.state,
            "made_at": instant(row.made_at),
            "due_at": instant(row.due_at),
            "sent_at": instant(row.sent_at),
            "acknowledged_at": instant(row.acknowledged_at),
            "failed": [each["check"] for each in row.checks if not each["passed"]],
        }
        for row in conn.execute(TRACE, {"t": tenant, "id": invoice_id})
    ]


def list_papers(
    conn: Connection,
    piece: Slice,
    *,
    order_id: UUID | None = None,
    connection: str | None = None,
    kind: Sequence[str] = (),
    state: Sequence[str] = (),
    number: str | None = None,
    late: bool = False,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of papers, newest first; `late` are the despatch advices that missed their deadline."""
    require_named(conn, t.connection, t.connection.c.name, connection, tenant)
    query = only(
        _PAPERS,
        t.paper,
        tenant,
        order=(_p.order_id, order_id),
        connection=(t.connection.c.name, connection),
        kind=(_p.kind, kind),
        state=(SHOWN, state, PAPER_STATES),
        number=(_p.number, number),
    )
    if late:
        query = query.where(_p.late_at.is_not(None))
    rows, after = rows_by_id(conn, query, _p.id, piece)
    return Listed([_paper(row) for row in rows], after)


def read_paper(conn: Connection, paper_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one paper.

    Raises:
        NotFound: there is no such paper.
    """
    return _paper(row_of(conn, _PAPERS, _p.id, paper_id, "paper", tenant))


def _paper(row: Row[Any]) -> Json:
    return {
        "id": public_id("paper", row.id),
        "connection": row.connection_name,
        "kind": row.kind,
        "number": row.number,
        "order": public_id("order", row.order_id),
        "shipment": ref("shipment", row.shipment_id),
        "delivery": ref("delivery", row.delivery_id),
        "state": row.shown,
        "checks": row.checks,
        "answer": row.answer,
        "failure": row.delivery_error if row.shown == "failed" else None,
        "body": row.body,
        "made_at": instant(row.made_at),
        "due_at": instant(row.due_at),
        "accept_by": instant(row.accept_by),
        "sent_at": instant(row.first_sent_at),
        "acknowledged_at": instant(row.acknowledged_at),
        "late_at": instant(row.late_at),
        "warnings": row.warnings or [],
    }


def list_chargebacks(
    conn: Connection,
    piece: Slice,
    *,
    order_id: UUID | None = None,
    connection: str | None = None,
    state: Sequence[str] = (),
    invoice: str | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Listed:
    """Return a page of what partners kept back, newest first."""
    require_named(conn, t.connection, t.connection.c.name, connection, tenant)
    query = only(
        _CHARGEBACKS,
        t.chargeback,
        tenant,
        order=(_c.order_id, order_id),
        connection=(t.connection.c.name, connection),
        state=(_c.state, state),
        invoice=(_c.invoice, invoice),
    )
    rows, after = rows_by_id(conn, query, _c.id, piece)
    return Listed([_chargeback(conn, row, tenant) for row in rows], after)


def read_chargeback(conn: Connection, chargeback_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return one deduction with the papers it is traced to.

    Raises:
        NotFound: there is no such deduction.
    """
    return _chargeback(conn, row_of(conn, _CHARGEBACKS, _c.id, chargeback_id, "chargeback", tenant), tenant)


def _chargeback(conn: Connection, row: Row[Any], tenant: int) -> Json:
    return {
        "id": public_id("chargeback", row.id),
        "connection": row.connection_name,
        "invoice": row.invoice,
        "order": ref("order", row.order_id),
        "code": row.code,
        "rule": row.rule,
        "reference": row.reference,
        "note": row.note,
        "amount": money(row.amount, row.currency),
        "currency": row.currency,
        "state": row.state,
        "trace": trace(conn, row.paper_id, tenant) if row.paper_id else [],
        "created_at": instant(row.created_at),
    }


def read_packages(conn: Connection, shipment_id: UUID, tenant: int = DEFAULT_TENANT) -> Json:
    """Return the pack record of a shipment, every package behind the one it stands on.

    Raises:
        NotFound: there is no such shipment.
    """
    s, p, c, o = t.shipment.c, t.package.c, t.package_content.c, t.order_line.c
    if not conn.execute(select(s.id).where(s.tenant_id == tenant, s.id == shipment_id)).first():
        raise NotFound(f"There is no shipment {public_id('shipment', shipment_id)}.")
    rows = conn.execute(
        select(t.package).where(p.tenant_id == tenant, p.shipment_id == shipment_id).order_by(p.number)
    ).all()
    inside: dict[UUID, list[Json]] = {row.id: [] for row in rows}
    for each in conn.execute(
        select(t.package_content, o.sku)
        .join(t.order_line, joined(t.package_content, t.order_line, c.line_id))
        .where(c.tenant_id == tenant, c.package_id.in_(list(inside)))
        .order_by(c.id)
    ):
        inside[each.package_id].append(
            {
                "line": public_id("line", each.line_id),
                "sku": each.sku,
                "quantity": quantity(each.quantity),
                "lot": each.lot,
                "expires_on": each.expires_on.isoformat() if each.expires_on else None,
            }
        )
    return {
        "data": [
            {
                "id": public_id("package", row.id),
                "parent": ref("package", row.parent_id),
                "number": row.number,
                "kind": row.kind,
                "sscc": row.sscc,
                "tracking_number": row.tracking_number,
                "weight_g": row.weight_g,
                "contents": inside[row.id],
            }
            for row in rows
        ]
    }
