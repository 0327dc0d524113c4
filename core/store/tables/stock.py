"""Stock beyond the single row: protection rules, kits, lots and statuses, supply, transfers, serial numbers."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Date, Identity, Index, Table, UniqueConstraint
from sqlalchemy import text as sql

from core.store.tables.base import HOT, instant, key, metadata, number, tenant, text, uid

protection_rule = Table(
    "protection_rule",
    metadata,
    tenant(),
    uid("id"),
    uid("connection_id"),
    # Without an item the rule holds for each item; without a node, for all nodes together.
    uid("item_id", null=True),
    uid("node_id", null=True),
    text("kind", null=False),
    number("quantity"),
    instant("valid_from", null=False),
    instant("valid_to"),
    # When channels were last told of its beginning or end.
    instant("told_at"),
    text("actor"),
    instant("created_at", null=False),
    key(),
    CheckConstraint("quantity >= 0", name="not_negative"),
    CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="in_time"),
    Index("ix_protection_rule_item", "tenant_id", "item_id"),
)

kit_component = Table(
    "kit_component",
    metadata,
    tenant(),
    uid("kit_id"),
    uid("component_id"),
    # Units of the component in one kit.
    number("units"),
    instant("created_at", null=False),
    # When the kit was made otherwise; empty for what it is made of now.
    instant("ended_at"),
    key("kit_id", "component_id", "created_at"),
    CheckConstraint("units > 0", name="positive"),
    CheckConstraint("kit_id <> component_id", name="not_itself"),
    Index("ix_kit_component_component", "tenant_id", "component_id"),
    Index(
        "ix_kit_component_now", "tenant_id", "kit_id", "component_id", unique=True,
        postgresql_where=sql("ended_at IS NULL"),
    ),
)  # fmt: skip

stock_lot = Table(
    "stock_lot",
    metadata,
    tenant(),
    uid("item_id"),
    uid("node_id"),
    # The lot's own number; empty for units of an item without lots that have another status than sellable.
    text("lot", null=False),
    text("status", null=False),
    number("on_hand", default="0"),
    # Reserved and allocated units: a lot is chosen when units are promised, and given back with them.
    number("promised", default="0"),
    # Units promised of it that a count says are not there: its part of the position's shortfall.
    number("shortfall", default="0"),
    Column("expires_on", Date),
    instant("created_at", null=False),
    key("item_id", "node_id", "lot", "status"),
    CheckConstraint("promised >= 0 AND promised <= on_hand", name="never_oversold"),
    CheckConstraint("status = 'sellable' OR promised = 0", name="sellable_only"),
    **HOT,
)

# The ledger of lots, as `stock_movement` is that of positions: lots are the sums of their movements.
lot_movement = Table(
    "lot_movement",
    metadata,
    tenant(),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    uid("item_id"),
    uid("node_id"),
    text("lot", null=False),
    text("status", null=False),
    text("kind", null=False),
    number("on_hand", default="0"),
    number("promised", default="0"),
    number("shortfall", default="0"),
    # The lot's last day from then on.
    Column("expires_on", Date),
    uid("order_id", null=True),
    text("cause"),
    instant("at", null=False),
    key(),
    Index("ix_lot_movement_position", "tenant_id", "item_id", "node_id", "id"),
)

# What a count at a node that counts in batches found, against what was expected; nothing was of a first count.
count_outcome = Table(
    "count_outcome",
    metadata,
    tenant(),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    uid("item_id"),
    uid("node_id"),
    # The item's class then; empty when it had none.
    text("part", null=False, default=""),
    instant("as_of", null=False),
    # Since the count before.
    number("hours", null=True),
    number("expected", null=True),
    number("counted"),
    instant("at", null=False),
    key(),
    Index("ix_count_outcome_position", "tenant_id", "item_id", "node_id", "id"),
)

# When a node was switched on and off: what lies at one that was off counted in no sum of then.
node_switch = Table(
    "node_switch",
    metadata,
    tenant(),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    uid("node_id"),
    Column("active", Boolean, nullable=False),
    instant("at", null=False),
    key(),
    Index("ix_node_switch_node", "tenant_id", "node_id", "id"),
)

supply = Table(
    "supply",
    metadata,
    tenant(),
    uid("id"),
    uid("item_id"),
    uid("node_id"),
    # What the source calls it: a purchase order, a production order, our transfer.
    text("reference", null=False),
    uid("transfer_id", null=True),
    number("quantity"),
    number("received", default="0"),
    # Units of it that may be promised before they are there; part of the position's backorder limit until then.
    number("promisable", default="0"),
    instant("expected_at"),
    text("state", null=False),
    instant("created_at", null=False),
    instant("finished_at"),
    key(),
    UniqueConstraint("tenant_id", "reference", "item_id", "node_id"),
    CheckConstraint("quantity > 0 AND received >= 0 AND promisable >= 0", name="not_negative"),
    Index(
        "ix_supply_open", "tenant_id", "item_id", "node_id", postgresql_where=sql("state IN ('expected', 'in_transit')")
    ),
)

transfer = Table(
    "transfer",
    metadata,
    tenant(),
    uid("id"),
    text("reference", null=False),
    uid("from_node_id"),
    uid("to_node_id"),
    text("state", null=False),
    instant("expected_at"),
    text("actor"),
    instant("created_at", null=False),
    instant("finished_at"),
    key(),
    UniqueConstraint("tenant_id", "reference"),
    CheckConstraint("from_node_id <> to_node_id", name="two_nodes"),
)

transfer_line = Table(
    "transfer_line",
    metadata,
    tenant(),
    uid("transfer_id"),
    uid("item_id"),
    # Empty for an item without lots.
    text("lot", null=False, default=""),
    Column("expires_on", Date),
    number("quantity"),
    number("received", default="0"),
    number("lost", default="0"),
    key("transfer_id", "item_id", "lot"),
    CheckConstraint("quantity > 0 AND received >= 0 AND lost >= 0 AND received + lost <= quantity", name="conserved"),
)

shipment_serial = Table(
    "shipment_serial",
    metadata,
    tenant(),
    uid("shipment_id"),
    uid("line_id"),
    uid("item_id"),
    text("serial", null=False),
    instant("created_at", null=False),
    # A unit leaves once; one that comes back and leaves again is another shipment.
    key("shipment_id", "item_id", "serial"),
    Index("ix_shipment_serial_serial", "tenant_id", "item_id", "serial"),
)
