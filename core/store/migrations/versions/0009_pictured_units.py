"""Order lines keep the units their source last spoke of: a change that comes too late is told from a repetition."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("order_line", sa.Column("pictured", sa.Numeric(), nullable=True))


def downgrade() -> None:
    op.drop_column("order_line", "pictured")
