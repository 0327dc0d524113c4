"""What goes out: deliveries, their attempts, and what each channel must be told of stock."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, SmallInteger, Table
from sqlalchemy import text as sql

from core.store.tables.base import HOT, document, instant, key, metadata, number, tenant, text, uid, whole

UNFINISHED = sql("state IN ('due', 'waiting', 'sending', 'unknown')")

delivery = Table(
    "delivery",
    metadata,
    tenant(),
    uid("id"),
    # Rows of one lane are inserted only under the lock of what they are about, so seq order is commit order there.
    Column("seq", BigInteger, Identity(always=True), nullable=False),
    uid("connection_id"),
    text("lane", null=False),
    text("kind", null=False),
    text("dedupe"),
    uid("order_id", null=True),
    uid("fulfillment_id", null=True),
    uid("shipment_id", null=True),
    document("payload", null=False, default="{}"),
    text("state", null=False, default="due"),
    Column("priority", SmallInteger, nullable=False, server_default="5"),
    instant("run_at", null=False),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    instant("lease_until"),
    uid("lease_token", null=True),
    text("reference"),
    text("outcome"),
    document("error"),
    uid("correlation_id", null=True),
    instant("created_at", null=False),
    instant("finished_at"),
    key(),
    Index("ix_delivery_due", "tenant_id", "connection_id", "priority", "run_at", postgresql_where=UNFINISHED),
    Index("ix_delivery_lane", "tenant_id", "connection_id", "lane", "seq", postgresql_where=UNFINISHED),
    Index("ix_delivery_order", "tenant_id", "order_id", postgresql_where=sql("order_id IS NOT NULL")),
    Index("ix_delivery_dead", "tenant_id", "id", postgresql_where=sql("state = 'dead'")),
    Index(
        "uq_delivery_dedupe",
        "tenant_id",
        "dedupe",
        unique=True,
        postgresql_where=sql("dedupe IS NOT NULL AND state = 'due'"),
    ),
    **HOT,
)

attempt = Table(
    "attempt",
    metadata,
    tenant(),
    uid("id"),
    uid("delivery_id"),
    whole("number"),
    text("outcome", null=False),
    instant("started_at", null=False),
    whole("duration_ms"),
    document("exchanges"),
    document("error"),
    key(),
    Index("ix_attempt_delivery", "tenant_id", "delivery_id"),
)

# "This channel sells this item", and what it was last told: the newest value wins, a change only marks the row.
listing = Table(
    "listing",
    metadata,
    tenant(),
    uid("connection_id"),
    uid("item_id"),
    instant("dirty_at"),
    number("pushed_quantity", null=True),
    instant("pushed_at"),
    # Since when the channel is known to show something else than it was told, and what.
    instant("doubted_at"),
    number("shown_quantity", null=True),
    key("connection_id", "item_id"),
    Index("ix_listing_item", "tenant_id", "item_id"),
    Index("ix_listing_doubted", "tenant_id", "doubted_at", postgresql_where=sql("doubted_at IS NOT NULL")),
    Index("ix_listing_dirty", "tenant_id", "connection_id", postgresql_where=sql("dirty_at IS NOT NULL")),
    **HOT,
)
