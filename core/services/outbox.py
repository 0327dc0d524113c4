"""Writing deliveries: what must go out is a row in the transaction that decided it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from core.domain.ids import uuid7
from core.domain.vocabulary import Write
from core.store import schema as t
from core.store.bulk import as_json, copy_rows
from core.store.unit import DELIVERIES, Unit

# Smaller goes first: what a customer sees before what a ledger sees.
PRIORITY = {
    Write.PUSH_SHIPMENT: 2,
    Write.CANCEL_FULFILLMENT_ORDER: 2,
    Write.PUSH_FULFILLMENT_ORDER: 3,
    Write.PUSH_INCOMING: 3,
    # Partners fine late papers.
    Write.PUSH_DESPATCH_ADVICE: 1,
    # A partner without a receipt sends everything again.
    Write.SEND_RECEIPT: 1,
    Write.PUSH_ACKNOWLEDGEMENT: 1,
    Write.ANSWER_DOCUMENT: 2,
    Write.ACKNOWLEDGE_ORDER: 2,
    Write.PUSH_INVOICE: 3,
    Write.PUSH_CREDIT_NOTE: 3,
    Write.PUSH_STOCK: 4,
    Write.CANCEL_ORDER: 5,
    Write.PUSH_ORDER: 6,
}
COLUMNS = (
    "id", "connection_id", "lane", "kind", "order_id", "fulfillment_id", "shipment_id", "payload", "priority",
    "correlation_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One write to be made; writes of one lane to one connection arrive in the order they are given.

    Args:
        lane: what they are about where that is no order.
    """

    connection_id: UUID
    kind: Write
    payload: dict[str, Any]
    order_id: UUID | None
    fulfillment_id: UUID | None = None
    shipment_id: UUID | None = None
    lane: str | None = None


def told_of(unit: Unit, order_id: UUID) -> set[UUID]:
    """Return the connections an order was ever written to, or is about to be; others know nothing of it."""
    d = t.delivery.c
    rows = unit.conn.execute(
        select(d.connection_id)
        .where(d.tenant_id == unit.tenant, d.order_id == order_id, d.kind == str(Write.PUSH_ORDER))
        .distinct()
    )
    return set(rows.scalars())


def enqueue(unit: Unit, writes: list[Outgoing]) -> list[UUID]:
    """Insert deliveries and return their ids; the caller holds the lock of every order named."""
    ids = [uuid7() for _ in writes]
    copy_rows(
        unit,
        t.delivery,
        COLUMNS,
        [
            (
                delivery_id,
                write.connection_id,
                write.lane or f"order:{write.order_id.hex if write.order_id else ''}",
                str(write.kind),
                write.order_id,
                write.fulfillment_id,
                write.shipment_id,
                as_json(write.payload),
                PRIORITY[write.kind],
                unit.reason_for(write.order_id)[1],
            )
            for delivery_id, write in zip(ids, writes, strict=True)
        ],
    )
    if writes:
        unit.wake(DELIVERIES)
    return ids
