"""Simulations run as jobs; models are watched for drift and may be set aside."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "simulation",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("policy_id", sa.UUID(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("since", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("carry", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("pieces", sa.Integer(), server_default="0", nullable=False),
        sa.Column("report", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("error", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_simulation")),
        sa.CheckConstraint("state IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_simulation_known_state")),
    )
    op.create_index(
        "uq_simulation_open",
        "simulation",
        ["tenant_id", "policy_id"],
        unique=True,
        postgresql_where=sa.text("state IN ('queued', 'running')"),
    )
    op.add_column("model_version", sa.Column("watch", postgresql.JSON(astext_type=sa.Text()), nullable=True))
    op.add_column("model_version", sa.Column("watched_at", sa.TIMESTAMP(timezone=True), nullable=True))
    op.drop_constraint("ck_model_version_known_state", "model_version")
    op.create_check_constraint(
        op.f("ck_model_version_known_state"),
        "model_version",
        "state IN ('challenger', 'champion', 'set_aside', 'retired')",
    )


def downgrade() -> None:
    op.execute("UPDATE model_version SET state = 'retired' WHERE state = 'set_aside'")
    op.drop_constraint("ck_model_version_known_state", "model_version")
    op.create_check_constraint(
        op.f("ck_model_version_known_state"), "model_version", "state IN ('challenger', 'champion', 'retired')"
    )
    op.drop_column("model_version", "watched_at")
    op.drop_column("model_version", "watch")
    op.drop_table("simulation")
