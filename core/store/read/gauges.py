"""Figures for monitoring, read from the database when asked for: depths, ages, and the two that must stay zero."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from core.store.unit import DEFAULT_TENANT

GAUGES = text(
    """
    SELECT
      (SELECT count(*) FROM message WHERE tenant_id = :t AND state IN ('received', 'normalized')) AS messages_waiting,
      (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(run_at)), 0)
         FROM message WHERE tenant_id = :t AND state IN ('received', 'normalized')
          AND run_at <= clock_timestamp()) AS message_age,
      (SELECT count(*) FROM message WHERE tenant_id = :t AND state = 'quarantined') AS messages_quarantined,
      (SELECT count(*) FROM orders WHERE tenant_id = :t AND sourcing_at <= clock_timestamp()) AS orders_to_source,
      (SELECT count(*) FROM delivery WHERE tenant_id = :t AND state = 'dead') AS deliveries_dead,
      (SELECT count(*) FROM exception_case
        WHERE tenant_id = :t AND state IN ('open', 'auto_resolving', 'assigned', 'snoozed')) AS exceptions_open,
      (SELECT count(*) FROM reservation
        WHERE tenant_id = :t AND state = 'held' AND expires_at < clock_timestamp()) AS reservations_overdue,
      (SELECT count(*) FROM stock_position
        WHERE tenant_id = :t
          AND reserved + allocated > on_hand - safety - uncertain + backorder_limit) AS positions_oversold,
      (SELECT count(*) FROM connection
        WHERE tenant_id = :t AND mode <> 'off' AND paused_until > clock_timestamp()) AS connections_paused
    """
)
DELIVERIES = text(
    """
    SELECT c.name, count(*) AS depth,
           greatest(0, coalesce(extract(epoch FROM clock_timestamp() - min(d.run_at)), 0)) AS age
    FROM delivery d JOIN connection c ON c.tenant_id = d.tenant_id AND c.id = d.connection_id
    WHERE d.tenant_id = :t AND d.state IN ('due', 'waiting', 'sending', 'unknown')
    GROUP BY c.name ORDER BY c.name
    """
)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One figure; `labels` are (name, value) pairs."""

    name: str
    help: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


HELP = {
    "messages_waiting": "Messages received and not yet applied.",
    "message_age": "Seconds the oldest due message has waited.",
    "messages_quarantined": "Messages that need a person.",
    "orders_to_source": "Orders whose sourcing is due.",
    "deliveries_dead": "Deliveries given up after all attempts.",
    "exceptions_open": "Exception cases not settled.",
    "reservations_overdue": "Soft reservations past their end and not yet expired.",
    "positions_oversold": "Stock positions that promise more than they may; must be 0.",
    "connections_paused": "Connections nothing is sent to now.",
}


def read_gauges(conn: Connection, tenant: int = DEFAULT_TENANT) -> list[Gauge]:
    """Return the figures as of now."""
    row = conn.execute(GAUGES, {"t": tenant}).one()
    names = {"message_age": "crossdock_message_oldest_seconds"}
    found = [
        Gauge(names.get(name, f"crossdock_{name}"), words, float(row._mapping[name])) for name, words in HELP.items()
    ]
    for each in conn.execute(DELIVERIES, {"t": tenant}):
        labels = (("connection", each.name),)
        found.append(Gauge("crossdock_deliveries_waiting", "Deliveries not finished.", float(each.depth), labels))
        found.append(
            Gauge("crossdock_delivery_oldest_seconds", "Seconds the oldest was due ago.", float(each.age), labels)
        )
    return found
