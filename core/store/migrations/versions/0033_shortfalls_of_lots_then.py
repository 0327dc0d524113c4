"""The ledger of lots says how the shortfall of a lot changed, so that one of the past is explained."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0031"
branch_labels = None
depends_on = None

LEDGER = "lot_movement"
# When a lot began to lack units is not known: its history begins with what it lacks now.
FILL = """
INSERT INTO lot_movement (tenant_id, item_id, node_id, lot, status, kind, shortfall, expires_on, cause)
SELECT tenant_id, item_id, node_id, lot, status, 'adjust', shortfall, expires_on, 'STOCK-SHORTFALL-001'
FROM stock_lot WHERE shortfall <> 0
"""


def upgrade() -> None:
    op.add_column(LEDGER, sa.Column("shortfall", sa.Numeric(), server_default="0", nullable=False))
    op.execute(FILL)


def downgrade() -> None:
    op.drop_column(LEDGER, "shortfall")
