"""Promises looked at when nodes go off or on and areas are shut or opened, also by a moment that was given before.

What was off and disrupted when promises were looked at last is a setting; the orders whose work or destination what is
different now concerns are looked at. Orders that others work on are remembered and looked at in the next sweep. Orders
that have no promise, because they go into an area that was shut for nobody knew how long, get it when it opens.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from core.services.facts import Facts
from core.services.promise_again import find_unpromised, promise_again
from core.services.promise_looks import look_at_promise
from core.services.routing_facts import Disruption, disruption_of, point_of
from core.services.stoppages import known_point
from core.store import schema as t
from core.store.bulk import as_json
from core.store.locks import lock_orders
from core.store.unit import Unit

NAME = "promises.outages"
READ = "SELECT value FROM setting WHERE tenant_id = %s AND name = %s FOR UPDATE"
WRITE = """
INSERT INTO setting (tenant_id, name, value) VALUES (%s, %s, %s::jsonb)
ON CONFLICT (tenant_id, name) DO UPDATE SET value = excluded.value
"""
AT_NODES = """
SELECT DISTINCT f.order_id FROM fulfillment_order f
JOIN promise p ON p.tenant_id = f.tenant_id AND p.order_id = f.order_id AND p.state = 'standing'
WHERE f.tenant_id = %s AND f.node_id = ANY(%s::uuid[])
  AND f.state IN ('planned', 'released', 'on_hold', 'acknowledged', 'picking', 'partly_shipped', 'canceling')
"""
WAITING_AT = """
SELECT DISTINCT order_id FROM fulfillment_order
WHERE tenant_id = %s AND node_id = ANY(%s::uuid[]) AND order_id = ANY(%s::uuid[])
"""
DESTINATIONS = """
SELECT DISTINCT to_country, to_postal FROM promise
WHERE tenant_id = %s AND state = 'standing' AND to_country IS NOT NULL
"""
TO_PLACES = """
SELECT p.order_id FROM promise p JOIN unnest(%s::text[], %s::text[]) AS w(country, postal)
     ON p.to_country = w.country AND p.to_postal IS NOT DISTINCT FROM w.postal
WHERE p.tenant_id = %s AND p.state = 'standing'
"""
# Those that ended meanwhile are not waited for.
STANDING = "SELECT order_id FROM promise WHERE tenant_id = %s AND state = 'standing' AND order_id = ANY(%s::uuid[])"

# Orders without a promise that are promised in one sweep; the others are in the next ones.
AT_ONCE = 200
# Where an order goes: country and postcode.
_End = tuple[str | None, str | None]


def look_at_outages(unit: Unit, facts: Facts) -> int:
    """Have the promises looked at that what is off or disrupted otherwise than before concerns; return how many.

    A sweep of the relay, which watches promises by the same facts.
    """
    seen: Mapping[str, Any] = unit.conn.exec_driver_sql(READ, (unit.tenant, NAME)).scalar() or {}
    nodes = {node.hex: reason for node, reason in facts.routing.closed.items()}
    disruptions = {each.id.hex: None if each.last is None else str(each.last) for each in facts.routing.disruptions}
    missed = [UUID(hex=each) for each in seen.get("missed", ())]
    told = {UUID(hex=each) for each in seen.get("opened", ())}
    if not (missed or told) and (seen.get("nodes", {}), seen.get("disruptions", {})) == (nodes, disruptions):
        return 0
    other = _different(seen.get("nodes", {}), nodes)
    changed = {each.id: each for each in _read(unit, _different(seen.get("disruptions", {}), disruptions) | told)}
    # Who decides by what was known a second ago may still not promise an order: it is looked for once more.
    opened = {each for each in changed if each.hex in seen.get("disruptions", {})}
    concerned = _concerned(unit, facts, other, [each for key, each in changed.items() if key not in told])
    waiting = _waiting(unit, facts, other, [changed[key] for key in opened | told if key in changed])
    if missed:
        concerned |= set(unit.conn.exec_driver_sql(STANDING, (unit.tenant, missed)).scalars())
        waiting |= {row.id for row in find_unpromised(unit, missed)}
    # A promise is written under its order's lock by everybody.
    looked = lock_orders(unit, concerned.union(sorted(waiting)[:AT_ONCE]), free=True)
    look_at_promise(unit, *looked)
    promise_again(unit, facts, waiting.intersection(looked))
    value = {
        "nodes": nodes,
        "disruptions": disruptions,
        "missed": [each.hex for each in sorted((concerned | waiting).difference(looked))],
        "opened": [each.hex for each in sorted(opened - told)],
    }
    unit.conn.exec_driver_sql(WRITE, (unit.tenant, NAME, as_json(value)))
    return len(looked)


def _different(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[UUID]:
    """Return the keys of which the values differ, or that only one of both has."""
    return {
        UUID(hex=key)
        for key in before.keys() | after.keys()
        if key not in before or key not in after or before[key] != after[key]
    }


def _read(unit: Unit, ids: Collection[UUID]) -> Sequence[Disruption]:
    d = t.disruption.c
    rows = unit.conn.execute(select(t.disruption).where(d.tenant_id == unit.tenant, d.id.in_(ids))) if ids else ()
    return [disruption_of(row) for row in rows]


def _concerned(unit: Unit, facts: Facts, nodes: set[UUID], disruptions: Sequence[Disruption]) -> set[UUID]:
    """Return the promised orders that have work at these nodes or in these areas, or that go there."""
    at = sorted(nodes | _inside(facts, disruptions))
    found = set(unit.conn.exec_driver_sql(AT_NODES, (unit.tenant, at)).scalars()) if at else set()
    if not disruptions:
        return found
    ends = {(row.to_country, row.to_postal) for row in unit.conn.exec_driver_sql(DESTINATIONS, (unit.tenant,))}
    shut = sorted(_covered(unit, facts, ends, disruptions), key=str)
    if shut:
        values = [country for country, _ in shut], [postal for _, postal in shut], unit.tenant
        found |= set(unit.conn.exec_driver_sql(TO_PLACES, values).scalars())
    return found


def _waiting(unit: Unit, facts: Facts, nodes: set[UUID], opened: Sequence[Disruption]) -> set[UUID]:
    """Return the orders without a promise that have work at these nodes or in areas that opened, or that go there."""
    rows = find_unpromised(unit) if nodes or opened else ()
    if not rows:
        return set()
    ends = _covered(unit, facts, {(row.country, row.postal) for row in rows}, opened)
    found = {row.id for row in rows if (row.country, row.postal) in ends}
    at = sorted(nodes | _inside(facts, opened))
    values = unit.tenant, at, [row.id for row in rows]
    return found | set(unit.conn.exec_driver_sql(WAITING_AT, values).scalars() if at else ())


def _inside(facts: Facts, disruptions: Sequence[Disruption]) -> set[UUID]:
    """Return the nodes that lie in these areas."""
    return {
        node
        for node, rules in facts.routing.nodes.items()
        for each in disruptions
        if each.covers(rules.country, rules.postal_code, rules.point)
    }


def _covered(unit: Unit, facts: Facts, ends: Collection[_End], disruptions: Sequence[Disruption]) -> set[_End]:
    """Return the places, as (country, postcode), that lie in these areas."""
    known = {(country, postal) for country, postal in ends if country and postal}
    points = facts.routing.points.find(unit.conn, known, unit.tenant) if known else {}
    found = set()
    for country, postal in ends:
        point = known_point(*point_of(points.get((country, postal)) if country and postal else None))
        if any(each.covers(country, postal, point) for each in disruptions):
            found.add((country, postal))
    return found
