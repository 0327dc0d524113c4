"""Promised units know their kit, nodes that their calendar has changed, bundles what they are of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reservation", sa.Column("kit_id", sa.UUID(), nullable=True))
    # What is still promised counts; what ended did so before there could be a rule for a kit.
    op.execute(
        "UPDATE reservation r SET kit_id = l.item_id FROM order_line l"
        " WHERE r.state = 'allocated' AND l.tenant_id = r.tenant_id AND l.id = r.line_id"
        " AND l.item_id <> r.item_id AND EXISTS (SELECT 1 FROM kit_component k WHERE k.tenant_id = l.tenant_id"
        " AND k.kit_id = l.item_id AND k.component_id = r.item_id)"
    )
    op.create_index(
        "ix_reservation_kit",
        "reservation",
        ["tenant_id", "kit_id"],
        unique=False,
        postgresql_where=sa.text("kit_id IS NOT NULL AND NOT follows"),
    )
    op.add_column("item", sa.Column("bundle_of", sa.UUID(), nullable=True))
    op.add_column("node", sa.Column("replan_at", sa.TIMESTAMP(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("node", "replan_at")
    op.drop_column("item", "bundle_of")
    op.drop_index("ix_reservation_kit", table_name="reservation")
    op.drop_column("reservation", "kit_id")
