"""EDI: control numbers, interchanges that came and left, the documents in them, and what each is searched by."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, Table, UniqueConstraint
from sqlalchemy import text as sql

from core.store.tables.base import HOT, document, instant, key, metadata, tenant, text, uid, whole

# Numbers below `next` of this round are taken; a row only goes forward.
control_number = Table(
    "control_number",
    metadata,
    tenant(),
    uid("connection_id"),
    text("series", null=False),
    Column("next", BigInteger, nullable=False),
    # How often the series began anew, because its width was used up.
    whole("round"),
    key("connection_id", "series"),
    **HOT,
)

interchange = Table(
    "interchange",
    metadata,
    tenant(),
    uid("id"),
    uid("connection_id"),
    # in or out
    text("direction", null=False),
    text("syntax", null=False),
    text("sender", null=False),
    text("recipient", null=False),
    text("reference", null=False),
    # Of our own number; see control_number.
    whole("round"),
    Column("test", Boolean, nullable=False, server_default="false"),
    text("state", null=False),
    whole("messages"),
    whole("groups"),
    # Of what came: the message with the file. Of what leaves: the delivery that carries it.
    uid("message_id", null=True),
    uid("delivery_id", null=True),
    # Of what leaves, as it leaves; what came stays in its message.
    Column("body", LargeBinary),
    text("name"),
    text("sha256", null=False),
    # What became of it, level by level; acknowledgements are made of this.
    document("findings"),
    uid("duplicate_of", null=True),
    uid("replaces_id", null=True),
    # Of what came: by when our acknowledgement must leave, and when it left. Of what left: when the partner sent his.
    instant("answer_due_at"),
    instant("answered_at"),
    # The interchange with that acknowledgement.
    uid("answered_by", null=True),
    instant("at", null=False),
    key(),
    # A number is ours once (D3).
    Index(
        "uq_interchange_out",
        "tenant_id", "connection_id", "round", "reference",
        unique=True, postgresql_where=sql("direction = 'out'"),
    ),
    # And a partner's once: what comes again refers to it (D1).
    Index(
        "uq_interchange_in",
        "tenant_id", "connection_id", "sender", "recipient", "reference", "test",
        unique=True, postgresql_where=sql("direction = 'in' AND duplicate_of IS NULL"),
    ),
    Index("uq_interchange_delivery", "tenant_id", "delivery_id", unique=True,
          postgresql_where=sql("delivery_id IS NOT NULL")),
    Index("ix_interchange_message", "tenant_id", "message_id", postgresql_where=sql("message_id IS NOT NULL")),
    Index("ix_interchange_owed", "tenant_id", "answer_due_at",
          postgresql_where=sql("answer_due_at IS NOT NULL AND answered_at IS NULL")),
    **HOT,
)  # fmt: skip

edi_document = Table(
    "edi_document",
    metadata,
    tenant(),
    uid("id"),
    uid("connection_id"),
    uid("interchange_id"),
    text("direction", null=False),
    text("kind", null=False),
    text("reference", null=False),
    text("group_reference"),
    whole("position"),
    # The number people know it by: of the order, response, advice or invoice.
    text("number"),
    text("state", null=False),
    # Of what came: the message with its own bytes, which the normal intake works on.
    uid("message_id", null=True),
    uid("order_id", null=True),
    uid("duplicate_of", null=True),
    # What was wrong with it, or what the partner said of it.
    document("problems", null=False, default="[]"),
    # Seconds after it left by which it must be in a state: {"received": 3600, "accepted": 86400}.
    document("expects", null=False, default="{}"),
    instant("sent_at"),
    instant("received_at"),
    instant("accepted_at"),
    instant("answered_at"),
    # By when the next state is expected, and since when somebody was told that it is missing.
    instant("due_at"),
    instant("alarmed_at"),
    instant("at", null=False),
    key(),
    UniqueConstraint("tenant_id", "interchange_id", "position"),
    Index("ix_edi_document_message", "tenant_id", "message_id", postgresql_where=sql("message_id IS NOT NULL")),
    Index("ix_edi_document_due", "tenant_id", "due_at", postgresql_where=sql("due_at IS NOT NULL")),
    Index("ix_edi_document_group", "tenant_id", "connection_id", "group_reference",
          postgresql_where=sql("direction = 'out'")),
    **HOT,
)  # fmt: skip

# What a document can be found by: po, sscc, gln, ref, number.
edi_key = Table(
    "edi_key",
    metadata,
    tenant(),
    text("value", null=False),
    text("kind", null=False),
    uid("document_id"),
    key("value", "kind", "document_id"),
)
