"""One order with everything that happened to it, for the order page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, text

ORDER = text(
    """
    SELECT o.*, c.name AS connection, c.label AS connection_label, c.connector
      FROM orders o JOIN connection c ON c.tenant_id = o.tenant_id AND c.id = o.connection_id
     WHERE o.tenant_id = :tenant AND o.id = :id
    """
)
PARTS = {
    "lines": """
        SELECT l.*, i.title AS item_title
          FROM order_line l LEFT JOIN item i ON i.tenant_id = l.tenant_id AND i.id = l.item_id
         WHERE l.tenant_id = :tenant AND l.order_id = :id ORDER BY l.position, l.id
    """,
    "holds": "SELECT * FROM hold WHERE tenant_id = :tenant AND order_id = :id ORDER BY id",
    "reservations": """
        SELECT r.line_id, n.code, r.state, sum(r.quantity / r.per_unit) AS quantity
          FROM reservation r JOIN node n ON n.tenant_id = r.tenant_id AND n.id = r.node_id
         WHERE r.tenant_id = :tenant AND r.order_id = :id AND r.state IN ('held', 'allocated', 'consumed')
           AND r.line_id IS NOT NULL AND NOT r.follows
         GROUP BY 1, 2, 3 ORDER BY 2, 3
    """,
    "fulfillments": """
        SELECT f.*, n.code AS node, n.name AS node_name,
               (SELECT sum(l.quantity) FROM fulfillment_line l
                 WHERE l.tenant_id = f.tenant_id AND l.fulfillment_id = f.id) AS units,
               (SELECT sum(l.shipped) FROM fulfillment_line l
                 WHERE l.tenant_id = f.tenant_id AND l.fulfillment_id = f.id) AS shipped
          FROM fulfillment_order f JOIN node n ON n.tenant_id = f.tenant_id AND n.id = f.node_id
         WHERE f.tenant_id = :tenant AND f.order_id = :id ORDER BY f.id
    """,
    "shipments": """
        SELECT s.*, n.code AS node,
               (SELECT sum(l.quantity) FROM shipment_line l
                 WHERE l.tenant_id = s.tenant_id AND l.shipment_id = s.id) AS units
          FROM shipment s JOIN node n ON n.tenant_id = s.tenant_id AND n.id = s.node_id
         WHERE s.tenant_id = :tenant AND s.order_id = :id ORDER BY s.id
    """,
    "tracking": """
        SELECT e.*, s.number FROM tracking_event e
          JOIN shipment s ON s.tenant_id = e.tenant_id AND s.id = e.shipment_id
         WHERE s.tenant_id = :tenant AND s.order_id = :id ORDER BY e.occurred_at
    """,
    "messages": """
        SELECT m.id, m.topic, m.state, m.received_at, m.via, c.name AS connection
          FROM message m JOIN connection c ON c.tenant_id = m.tenant_id AND c.id = m.connection_id
         WHERE m.tenant_id = :tenant AND m.order_id = :id ORDER BY m.id LIMIT 200
    """,
    "deliveries": """
        SELECT d.id, d.kind, d.state, d.attempts, d.created_at, d.finished_at, d.reference, d.error,
               c.name AS connection
          FROM delivery d JOIN connection c ON c.tenant_id = d.tenant_id AND c.id = d.connection_id
         WHERE d.tenant_id = :tenant AND d.order_id = :id ORDER BY d.seq LIMIT 200
    """,
    "events": """
        SELECT type, subject, subject_id, data, actor, cause, at FROM event
         WHERE tenant_id = :tenant AND order_id = :id ORDER BY seq LIMIT 500
    """,
    "cases": """
        SELECT c.id, c.code, c.severity, c.title, c.state, m.resolved_at
          FROM case_member m JOIN exception_case c ON c.tenant_id = m.tenant_id AND c.id = m.case_id
         WHERE m.tenant_id = :tenant AND m.order_id = :id ORDER BY m.since
    """,
    "refunds": "SELECT * FROM refund WHERE tenant_id = :tenant AND order_id = :id ORDER BY occurred_at, id",
    "promises": "SELECT * FROM promise WHERE tenant_id = :tenant AND order_id = :id",
    "promise_parts": """
        SELECT p.*, n.code AS node FROM promise_part p
          JOIN node n ON n.tenant_id = p.tenant_id AND n.id = p.node_id
          JOIN fulfillment_order f ON f.tenant_id = p.tenant_id AND f.id = p.fulfillment_id
         WHERE p.tenant_id = :tenant AND p.order_id = :id AND f.state NOT IN ('rejected', 'canceled')
         ORDER BY p.ship_at, n.code
    """,
    "changes": "SELECT * FROM change_set WHERE tenant_id = :tenant AND order_id = :id ORDER BY id",
    "decisions": "SELECT * FROM decision WHERE tenant_id = :tenant AND order_id = :id ORDER BY id DESC LIMIT 10",
}


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One order; the parts are rows as stored, oldest first, decisions newest first."""

    order: RowMapping
    lines: Sequence[RowMapping]
    holds: Sequence[RowMapping]
    reservations: Sequence[RowMapping]
    fulfillments: Sequence[RowMapping]
    shipments: Sequence[RowMapping]
    tracking: Sequence[RowMapping]
    messages: Sequence[RowMapping]
    deliveries: Sequence[RowMapping]
    events: Sequence[RowMapping]
    cases: Sequence[RowMapping]
    refunds: Sequence[RowMapping]
    promises: Sequence[RowMapping]
    promise_parts: Sequence[RowMapping]
    changes: Sequence[RowMapping]
    decisions: Sequence[RowMapping]

    @property
    def body(self) -> Mapping[str, Any]:
        """Return the parts of the canonical order that are kept whole."""
        found: Mapping[str, Any] = self.order["body"]
        return found

    @property
    def active_holds(self) -> list[RowMapping]:
        """Return the holds that stop the order now."""
        return [hold for hold in self.holds if hold["state"] == "active"]

    @property
    def promise(self) -> RowMapping | None:
        """Return the date the order was promised for, None when it was not."""
        return next(iter(self.promises), None)

    def promised(self, line_id: UUID) -> list[RowMapping]:
        """Return what is reserved, allocated or gone for a line, per node."""
        return [row for row in self.reservations if row["line_id"] == line_id]


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline.

    Attributes:
        kind: `event`, `message`, `delivery`, `tracking` or `hold`.
        name: the event's type, the message's topic, the delivery's kind, the carrier's status.
    """

    at: datetime
    kind: str
    name: str
    row: RowMapping = field(repr=False)


def load(conn: Connection, tenant: int, order_id: UUID) -> OrderPage | None:
    """Return the order with its parts, or None when there is none of that id."""
    values = {"tenant": tenant, "id": order_id}
    order = conn.execute(ORDER, values).mappings().one_or_none()
    if order is None:
        return None
    parts = {name: conn.execute(text(query), values).mappings().all() for name, query in PARTS.items()}
    return OrderPage(order, **parts)


def timeline(page: OrderPage) -> list[Moment]:
    """Return messages, events, deliveries and carrier facts in one order of time, newest first."""
    moments = [Moment(row["at"], "event", row["type"], row) for row in page.events]
    moments += [Moment(row["received_at"], "message", row["topic"], row) for row in page.messages]
    moments += [
        Moment(row["finished_at"], "delivery", row["kind"], row) for row in page.deliveries if row["finished_at"]
    ]
    moments += [Moment(row["occurred_at"], "tracking", row["status"], row) for row in page.tracking]
    return sorted(moments, key=lambda moment: moment.at, reverse=True)
