"""Proofs that files reached partners."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "transport_receipt",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("connection_id", sa.UUID(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.UUID(), nullable=False),
        sa.Column("mic", sa.Text(), nullable=False),
        sa.Column("mic_algorithm", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("sent_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("due_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("settled_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("alarmed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("answer", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("evidence", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "connection_id", "message_id", name=op.f("pk_transport_receipt")),
    )
    op.create_index("ix_transport_receipt_delivery", "transport_receipt", ["tenant_id", "delivery_id"], unique=False)
    op.create_index(
        "ix_transport_receipt_pending",
        "transport_receipt",
        ["tenant_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )


def downgrade() -> None:
    op.drop_table("transport_receipt")
