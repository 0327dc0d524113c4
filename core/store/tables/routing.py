"""What routing knows beside nodes and stock: carriers' services and rates, places, substitutes, disruptions."""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, Date, Float, Index, Table, Time, UniqueConstraint

from core.store.tables.base import document, instant, key, metadata, number, tenant, text, uid, whole

carrier_service = Table(
    "carrier_service",
    metadata,
    tenant(),
    uid("id"),
    text("carrier", null=False),
    text("service", null=False),
    text("label"),
    # What orders call it ("express"); without one it is for every order.
    text("level"),
    # Codes of nodes it fetches from, and names of connections whose orders may take it; empty is all.
    document("nodes", null=False, default="[]"),
    document("connections", null=False, default="[]"),
    # When the carrier fetches, by the node's clock; parcels of one fetching.
    Column("cutoff", Time),
    whole("pickup_limit", null=True, default=None),
    # Working days on the way by the zone of the rate, "*" for every other zone.
    document("transit_days", null=False, default="{}"),
    # The part of its parcels that arrives in that time, as the carrier states it.
    number("on_time", null=True),
    whole("carbon_g", default="0"),
    number("carbon_g_kg_km", default="0"),
    whole("max_weight_g", null=True, default=None),
    Column("hazmat", Boolean, nullable=False, server_default="false"),
    document("storage", null=False, default="[]"),
    Column("active", Boolean, nullable=False, server_default="true"),
    instant("created_at", null=False),
    whole("version", default="1"),
    key(),
    UniqueConstraint("tenant_id", "carrier", "service"),
    CheckConstraint("on_time BETWEEN 0 AND 1", name="probability"),
)

rate = Table(
    "rate",
    metadata,
    tenant(),
    uid("id"),
    uid("service_id"),
    text("zone", null=False, default="*"),
    # Two letters, or empty for everywhere; a postcode prefix, or empty for the whole country.
    text("from_country", null=False, default=""),
    text("from_postal", null=False, default=""),
    text("to_country", null=False, default=""),
    text("to_postal", null=False, default=""),
    # Null is any weight.
    whole("up_to_g", null=True, default=None),
    number("price"),
    number("per_kg", default="0"),
    text("currency", null=False),
    Column("valid_from", Date),
    Column("valid_to", Date),
    instant("created_at", null=False),
    key(),
    UniqueConstraint(
        "tenant_id", "service_id", "from_country", "from_postal", "to_country", "to_postal", "up_to_g", "valid_from",
        name="uq_rate_lane", postgresql_nulls_not_distinct=True,
    ),
    CheckConstraint("price >= 0 AND per_kg >= 0", name="not_negative"),
)  # fmt: skip

place = Table(
    "place",
    metadata,
    tenant(),
    text("country", null=False),
    text("postal_code", null=False),
    text("place", null=False, default=""),
    Column("latitude", Float, nullable=False),
    Column("longitude", Float, nullable=False),
    key("country", "postal_code", "place"),
)

# The middle of all places whose postcode begins so: made anew from `place` after each import.
place_area = Table(
    "place_area",
    metadata,
    tenant(),
    text("country", null=False),
    text("prefix", null=False),
    Column("latitude", Float, nullable=False),
    Column("longitude", Float, nullable=False),
    whole("places"),
    key("country", "prefix"),
)

substitute = Table(
    "substitute",
    metadata,
    tenant(),
    uid("item_id"),
    uid("substitute_id"),
    # Units of the substitute that stand for one of the item.
    number("ratio", default="1"),
    # Lower is tried first.
    whole("rank", default="0"),
    document("connections", null=False, default="[]"),
    text("approved_by", null=False),
    Column("active", Boolean, nullable=False, server_default="true"),
    instant("created_at", null=False),
    whole("version", default="1"),
    key("item_id", "substitute_id"),
    CheckConstraint("ratio > 0 AND item_id <> substitute_id", name="sense"),
)

supplier_price = Table(
    "supplier_price",
    metadata,
    tenant(),
    uid("node_id"),
    uid("item_id"),
    # What the supplier calls the item.
    text("code"),
    number("price"),
    text("currency", null=False),
    instant("created_at", null=False),
    whole("version", default="1"),
    key("node_id", "item_id"),
    CheckConstraint("price >= 0", name="not_negative"),
)

markdown = Table(
    "markdown",
    metadata,
    tenant(),
    uid("item_id"),
    uid("node_id"),
    # Units that will be sold off there, and what selling one now saves, in the currency of the costs.
    number("units"),
    number("benefit"),
    Column("valid_to", Date),
    instant("created_at", null=False),
    key("item_id", "node_id"),
    CheckConstraint("units > 0 AND benefit >= 0", name="sense"),
)

disruption = Table(
    "disruption",
    metadata,
    tenant(),
    uid("id"),
    text("label", null=False),
    # {"latitude", "longitude", "km"} or {"country", "prefixes": […]}
    document("area", null=False),
    # Only this carrier stands still there; null is everybody.
    text("carrier"),
    instant("starts_at", null=False),
    instant("ends_at"),
    text("actor"),
    instant("created_at", null=False),
    whole("version", default="1"),
    key(),
    Index("ix_disruption_ends", "tenant_id", "ends_at"),
)
