"""Which released work an outage, a lost capacity or a disruption concerns, and whether it can still go elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select, text

from core.domain.ids import public_id
from core.domain.vocabulary import Write
from core.errors import NotFound
from core.services.facts import Facts
from core.services.geography import find_points
from core.services.routing_facts import disruption_of
from core.store import schema as t
from core.store.unit import DEFAULT_TENANT

# Nobody has picked it yet: it can go elsewhere, at once or when its node agrees.
BEFORE_PICKING = ("planned", "released", "acknowledged")
WORKS = """
SELECT f.id, f.number, f.order_id, f.node_id, f.state, f.connection_id, f.carrier, f.service, f.ship_on, f.arrive_on,
       f.created_at, o.number AS order_number, o.external_id, o.ship_country,
       o.body->'ship_to'->>'postal_code' AS postal_code,
       EXISTS (SELECT 1 FROM delivery d WHERE d.tenant_id = f.tenant_id AND d.fulfillment_id = f.id
               AND d.kind = :kind AND (d.state <> 'due' OR d.attempts > 0) AND d.state <> 'superseded') AS told
FROM fulfillment_order f JOIN orders o ON o.tenant_id = f.tenant_id AND o.id = f.order_id
WHERE f.tenant_id = :t AND f.state IN ('planned', 'released', 'acknowledged', 'picking', 'partly_shipped', 'canceling',
                                         'on_hold')
  AND (CAST(:node AS uuid) IS NULL OR f.node_id = :node)
  AND (CAST(:first AS date) IS NULL OR f.ship_on IS NULL OR f.ship_on >= :first)
  AND (CAST(:last AS date) IS NULL OR f.ship_on IS NULL OR f.ship_on <= :last)
ORDER BY f.created_at, f.id
"""
LINES = """
SELECT l.fulfillment_id, l.line_id, l.item_id, l.quantity - l.shipped - l.canceled AS open,
       coalesce(o.unit_price, 0) AS unit_price
FROM fulfillment_line l JOIN order_line o ON o.tenant_id = l.tenant_id AND o.id = l.line_id
WHERE l.tenant_id = :t AND l.fulfillment_id = ANY(:works) AND l.quantity > l.shipped + l.canceled
ORDER BY l.id
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What happened: a node is off or has less capacity than is released for a day, or a disruption.

    Exactly one of `node` and `disruption` is given; `over_capacity` narrows a node to what its capacity does not hold.
    """

    node: UUID | None = None
    over_capacity: bool = False
    disruption: UUID | None = None


@dataclass(frozen=True, slots=True)
class Affected:
    """One fulfillment order that is concerned.

    `way` is `moves` (its node was not told of it), `asked` (its node must agree first) or `stays`, with the reason.
    `lines` are (order line, item, open units, price of a unit).
    """

    id: UUID
    number: str
    order_id: UUID
    order_number: str
    node_id: UUID
    state: str
    way: str
    reason: str
    carrier: str | None
    service: str | None
    ship_on: date | None
    arrive_on: date | None
    lines: Sequence[tuple[UUID, UUID, Decimal, Decimal]]


def find_affected(conn: Connection, facts: Facts, scope: Scope, tenant: int = DEFAULT_TENANT) -> list[Affected]:
    """Return the open fulfillment orders a scope concerns, the oldest first.

    Raises:
        NotFound: there is no such disruption.
    """
    rows: Sequence[tuple[Row[Any], str | None]]
    if scope.disruption is not None:
        rows = _in_disruption(conn, facts, scope.disruption, tenant)
    else:
        found = _works(conn, tenant, node=scope.node)
        rows = [(row, None) for row in (_over(found, facts, scope.node) if scope.over_capacity else found)]
    lines: defaultdict[UUID, list[tuple[UUID, UUID, Decimal, Decimal]]] = defaultdict(list)
    for line in conn.execute(text(LINES), {"t": tenant, "works": [row.id for row, _ in rows]}):
        lines[line.fulfillment_id].append((line.line_id, line.item_id, line.open, line.unit_price))
    return [_affected(row, stays, lines[row.id]) for row, stays in rows if lines[row.id]]


def _works(conn: Connection, tenant: int, **narrow: Any) -> Sequence[Row[Any]]:
    values: Mapping[str, Any] = {
        "t": tenant, "kind": str(Write.PUSH_FULFILLMENT_ORDER), "node": None, "first": None, "last": None, **narrow
    }  # fmt: skip
    return conn.execute(text(WORKS), values).all()


def _over(rows: Sequence[Row[Any]], facts: Facts, node: UUID | None) -> list[Row[Any]]:
    """Return the work a node has too much by day, the one released last first to go."""
    capacity = facts.routing.nodes[node].capacity if node is not None else None
    if capacity is None:
        return []
    kept: dict[date | None, int] = {}
    over = []
    # What cannot go any more takes its place first.
    for row in sorted(rows, key=lambda each: (each.state in BEFORE_PICKING, each.told, each.created_at, each.id)):
        kept[row.ship_on] = kept.get(row.ship_on, 0) + 1
        if kept[row.ship_on] > capacity:
            over.append(row)
    return over


def _in_disruption(
    conn: Connection, facts: Facts, disruption: UUID, tenant: int
) -> Sequence[tuple[Row[Any], str | None]]:
    d = t.disruption.c
    row = conn.execute(select(t.disruption).where(d.tenant_id == tenant, d.id == disruption)).one_or_none()
    if row is None:
        raise NotFound(f"There is no disruption {public_id('disruption', disruption)}.")
    area = disruption_of(row)
    works = _works(conn, tenant, first=area.first, last=area.last)
    if area.carrier is not None:
        works = [each for each in works if each.carrier == area.carrier]
    codes = {(each.ship_country, each.postal_code) for each in works if each.ship_country and each.postal_code}
    points = find_points(conn, codes, tenant)
    inside = {
        node: area.covers(rules.country, rules.postal_code, rules.point) for node, rules in facts.routing.nodes.items()
    }
    found: list[tuple[Row[Any], str | None]] = []
    for each in works:
        point = points.get((each.ship_country, each.postal_code))
        end = None if point is None else (point.latitude, point.longitude)
        arrives = area.covers(each.ship_country, each.postal_code, end)
        if inside[each.node_id] or (arrives and area.carrier is not None):
            found.append((each, None))
        elif arrives:
            found.append((each, "goes into the area, wherever it is sent from"))
    return found


def _affected(row: Row[Any], stays: str | None, lines: Sequence[tuple[UUID, UUID, Decimal, Decimal]]) -> Affected:
    if stays is not None:
        way, reason = "stays", stays
    elif row.state not in BEFORE_PICKING:
        way, reason = "stays", f"is {row.state}"
    elif row.told:
        way, reason = "asked", "its node was told of it and must agree"
    else:
        way, reason = "moves", "its node was not told of it"
    return Affected(
        row.id, row.number, row.order_id, row.order_number or row.external_id, row.node_id, row.state, way, reason,
        row.carrier, row.service, row.ship_on, row.arrive_on, lines,
    )  # fmt: skip
