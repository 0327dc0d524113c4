"""What routing reads once a second beside nodes and connections: rates, points, disruptions, what days are full."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text

from core.domain.calendars import HORIZON_DAYS
from core.domain.postcodes import lies_in
from core.routing.terms import within
from core.services.geography import Point, Points
from core.services.stamps import Stamps
from core.services.tariffs import Tariff, read_tariff

# Counting what leaves on a day may take this part of the time at most, however many fulfillment orders there are.
COUNT_SHARE = 0.02
USED = """
SELECT node_id, carrier, service, ship_on, count(*) AS works FROM fulfillment_order
WHERE tenant_id = %s AND ship_on >= %s::date - 1 AND state NOT IN ('canceled', 'rejected')
GROUP BY node_id, carrier, service, ship_on
"""
ITEMS = """
SELECT i.id, CASE WHEN b.id IS NULL THEN i.weight_g ELSE (b.weight_g * k.units)::int END AS weight_g,
       coalesce(b.attributes, i.attributes)->>'storage' AS storage,
       coalesce(coalesce(b.attributes, i.attributes)->>'hazmat', 'false') AS hazmat
FROM item i LEFT JOIN item b ON b.tenant_id = i.tenant_id AND b.id = i.bundle_of
LEFT JOIN kit_component k ON k.tenant_id = i.tenant_id AND k.kit_id = i.id AND k.component_id = i.bundle_of
     AND k.ended_at IS NULL
WHERE i.tenant_id = %s AND i.id = ANY(%b::uuid[])
"""
MARKDOWNS = """
SELECT item_id, node_id, units, benefit FROM markdown
WHERE tenant_id = %s AND item_id = ANY(%b::uuid[]) AND (valid_to IS NULL OR valid_to >= %s)
"""
DISRUPTIONS = """
SELECT id, label, area, carrier, starts_at, ends_at FROM disruption
WHERE tenant_id = :t AND (ends_at IS NULL OR ends_at > :now) ORDER BY starts_at, id
"""
NO_HAZMAT = frozenset({"", "false", "no", "none", "0", "null"})


@dataclass(frozen=True, slots=True)
class NodeRules:
    """What a node may ship; capacity is in fulfillment orders a day."""

    kind: str
    country: str
    postal_code: str
    point: tuple[float, float] | None
    storage: frozenset[str]
    hazmat: bool
    capacity: int | None


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What routing must know of an item: grams of one unit (0 when unknown), storage class, dangerous or not.

    `markdowns` are (units, what selling one saves) by node.
    """

    grams: int = 0
    storage: str | None = None
    hazmat: bool = False
    markdowns: Mapping[UUID, tuple[Decimal, Decimal]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Disruption:
    """An area where nothing leaves from the first to the last day, or nothing of one carrier leaves or arrives."""

    id: UUID
    label: str
    area: Mapping[str, Any]
    carrier: str | None
    first: date
    last: date | None

    def on(self, day: date) -> bool:
        """Return whether it lasts on a day."""
        return self.first <= day and (self.last is None or day <= self.last)

    def days(self, today: date) -> dict[date, str]:
        """Return its days from today on, as far as anybody looks ahead, with the reason they are lost for."""
        coming = (today + timedelta(days=ahead) for ahead in range(HORIZON_DAYS + 2))
        return {day: f"disruption: {self.label}" for day in coming if self.on(day)}

    def covers(self, country: str | None, postal_code: str | None, point: tuple[float, float] | None) -> bool:
        """Return whether a place lies in it; one whose place nobody knows does not."""
        if "km" in self.area:
            middle = (self.area["latitude"], self.area["longitude"])
            return point is not None and within(point, middle, self.area["km"])
        if country is None or country != self.area["country"]:
            return False
        return any(lies_in(country, postal_code or "", prefix) for prefix in self.area["prefixes"])


@dataclass(slots=True)
class Usage:
    """Fulfillment orders by the day they are to leave, per node and per node and service.

    Counted in the database, plus what this process released since: another process's are seen at the next count.
    """

    by_node: dict[UUID, dict[date, int]] = field(default_factory=dict)
    by_service: dict[tuple[UUID, str], dict[date, int]] = field(default_factory=dict)
    counted_at: float = float("-inf")
    took: float = 0.0

    def add(self, node: UUID, service: str | None, day: date, works: int = 1) -> None:
        """Count fulfillment orders that leave a node on a day."""
        days = self.by_node.setdefault(node, {})
        days[day] = days.get(day, 0) + works
        if service is not None:
            days = self.by_service.setdefault((node, service), {})
            days[day] = days.get(day, 0) + works

    def copy(self) -> Usage:
        """Return the same counts, to try things on."""
        return replace(
            self,
            by_node={node: dict(days) for node, days in self.by_node.items()},
            by_service={key: dict(days) for key, days in self.by_service.items()},
        )


@dataclass(slots=True)
class RoutingFacts:
    """One picture of what routing needs.

    `closed` gives the reason why a node ships nothing now, `reopens` when that ends where it is known, `shut` the days
    on which nothing leaves a node and why.
    """

    tariff: Tariff = field(default_factory=Tariff)
    points: Points = field(default_factory=Points)
    places: object = None
    nodes: Mapping[UUID, NodeRules] = field(default_factory=dict)
    closed: Mapping[UUID, str] = field(default_factory=dict)
    reopens: Mapping[UUID, datetime] = field(default_factory=dict)
    shut: Mapping[UUID, Mapping[date, str]] = field(default_factory=dict)
    disruptions: Sequence[Disruption] = ()
    usage: Usage = field(default_factory=Usage)
    items: dict[UUID, ItemFacts] = field(default_factory=dict)
    marked_down: bool = False
    # What was computed from this picture, kept as long as it is.
    kept: dict[Any, Any] = field(default_factory=dict)

    def read_items(self, conn: Connection, tenant: int, items: set[UUID], today: date) -> Mapping[UUID, ItemFacts]:
        """Return what is known of items, reading those nobody asked for yet."""
        new = items - self.items.keys()
        if new:
            markdowns: dict[UUID, dict[UUID, tuple[Decimal, Decimal]]] = {}
            if self.marked_down:
                for row in conn.exec_driver_sql(MARKDOWNS, (tenant, list(new), today)):
                    markdowns.setdefault(row.item_id, {})[row.node_id] = (row.units, row.benefit)
            for row in conn.exec_driver_sql(ITEMS, (tenant, list(new))):
                self.items[row.id] = ItemFacts(
                    row.weight_g or 0, row.storage, row.hazmat.lower() not in NO_HAZMAT, markdowns.get(row.id, {})
                )
        return self.items


def read_routing(
    conn: Connection,
    tenant: int,
    nodes: Sequence[Row[Any]],
    disruptions: Sequence[Disruption],
    stamps: Stamps,
    before: RoutingFacts | None,
) -> RoutingFacts:
    """Read the picture; what has not been written since is taken from the one before.

    Args:
        conn: a session.
        tenant: whose.
        nodes: rows of the node table.
        disruptions: those that are not over.
        stamps: of now.
        before: what was read last.
    """
    now = stamps.now
    found = RoutingFacts(read_tariff(conn, tenant, now.date(), stamps.rates, before.tariff if before else None))
    found.places, found.marked_down = stamps.places, stamps.marked_down
    if before is not None and before.places == found.places:
        found.points = before.points
    found.nodes = {row.id: _rules(row) for row in nodes}
    found.disruptions = disruptions
    found.closed = {row.id: reason for row in nodes if (reason := _closed(row, now)) is not None}
    found.reopens = {row.id: row.off_until for row in nodes if row.id in found.closed and row.active}
    found.shut = {row.id: days for row in nodes if (days := _shut(found, row.id, now.date()))}
    found.usage = _usage(conn, tenant, found, now, before.usage if before else None)
    return found


def read_disruptions(conn: Connection, tenant: int, now: datetime) -> Sequence[Disruption]:
    """Return the disruptions that are not over."""
    return [disruption_of(row) for row in conn.execute(text(DISRUPTIONS), {"t": tenant, "now": now})]


def _rules(row: Row[Any]) -> NodeRules:
    kept: Mapping[str, Any] = row.attributes or {}
    storage = kept.get("storage") or ()
    return NodeRules(
        row.kind,
        row.country or "",
        row.postal_code or "",
        None if row.latitude is None or row.longitude is None else (row.latitude, row.longitude),
        frozenset([storage] if isinstance(storage, str) else storage),
        bool(kept.get("hazmat")),
        row.capacity_per_day,
    )


def disruption_of(row: Row[Any]) -> Disruption:
    """Return a disruption from its row; days are those of UTC."""
    last = None if row.ends_at is None else row.ends_at.astimezone(UTC).date()
    return Disruption(row.id, row.label, row.area, row.carrier, row.starts_at.astimezone(UTC).date(), last)


def _closed(row: Row[Any], now: datetime) -> str | None:
    because = f": {row.off_reason}" if row.off_reason else ""
    if not row.active:
        return f"switched off{because}"
    if row.off_until is not None and row.off_until > now:
        return f"off until {row.off_until.astimezone(UTC):%Y-%m-%d %H:%M} UTC{because}"
    return None


def _shut(found: RoutingFacts, node: UUID, today: date) -> dict[date, str]:
    rules = found.nodes[node]
    days: dict[date, str] = {}
    for each in found.disruptions:
        if each.carrier is None and each.covers(rules.country, rules.postal_code, rules.point):
            days.update(each.days(today))
    return days


def _usage(conn: Connection, tenant: int, found: RoutingFacts, now: datetime, before: Usage | None) -> Usage:
    limited = any(rules.capacity is not None for rules in found.nodes.values()) or any(
        service.pickup_limit is not None for service in found.tariff.services.values()
    )
    if not limited:
        return Usage()
    begun = clock.monotonic()
    if before is not None and begun - before.counted_at < before.took / COUNT_SHARE:
        return before
    usage = Usage(counted_at=begun)
    for row in conn.exec_driver_sql(USED, (tenant, now.date())):
        service = f"{row.carrier}/{row.service}" if row.service is not None else None
        usage.add(row.node_id, service, row.ship_on, row.works)
    usage.took = clock.monotonic() - begun
    return usage


def point_of(point: Point | None) -> tuple[float | None, float | None]:
    """Return a point's latitude and longitude, both None when there is no point."""
    return (None, None) if point is None else (point.latitude, point.longitude)
