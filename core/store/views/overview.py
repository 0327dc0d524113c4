"""The figures of the overview, each for a window that ends now and the equally long window before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, func, select, text

from core.store import schema as t
from core.store.views.orders import OrderFilter, conditions
from core.store.views.shell import id_floor

# Percentiles are taken over at most this many of the newest messages.
LAG_SAMPLE = 20_000
POINTS = 24

ORDERS = text(
    """
    SELECT width_bucket(extract(epoch FROM o.placed_at), :start, :end, :points) AS bucket,
           count(*) AS orders,
           count(*) FILTER (WHERE EXISTS (SELECT 1 FROM hold h WHERE h.tenant_id = o.tenant_id AND h.order_id = o.id)
                OR EXISTS (SELECT 1 FROM case_member m
                            WHERE m.tenant_id = o.tenant_id AND m.order_id = o.id)) AS touched,
           count(*) FILTER (WHERE o.shipped_at IS NOT NULL) AS shipped
      FROM orders o
     WHERE o.tenant_id = :tenant AND o.placed_at >= to_timestamp(:start) AND o.placed_at < to_timestamp(:end)
     GROUP BY 1
    """
)
TO_PARCEL = text(
    """
    SELECT extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY shipped_at - placed_at)) AS seconds
      FROM orders WHERE tenant_id = :tenant AND placed_at >= :start AND placed_at < :end AND shipped_at IS NOT NULL
    """
)
NEW_HOLDS = text(
    """
    SELECT width_bucket(extract(epoch FROM created_at), :start, :end, :points) AS bucket, count(*) AS holds
      FROM hold WHERE tenant_id = :tenant AND id >= :floor
       AND created_at >= to_timestamp(:start) AND created_at < to_timestamp(:end)
     GROUP BY 1
    """
)
LAG = text(
    """
    SELECT width_bucket(extract(epoch FROM received_at), :start, :end, :points) AS bucket,
           extract(epoch FROM percentile_cont(0.95) WITHIN GROUP (ORDER BY finished_at - received_at)) AS seconds
      FROM (SELECT received_at, finished_at FROM message
             WHERE tenant_id = :tenant AND id >= :floor AND finished_at IS NOT NULL ORDER BY id DESC LIMIT :sample) m
     WHERE received_at >= to_timestamp(:start) AND received_at < to_timestamp(:end)
     GROUP BY GROUPING SETS ((1), ())
    """
)
BACKLOG = text(
    "SELECT count(*) FROM delivery WHERE tenant_id = :tenant AND state IN ('due', 'waiting', 'sending', 'unknown')"
)
FLOW = text(
    """
    SELECT c.name, c.label, width_bucket(extract(epoch FROM o.placed_at), :start, :end, :points) AS bucket,
           count(*) AS orders
      FROM orders o JOIN connection c ON c.tenant_id = o.tenant_id AND c.id = o.connection_id
     WHERE o.tenant_id = :tenant AND o.placed_at >= to_timestamp(:start) AND o.placed_at < to_timestamp(:end)
     GROUP BY 1, 2, 3
    """
)
NODES = text(
    """
    SELECT n.code, n.name, n.latitude, n.longitude, n.capacity_per_day,
           count(f.id) FILTER (WHERE f.created_at >= date_trunc('day', CAST(:now AS timestamptz))) AS today,
           count(f.id) FILTER (WHERE f.state IN ('planned', 'released', 'on_hold', 'acknowledged', 'picking',
                                                 'partly_shipped', 'canceling')) AS open
      FROM node n
      LEFT JOIN fulfillment_order f ON f.tenant_id = n.tenant_id AND f.node_id = n.id
           AND f.created_at >= CAST(:now AS timestamptz) - interval '30 days'
           AND f.state NOT IN ('canceled', 'rejected')
     WHERE n.tenant_id = :tenant AND n.active
     GROUP BY n.id, n.code, n.name, n.latitude, n.longitude, n.capacity_per_day
     ORDER BY n.code
    """
)
LANES = text(
    """
    SELECT n.code, o.ship_country AS country, count(*) AS parcels
      FROM shipment s
      JOIN orders o ON o.tenant_id = s.tenant_id AND o.id = s.order_id
      JOIN node n ON n.tenant_id = s.tenant_id AND n.id = s.node_id
     WHERE s.tenant_id = :tenant AND s.id >= :floor AND o.ship_country IS NOT NULL
     GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 14
    """
)
CARRIERS = text(
    """
    SELECT carrier, count(*) AS parcels, count(*) FILTER (WHERE state = 'delivered') AS delivered,
           count(*) FILTER (WHERE state IN ('delivered', 'lost', 'returned_to_sender')) AS ended,
           count(*) FILTER (WHERE state IN ('disturbed', 'lost', 'returned_to_sender')) AS troubled,
           extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY delivered_at - shipped_at)) AS transit
      FROM shipment
     WHERE tenant_id = :tenant AND id >= :floor AND carrier IS NOT NULL AND state <> 'voided'
     GROUP BY carrier ORDER BY 2 DESC LIMIT 6
    """
)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time that ends now."""

    now: datetime
    hours: int

    @property
    def start(self) -> datetime:
        """Return where the window begins."""
        return self.now - timedelta(hours=self.hours)

    def earlier(self) -> Window:
        """Return the equally long window before this one."""
        return Window(self.start, self.hours)


@dataclass(frozen=True, slots=True)
class OrderFigures:
    """Orders placed in a window; the series are per twenty-fourth of it."""

    orders: int
    touched: int
    shipped: int
    seconds_to_parcel: float | None
    series_orders: tuple[int, ...]
    series_untouched: tuple[float, ...]
    series_shipped: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Open orders that are held or backordered, of one currency."""

    currency: str
    orders: int
    value: Decimal
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Lag:
    """From receiving a message to being done with it, 95th percentile in seconds."""

    seconds: float | None
    series: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Channel:
    """One line of the order flow."""

    name: str
    label: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """A node on the map; load is today's work over its daily capacity, when it has one."""

    code: str
    name: str
    latitude: float | None
    longitude: float | None
    today: int
    open: int
    load: float | None


@dataclass(frozen=True, slots=True)
class Carrier:
    """How a carrier's parcels of the last 30 days fared; `ended` is how many are on their way no more."""

    name: str
    parcels: int
    delivered: int
    ended: int
    troubled: int
    transit_seconds: float | None


def _bounds(tenant: int, window: Window, points: int = POINTS) -> dict[str, object]:
    return {
        "tenant": tenant,
        "start": window.start.timestamp(),
        "end": window.now.timestamp(),
        "points": points,
        "floor": id_floor(window.start),
    }


def order_figures(conn: Connection, tenant: int, window: Window) -> OrderFigures:
    """Return what happened to the orders placed in the window."""
    found = {row.bucket: row for row in conn.execute(ORDERS, _bounds(tenant, window))}
    rows = [found.get(bucket) for bucket in range(1, POINTS + 1)]
    span = {"tenant": tenant, "start": window.start, "end": window.now}
    seconds = conn.execute(TO_PARCEL, span).scalar_one()
    return OrderFigures(
        orders=sum(row.orders for row in rows if row),
        touched=sum(row.touched for row in rows if row),
        shipped=sum(row.shipped for row in rows if row),
        seconds_to_parcel=float(seconds) if seconds is not None else None,
        series_orders=tuple(row.orders if row else 0 for row in rows),
        series_untouched=_shares([(row.orders - row.touched, row.orders) if row else (0, 0) for row in rows]),
        series_shipped=_shares([(row.shipped, row.orders) if row else (0, 0) for row in rows]),
    )


def _shares(pairs: Sequence[tuple[int, int]]) -> tuple[float, ...]:
    """Return part over whole where there is a whole; empty buckets say nothing, so they are left out."""
    return tuple(part / whole for part, whole in pairs if whole)


def waiting(conn: Connection, tenant: int) -> list[Waiting]:
    """Return what is held or backordered now, the most valuable currency first; the same orders as in the list."""
    o = t.orders.c
    query = (
        select(o.currency, func.count(), func.sum(o.total), func.min(o.placed_at))
        .where(*conditions(tenant, OrderFilter(waiting="yes")))
        .group_by(o.currency)
        .order_by(func.sum(o.total).desc())
    )
    return [Waiting(*row) for row in conn.execute(query)]


def new_holds(conn: Connection, tenant: int, window: Window) -> tuple[int, ...]:
    """Return how many holds began in each twenty-fourth of the window."""
    found = {row.bucket: row.holds for row in conn.execute(NEW_HOLDS, _bounds(tenant, window))}
    return tuple(found.get(bucket, 0) for bucket in range(1, POINTS + 1))


def lag(conn: Connection, tenant: int, window: Window) -> Lag:
    """Return how long messages of the window took, over the newest LAG_SAMPLE of them."""
    found = {r.bucket: float(r.seconds) for r in conn.execute(LAG, {**_bounds(tenant, window), "sample": LAG_SAMPLE})
             if r.seconds is not None}  # fmt: skip
    series = tuple(found[bucket] for bucket in range(1, POINTS + 1) if bucket in found)
    return Lag(found.get(None), series)


def backlog(conn: Connection, tenant: int) -> int:
    """Return how many deliveries are still to be made."""
    return int(conn.execute(BACKLOG, {"tenant": tenant}).scalar_one())


def flow(conn: Connection, tenant: int, window: Window, points: int) -> list[Channel]:
    """Return orders placed per channel and bucket, the busiest channel first."""
    found: dict[tuple[str, str], list[int]] = {}
    for row in conn.execute(FLOW, _bounds(tenant, window, points)):
        counts = found.setdefault((row.name, row.label or row.name), [0] * points)
        counts[row.bucket - 1] += row.orders
    channels = [Channel(name, label, tuple(counts)) for (name, label), counts in found.items()]
    return sorted(channels, key=lambda channel: (-sum(channel.counts), channel.name))


def nodes(conn: Connection, tenant: int, now: datetime) -> list[NodeLoad]:
    """Return every active node with its work of today and its open work."""
    return [
        NodeLoad(
            r.code, r.name, r.latitude, r.longitude, r.today, r.open,
            r.today / r.capacity_per_day if r.capacity_per_day else None,
        )
        for r in conn.execute(NODES, {"tenant": tenant, "now": now})
    ]  # fmt: skip


def lanes(conn: Connection, tenant: int, now: datetime) -> list[tuple[str, str, int]]:
    """Return node, country and parcels of the busiest ways of the last 7 days."""
    floor = id_floor(now - timedelta(days=7))
    return [(r.code, r.country, r.parcels) for r in conn.execute(LANES, {"tenant": tenant, "floor": floor})]


def carriers(conn: Connection, tenant: int, now: datetime) -> list[Carrier]:
    """Return the busiest carriers of the last 30 days."""
    floor = id_floor(now - timedelta(days=30))
    return [
        Carrier(
            r.carrier, r.parcels, r.delivered, r.ended, r.troubled, float(r.transit) if r.transit is not None else None
        )
        for r in conn.execute(CARRIERS, {"tenant": tenant, "floor": floor})
    ]
