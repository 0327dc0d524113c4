"""Files a partner could not read: sent again for his next certificate, while one takes over from another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Row, or_, select, update

from core.domain.ids import public_id
from core.domain.states import DELIVERY, DeliveryState
from core.ports.connectors import UNREAD, Receipt
from core.services.edi_states import note_received
from core.store import schema as t
from core.store.unit import DELIVERIES, Unit


def send_unread(unit: Unit, receipt: Row[Any], body: Mapping[str, Any]) -> bool:
    """Have a file that could not be read sent again by its delivery, and return whether it is.

    It is where another certificate of the partner's is left to try, and no person has sent it anew meanwhile.

    Args:
        unit: the running transaction.
        receipt: what waits for the receipt; its file is under way again, and a proof of it may come at once.
        body: the canonical transport receipt, with the `certificates` there are.
    """
    d = t.delivery.c
    row = unit.conn.execute(
        select(t.delivery).where(d.tenant_id == unit.tenant, d.id == receipt.delivery_id).with_for_update()
    ).one_or_none()
    if row is None or row.state != DeliveryState.DELIVERED:
        return False
    unread, certificates = row.payload.get(UNREAD, 0) + 1, body.get("certificates") or 0
    if unread >= certificates or _was_sent_anew(unit, row):
        return False
    unit.conn.execute(
        update(t.delivery)
        .where(d.tenant_id == unit.tenant, d.id == row.id)
        .values(
            state=str(DELIVERY.advance(row.state, "unread")), payload={**row.payload, UNREAD: unread}, run_at=unit.now,
            attempts=1, outcome=None, finished_at=None,
        )
    )  # fmt: skip
    c = t.transport_receipt.c
    unit.conn.execute(
        update(t.transport_receipt)
        .where(c.tenant_id == unit.tenant, c.connection_id == receipt.connection_id, c.message_id == receipt.message_id)
        .values(due_at=None)
    )
    about = {"message_id": receipt.message_id, "certificate": unread + 1, "certificates": certificates}
    unit.event("delivery.unread", "delivery", row.id, about, order_id=row.order_id)
    unit.wake(DELIVERIES)
    return True


def left_before(unit: Unit, delivery_id: UUID, payload: Mapping[str, Any], sent: Receipt) -> bool:
    """Return whether a file that was handed over had left before: whoever waits for that was told then.

    Only its arrival was open, and is noted where it was proved at once: his receipts may come in the answer by now.
    """
    if not payload.get(UNREAD):
        return False
    if sent.detail.get("received_at"):
        note_received(unit, delivery_id, unit.now)
    return True


def _was_sent_anew(unit: Unit, row: Row[Any]) -> bool:
    """Return whether the interchange of a delivery was, or is to be, sent anew by another one."""
    i, d = t.interchange.c, t.delivery.c
    interchange: UUID | None = unit.conn.execute(
        select(i.id).where(i.tenant_id == unit.tenant, i.delivery_id == row.id)
    ).scalar_one_or_none()
    if interchange is None:
        return False
    about = d.lane == row.lane if row.order_id is None else or_(d.lane == row.lane, d.order_id == row.order_id)
    later = select(d.id).where(
        d.tenant_id == unit.tenant,
        d.connection_id == row.connection_id,
        about,
        d.payload["again"]["interchange"].as_string() == public_id("interchange", interchange),
    )
    return unit.conn.execute(later.limit(1)).first() is not None
