"""Orders: the parts by store of one are found by the number of the whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_orders_split",
        "orders",
        ["tenant_id", "connection_id", sa.text("(body->>'split_from')")],
        postgresql_where=sa.text("(body->>'split_from') IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_orders_split", "orders")
