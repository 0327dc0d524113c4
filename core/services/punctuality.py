"""What deliveries had taught of keeping promises by each moment of the past, and what became of promises in the end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from core.intelligence.punctual import Heard, Punctuality, Sent
from core.intelligence.scores import HALF_LIFE_DAYS
from core.routing.problem import Assignment, Problem
from core.store.unit import DEFAULT_TENANT

# Older deliveries weigh less than 2 %, as in scores.
WINDOW = timedelta(days=6 * HALF_LIFE_DAYS)
# Ended parcels, and those under way a day beyond their promise, which are late already; each from when that was known.
HEARD = text(
    """
    WITH parcel AS (
        SELECT carrier, service, node_id, to_country, coalesce(due_at, due_90) AS due, settled_at,
               state = 'delivered' AND delivered_at <= coalesce(due_at, due_90) AS kept
        FROM outcome WHERE tenant_id = :t AND coalesce(due_at, due_90) IS NOT NULL AND settled_at >= :since
        UNION ALL
        SELECT s.carrier, s.service, s.node_id, p.to_country, p.due_90, NULL, false
        FROM promise_part p JOIN shipment s ON s.tenant_id = p.tenant_id AND s.fulfillment_id = p.fulfillment_id
        WHERE p.tenant_id = :t AND p.due_90 >= :since
          AND s.state NOT IN ('delivered', 'lost', 'returned_to_sender', 'voided')
          AND EXISTS (SELECT 1 FROM tracking_event e WHERE e.tenant_id = s.tenant_id AND e.shipment_id = s.id)
    )
    SELECT CASE WHEN kept THEN settled_at ELSE least(settled_at, due + interval '1 day') END AS at, kept,
           lower(coalesce(carrier, '')) AS carrier, lower(coalesce(service, '')) AS service, n.code AS node,
           coalesce(to_country, '') AS country
    FROM parcel JOIN node n ON n.tenant_id = :t AND n.id = node_id ORDER BY at, n.code, kept
    """
)
SETTLED = text(
    "SELECT order_id, state = 'kept' AS kept FROM promise"
    " WHERE tenant_id = :t AND order_id = ANY(:ids) AND state IN ('kept', 'late')"
)


def read_punctuality(conn: Connection, first: datetime, tenant: int = DEFAULT_TENANT) -> Punctuality:
    """Return the deliveries that may count for decisions made at a moment or later."""
    rows = conn.execute(HEARD, {"t": tenant, "since": first - WINDOW})
    return Punctuality([Heard(row.at, Sent(row.carrier, row.service, row.node, row.country), row.kept) for row in rows])


def settled_promises(conn: Connection, orders: Collection[UUID], tenant: int = DEFAULT_TENANT) -> dict[UUID, bool]:
    """Return by order whether its promise was kept in the end; those that are not settled are left out."""
    rows = conn.execute(SETTLED, {"t": tenant, "ids": list(orders)})
    return {row.order_id: row.kept for row in rows}


class Outlooks:
    """How likely plans keep their promises, by what was known when each was decided.

    Args:
        punctuality: deliveries as they became known.
    """

    def __init__(self, punctuality: Punctuality) -> None:
        self._punctuality = punctuality

    @property
    def known(self) -> int:
        """Return how many deliveries the last of them rests on at most."""
        return self._punctuality.known

    def of(self, problem: Problem, assignments: Sequence[Assignment], at: datetime) -> dict[UUID, tuple[float, bool]]:
        """Return by node of a plan the chance that its parcel keeps its promise, and whether deliveries taught it.

        A node whose carrier, or who itself where no carrier was chosen, has too few deliveries has the chance its
        service states; one that states nothing either is left out.

        Args:
            problem: as it was decided then, with what its services stated.
            assignments: the plan.
            at: when it was decided.
        """
        self._punctuality.until(at)
        codes = {node.id: node.code for node in problem.nodes}
        found: dict[UUID, tuple[float, bool]] = {}
        for node, code in {each.node_id: each.service for each in assignments}.items():
            carrier, _, service = (code or "").lower().partition("/")
            country = problem.destination.country or ""
            chance = self._punctuality.chance(Sent(carrier, service, codes[node], country), at)
            if chance.learned:
                found[node] = chance.value, True
            elif (late := _stated(problem, node, code)) is not None:
                found[node] = 1 - late, False
        return found


def _stated(problem: Problem, node: UUID, code: str | None) -> float | None:
    """Return how likely a service said to be late, None when nobody had asked it: zero stands for both."""
    late = next((each.late for each in problem.services.get(node, ()) if each.code == code), 0.0)
    return late if late > 0 or (code is not None and problem.policy.late_penalty > 0) else None


def all_kept(found: dict[UUID, tuple[float, bool]], nodes: Collection[Any]) -> float | None:
    """Return the chance that all parcels of a plan keep their promise, None when that of one is not known."""
    if not nodes or any(node not in found for node in nodes):
        return None
    value = 1.0
    for node in nodes:
        value *= found[node][0]
    return value
