"""Orders are found by their buyer's e-mail, whatever its case."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_orders_buyer",
        "orders",
        ["tenant_id", sa.literal_column("lower(buyer_email)")],
        unique=False,
        postgresql_where=sa.text("buyer_email IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_orders_buyer", table_name="orders")
