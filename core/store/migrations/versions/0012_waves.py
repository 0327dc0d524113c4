"""Work waits for waves, which plan it again together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "wave",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("orders", sa.Integer(), server_default="0", nullable=False),
        sa.Column("found", sa.Integer(), server_default="0", nullable=False),
        sa.Column("changed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cost_before", sa.BigInteger(), nullable=False),
        sa.Column("cost_after", sa.BigInteger(), nullable=False),
        sa.Column("bound", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("report", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("inputs", sa.LargeBinary(), nullable=True),
        sa.Column("choice", sa.LargeBinary(), nullable=True),
        sa.Column("duration_us", sa.Integer(), server_default="0", nullable=False),
        sa.Column("actor", sa.Text(), server_default="hub", nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("seal", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_wave")),
    )
    op.create_index("ix_wave_at", "wave", ["tenant_id", "at"], unique=False)
    op.add_column("fulfillment_order", sa.Column("release_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.create_index(
        "ix_fulfillment_order_waits",
        "fulfillment_order",
        ["tenant_id", "release_at"],
        unique=False,
        postgresql_where=sa.text("state = 'planned'"),
    )


def downgrade() -> None:
    op.drop_index("ix_fulfillment_order_waits", table_name="fulfillment_order")
    op.drop_column("fulfillment_order", "release_at")
    op.drop_index("ix_wave_at", table_name="wave")
    op.drop_table("wave")
