"""Refunds have rows of their own; those told so far are taken over from the event feed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from core.domain.ids import uuid7

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TOLD = """
SELECT DISTINCT ON (e.tenant_id, o.connection_id, e.data->>'external_id')
       e.tenant_id, o.connection_id, e.data->>'external_id' AS external_id, e.order_id,
       CAST(e.data->>'amount' AS numeric) AS amount, e.data->>'currency' AS currency, e.data->>'note' AS note, e.at
FROM event e JOIN orders o ON o.tenant_id = e.tenant_id AND o.id = e.order_id
WHERE e.type = 'refund.succeeded' AND e.data->>'external_id' IS NOT NULL
ORDER BY e.tenant_id, o.connection_id, e.data->>'external_id', e.seq
"""
TAKE_OVER = """
INSERT INTO refund (tenant_id, id, connection_id, external_id, order_id, amount, currency, note, occurred_at)
VALUES (:tenant_id, :id, :connection_id, :external_id, :order_id, :amount, :currency, :note, :at)
"""


def upgrade() -> None:
    op.create_table(
        "refund",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("connection_id", sa.UUID(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("order_id", sa.UUID(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column(
            "occurred_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_refund")),
        sa.UniqueConstraint(
            "tenant_id", "connection_id", "external_id", name=op.f("uq_refund_tenant_id_connection_id_external_id")
        ),
    )
    op.create_index("ix_refund_order", "refund", ["tenant_id", "order_id"], unique=False)
    op.create_table(
        "refund_line",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("refund_id", sa.UUID(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("line_id", sa.UUID(), nullable=True),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("restock", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_refund_line")),
    )
    op.create_index("ix_refund_line_refund", "refund_line", ["tenant_id", "refund_id"], unique=False)
    connection = op.get_bind()
    told = [
        {**row, "id": uuid7(int(row["at"].timestamp() * 1000))} for row in connection.execute(sa.text(TOLD)).mappings()
    ]
    if told:
        connection.execute(sa.text(TAKE_OVER), told)


def downgrade() -> None:
    op.drop_table("refund_line")
    op.drop_table("refund")
