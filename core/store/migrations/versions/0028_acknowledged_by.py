"""Interchanges: which one acknowledged it, whichever way it went."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("interchange", sa.Column("answered_by", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("interchange", "answered_by")
