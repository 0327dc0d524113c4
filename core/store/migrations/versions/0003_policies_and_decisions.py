"""Policies with versions; decisions in few bytes, with all they were made from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# The first byte of a packed text that is written as it is.
PLAIN = "'\\x00'::bytea || convert_to({0}::text, 'UTF8')"
# The one policy every hub is born with; the same as `Policy()` in core.routing.problem.
BORN = """
INSERT INTO policy (tenant_id, id, name, number, state, document, author, approver, active_from)
VALUES (1, '01890000-0000-7000-8000-000000000001', 'cheapest', 1, 'active', '{}', 'hub', 'hub', '2000-01-01T00:00:00Z')
"""


def upgrade() -> None:
    op.create_table(
        "decision_basis",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("tenant_id", "hash", name=op.f("pk_decision_basis")),
    )
    for column in ("inputs", "candidates"):
        op.alter_column(
            "decision", column, type_=sa.LargeBinary(), existing_nullable=False, postgresql_using=PLAIN.format(column)
        )
    op.add_column("decision", sa.Column("basis", sa.LargeBinary(), nullable=True))
    op.add_column("decision", sa.Column("seal", sa.LargeBinary(), nullable=True))
    op.create_table(
        "policy",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), server_default="draft", nullable=False),
        sa.Column("document", postgresql.JSON(astext_type=sa.Text()), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("approver", sa.Text(), nullable=True),
        sa.Column("comments", postgresql.JSON(astext_type=sa.Text()), server_default="[]", nullable=False),
        sa.Column("active_from", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("simulation", postgresql.JSON(astext_type=sa.Text()), nullable=True),
        sa.Column("simulated_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_policy")),
        sa.UniqueConstraint("tenant_id", "name", "number", name=op.f("uq_policy_tenant_id_name_number")),
    )
    op.create_index(
        "ix_policy_timed",
        "policy",
        ["tenant_id", "active_from"],
        unique=False,
        postgresql_where=sa.text("state IN ('approved', 'active')"),
    )
    op.execute(BORN)


def downgrade() -> None:
    op.drop_table("policy")
    op.drop_column("decision", "seal")
    op.drop_column("decision", "basis")
    # The older form cannot say what the packed one holds: inputs and candidates of decisions are lost.
    op.alter_column(
        "decision",
        "inputs",
        type_=postgresql.JSON(astext_type=sa.Text()),
        existing_nullable=False,
        postgresql_using="'{}'::json",
    )
    op.alter_column(
        "decision",
        "candidates",
        type_=postgresql.JSON(astext_type=sa.Text()),
        existing_nullable=False,
        postgresql_using="'[]'::json",
    )
    op.drop_table("decision_basis")
