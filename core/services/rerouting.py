"""Deciding without booking: what sourcing would do with an order now, and what if something were otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from core.domain.ids import public_id, uuid7
from core.domain.money import plain
from core.domain.policies import Traits, traits_of
from core.domain.shelf import Key
from core.errors import Conflict, NotFound
from core.routing.optimizer import solve
from core.routing.problem import SCALE, Demand, Problem
from core.routing.reckoning import reckon
from core.services.facts import Facts
from core.services.inforce import choose
from core.services.offers import Leg
from core.services.planning import plan_order
from core.services.problems import Builder
from core.services.redeciding import Bases, problem_behind
from core.services.resourcing import load_sourced
from core.services.routing_facts import Usage
from core.services.sourcing import learn_traits
from core.services.submit import submit_order
from core.services.tariffs import scaled
from core.services.whatif import OFF, Scenario, check_nodes
from core.store import schema as t
from core.store.read.shelves import read_shelf
from core.store.unit import Unit

Json = dict[str, Any]
# What the order has at nodes already counts as free for it: it is decided as if it were new.
TAKEN = text("""
SELECT item_id, node_id, kit_id, follows, per_unit, sum(quantity) AS quantity FROM reservation
WHERE tenant_id = :t AND order_id = :order AND state = 'allocated'
GROUP BY item_id, node_id, kit_id, follows, per_unit
""")
OPEN = text("""
SELECT id, item_id, quantity - canceled - shipped AS units, unit_price FROM order_line
WHERE tenant_id = :t AND order_id = :order AND ships AND item_id IS NOT NULL AND quantity > canceled + shipped
ORDER BY position, id
""")
LEFT = text("""
SELECT count(*) FROM fulfillment_order f WHERE f.tenant_id = :t AND f.order_id = :order AND EXISTS (
    SELECT 1 FROM fulfillment_line l WHERE l.tenant_id = f.tenant_id AND l.fulfillment_id = f.id AND l.shipped > 0)
""")
DECIDED = text("""
SELECT id, basis, inputs FROM decision WHERE tenant_id = :t AND order_id = :order ORDER BY id DESC LIMIT 1
""")
LEAVING = text("""
SELECT node_id, carrier || '/' || service AS way, ship_on, count(*) AS works FROM fulfillment_order
WHERE tenant_id = :t AND ship_on >= :today - 1 AND state NOT IN ('canceled', 'rejected') AND order_id <> :order
GROUP BY node_id, carrier, service, ship_on
""")
HELD = text("SELECT kind, detail FROM hold WHERE tenant_id = :t AND order_id = :order AND state = 'active'")


@dataclass(frozen=True, slots=True)
class Asked:
    """One order as sourcing sees it now.

    Attributes:
        problem: what is to be decided.
        traits: what policies look at.
        skus: of its items.
        used: fulfillment orders that leave each node today already, by its code.
        legs: how each node's part would leave, by (node, service).
    """

    problem: Problem
    traits: Traits
    skus: Mapping[UUID, str]
    used: Mapping[str, int]
    legs: Mapping[tuple[UUID, str | None], Leg] = field(default_factory=dict)


def of_order(unit: Unit, facts: Facts, order_id: UUID, scenario: Scenario | None = None) -> Asked:
    """Return what sourcing would be asked for an order if none of its units were promised yet.

    Args:
        unit: the running transaction.
        facts: nodes, connections and what routing needs.
        order_id: of the order.
        scenario: what is taken to be otherwise with nodes: with less room, an order leaves on the day that has some.

    Raises:
        InputError: the scenario names a node nobody has.
        NotFound: there is no such order.
        Conflict: nothing of it is open.
    """
    found = load_sourced(unit, [order_id])
    if not found:
        raise NotFound(f"There is no order {public_id('order', order_id)} that ships.")
    [order] = found
    values = {"t": unit.tenant, "order": order_id}
    order.demands = [
        Demand(row.id, row.item_id, row.units, scaled(row.unit_price or Decimal(0)))
        for row in unit.conn.execute(OPEN, values)
    ]
    if not order.demands:
        raise Conflict(f"Nothing of order {order.number} is open.", code="ROUTE-OPEN-409")
    # What is at work counts as not decided yet: only what has left is a part.
    order.parts = unit.conn.execute(LEFT, values).scalar_one()
    learn_traits(unit, facts, [order])
    shelf = read_shelf(unit.conn, {demand.item_id for demand in order.demands}, tenant=unit.tenant)
    taken: dict[Key, Decimal] = {}
    kits: dict[Key, Decimal] = {}
    for row in unit.conn.execute(TAKEN, values):
        taken[row.item_id, row.node_id] = taken.get((row.item_id, row.node_id), Decimal(0)) + row.quantity
        if row.kit_id is not None and not row.follows:
            kit = row.kit_id, row.node_id
            kits[kit] = kits.get(kit, Decimal(0)) + row.quantity / row.per_unit
    shelf.give(order.connection_id, taken, {**taken, **kits}, {})
    if scenario is not None:
        check_nodes(scenario, [node.code for node in facts.nodes.values()])
        facts = _with_rooms(unit, facts, order_id, scenario.capacity)
        order.excluded |= {node.id: OFF for node in facts.nodes.values() if node.code in scenario.off}
    planned = plan_order(order, Builder(unit, facts, [order], shelf), shelf, choose(facts.policies, order.traits))
    return Asked(
        planned.problem, order.traits, _skus(unit, planned.problem), _used(unit, facts), dict(planned.built.legs)
    )


def _with_rooms(unit: Unit, facts: Facts, order_id: UUID, rooms: Mapping[str, int]) -> Facts:
    """Return the facts with other capacities of nodes, and what leaves them each day apart from an order."""
    if not rooms:
        return facts
    routing, usage = facts.routing, Usage()
    for row in unit.conn.execute(LEAVING, {"t": unit.tenant, "order": order_id, "today": unit.now.date()}):
        usage.add(row.node_id, row.way, row.ship_on, row.works)
    nodes = {
        node: replace(rules, capacity=rooms.get(facts.nodes[node].code, rules.capacity))
        for node, rules in routing.nodes.items()
    }
    return replace(facts, routing=replace(routing, nodes=nodes, usage=usage, kept={}))


def of_document(unit: Unit, facts: Facts, connection_id: UUID, document: Json) -> Asked:
    """Return what sourcing would be asked for an order that came in now.

    The order is taken in and sourced as any other, so the caller must take everything back that this unit did.

    Raises:
        Conflict: it would be held, or has nothing that ships.
    """
    # A name nobody has, so that it is a new order even where one of its external id is there.
    fresh = {**document, "external_id": uuid7().hex}
    order_id = submit_order(unit, facts, connection_id, fresh, fresh["external_id"].encode())
    values = {"t": unit.tenant, "order": order_id}
    row = unit.conn.execute(DECIDED, values).one_or_none()
    if row is None:
        held = [
            f"{each.kind.replace('_', ' ')} {each.detail or ''}".strip() for each in unit.conn.execute(HELD, values)
        ]
        raise Conflict(
            "The order would not be sourced.",
            why=f"It would be held: {'; '.join(held)}." if held else "Nothing of it ships.",
            code="ROUTE-OPEN-409",
        )
    problem, inputs = problem_behind(row, Bases(unit.conn, unit.tenant))
    return Asked(problem, traits_of(inputs["order"]), _skus(unit, problem), _used(unit, facts))


def decided(asked: Asked, scenario: Scenario | None = None) -> Json:
    """Return what would be decided, as the command line shows it; amounts in the order's currency.

    Args:
        asked: the order.
        scenario: what is taken to be otherwise; nothing when None.

    Raises:
        InputError: the scenario names a node nobody has, or a version that is not for the order.
    """
    problem = asked.problem
    if scenario is not None:
        check_nodes(scenario, [node.code for node in problem.nodes])
        mine = scenario.for_order(asked.traits)
        # An order that is here was planned with the rooms of its nodes, day by day.
        problem = (replace(mine, capacity={}) if asked.legs else mine).put_upon(problem, asked.traits, asked.used)
    plan = solve(problem)
    figures = reckon(problem, plan.assignments)
    item = {demand.line_id: demand.item_id for demand in problem.demands}
    code = {node.id: node.code for node in problem.nodes}
    return {
        "policy": problem.policy.version,
        "cost": _money(figures.cost),
        "weighed": _money(plan.cost),
        "bound": plan.proof,
        "on_time": figures.on_time,
        "assignments": [
            {
                "sku": asked.skus[each.item_id],
                "line": public_id("line", each.line_id),
                "node": code[each.node_id],
                "quantity": plain(each.quantity),
                "service": each.service,
                "ship_on": _day(asked.legs.get((each.node_id, each.service))),
            }
            for each in plan.assignments
        ],
        "short": {asked.skus[item[line_id]]: plain(units) for line_id, units in plan.short.items()},
        "candidates": list(plan.candidates),
    }


def _day(leg: Leg | None) -> str | None:
    return None if leg is None or leg.ship_on is None else leg.ship_on.isoformat()


def _skus(unit: Unit, problem: Problem) -> dict[UUID, str]:
    i = t.item.c
    items = list({demand.item_id for demand in problem.demands})
    rows = unit.conn.execute(select(i.id, i.sku).where(i.tenant_id == unit.tenant, i.id.in_(items)))
    return {row.id: row.sku for row in rows}


def _used(unit: Unit, facts: Facts) -> dict[str, int]:
    today, by_node = unit.now.date(), facts.routing.usage.by_node
    return {node.code: by_node.get(node.id, {}).get(today, 0) for node in facts.nodes.values()}


def _money(scaled: int) -> str:
    return format(Decimal(scaled) / SCALE, "f")
