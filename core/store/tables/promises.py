"""Node calendars, promises and their parts, outcomes of parcels, scores, versions of models."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    Index,
    Integer,
    SmallInteger,
    Table,
    Time,
    UniqueConstraint,
)
from sqlalchemy import (
    text as sql,
)

from core.store.tables.base import HOT, document, instant, key, metadata, tenant, text, uid, whole

# One row per node that has hours of its own; the others keep the rule of core.domain.calendars.
node_calendar = Table(
    "node_calendar",
    metadata,
    tenant(),
    uid("node_id"),
    # Seven entries, Monday first: {"opens": "08:00", "closes": "17:00"} or null.
    document("week", null=False),
    whole("handling_minutes"),
    instant("created_at", null=False),
    whole("version", default="1"),
    key("node_id"),
    CheckConstraint("handling_minutes >= 0", name="not_negative"),
)

# A day that differs from the week: without hours it is a holiday.
node_closure = Table(
    "node_closure",
    metadata,
    tenant(),
    uid("node_id"),
    Column("day", Date, nullable=False),
    Column("opens", Time),
    Column("closes", Time),
    text("label"),
    key("node_id", "day"),
    CheckConstraint("(opens IS NULL) = (closes IS NULL)", name="both_or_none"),
)

promise = Table(
    "promise",
    metadata,
    tenant(),
    uid("id"),
    # Null while it is an offer nobody has ordered on.
    uid("order_id", null=True),
    text("state", null=False),
    # The chance the promised time was given with, and that time.
    Column("level", Float, nullable=False),
    instant("due_at", null=False),
    instant("due_50", null=False),
    instant("due_80", null=False),
    instant("due_90", null=False),
    instant("due_95", null=False),
    text("to_country"),
    text("to_postal"),
    # Per line of an offer: SKU, units, nodes, times; what an order's lines come from is in its parts.
    document("lines"),
    # Model, correction and ages of what went in; in `asked`, what an offer was made for besides its lines and where to.
    document("basis", null=False),
    Column("risk", Float, nullable=False),
    instant("made_at", null=False),
    instant("stands_until"),
    # When it must be looked at next; null when it is settled or only offered.
    instant("watch_at"),
    instant("delivered_at"),
    instant("settled_at"),
    whole("version", default="1"),
    key(),
    CheckConstraint("level > 0 AND level < 1 AND risk >= 0 AND risk <= 1", name="chances"),
    Index("uq_promise_order", "tenant_id", "order_id", unique=True, postgresql_where=sql("order_id IS NOT NULL")),
    Index("ix_promise_watch", "tenant_id", "watch_at", postgresql_where=sql("watch_at IS NOT NULL")),
    Index("ix_promise_settled", "tenant_id", "settled_at", postgresql_where=sql("settled_at IS NOT NULL")),
    **HOT,
)

# One node's part of an order's promise: what its parcels are expected to do.
promise_part = Table(
    "promise_part",
    metadata,
    tenant(),
    uid("fulfillment_id"),
    uid("order_id"),
    uid("node_id"),
    text("carrier"),
    text("from_country"),
    text("from_postal"),
    text("to_country"),
    text("to_postal"),
    Column("km", Integer),
    instant("ship_at", null=False),
    instant("due_50", null=False),
    instant("due_80", null=False),
    instant("due_90", null=False),
    instant("due_95", null=False),
    key("fulfillment_id"),
    Index("ix_promise_part_order", "tenant_id", "order_id"),
    # Corrections and reports read by time.
    Index("ix_promise_part_ship", "tenant_id", "ship_at"),
)

# What became of a parcel: everything scores, reports and models learn from.
outcome = Table(
    "outcome",
    metadata,
    tenant(),
    uid("shipment_id"),
    uid("order_id"),
    uid("node_id"),
    text("carrier"),
    text("service"),
    text("from_country"),
    text("from_postal"),
    text("to_country"),
    text("to_postal"),
    Column("km", Integer),
    text("state", null=False),
    Column("damaged", Boolean, nullable=False, server_default="false"),
    # When it was to leave, when it left, when it came.
    instant("ship_at", null=False),
    instant("shipped_at", null=False),
    instant("delivered_at"),
    instant("due_50"),
    instant("due_80"),
    instant("due_90"),
    instant("due_95"),
    instant("due_at"),
    Column("level", Float),
    instant("settled_at", null=False),
    key("shipment_id"),
    Index("ix_outcome_settled", "tenant_id", "settled_at"),
    Index("ix_outcome_shipped", "tenant_id", "shipped_at"),
    Index("ix_outcome_order", "tenant_id", "order_id"),
)

score = Table(
    "score",
    metadata,
    tenant(),
    # carrier or node; its name; the lane or service it is for, empty for all; what is measured.
    text("subject", null=False),
    text("name", null=False),
    text("part", null=False, default=""),
    text("measure", null=False),
    Column("value", Float, nullable=False),
    Column("low", Float),
    Column("high", Float),
    whole("outcomes"),
    Column("weight", Float, nullable=False),
    Column("prior", Float, nullable=False),
    instant("computed_at", null=False),
    key("subject", "name", "part", "measure"),
)

model_version = Table(
    "model_version",
    metadata,
    tenant(),
    uid("id"),
    text("kind", null=False),
    Column("version", SmallInteger, nullable=False),
    text("engine", null=False),
    text("state", null=False),
    text("content_hash", null=False),
    document("content", null=False),
    instant("data_from"),
    instant("data_to"),
    whole("outcomes"),
    document("features", null=False),
    document("metrics", null=False),
    # What outcomes have taught since: renewed by the schedule, no part of the content.
    document("correction"),
    instant("corrected_at"),
    text("approved_by"),
    instant("promoted_at"),
    # What the watch over drift found last, and when; of the champion, and of one that is set aside.
    document("watch"),
    instant("watched_at"),
    instant("created_at", null=False),
    key(),
    UniqueConstraint("tenant_id", "kind", "version"),
    CheckConstraint("state IN ('challenger', 'champion', 'set_aside', 'retired')", name="known_state"),
    Index("uq_model_version_champion", "tenant_id", "kind", unique=True, postgresql_where=sql("state = 'champion'")),
)
