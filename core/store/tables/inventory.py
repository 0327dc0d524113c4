"""Items, nodes, stock positions, the stock ledger and reservations."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    Identity,
    Index,
    Table,
    Time,
    UniqueConstraint,
)
from sqlalchemy import (
    text as sql,
)

from core.store.tables.base import HOT, document, instant, key, metadata, number, tenant, text, uid, whole

item = Table(
    "item",
    metadata,
    tenant(),
    uid("id"),
    text("sku", null=False),
    text("title"),
    text("gtin"),
    text("unit", null=False, default="C62"),
    number("price", null=True),
    text("currency"),
    whole("weight_g", null=True, default=None),
    number("backorder_limit", default="0"),
    # What is known of its units: none, lot, or serial.
    text("tracking", null=False, default="none"),
    # Which lot leaves first: fefo (first expired) or freshest.
    text("lot_order", null=False, default="fefo"),
    Column("active", Boolean, nullable=False, server_default="true"),
    document("attributes", null=False, default="{}"),
    # Of a bundle, the item it is so many units of; its one component says how many.
    uid("bundle_of", null=True),
    instant("created_at", null=False),
    whole("version", default="1"),
    key(),
    UniqueConstraint("tenant_id", "sku"),
    # Lines of partners who order by GTIN.
    Index("ix_item_gtin", "tenant_id", "gtin", postgresql_where=sql("gtin IS NOT NULL")),
)

item_reference = Table(
    "item_reference",
    metadata,
    tenant(),
    uid("connection_id"),
    text("scheme", null=False),
    text("code", null=False),
    uid("item_id"),
    instant("valid_from", null=False),
    instant("valid_to"),
    key("connection_id", "scheme", "code"),
    Index("ix_item_reference_item", "tenant_id", "item_id"),
)

node = Table(
    "node",
    metadata,
    tenant(),
    uid("id"),
    text("code", null=False),
    text("name", null=False),
    text("kind", null=False, default="warehouse"),
    # The connection its work is pushed to; without one, people ship from the console or the API.
    uid("connection_id", null=True),
    text("country"),
    text("postal_code"),
    text("city"),
    Column("latitude", Float),
    Column("longitude", Float),
    text("timezone", null=False, default="UTC"),
    Column("cutoff", Time),
    Column("active", Boolean, nullable=False, server_default="true"),
    # Off for a while, and why; past that moment it works again by itself.
    instant("off_until"),
    text("off_reason"),
    # When waiting work is looked at again, after its calendar has changed.
    instant("replan_at"),
    number("shipment_cost", default="4.00"),
    number("unit_cost", default="0.50"),
    # Cost per 100 km and shipment: the distance term of routing.
    number("distance_cost", default="0.20"),
    # Fulfillment orders that may leave on one day.
    whole("capacity_per_day", null=True, default=None),
    # How its stock is known: live, or by counts in batches. The other four are for the latter.
    text("stock_mode", null=False, default="live"),
    # Rules until counts have taught better: hours between two counts, and the share a count finds missing.
    number("count_hours", default="24"),
    number("count_error", default="0.05"),
    # Outcomes it takes for the rule to be forgotten, and the quantile of their errors that is kept back.
    whole("count_samples", default="30"),
    number("count_quantile", default="0.9"),
    document("attributes", null=False, default="{}"),
    instant("created_at", null=False),
    whole("version", default="1"),
    key(),
    UniqueConstraint("tenant_id", "code"),
)

stock_position = Table(
    "stock_position",
    metadata,
    tenant(),
    uid("item_id"),
    uid("node_id"),
    number("on_hand", default="0"),
    number("reserved", default="0"),
    number("allocated", default="0"),
    # Effective safety yields first when a count comes in low; `safety_target` is what was asked for.
    number("safety", default="0"),
    number("safety_target", default="0"),
    # Units that the next count may not find, at a node that counts in batches.
    number("uncertain", default="0"),
    number("backorder_limit", default="0"),
    # Units promised that a count says are not there; a case stands for each.
    number("shortfall", default="0"),
    instant("counted_at"),
    Column("version", BigInteger, nullable=False, server_default="0"),
    key("item_id", "node_id"),
    CheckConstraint(
        "reserved >= 0 AND allocated >= 0 AND safety >= 0 AND uncertain >= 0 AND on_hand >= 0", name="not_negative"
    ),
    CheckConstraint("reserved + allocated <= on_hand - safety - uncertain + backorder_limit", name="never_oversold"),
    Index("ix_stock_position_node", "tenant_id", "node_id"),
    postgresql_with={"fillfactor": "50", "autovacuum_vacuum_scale_factor": "0.02"},
)

stock_movement = Table(
    "stock_movement",
    metadata,
    tenant(),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    uid("item_id"),
    uid("node_id"),
    text("kind", null=False),
    number("on_hand", default="0"),
    number("reserved", default="0"),
    number("allocated", default="0"),
    # Changes of what is kept back and of what may be promised beyond what is there.
    number("safety", default="0"),
    number("backorder_limit", default="0"),
    number("uncertain", default="0"),
    uid("order_id", null=True),
    text("cause"),
    text("actor"),
    instant("at", null=False),
    key(),
    Index("ix_stock_movement_position", "tenant_id", "item_id", "node_id", "id"),
)

reservation = Table(
    "reservation",
    metadata,
    tenant(),
    uid("id"),
    uid("order_id", null=True),
    uid("line_id", null=True),
    uid("fulfillment_id", null=True),
    uid("connection_id", null=True),
    # One soft reservation of the API has several rows, one per item and node.
    uid("group_id", null=True),
    uid("item_id"),
    uid("node_id"),
    number("quantity"),
    # Units of this item for one unit of the order line: a kit's components have rows of their own.
    number("per_unit", default="1"),
    # The line's units are counted on one row of a kit; the rows of its other components follow that one.
    Column("follows", Boolean, nullable=False, server_default="false"),
    # The lot the units are taken from, where the item has lots.
    text("lot"),
    # The kit they were sold in.
    uid("kit_id", null=True),
    text("state", null=False),
    instant("expires_at"),
    instant("created_at", null=False),
    instant("finished_at"),
    key(),
    CheckConstraint("quantity > 0", name="positive"),
    Index("ix_reservation_order", "tenant_id", "order_id", postgresql_where=sql("order_id IS NOT NULL")),
    Index("ix_reservation_group", "tenant_id", "group_id", postgresql_where=sql("group_id IS NOT NULL")),
    Index(
        "ix_reservation_open",
        "tenant_id",
        "item_id",
        "node_id",
        postgresql_where=sql("state IN ('held', 'allocated')"),
    ),
    Index("ix_reservation_kit", "tenant_id", "kit_id", postgresql_where=sql("kit_id IS NOT NULL AND NOT follows")),
    Index("ix_reservation_due", "tenant_id", "expires_at", postgresql_where=sql("state = 'held'")),
    **HOT,
)
