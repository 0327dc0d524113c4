"""B2B: terms and prices of partners, packages, the papers of orders, what partners paid and kept back."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, Index, Table, UniqueConstraint
from sqlalchemy import text as sql

from core.store.tables.base import document, instant, key, metadata, number, tenant, text, uid, whole

# How we trade with the partner behind a connection; the schema is core.domain.trade_terms.
trade_terms = Table(
    "trade_terms",
    metadata,
    tenant(),
    uid("connection_id"),
    document("body", null=False),
    instant("updated_at", null=False),
    key("connection_id"),
)

partner_price = Table(
    "partner_price",
    metadata,
    tenant(),
    uid("connection_id"),
    uid("item_id"),
    text("currency", null=False),
    # Of one unit of the item, from this many units on, from this day on.
    number("from_quantity", default="0"),
    Column("valid_from", Date, nullable=False),
    Column("valid_to", Date),
    number("price"),
    key("connection_id", "item_id", "currency", "from_quantity", "valid_from"),
)

# What an item is packed in: one carton ("CT") of it holds so many of its units.
item_pack = Table(
    "item_pack",
    metadata,
    tenant(),
    uid("item_id"),
    text("unit", null=False),
    number("units"),
    text("gtin"),
    key("item_id", "unit"),
    CheckConstraint("units > 0", name="units"),
)

# Serials of SSCCs: everything below `next` has been handed out. It only rises; see core.services.sscc.
sscc_series = Table(
    "sscc_series",
    metadata,
    tenant(),
    text("prefix", null=False),
    Column("next", BigInteger, nullable=False, server_default="0"),
    # Of the database the last block was taken in: another one is a restored copy.
    text("database"),
    instant("taken_at", null=False),
    key("prefix"),
)

package = Table(
    "package",
    metadata,
    tenant(),
    uid("id"),
    uid("shipment_id"),
    uid("parent_id", null=True),
    whole("number"),
    text("kind", null=False),
    text("sscc"),
    text("tracking_number"),
    Column("weight_g", BigInteger),
    instant("created_at", null=False),
    key(),
    UniqueConstraint("tenant_id", "shipment_id", "number"),
    Index("ix_package_sscc", "tenant_id", "sscc", "created_at", postgresql_where=sql("sscc IS NOT NULL")),
)

package_content = Table(
    "package_content",
    metadata,
    tenant(),
    uid("id"),
    uid("package_id"),
    uid("line_id"),
    number("quantity"),
    text("lot"),
    Column("expires_on", Date),
    key(),
    Index("ix_package_content_package", "tenant_id", "package_id"),
)

# The papers an order or a shipment is owed: when somebody must look at it, and by when they must have left.
trade_due = Table(
    "trade_due",
    metadata,
    tenant(),
    # An order that is owed its response, a shipment its advice and invoice, a refund its credit note.
    uid("subject_id"),
    text("subject", null=False),
    uid("order_id"),
    uid("connection_id"),
    instant("look_at", null=False),
    instant("due_at", null=False),
    instant("done_at"),
    key("subject_id"),
    Index("ix_trade_due_open", "tenant_id", "look_at", postgresql_where=sql("done_at IS NULL")),
)

# Every paper that left, as it left; when it was sent stands at its delivery.
paper = Table(
    "paper",
    metadata,
    tenant(),
    uid("id"),
    uid("connection_id"),
    text("kind", null=False),
    text("number", null=False),
    uid("order_id"),
    uid("shipment_id", null=True),
    uid("delivery_id", null=True),
    document("body", null=False),
    # What the partner's rules said of it: [{check, passed, detail}].
    document("checks", null=False, default="[]"),
    text("state", null=False, default="made"),
    instant("made_at", null=False),
    instant("due_at"),
    instant("acknowledged_at"),
    document("answer"),
    # A despatch advice's clock: until when it must be accepted, when to look again, which alarm was raised.
    instant("accept_by"),
    instant("look_at"),
    text("alarm"),
    instant("late_at"),
    # What the partner had to say of a paper he accepted.
    document("warnings"),
    key(),
    UniqueConstraint("tenant_id", "connection_id", "kind", "number"),
    Index("ix_paper_order", "tenant_id", "order_id"),
    Index("ix_paper_look", "tenant_id", "look_at", postgresql_where=sql("look_at IS NOT NULL")),
    Index("ix_paper_delivery", "tenant_id", "delivery_id", postgresql_where=sql("delivery_id IS NOT NULL")),
)

remittance = Table(
    "remittance",
    metadata,
    tenant(),
    uid("id"),
    uid("connection_id"),
    text("external_id", null=False),
    Column("paid_on", Date),
    text("currency", null=False),
    number("amount", null=True),
    document("body", null=False),
    instant("created_at", null=False),
    key(),
    UniqueConstraint("tenant_id", "connection_id", "external_id"),
)

receipt_report = Table(
    "receipt_report",
    metadata,
    tenant(),
    uid("id"),
    uid("connection_id"),
    # What was said: stock_receipt, receiving_advice or sales_report.
    text("kind", null=False),
    text("external_id", null=False),
    # Of what: a supply's or transfer's reference, the number of a despatch advice.
    text("reference"),
    uid("shipment_id", null=True),
    document("body", null=False),
    # What differs from what was expected, in words; null where nothing does.
    text("difference"),
    instant("created_at", null=False),
    key(),
    UniqueConstraint("tenant_id", "connection_id", "kind", "external_id"),
    Index("ix_receipt_report_shipment", "tenant_id", "shipment_id", postgresql_where=sql("shipment_id IS NOT NULL")),
)

chargeback = Table(
    "chargeback",
    metadata,
    tenant(),
    uid("id"),
    uid("connection_id"),
    uid("remittance_id"),
    # Null when the partner names an invoice we never sent.
    uid("paper_id", null=True),
    uid("order_id", null=True),
    text("invoice", null=False),
    text("code"),
    text("reference"),
    text("note"),
    number("amount"),
    text("currency", null=False),
    # The named check that would have prevented it, where the partner's code says which.
    text("rule"),
    text("state", null=False, default="open"),
    instant("created_at", null=False),
    key(),
    Index("ix_chargeback_order", "tenant_id", "order_id"),
)
