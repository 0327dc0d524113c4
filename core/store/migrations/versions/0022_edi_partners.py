"""EDI: control numbers, interchanges, their documents and what these are found by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "control_number",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("connection_id", sa.UUID(), nullable=False),
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.Column("round", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "connection_id", "series", name=op.f("pk_control_number")),
        postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"},
    )
    op.create_table(
        "edi_document",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("connection_id", sa.UUID(), nullable=False),
        sa.Column("interchange_id", sa.UUID(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("group_reference", sa.Text(), nullable=True),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message_id", sa.UUID(), nullable=True),
        sa.Column("order_id", sa.UUID(), nullable=True),
        sa.Column("duplicate_of", sa.UUID(), nullable=True),
        sa.Column(
            "problems", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), server_default="[]", nullable=False
        ),
        sa.Column(
            "expects", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), server_default="{}", nullable=False
        ),
        sa.Column("sent_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("received_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("accepted_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("answered_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("due_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("alarmed_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_edi_document")),
        sa.UniqueConstraint(
            "tenant_id", "interchange_id", "position", name=op.f("uq_edi_document_tenant_id_interchange_id_position")
        ),
        postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"},
    )
    op.create_index(
        "ix_edi_document_due",
        "edi_document",
        ["tenant_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_edi_document_group",
        "edi_document",
        ["tenant_id", "connection_id", "group_reference"],
        unique=False,
        postgresql_where=sa.text("direction = 'out'"),
    )
    op.create_index(
        "ix_edi_document_message",
        "edi_document",
        ["tenant_id", "message_id"],
        unique=False,
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )
    op.create_table(
        "edi_key",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("document_id", sa.UUID(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "value", "kind", "document_id", name=op.f("pk_edi_key")),
    )
    op.create_table(
        "interchange",
        sa.Column("tenant_id", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("id", sa.UUID(), nullable=False),
        sa.Column("connection_id", sa.UUID(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("syntax", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("round", sa.Integer(), server_default="0", nullable=False),
        sa.Column("test", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("messages", sa.Integer(), server_default="0", nullable=False),
        sa.Column("groups", sa.Integer(), server_default="0", nullable=False),
        sa.Column("message_id", sa.UUID(), nullable=True),
        sa.Column("delivery_id", sa.UUID(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("findings", postgresql.JSON(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("duplicate_of", sa.UUID(), nullable=True),
        sa.Column("replaces_id", sa.UUID(), nullable=True),
        sa.Column("answer_due_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("answered_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("at", sa.TIMESTAMP(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_interchange")),
        postgresql_with={"fillfactor": "70", "autovacuum_vacuum_scale_factor": "0.02"},
    )
    op.create_index(
        "ix_interchange_message",
        "interchange",
        ["tenant_id", "message_id"],
        unique=False,
        postgresql_where=sa.text("message_id IS NOT NULL"),
    )
    op.create_index(
        "ix_interchange_owed",
        "interchange",
        ["tenant_id", "answer_due_at"],
        unique=False,
        postgresql_where=sa.text("answer_due_at IS NOT NULL AND answered_at IS NULL"),
    )
    op.create_index(
        "uq_interchange_delivery",
        "interchange",
        ["tenant_id", "delivery_id"],
        unique=True,
        postgresql_where=sa.text("delivery_id IS NOT NULL"),
    )
    op.create_index(
        "uq_interchange_in",
        "interchange",
        ["tenant_id", "connection_id", "sender", "recipient", "reference", "test"],
        unique=True,
        postgresql_where=sa.text("direction = 'in' AND duplicate_of IS NULL"),
    )
    op.create_index(
        "uq_interchange_out",
        "interchange",
        ["tenant_id", "connection_id", "round", "reference"],
        unique=True,
        postgresql_where=sa.text("direction = 'out'"),
    )


def downgrade() -> None:
    op.drop_index("uq_interchange_out", table_name="interchange", postgresql_where=sa.text("direction = 'out'"))
    op.drop_index(
        "uq_interchange_in",
        table_name="interchange",
        postgresql_where=sa.text("direction = 'in' AND duplicate_of IS NULL"),
    )
    op.drop_index(
        "uq_interchange_delivery", table_name="interchange", postgresql_where=sa.text("delivery_id IS NOT NULL")
    )
    op.drop_index(
        "ix_interchange_owed",
        table_name="interchange",
        postgresql_where=sa.text("answer_due_at IS NOT NULL AND answered_at IS NULL"),
    )
    op.drop_index(
        "ix_interchange_message", table_name="interchange", postgresql_where=sa.text("message_id IS NOT NULL")
    )
    op.drop_table("interchange")
    op.drop_table("edi_key")
    op.drop_index(
        "ix_edi_document_message", table_name="edi_document", postgresql_where=sa.text("message_id IS NOT NULL")
    )
    op.drop_index("ix_edi_document_group", table_name="edi_document", postgresql_where=sa.text("direction = 'out'"))
    op.drop_index("ix_edi_document_due", table_name="edi_document", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_table("edi_document")
    op.drop_table("control_number")
