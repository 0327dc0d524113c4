"""Stock at full breadth: protection rules, kits, lots, supply, transfers, serial numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kit_component",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("kit_id", sa.UUID(), nullable=False),
        sa.Column("component_id", sa.UUID(), nullable=False),
        sa.Column("units", sa.Numeric(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("kit_id <> component_id", name=op.f("ck_kit_component_not_itself")),
        sa.CheckConstraint("units > 0", name=op.f("ck_kit_component_positive")),
        sa.PrimaryKeyConstraint("tenant_id", "kit_id", "component_id", name=op.f("pk_kit_component")),
    )
    op.create_index("ix_kit_component_component", "kit_component", ["tenant_id", "component_id"], unique=False)
    op.create_table(
        "protection_rule",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("connection_id", sa.UUID(), nullable=False),
        sa.Column("item_id", sa.UUID(), nullable=True),
        sa.Column("node_id", sa.UUID(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column(
            "valid_from", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("valid_to", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("told_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("quantity >= 0", name=op.f("ck_protection_rule_not_negative")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_protection_rule_in_time")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_protection_rule")),
    )
    op.create_index("ix_protection_rule_item", "protection_rule", ["tenant_id", "item_id"], unique=False)
    op.create_table(
        "shipment_serial",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("shipment_id", sa.UUID(), nullable=False),
        sa.Column("line_id", sa.UUID(), nullable=False),
        sa.Column("item_id", sa.UUID(), nullable=False),
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("tenant_id", "shipment_id", "item_id", "serial", name=op.f("pk_shipment_serial")),
    )
    op.create_index("ix_shipment_serial_serial", "shipment_serial", ["tenant_id", "item_id", "serial"], unique=False)
    op.create_table(
        "stock_lot",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("item_id", sa.UUID(), nullable=False),
        sa.Column("node_id", sa.UUID(), nullable=False),
        sa.Column("lot", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("on_hand", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("promised", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("status = 'sellable' OR promised = 0", name=op.f("ck_stock_lot_sellable_only")),
        sa.CheckConstraint("promised >= 0 AND promised <= on_hand", name=op.f("ck_stock_lot_never_oversold")),
        sa.PrimaryKeyConstraint("tenant_id", "item_id", "node_id", "lot", "status", name=op.f("pk_stock_lot")),
        postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"},
    )
    op.create_table(
        "supply",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("item_id", sa.UUID(), nullable=False),
        sa.Column("node_id", sa.UUID(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("transfer_id", sa.UUID(), nullable=True),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("received", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("promisable", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("expected_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("quantity > 0 AND received >= 0 AND promisable >= 0", name=op.f("ck_supply_not_negative")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_supply")),
        sa.UniqueConstraint(
            "tenant_id", "reference", "item_id", "node_id", name=op.f("uq_supply_tenant_id_reference_item_id_node_id")
        ),
    )
    op.create_index(
        "ix_supply_open",
        "supply",
        ["tenant_id", "item_id", "node_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('expected', 'in_transit')"),
    )
    op.create_table(
        "transfer",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("from_node_id", sa.UUID(), nullable=False),
        sa.Column("to_node_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("expected_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("from_node_id <> to_node_id", name=op.f("ck_transfer_two_nodes")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_transfer")),
        sa.UniqueConstraint("tenant_id", "reference", name=op.f("uq_transfer_tenant_id_reference")),
    )
    op.create_table(
        "transfer_line",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("transfer_id", sa.UUID(), nullable=False),
        sa.Column("item_id", sa.UUID(), nullable=False),
        sa.Column("lot", sa.Text(), server_default="", nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=True),
        sa.Column("quantity", sa.Numeric(), nullable=False),
        sa.Column("received", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("lost", sa.Numeric(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "quantity > 0 AND received >= 0 AND lost >= 0 AND received + lost <= quantity",
            name=op.f("ck_transfer_line_conserved"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "transfer_id", "item_id", "lot", name=op.f("pk_transfer_line")),
    )
    op.add_column("item", sa.Column("tracking", sa.Text(), server_default="none", nullable=False))
    op.add_column("item", sa.Column("lot_order", sa.Text(), server_default="fefo", nullable=False))
    op.add_column("reservation", sa.Column("per_unit", sa.Numeric(), server_default="1", nullable=False))
    op.add_column("reservation", sa.Column("follows", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("reservation", sa.Column("lot", sa.Text(), nullable=True))
    op.create_index(
        "ix_reservation_open",
        "reservation",
        ["tenant_id", "item_id", "node_id"],
        unique=False,
        postgresql_where=sa.text("state IN ('held', 'allocated')"),
    )
    op.add_column("stock_movement", sa.Column("safety", sa.Numeric(), server_default="0", nullable=False))
    op.add_column("stock_movement", sa.Column("backorder_limit", sa.Numeric(), server_default="0", nullable=False))


def downgrade() -> None:
    op.drop_column("stock_movement", "backorder_limit")
    op.drop_column("stock_movement", "safety")
    op.drop_index(
        "ix_reservation_open", table_name="reservation", postgresql_where=sa.text("state IN ('held', 'allocated')")
    )
    op.drop_column("reservation", "lot")
    op.drop_column("reservation", "follows")
    op.drop_column("reservation", "per_unit")
    op.drop_column("item", "lot_order")
    op.drop_column("item", "tracking")
    op.drop_table("transfer_line")
    op.drop_table("transfer")
    op.drop_index(
        "ix_supply_open", table_name="supply", postgresql_where=sa.text("state IN ('expected', 'in_transit')")
    )
    op.drop_table("supply")
    op.drop_table("stock_lot")
    op.drop_index("ix_shipment_serial_serial", table_name="shipment_serial")
    op.drop_table("shipment_serial")
    op.drop_index("ix_protection_rule_item", table_name="protection_rule")
    op.drop_table("protection_rule")
    op.drop_index("ix_kit_component_component", table_name="kit_component")
    op.drop_table("kit_component")
