"""Transport receipts: the proof that a file arrived whole, ours to partners and theirs to us.

A receipt is worth something only when it repeats the hash of what was sent. One that comes by itself, later, is a
message like any other: stored first, then matched with what was sent, in whichever order the two are known.
"""

from __future__ import annotations

import hmac
from base64 import b64decode
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text, update
from sqlalchemy.dialects.postgresql import insert

from core.domain.cases import RECEIPT_MISSING, RECEIPT_REFUSED
from core.domain.ids import public_id, uuid7
from core.domain.vocabulary import Write
from core.errors import NotFound
from core.ports.connectors import Json, Receipt
from core.services.cases import Member, Opened, open_cases, settle_members
from core.services.connections import row_of
from core.services.edi_states import note_received
from core.services.outbox import PRIORITY
from core.services.unread import send_unread
from core.store import schema as t
from core.store.bulk import as_json, copy_rows
from core.store.unit import DELIVERIES, Unit

# Keys of a push's `Receipt.detail` that a connector fills where its transport has receipts.
NAME, MIC, ALGORITHM, WITHIN, PROOF = "message_id", "mic", "mic_algorithm", "receipt_within", "receipt"
PENDING, RECEIVED, REFUSED = "pending", "received", "refused"
HOURS = 2
OVERDUE = """
SELECT r.message_id, r.connection_id, r.delivery_id, r.sent_at, d.order_id, c.name AS connection
FROM transport_receipt r
JOIN connection c ON c.tenant_id = r.tenant_id AND c.id = r.connection_id
LEFT JOIN delivery d ON d.tenant_id = r.tenant_id AND d.id = r.delivery_id
WHERE r.tenant_id = :t AND r.state = 'pending' AND r.due_at < clock_timestamp() AND r.alarmed_at IS NULL
ORDER BY r.due_at LIMIT 200 FOR UPDATE OF r SKIP LOCKED
"""


def note_sent(unit: Unit, connection_id: UUID, delivery_id: UUID, receipt: Receipt) -> None:
    """Note a file that was handed over: proven already, or waiting for its receipt. What is proven stays so.

    A transport without receipts leaves nothing to note.

    Args:
        unit: the running transaction.
        connection_id: the partner's.
        delivery_id: what carried it.
        receipt: its `detail` has `message_id`, `mic` and `mic_algorithm`, the `receipt` that came with the answer (in
            base64), or the seconds it may take to come by itself (`receipt_within`).
    """
    detail, proof = receipt.detail, receipt.detail.get(PROOF)
    if MIC not in detail:
        return
    within = timedelta(seconds=float(detail.get(WITHIN) or HOURS * 3600))
    values: dict[str, Any] = {
        "delivery_id": delivery_id,
        "mic": detail[MIC],
        "mic_algorithm": detail[ALGORITHM],
        "state": RECEIVED if proof else PENDING,
        "sent_at": unit.now,
        "due_at": None if proof else unit.now + within,
        "settled_at": unit.now if proof else None,
        "evidence": b64decode(proof) if proof else None,
    }
    statement = insert(t.transport_receipt).values(
        tenant_id=unit.tenant, connection_id=connection_id, message_id=detail[NAME], **values
    )
    unit.conn.execute(
        statement.on_conflict_do_update(
            index_elements=["tenant_id", "connection_id", "message_id"],
            set_=values,
            where=t.transport_receipt.c.state != RECEIVED,
        )
    )


def settle(unit: Unit, connection_id: UUID, body: Mapping[str, Any]) -> tuple[UUID | None, str, str]:
    """Match a receipt that came by itself with what was sent; return the order, the outcome and a note.

    Raises:
        NotFound: nothing was sent under that name, or that is not known yet.
    """
    c = t.transport_receipt.c
    row = unit.conn.execute(
        select(t.transport_receipt)
        .where(c.tenant_id == unit.tenant, c.connection_id == connection_id, c.message_id == body["message_id"])
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound(
            f"A receipt came for {body['message_id'][:120]}, which was never sent.",
            fix="Ask the partner which message is meant.",
            code="TRADE-RECEIPT-404",
        )
    order_id: UUID | None = unit.conn.execute(
        select(t.delivery.c.order_id).where(t.delivery.c.tenant_id == unit.tenant, t.delivery.c.id == row.delivery_id)
    ).scalar_one_or_none()
    proven = bool(body["taken"]) and _same(row, body)
    if row.state == RECEIVED or (row.state == REFUSED and not proven):
        return order_id, "duplicate", "the receipt was known"
    if not proven and send_unread(unit, row, body):
        return order_id, "applied", "it could not be read: it is sent again for the partner's next certificate"
    objection = None if proven else body.get("modifier") or "integrity-check-failed"
    answer = {"modifier": body.get("modifier"), "note": body.get("note")}
    unit.conn.execute(
        update(t.transport_receipt)
        .where(c.tenant_id == unit.tenant, c.connection_id == connection_id, c.message_id == row.message_id)
        .values(state=RECEIVED if proven else REFUSED, settled_at=unit.now, answer=answer)
    )
    settle_members(unit, "delivery", [row.delivery_id], codes=[RECEIPT_MISSING.code, *[RECEIPT_REFUSED.code] * proven])
    if proven:
        note_received(unit, row.delivery_id, unit.now)
    else:
        why = body.get("note") or "It does not repeat the hash of what was sent."
        name = row_of(unit, connection_id).name
        _open(unit, RECEIPT_REFUSED, row, order_id, {"connection": name, "modifier": objection, "detail": why[:400]})
    unit.event(
        f"delivery.{'received' if proven else 'refused'}",
        "delivery",
        row.delivery_id,
        {"message_id": row.message_id, "modifier": objection},
        order_id=order_id,
    )
    return order_id, "applied", "received" if proven else f"refused: {objection}"


def alarm(unit: Unit) -> int:
    """Open a case for each receipt that is overdue; return how many."""
    rows = unit.conn.execute(text(OVERDUE), {"t": unit.tenant}).all()
    for row in rows:
        evidence = {"connection": row.connection, "detail": f"sent {row.sent_at:%Y-%m-%d %H:%M} UTC"}
        _open(unit, RECEIPT_MISSING, row, row.order_id, evidence)
        unit.conn.execute(
            update(t.transport_receipt)
            .where(
                t.transport_receipt.c.tenant_id == unit.tenant,
                t.transport_receipt.c.connection_id == row.connection_id,
                t.transport_receipt.c.message_id == row.message_id,
            )
            .values(alarmed_at=unit.now)
        )
    return len(rows)


def owe(unit: Unit, connection_id: UUID, payload: Json) -> UUID:
    """Have a receipt sent to a partner who wants it by a call of its own; return the delivery.

    Args:
        unit: the running transaction.
        connection_id: the partner's.
        payload: the receipt as its connector will send it: `message_id`, `headers`, `body` in base64.
    """
    delivery_id = uuid7()
    columns = ("id", "connection_id", "lane", "kind", "payload", "priority")
    kind = Write.SEND_RECEIPT
    lane = f"receipt:{delivery_id.hex}"
    copy_rows(
        unit, t.delivery, columns, [(delivery_id, connection_id, lane, str(kind), as_json(payload), PRIORITY[kind])]
    )
    unit.wake(DELIVERIES)
    return delivery_id


def _open(unit: Unit, cause: Any, row: Row[Any], order_id: UUID | None, evidence: Mapping[str, Any]) -> None:
    about = {**evidence, "delivery": public_id("delivery", row.delivery_id), "message_id": row.message_id}
    member = Member("delivery", row.delivery_id, order_id)
    fingerprint = f"{cause.code}:{row.connection_id.hex}:{evidence.get('modifier', '')}"[:400]
    open_cases(unit, [Opened(cause, fingerprint, about, [member], connection_id=row.connection_id)])


def _same(row: Row[Any], body: Mapping[str, Any]) -> bool:
    algorithms = {_plain(row.mic_algorithm), _plain(body.get("mic_algorithm") or "")}
    return len(algorithms) == 1 and hmac.compare_digest(row.mic.encode(), (body.get("mic") or "").encode())


def _plain(algorithm: str) -> str:
    return algorithm.strip().lower().replace("-", "").replace("_", "").removeprefix("rsa")
