"""Connections and what came in through them."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, LargeBinary, SmallInteger, Table, UniqueConstraint
from sqlalchemy import text as sql

from core.store.tables.base import HOT, document, instant, key, metadata, tenant, text, uid, whole

connection = Table(
    "connection",
    metadata,
    tenant(),
    uid("id"),
    text("name", null=False),
    text("connector", null=False),
    text("label"),
    text("mode", null=False, default="live"),
    document("settings", null=False, default="{}"),
    Column("secrets", LargeBinary),
    Column("previous_secrets", LargeBinary),
    instant("secrets_rotated_at"),
    # Pause, breaker and 429 are one column: nothing is claimed for this connection before then.
    instant("paused_until"),
    text("pause_reason"),
    whole("failures"),
    whole("breaker_opened"),
    Column("rate_per_second", Float),
    instant("created_at", null=False),
    whole("version", default="1"),
    key(),
    UniqueConstraint("tenant_id", "name"),
)

# Concurrency per connection as named seats, because counts race.
seat = Table(
    "seat",
    metadata,
    tenant(),
    uid("connection_id"),
    Column("n", SmallInteger, nullable=False),
    uid("holder", null=True),
    instant("held_until"),
    key("connection_id", "n"),
    **HOT,
)

cursor = Table(
    "cursor",
    metadata,
    tenant(),
    uid("connection_id"),
    text("name", null=False),
    document("value", null=False, default="{}"),
    instant("next_at"),
    instant("lease_until"),
    instant("finished_at"),
    whole("interval_seconds", default="600"),
    document("error"),
    key("connection_id", "name"),
)

message = Table(
    "message",
    metadata,
    tenant(),
    uid("id"),
    uid("connection_id"),
    text("topic", null=False),
    text("dedupe_key", null=False),
    text("source_id"),
    text("via", null=False, default="webhook"),
    instant("occurred_at"),
    instant("received_at", null=False),
    document("headers", null=False, default="{}"),
    Column("body", LargeBinary, nullable=False),
    text("content_type", null=False, default="application/json"),
    text("state", null=False, default="received"),
    instant("run_at"),
    instant("lease_until"),
    uid("lease_token", null=True),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    whole("repeats"),
    text("outcome"),
    document("error"),
    uid("order_id", null=True),
    uid("correlation_id", null=True),
    instant("finished_at"),
    key(),
    UniqueConstraint("tenant_id", "connection_id", "dedupe_key"),
    Index("ix_message_due", "tenant_id", "run_at", postgresql_where=sql("state IN ('received', 'normalized')")),
    Index("ix_message_order", "tenant_id", "order_id", postgresql_where=sql("order_id IS NOT NULL")),
    Index("ix_message_quarantined", "tenant_id", "id", postgresql_where=sql("state = 'quarantined'")),
    **HOT,
)
