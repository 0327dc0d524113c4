"""The ledger of lots says why a lot changed, as that of positions does."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

LEDGER = "lot_movement"
# The row of the position that was written by the same transaction, nearest in time, and in the same direction where it
# can be, says why. What has no such row changed lots and not their position: units moved between two statuses that are
# not sold, a count that found the same sum in other lots, or what was there when their history began.
FILL = """
UPDATE lot_movement m SET order_id = w.order_id, cause = w.cause, kind = coalesce(w.kind, CASE
    WHEN m.status <> 'sellable' THEN 'status'
    WHEN EXISTS (SELECT 1 FROM lot_movement e WHERE e.tenant_id = m.tenant_id AND e.item_id = m.item_id
                 AND e.node_id = m.node_id AND e.id < m.id AND e.xmin <> m.xmin) THEN 'count'
    ELSE 'tracking' END)
FROM lot_movement l LEFT JOIN (
    SELECT DISTINCT ON (o.tenant_id, o.id) o.tenant_id, o.id, s.kind, s.order_id, s.cause
    FROM lot_movement o JOIN stock_movement s ON s.tenant_id = o.tenant_id AND s.item_id = o.item_id
         AND s.node_id = o.node_id AND s.xmin = o.xmin AND abs(extract(epoch FROM s.at - o.at)) < 60
    ORDER BY o.tenant_id, o.id, sign(s.on_hand) <> sign(o.on_hand), abs(extract(epoch FROM s.at - o.at)), s.id
) w ON w.tenant_id = l.tenant_id AND w.id = l.id
WHERE m.tenant_id = l.tenant_id AND m.id = l.id
"""


def upgrade() -> None:
    op.add_column(LEDGER, sa.Column("kind", sa.Text(), nullable=True))
    op.add_column(LEDGER, sa.Column("order_id", sa.UUID(), nullable=True))
    op.add_column(LEDGER, sa.Column("cause", sa.Text(), nullable=True))
    op.execute(FILL)
    op.alter_column(LEDGER, "kind", nullable=False)


def downgrade() -> None:
    for name in ("cause", "order_id", "kind"):
        op.drop_column(LEDGER, name)
