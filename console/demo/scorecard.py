"""Counting what became of the orders: by the hub's tables and, for what really happened, by the partners' counters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from console.demo.control import Control
from console.demo.places import SITES
from console.demo.traffic import Placed
from core.store.unit import DEFAULT_TENANT, Store

FATES = """
SELECT c.name || ':' || o.external_id AS key, o.state,
       EXISTS (SELECT 1 FROM case_member m
               JOIN exception_case x ON x.tenant_id = m.tenant_id AND x.id = m.case_id
               WHERE m.tenant_id = o.tenant_id AND m.order_id = o.id AND m.resolved_at IS NULL
                 AND x.state IN ('open', 'auto_resolving', 'assigned', 'snoozed')) AS excepted
FROM orders o JOIN connection c ON c.tenant_id = o.tenant_id AND c.id = o.connection_id
WHERE o.tenant_id = :t AND o.created_at >= :since
"""
# Messages of orders that could not be read, with an open exception each: the order is not lost, it waits for a person.
QUARANTINED = """
SELECT c.name, convert_from(m.body, 'UTF8') AS body FROM message m
JOIN connection c ON c.tenant_id = m.tenant_id AND c.id = m.connection_id
WHERE m.tenant_id = :t AND m.state = 'quarantined' AND m.received_at >= :since AND m.topic LIKE 'orders/%'
"""
OUTSTANDING = """
SELECT (SELECT count(*) FROM message WHERE tenant_id = :t AND state IN ('received', 'normalized')) AS messages,
       (SELECT count(*) FROM delivery WHERE tenant_id = :t AND state IN ('due', 'waiting', 'sending', 'unknown')
          AND kind <> 'push_stock') AS deliveries
"""
OVERSOLD = """
SELECT count(*) FROM stock_position
WHERE tenant_id = :t AND (reserved + allocated > on_hand - safety + backorder_limit OR on_hand < 0)
"""
LEDGER = """
SELECT count(*) FROM stock_position p
FULL JOIN (SELECT tenant_id, item_id, node_id, sum(on_hand) AS on_hand, sum(reserved) AS reserved,
                  sum(allocated) AS allocated
           FROM stock_movement GROUP BY 1, 2, 3) m USING (tenant_id, item_id, node_id)
WHERE coalesce(p.tenant_id, m.tenant_id) = :t
  AND (coalesce(p.on_hand, 0), coalesce(p.reserved, 0), coalesce(p.allocated, 0))
      IS DISTINCT FROM (coalesce(m.on_hand, 0), coalesce(m.reserved, 0), coalesce(m.allocated, 0))
"""
TIMES = """
WITH mine AS (
    SELECT o.id, o.sourced_at, o.shipped_at, o.decision_id,
           (SELECT min(received_at) FROM message m WHERE m.tenant_id = o.tenant_id AND m.order_id = o.id) AS received_at
    FROM orders o WHERE o.tenant_id = :t AND o.created_at >= :since
), took AS (
    SELECT extract(epoch FROM d.at - o.received_at) AS routed,
           extract(epoch FROM o.shipped_at - o.received_at) AS shipped
    FROM mine o LEFT JOIN LATERAL (
        SELECT min(at) AS at FROM decision d WHERE d.tenant_id = :t AND d.order_id = o.id) d ON true
), told AS (
    SELECT extract(epoch FROM d.finished_at - d.created_at) AS told FROM delivery d
    JOIN connection c ON c.tenant_id = d.tenant_id AND c.id = d.connection_id AND c.connector = 'shopify'
    WHERE d.tenant_id = :t AND d.kind = 'push_shipment' AND d.state = 'delivered' AND d.created_at >= :since
)
SELECT (SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY routed) FROM took) AS routed,
       (SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY shipped) FROM took) AS shipped,
       (SELECT percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY told) FROM told) AS told
"""
VOLUME = """
SELECT (SELECT count(*) FROM message WHERE tenant_id = :t AND received_at >= :since) AS messages,
       (SELECT count(*) FROM delivery
          WHERE tenant_id = :t AND state = 'delivered' AND created_at >= :since) AS deliveries,
       (SELECT coalesce(sum(l.quantity), 0) FROM shipment s
          JOIN shipment_line l ON l.tenant_id = s.tenant_id AND l.shipment_id = s.id
          WHERE s.tenant_id = :t AND s.created_at >= :since) AS units
"""
FINAL = ("completed", "canceled")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the orders are: settled ones are final or wait under an open exception."""

    placed: int
    known: int
    final: int
    excepted: int
    messages: int
    deliveries: int

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.final + self.excepted >= self.placed and not self.messages and not self.deliveries


@dataclass(frozen=True, slots=True)
class Score:
    """The summary of a run; times in seconds as [median, 95th percentile]."""

    orders: int
    final: int
    under_exception: int
    unsettled: int
    lost: int
    oversold: int
    duplicates: int
    repeats_recognized: int
    ledger_differences: int
    units_shipped: int
    units_left_warehouses: int
    seconds: float
    orders_per_second: float
    messages: int
    deliveries: int
    to_routed: Sequence[float] | None
    to_shipped: Sequence[float] | None
    to_shop_told: Sequence[float] | None

    @property
    def good(self) -> bool:
        """Whether every order is settled and nothing was lost, doubled or oversold."""
        return not (
            self.unsettled
            or self.lost
            or self.oversold
            or self.duplicates
            or self.ledger_differences
            or self.units_shipped != self.units_left_warehouses
        )

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, with the verdict."""
        return {"good": self.good, **asdict(self)}


def progress(store: Store, placed: Sequence[Placed], since: datetime) -> Progress:
    """Return how far the orders placed since a time are."""
    with store.read() as conn:
        final, excepted, missing = _fates(conn, placed, since)
        waiting = conn.execute(text(OUTSTANDING), {"t": DEFAULT_TENANT}).one()
    return Progress(
        len(placed), len(placed) - len(missing), len(final), len(excepted), waiting.messages, waiting.deliveries
    )


def _fates(conn: Connection, placed: Sequence[Placed], since: datetime) -> tuple[set[str], set[str], set[str]]:
    """Return the keys of orders that are final, that wait under an exception, and that nothing is known of."""
    values = {"t": DEFAULT_TENANT, "since": since}
    rows = {row.key: row for row in conn.execute(text(FATES), values)}
    wanted = {f"{each.connection}:{each.external_id}" for each in placed}
    final = {key for key in wanted if key in rows and rows[key].state in FINAL}
    excepted = {key for key in wanted - final if key in rows and rows[key].excepted}
    missing = wanted - rows.keys()
    if missing:
        unread = conn.execute(text(QUARANTINED), values).all()
        for key in list(missing):
            name, _, external_id = key.partition(":")
            if any(row.name == name and external_id in row.body for row in unread):
                excepted.add(key)
                missing.discard(key)
    return final, excepted, missing


def partners_idle(control: Control) -> bool:
    """Return whether no simulated partner has work to do or anything to send."""
    for name in control.urls:
        state = control.state(name)
        if state["webhooks"]["waiting"] or state["work_waiting"]:
            return False
    return True


def shelves(control: Control) -> Mapping[str, Decimal]:
    """Return the units on the shelves of each warehouse, as the warehouse counts them."""
    return {
        site.connection: Decimal(str(control.state(site.connection)["on_shelves"]))
        for site in SITES
        if site.connection in control.urls
    }


def score(
    store: Store,
    control: Control,
    placed: Sequence[Placed],
    since: datetime,
    until: datetime,
    shelves_before: Mapping[str, Decimal],
) -> Score:
    """Return the summary of the orders placed since a time.

    Args:
        shelves_before: units on the shelves of the warehouses when it began.
    """
    states = {name: control.state(name) for name in control.urls}
    gone = sum(shelves_before.values(), Decimal(0)) - sum(
        (Decimal(str(states[name]["on_shelves"])) for name in shelves_before), Decimal(0)
    )
    values = {"t": DEFAULT_TENANT, "since": since}
    with store.read() as conn:
        final, excepted, missing = _fates(conn, placed, since)
        oversold = conn.execute(text(OVERSOLD), {"t": DEFAULT_TENANT}).scalar_one()
        ledger = conn.execute(text(LEDGER), {"t": DEFAULT_TENANT}).scalar_one()
        times = conn.execute(text(TIMES), values).one()
        volume = conn.execute(text(VOLUME), values).one()
    seconds = (until - since).total_seconds()
    return Score(
        orders=len(placed),
        final=len(final),
        under_exception=len(excepted),
        unsettled=len(placed) - len(final) - len(excepted) - len(missing),
        lost=len(missing),
        oversold=oversold + sum(len(state.get("negative", ())) for state in states.values()),
        duplicates=sum(_doubled(state) for state in states.values()),
        repeats_recognized=sum(sum(state["repeats"].values()) for state in states.values()),
        ledger_differences=ledger,
        units_shipped=int(volume.units),
        units_left_warehouses=int(gone),
        seconds=round(seconds, 1),
        orders_per_second=round(len(placed) / seconds, 2) if seconds else 0.0,
        messages=volume.messages,
        deliveries=volume.deliveries,
        to_routed=_rounded(times.routed),
        to_shipped=_rounded(times.shipped),
        to_shop_told=_rounded(times.told),
    )


def _doubled(state: Mapping[str, Any]) -> int:
    effects = sum(len(keys) for keys in state["doubles"].values())
    return effects + len(state.get("taken_twice", ()))


def _rounded(found: Sequence[float | None] | None) -> list[float] | None:
    return [round(each, 3) for each in found if each is not None] if found and found[0] is not None else None
