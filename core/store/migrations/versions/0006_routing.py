"""What routing knows: services and rates of carriers, places, substitutes, disruptions, nodes off for a while."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "carrier_service",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("level", sa.Text(), nullable=True),
        sa.Column("nodes", postgresql.JSON(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("connections", postgresql.JSON(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("cutoff", sa.Time(), nullable=True),
        sa.Column("pickup_limit", sa.Integer(), nullable=True),
        sa.Column("transit_days", postgresql.JSON(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("on_time", sa.Numeric(), nullable=True),
        sa.Column("carbon_g", sa.Integer(), server_default="0", nullable=False),
        sa.Column("carbon_g_kg_km", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("max_weight_g", sa.Integer(), nullable=True),
        sa.Column("hazmat", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("storage", postgresql.JSON(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("on_time BETWEEN 0 AND 1", name=op.f("ck_carrier_service_probability")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_carrier_service")),
        sa.UniqueConstraint(
            "tenant_id", "carrier", "service", name=op.f("uq_carrier_service_tenant_id_carrier_service")
        ),
    )
    op.create_table(
        "disruption",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("area", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=True),
        sa.Column(
            "starts_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("ends_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_disruption")),
    )
    op.create_index("ix_disruption_ends", "disruption", ["tenant_id", "ends_at"], unique=False)
    op.create_table(
        "markdown",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("item_id", sa.UUID(), nullable=False),
        sa.Column("node_id", sa.UUID(), nullable=False),
        sa.Column("units", sa.Numeric(), nullable=False),
        sa.Column("benefit", sa.Numeric(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("units > 0 AND benefit >= 0", name=op.f("ck_markdown_sense")),
        sa.PrimaryKeyConstraint("tenant_id", "item_id", "node_id", name=op.f("pk_markdown")),
    )
    op.create_table(
        "place",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("postal_code", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), server_default="", nullable=False),
        sa.Column("latitude", sa.Float(), nullable=False),
        sa.Column("longitude", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "country", "postal_code", "place", name=op.f("pk_place")),
    )
    op.create_table(
        "place_area",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=False),
        sa.Column("longitude", sa.Float(), nullable=False),
        sa.Column("places", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "country", "prefix", name=op.f("pk_place_area")),
    )
    op.create_table(
        "rate",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("service_id", sa.UUID(), nullable=False),
        sa.Column("zone", sa.Text(), server_default="*", nullable=False),
        sa.Column("from_country", sa.Text(), server_default="", nullable=False),
        sa.Column("from_postal", sa.Text(), server_default="", nullable=False),
        sa.Column("to_country", sa.Text(), server_default="", nullable=False),
        sa.Column("to_postal", sa.Text(), server_default="", nullable=False),
        sa.Column("up_to_g", sa.Integer(), nullable=True),
        sa.Column("price", sa.Numeric(), nullable=False),
        sa.Column("per_kg", sa.Numeric(), server_default="0", nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.CheckConstraint("price >= 0 AND per_kg >= 0", name=op.f("ck_rate_not_negative")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_rate")),
        sa.UniqueConstraint(
            "tenant_id",
            "service_id",
            "from_country",
            "from_postal",
            "to_country",
            "to_postal",
            "up_to_g",
            "valid_from",
            name="uq_rate_lane",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "substitute",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("item_id", sa.UUID(), nullable=False),
        sa.Column("substitute_id", sa.UUID(), nullable=False),
        sa.Column("ratio", sa.Numeric(), server_default="1", nullable=False),
        sa.Column("rank", sa.Integer(), server_default="0", nullable=False),
        sa.Column("connections", postgresql.JSON(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), server_default="true", nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("ratio > 0 AND item_id <> substitute_id", name=op.f("ck_substitute_sense")),
        sa.PrimaryKeyConstraint("tenant_id", "item_id", "substitute_id", name=op.f("pk_substitute")),
    )
    op.create_table(
        "supplier_price",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("node_id", sa.UUID(), nullable=False),
        sa.Column("item_id", sa.UUID(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("price", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.CheckConstraint("price >= 0", name=op.f("ck_supplier_price_not_negative")),
        sa.PrimaryKeyConstraint("tenant_id", "node_id", "item_id", name=op.f("pk_supplier_price")),
    )
    op.add_column("fulfillment_order", sa.Column("carrier", sa.Text(), nullable=True))
    op.add_column("fulfillment_order", sa.Column("service", sa.Text(), nullable=True))
    op.add_column("fulfillment_order", sa.Column("ship_on", sa.Date(), nullable=True))
    op.add_column("fulfillment_order", sa.Column("arrive_on", sa.Date(), nullable=True))
    op.create_index(
        "ix_fulfillment_order_day",
        "fulfillment_order",
        ["tenant_id", "ship_on"],
        unique=False,
        postgresql_where=sa.text("ship_on IS NOT NULL"),
    )
    op.add_column("node", sa.Column("off_until", sa.TIMESTAMP(timezone=True), nullable=True))
    op.add_column("node", sa.Column("off_reason", sa.Text(), nullable=True))
    op.add_column("order_line", sa.Column("substituted_item_id", sa.UUID(), nullable=True))


def downgrade() -> None:
    op.drop_column("order_line", "substituted_item_id")
    op.drop_column("node", "off_reason")
    op.drop_column("node", "off_until")
    op.drop_index(
        "ix_fulfillment_order_day", table_name="fulfillment_order", postgresql_where=sa.text("ship_on IS NOT NULL")
    )
    op.drop_column("fulfillment_order", "arrive_on")
    op.drop_column("fulfillment_order", "ship_on")
    op.drop_column("fulfillment_order", "service")
    op.drop_column("fulfillment_order", "carrier")
    op.drop_table("supplier_price")
    op.drop_table("substitute")
    op.drop_table("rate")
    op.drop_table("place_area")
    op.drop_table("place")
    op.drop_table("markdown")
    op.drop_index("ix_disruption_ends", table_name="disruption")
    op.drop_table("disruption")
    op.drop_table("carrier_service")
