"""Money given back, as a channel reports it: one row per refund, however often it is told."""

from __future__ import annotations

from sqlalchemy import Index, Table, UniqueConstraint

from core.store.tables.base import instant, key, metadata, number, tenant, text, uid

refund = Table(
    "refund",
    metadata,
    tenant(),
    uid("id"),
    uid("connection_id"),
    text("external_id", null=False),
    uid("order_id"),
    # Null when the channel states none: a refund may only take units off.
    number("amount", null=True),
    text("currency"),
    text("note"),
    instant("occurred_at", null=False),
    instant("created_at", null=False),
    key(),
    UniqueConstraint("tenant_id", "connection_id", "external_id"),
    Index("ix_refund_order", "tenant_id", "order_id"),
)

refund_line = Table(
    "refund_line",
    metadata,
    tenant(),
    uid("id"),
    uid("refund_id"),
    # The source's id of the line; ours is null where the refund is money only and the order has no such line.
    text("external_id", null=False),
    uid("line_id", null=True),
    number("quantity"),
    text("restock", null=False),
    number("amount", null=True),
    key(),
    Index("ix_refund_line_refund", "tenant_id", "refund_id"),
)
