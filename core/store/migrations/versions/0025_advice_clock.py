"""Despatch advices: until when each must be accepted, when to look at it again, and what its partner warned of."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

COLUMNS: dict[str, Any] = {
    "accept_by": sa.TIMESTAMP(timezone=True),
    "look_at": sa.TIMESTAMP(timezone=True),
    "alarm": sa.Text(),
    "late_at": sa.TIMESTAMP(timezone=True),
    "warnings": postgresql.JSON(none_as_null=True),
}


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("paper", sa.Column(name, kind, nullable=True))
    op.create_index("ix_paper_look", "paper", ["tenant_id", "look_at"], postgresql_where=sa.text("look_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("ix_paper_look", table_name="paper")
    for name in COLUMNS:
        op.drop_column("paper", name)
