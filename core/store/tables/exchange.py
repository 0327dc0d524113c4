"""How files reach partners: what was handed over, and the proof that it arrived."""

from __future__ import annotations

from sqlalchemy import Column, Index, LargeBinary, Table
from sqlalchemy import text as sql

from core.store.tables.base import document, instant, key, metadata, tenant, text, uid

# One row for each file a partner owes a transport receipt for, or has given one (AS2: MDN).
transport_receipt = Table(
    "transport_receipt",
    metadata,
    tenant(),
    uid("connection_id"),
    # The name under which the partner speaks of the file; the same on every try.
    text("message_id", null=False),
    uid("delivery_id"),
    # The hash of what was sent, in base64, and its algorithm: a receipt that does not repeat it proves nothing.
    text("mic", null=False),
    text("mic_algorithm", null=False),
    text("state", null=False, default="pending"),
    instant("sent_at", null=False),
    instant("due_at"),
    instant("settled_at"),
    instant("alarmed_at"),
    document("answer"),
    # The receipt as it came, where it came with the answer; one that came by itself is a message.
    Column("evidence", LargeBinary),
    key("connection_id", "message_id"),
    Index("ix_transport_receipt_delivery", "tenant_id", "delivery_id"),
    Index("ix_transport_receipt_pending", "tenant_id", "due_at", postgresql_where=sql("state = 'pending'")),
)
