"""Reports that name work by the node's own reference find it by an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NAME = "ix_fulfillment_order_reference"


def upgrade() -> None:
    # Built beside running work, and not in a transaction: reports are not held up meanwhile.
    with op.get_context().autocommit_block():
        op.create_index(
            NAME,
            "fulfillment_order",
            ["tenant_id", "connection_id", "reference"],
            postgresql_where=sa.text("reference IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    op.drop_index(NAME, table_name="fulfillment_order", if_exists=True)
