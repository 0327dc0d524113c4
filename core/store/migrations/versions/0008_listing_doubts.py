"""A listing remembers since when its channel shows something else than it was told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("listing", sa.Column("doubted_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("listing", sa.Column("shown_quantity", sa.Numeric(), nullable=True))
    op.create_index(
        "ix_listing_doubted",
        "listing",
        ["tenant_id", "doubted_at"],
        unique=False,
        postgresql_where=sa.text("doubted_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_column("listing", "shown_quantity")
    op.drop_column("listing", "doubted_at")
