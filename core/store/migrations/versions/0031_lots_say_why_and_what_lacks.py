"""The ledger of lots says why a lot changed, as that of positions does, and a lot what of it a count did not find."""

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
# So far a shortfall lay in the lots of which all is promised, nobody knew how much in which.
SHARE = """
UPDATE stock_lot l SET shortfall = s.units FROM (
    SELECT q.tenant_id, q.item_id, q.node_id, q.lot, least(q.on_hand, p.shortfall - coalesce(sum(q.on_hand) OVER (
               PARTITION BY q.tenant_id, q.item_id, q.node_id ORDER BY q.expires_on NULLS LAST, q.lot
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)) AS units
    FROM stock_lot q JOIN stock_position p ON p.tenant_id = q.tenant_id AND p.item_id = q.item_id
         AND p.node_id = q.node_id AND p.shortfall > 0
    WHERE q.status = 'sellable' AND q.promised > 0 AND q.on_hand = q.promised
) s
WHERE s.units > 0 AND l.tenant_id = s.tenant_id AND l.item_id = s.item_id AND l.node_id = s.node_id AND l.lot = s.lot
  AND l.status = 'sellable'
"""


def upgrade() -> None:
    op.add_column(LEDGER, sa.Column("kind", sa.Text(), nullable=True))
    op.add_column(LEDGER, sa.Column("order_id", sa.UUID(), nullable=True))
    op.add_column(LEDGER, sa.Column("cause", sa.Text(), nullable=True))
    op.execute(FILL)
    op.alter_column(LEDGER, "kind", nullable=False)
    op.add_column("stock_lot", sa.Column("shortfall", sa.Numeric(), server_default="0", nullable=False))
    op.execute(SHARE)


def downgrade() -> None:
    op.drop_column("stock_lot", "shortfall")
    for name in ("cause", "order_id", "kind"):
        op.drop_column(LEDGER, name)
