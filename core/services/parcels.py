"""What became of parcels: one outcome each, written when its way has ended; scores and models learn from it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from core.services.promise_looks import look_at_promise
from core.store.unit import Unit

# States of a shipment that will not be at its buyer's, and all after which nothing more is expected of it.
FAILED = ("lost", "returned_to_sender")
ENDED = ("delivered", *FAILED)
# A parcel of a hub that made no promise yet is taken to have left when it was to.
SETTLE = text(
    """
    INSERT INTO outcome (tenant_id, shipment_id, order_id, node_id, carrier, service, from_country, from_postal,
                         to_country, to_postal, km, state, damaged, ship_at, shipped_at, delivered_at, due_50, due_80,
                         due_90, due_95, due_at, level, settled_at)
    SELECT s.tenant_id, s.id, s.order_id, s.node_id, s.carrier, s.service,
           coalesce(p.from_country, n.country), coalesce(p.from_postal, n.postal_code),
           coalesce(p.to_country, o.ship_country), coalesce(p.to_postal, o.body->'ship_to'->>'postal_code'), p.km,
           s.state,
           -- Carriers have no common code for damage: it is a disturbance whose words say so.
           EXISTS (SELECT 1 FROM tracking_event e WHERE e.tenant_id = s.tenant_id AND e.shipment_id = s.id
                   AND e.status = 'disturbed' AND e.detail ILIKE '%damage%'),
           coalesce(p.ship_at, s.shipped_at), s.shipped_at, s.delivered_at,
           p.due_50, p.due_80, p.due_90, p.due_95, r.due_at, r.level, clock_timestamp()
    FROM shipment s
    JOIN orders o ON o.tenant_id = s.tenant_id AND o.id = s.order_id
    JOIN node n ON n.tenant_id = s.tenant_id AND n.id = s.node_id
    LEFT JOIN promise_part p ON p.tenant_id = s.tenant_id AND p.fulfillment_id = s.fulfillment_id
    LEFT JOIN promise r ON r.tenant_id = s.tenant_id AND r.order_id = s.order_id
    WHERE s.tenant_id = :t AND s.id = :id
      -- Nothing is delivered before it leaves; a node may report a little late.
      AND (s.delivered_at IS NULL OR s.delivered_at > s.shipped_at - interval '1 day') IS NOT FALSE
    ON CONFLICT (tenant_id, shipment_id) DO UPDATE
    SET state = excluded.state, damaged = excluded.damaged, delivered_at = excluded.delivered_at,
        settled_at = excluded.settled_at
    """
)
UNSETTLE = text("DELETE FROM outcome WHERE tenant_id = :t AND shipment_id = :id")
# What was settled by a time of delivery that is corrected is settled once more.
AGAIN = text(
    """
    UPDATE promise SET watch_at = clock_timestamp(), version = version + 1
    WHERE tenant_id = :t AND order_id = :order AND state IN ('standing', 'kept', 'late')
    """
)


def settle_parcel(unit: Unit, shipment_id: UUID, order_id: UUID) -> None:
    """Write the outcome of a parcel whose way has ended, and have its order's promise looked at.

    A later fact that ends it otherwise, such as a lost parcel that is delivered after all, replaces the outcome.
    """
    unit.conn.execute(SETTLE, {"t": unit.tenant, "id": shipment_id})
    look_at_promise(unit, order_id)


def unsettle_parcel(unit: Unit, shipment_id: UUID, order_id: UUID) -> None:
    """Take back the outcome of a lost parcel that is under way again, and have its order's promise looked at."""
    unit.conn.execute(UNSETTLE, {"t": unit.tenant, "id": shipment_id})
    look_at_promise(unit, order_id)


def correct_parcel(unit: Unit, shipment_id: UUID, order_id: UUID) -> None:
    """Write the outcome of a parcel anew, and have its order's promise settled anew, even when it was settled."""
    unit.conn.execute(SETTLE, {"t": unit.tenant, "id": shipment_id})
    unit.conn.execute(AGAIN, {"t": unit.tenant, "order": order_id})
