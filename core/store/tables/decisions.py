"""Decisions with what they were made from, and the policies they were made under."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Index, LargeBinary, Table, UniqueConstraint
from sqlalchemy import text as sql

from core.store.tables.base import document, instant, key, metadata, tenant, text, uid, whole

# What many decisions share, once: nodes with their costs, the policy. Named by the hash of what it says.
decision_basis = Table(
    "decision_basis",
    metadata,
    tenant(),
    Column("hash", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    instant("created_at", null=False),
    key("hash"),
)

decision = Table(
    "decision",
    metadata,
    tenant(),
    uid("id"),
    text("kind", null=False),
    uid("order_id", null=True),
    text("policy", null=False),
    # Null only in rows from before decisions could be made again.
    Column("basis", LargeBinary),
    # Packed JSON (core.domain.packing); see core.routing.record for what stands in it.
    Column("inputs", LargeBinary, nullable=False),
    Column("candidates", LargeBinary, nullable=False),
    document("choice", null=False),
    text("bound"),
    whole("duration_us"),
    text("actor", null=False, default="hub"),
    instant("at", null=False),
    # Sums over the row (core.domain.seals), so that one altered byte is named.
    Column("seal", LargeBinary),
    key(),
    Index("ix_decision_order", "tenant_id", "order_id"),
)

policy = Table(
    "policy",
    metadata,
    tenant(),
    uid("id"),
    text("name", null=False),
    whole("number", default=None),
    text("state", null=False, default="draft"),
    document("document", null=False),
    text("author", null=False),
    text("approver"),
    # What people said about it, oldest first: [{"at", "actor", "did", "text"}].
    document("comments", null=False, default="[]"),
    # Holds from then on, once it is active or approved with a time; null before.
    instant("active_from"),
    # The report of its last simulation, and when that was made.
    document("simulation"),
    instant("simulated_at"),
    instant("created_at", null=False),
    whole("version", default="1"),
    key(),
    UniqueConstraint("tenant_id", "name", "number"),
    Index("ix_policy_timed", "tenant_id", "active_from", postgresql_where=sql("state IN ('approved', 'active')")),
)

# A simulation that is too large for one request: asked for, worked off by a worker, its report kept.
simulation = Table(
    "simulation",
    metadata,
    tenant(),
    uid("id"),
    uid("policy_id"),
    text("state", null=False, default="queued"),
    # Decisions made then or later; null is what `simulate` takes by itself.
    instant("since"),
    Column("carry", Boolean, nullable=False, server_default="true"),
    # Pieces of decisions that are made again, and how many there are.
    whole("done"),
    whole("pieces"),
    document("report"),
    document("error"),
    text("actor", null=False),
    # A worker that is gone loses its claim then, and another begins anew.
    instant("lease_until"),
    instant("created_at", null=False),
    instant("started_at"),
    instant("finished_at"),
    whole("version", default="1"),
    key(),
    CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name="known_state"),
    # One at a time for each version.
    Index(
        "uq_simulation_open", "tenant_id", "policy_id", unique=True,
        postgresql_where=sql("state IN ('queued', 'running')"),
    ),
)  # fmt: skip
