"""Items: found by their GTIN, as partners order them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_item_gtin", "item", ["tenant_id", "gtin"], postgresql_where=sa.text("gtin IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("ix_item_gtin", "item")
