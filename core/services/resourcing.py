"""Orders whose sourcing is due: backorders, released holds, rejected or short work, orders that lost a race."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text

from core.domain.policies import order_traits
from core.routing.problem import Demand, Destination
from core.services.facts import Facts
from core.services.ordering import finish_unshippable, tell_erp
from core.services.promise_again import promise_again
from core.services.sourcing import Sourced, source_batch
from core.services.tariffs import scaled
from core.services.wishes import wishes_of
from core.store.locks import lock_due_orders
from core.store.unit import Unit

ZERO = Decimal(0)
OPEN_UNITS = """
SELECT o.id AS order_id, o.number, o.external_id, o.connection_id, o.state, o.body, o.sourcing_tries, o.ship_country,
       o.type, o.total, o.currency, o.requested_ship_date, o.requested_delivery_date, l.id AS line_id, l.item_id,
       l.unit_price, l.quantity - l.canceled - l.shipped - coalesce(r.allocated, 0) AS open
FROM orders o
JOIN order_line l ON l.tenant_id = o.tenant_id AND l.order_id = o.id
LEFT JOIN LATERAL (
    SELECT sum(quantity / per_unit) FILTER (WHERE NOT follows) AS allocated FROM reservation
    WHERE tenant_id = l.tenant_id AND order_id = o.id AND line_id = l.id AND state = 'allocated'
) r ON true
WHERE o.tenant_id = :tenant AND o.id = ANY(CAST(:ids AS uuid[])) AND l.ships
ORDER BY o.placed_at, o.id, l.position, l.id
"""
# A node that rejected an order, or could not find all its units, is not asked again for it.
REJECTED = """
SELECT f.order_id, f.node_id, CASE WHEN bool_or(f.state = 'rejected') THEN 'rejected' ELSE 'short' END AS how,
       coalesce(max(f.reason), '') AS reason,
       ARRAY(SELECT DISTINCT l.line_id FROM fulfillment_order g
             JOIN fulfillment_line l ON l.tenant_id = g.tenant_id AND l.fulfillment_id = g.id
             WHERE g.tenant_id = f.tenant_id AND g.order_id = f.order_id AND g.node_id = f.node_id
               AND (g.state = 'rejected' OR g.state = 'short' AND l.canceled > 0)) AS lines
FROM fulfillment_order f
WHERE f.tenant_id = :tenant AND f.order_id = ANY(CAST(:ids AS uuid[])) AND f.state <> 'canceled'
  AND (f.state IN ('rejected', 'short')
       OR EXISTS (SELECT 1 FROM fulfillment_line l WHERE l.tenant_id = f.tenant_id AND l.fulfillment_id = f.id
                  AND l.canceled > 0))
GROUP BY f.tenant_id, f.order_id, f.node_id
"""
# What nothing is left of (canceled, rejected, not found) is no part any more.
PARTS = """
SELECT f.order_id, count(*) AS parts FROM fulfillment_order f
WHERE f.tenant_id = :tenant AND f.order_id = ANY(CAST(:ids AS uuid[])) AND f.state NOT IN ('canceled', 'rejected')
  AND EXISTS (SELECT 1 FROM fulfillment_line l WHERE l.tenant_id = f.tenant_id AND l.fulfillment_id = f.id
              AND l.quantity > l.canceled)
GROUP BY f.order_id
"""


def load_sourced(unit: Unit, order_ids: Sequence[UUID]) -> list[Sourced]:
    """Return these locked orders with their units that are neither shipped nor allocated, oldest order first."""
    if not order_ids:
        return []
    values = {"tenant": unit.tenant, "ids": list(order_ids)}
    found: dict[UUID, Sourced] = {}
    for row in unit.conn.execute(text(OPEN_UNITS), values):
        order = found.get(row.order_id)
        if order is None:
            order = found[row.order_id] = Sourced(
                row.order_id,
                row.number or row.external_id,
                row.connection_id,
                [],
                Destination(row.ship_country),
                row.body.get("partial_shipment_allowed", True),
                started=row.state == "in_progress",
                wishes=wishes_of(
                    {
                        **row.body,
                        "requested_ship_date": row.requested_ship_date,
                        "requested_delivery_date": row.requested_delivery_date,
                    }
                ),
                tries=row.sourcing_tries,
                traits=order_traits(row.type, row.total, row.currency, row.body),
            )
        if row.open > 0 and row.item_id is not None:
            order.demands.append(Demand(row.line_id, row.item_id, row.open, scaled(row.unit_price or ZERO)))
    for row in unit.conn.execute(text(REJECTED), values):
        if row.order_id in found:
            order = found[row.order_id]
            order.excluded[row.node_id] = f"{row.how}: {row.reason}".removesuffix(": ")
            for line in row.lines:
                order.given_back.setdefault(line, {})[row.node_id] = row.reason or row.how
    for row in unit.conn.execute(text(PARTS), values):
        if row.order_id in found:
            found[row.order_id].parts = row.parts
    return list(found.values())


def source_due(unit: Unit, facts: Facts, limit: int = 100) -> int:
    """Source orders that are due and return how many were looked at."""
    ids = lock_due_orders(unit, limit)
    if not ids:
        return 0
    sourceable = set(
        unit.conn.execute(
            text(
                "SELECT id FROM orders WHERE tenant_id = :t AND id = ANY(:ids) AND state IN ('accepted','in_progress')"
            ),
            {"t": unit.tenant, "ids": ids},
        ).scalars()
    )
    idle = [order_id for order_id in ids if order_id not in sourceable]
    loaded = load_sourced(unit, [order_id for order_id in ids if order_id in sourceable])
    nothing_open = [each for each in loaded if not each.demands]
    _clear(unit, [*idle, *(each.order_id for each in nothing_open)])
    _finish_if_done(unit, [each.order_id for each in nothing_open])
    # One that was held when it could have been promised has all its units, and goes on now.
    promise_again(unit, facts, [each.order_id for each in nothing_open])
    lost = set(source_batch(unit, facts, [each for each in loaded if each.demands]))
    quiet = [each.order_id for each in loaded if each.demands and not each.released and each.order_id not in lost]
    tell_erp(unit, facts, _untold(unit, quiet))
    return len(ids)


def _clear(unit: Unit, order_ids: Sequence[UUID]) -> None:
    unit.conn.execute(
        text("UPDATE orders SET sourcing_at = NULL WHERE tenant_id = :t AND id = ANY(:ids)"),
        {"t": unit.tenant, "ids": list(order_ids)},
    )


def _finish_if_done(unit: Unit, order_ids: Sequence[UUID]) -> None:
    """Complete orders without any open unit and without any open work."""
    done = unit.conn.execute(
        text(
            """
            SELECT o.id FROM orders o WHERE o.tenant_id = :t AND o.id = ANY(:ids) AND NOT EXISTS (
                SELECT 1 FROM order_line l WHERE l.tenant_id = o.tenant_id AND l.order_id = o.id
                AND l.quantity > l.canceled + l.shipped)
            """
        ),
        {"t": unit.tenant, "ids": list(order_ids)},
    ).scalars()
    finish_unshippable(unit, list(done))


def _untold(unit: Unit, order_ids: Sequence[UUID]) -> list[UUID]:
    """Return the orders no ERP has been told of."""
    if not order_ids:
        return []
    told = set(
        unit.conn.execute(
            text(
                "SELECT DISTINCT order_id FROM delivery WHERE tenant_id = :t AND order_id = ANY(:ids)"
                " AND kind = 'push_order'"
            ),
            {"t": unit.tenant, "ids": list(order_ids)},
        ).scalars()
    )
    return [order_id for order_id in order_ids if order_id not in told]
