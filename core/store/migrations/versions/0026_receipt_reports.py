"""What nodes and buyers say they received or sold, each report once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "receipt_report",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("connection_id", sa.UUID(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("shipment_id", sa.UUID(), nullable=True),
        sa.Column("body", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("difference", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_receipt_report")),
        sa.UniqueConstraint(
            "tenant_id",
            "connection_id",
            "kind",
            "external_id",
            name=op.f("uq_receipt_report_tenant_id_connection_id_kind_external_id"),
        ),
    )
    op.create_index(
        "ix_receipt_report_shipment",
        "receipt_report",
        ["tenant_id", "shipment_id"],
        postgresql_where=sa.text("shipment_id IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_receipt_report_shipment", table_name="receipt_report")
    op.drop_table("receipt_report")
