"""Lots, kits and nodes keep their history, so that a figure of the past is explained; batch counts are learned from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KIT = "kit_component"
POSITION = "stock_position"
NODE_COLUMNS = (
    ("stock_mode", sa.Text(), "live"),
    ("count_hours", sa.Numeric(), "24"),
    ("count_error", sa.Numeric(), "0.05"),
    ("count_samples", sa.Integer(), "30"),
    ("count_quantile", sa.Numeric(), "0.9"),
)


def upgrade() -> None:
    op.create_table(
        "lot_movement",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("item_id", sa.UUID(), nullable=False),
        sa.Column("node_id", sa.UUID(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("on_hand", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("promised", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_lot_movement")),
    )
    op.create_index("ix_lot_movement_position", "lot_movement", ["tenant_id", "item_id", "node_id", "id"], unique=False)
    # What lots held before is not known: their history begins with what they hold now.
    op.execute(
        "INSERT INTO lot_movement (tenant_id, item_id, node_id, lot, status, on_hand, promised, expires_on)"
        " SELECT tenant_id, item_id, node_id, lot, status, on_hand, promised, expires_on FROM stock_lot"
    )
    op.create_table(
        "node_switch",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("node_id", sa.UUID(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_node_switch")),
    )
    op.create_index("ix_node_switch_node", "node_switch", ["tenant_id", "node_id", "id"], unique=False)
    op.execute("INSERT INTO node_switch (tenant_id, node_id, active) SELECT tenant_id, id, active FROM node")
    op.add_column(KIT, sa.Column("ended_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.drop_constraint("pk_kit_component", KIT)
    op.create_primary_key("pk_kit_component", KIT, ["tenant_id", "kit_id", "component_id", "created_at"])
    op.create_index(
        "ix_kit_component_now",
        KIT,
        ["tenant_id", "kit_id", "component_id"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "count_outcome",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("item_id", sa.UUID(), nullable=False),
        sa.Column("node_id", sa.UUID(), nullable=False),
        sa.Column("part", sa.Text(), server_default="", nullable=False),
        sa.Column("as_of", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("hours", sa.Numeric(), nullable=True),
        sa.Column("expected", sa.Numeric(), nullable=True),
        sa.Column("counted", sa.Numeric(), nullable=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_count_outcome")),
    )
    op.create_index(
        "ix_count_outcome_position", "count_outcome", ["tenant_id", "item_id", "node_id", "id"], unique=False
    )
    for name, kind, default in NODE_COLUMNS:
        op.add_column("node", sa.Column(name, kind, server_default=default, nullable=False))
    for table in (POSITION, "stock_movement"):
        op.add_column(table, sa.Column("uncertain", sa.Numeric(), server_default="0", nullable=False))
    _guard(
        "reserved >= 0 AND allocated >= 0 AND safety >= 0 AND uncertain >= 0 AND on_hand >= 0",
        "reserved + allocated <= on_hand - safety - uncertain + backorder_limit",
    )


def _guard(not_negative: str, never_oversold: str) -> None:
    for name, rule in (("not_negative", not_negative), ("never_oversold", never_oversold)):
        op.drop_constraint(op.f(f"ck_{POSITION}_{name}"), POSITION)
        op.create_check_constraint(op.f(f"ck_{POSITION}_{name}"), POSITION, rule)


def downgrade() -> None:
    _guard(
        "reserved >= 0 AND allocated >= 0 AND safety >= 0 AND on_hand >= 0",
        "reserved + allocated <= on_hand - safety + backorder_limit",
    )
    for table in ("stock_movement", POSITION):
        op.drop_column(table, "uncertain")
    for name, _, _ in reversed(NODE_COLUMNS):
        op.drop_column("node", name)
    op.drop_index("ix_count_outcome_position", table_name="count_outcome")
    op.drop_table("count_outcome")
    op.drop_index("ix_kit_component_now", table_name=KIT)
    op.execute("DELETE FROM kit_component WHERE ended_at IS NOT NULL")
    op.drop_constraint("pk_kit_component", KIT)
    op.create_primary_key("pk_kit_component", KIT, ["tenant_id", "kit_id", "component_id"])
    op.drop_column(KIT, "ended_at")
    op.drop_index("ix_node_switch_node", table_name="node_switch")
    op.drop_table("node_switch")
    op.drop_index("ix_lot_movement_position", table_name="lot_movement")
    op.drop_table("lot_movement")
