"""Sourcing: choose nodes without locks, then take the stock for a whole batch under locks, or nothing, per order.

An order that lost the race for its units is solved again in a later round with fresh stock. What nobody has becomes a
backorder with an open case, and is looked at again when stock arrives.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.domain.ids import uuid7
from core.domain.lots import Picked, deal
from core.domain.policies import Traits
from core.domain.shelf import Key, Shelf
from core.routing.problem import Assignment, Demand, Destination, Plan, Problem
from core.services import release
from core.services.backorders import Shortage, report_shortages
from core.services.converting import Held, note_converted, read_held
from core.services.facts import Facts
from core.services.inforce import choose, needs_margins, read_margins
from core.services.offers import Leg, Wishes
from core.services.phase import refresh_phases
from core.services.planning import plan_order
from core.services.problems import Builder
from core.services.promises import promise_orders
from core.services.recording import Decided, record_decisions
from core.services.substituting import Substitutes, mark_substituted
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import lock_to_take, mark_listings
from core.store.moves import move_lots, move_stock
from core.store.read.shelves import read_shelf
from core.store.unit import ORDERS, Unit

NONE = Decimal(0)
# A backorder is looked at again when stock moves, and for safety this often.
BACKORDER_LOOK = timedelta(hours=1)
RACE_LOOK = timedelta(milliseconds=20)


@dataclass(slots=True)
class Sourced:
    """An order with units to be found; the caller holds its lock."""

    order_id: UUID
    number: str
    connection_id: UUID
    demands: list[Demand]
    destination: Destination
    partial_allowed: bool
    started: bool = False
    excluded: dict[UUID, str] = field(default_factory=dict)
    wishes: Wishes = field(default_factory=Wishes)
    substituted: dict[UUID, UUID] = field(default_factory=dict)
    tries: int = 0
    released: bool = False
    traits: Traits = field(default_factory=Traits)


@dataclass(slots=True)
class _Solved:
    order: Sourced
    problem: Problem
    plan: Plan
    decision_id: UUID
    duration_us: int
    legs: Mapping[UUID, Leg]
    # What the plan takes off the shelf, kits as the sum of their components.
    needs: dict[Key, Decimal]
    kits: Mapping[UUID, Mapping[UUID, Decimal]]
    # What a checkout held for it and it takes over now.
    held: Held | None
    # Lots picked under lock, where an item has lots.
    lots: dict[Key, Picked] = field(default_factory=dict)

    def decided(self) -> Decided:
        order = self.order
        return Decided(
            self.decision_id, "sourcing", order.order_id, self.problem, self.plan, self.duration_us, order.traits
        )


def source_batch(unit: Unit, facts: Facts, batch: Sequence[Sourced]) -> list[UUID]:
    """Decide, take stock, and release what was taken, for orders in arrival order.

    Args:
        unit: the running transaction; it holds the lock of every order in the batch.
        facts: nodes, connections and the policies in force.
        batch: orders with their open units.

    Returns:
        The orders that lost a race and wait for the next round.
    """
    if not batch:
        return []
    learn_traits(unit, facts, batch)
    items = {demand.item_id for order in batch for demand in order.demands}
    substitutes = Substitutes(unit, items if any(each.substitutes for each in facts.policies) else ())
    items |= substitutes.items
    shelf = read_shelf(unit.conn, items, tenant=unit.tenant)
    builder = Builder(unit, facts, batch, shelf, substitutes.items)
    held = read_held(unit, [order.order_id for order in batch])
    solved = [_solve(order, builder, facts, shelf, held.get(order.order_id), substitutes) for order in batch]
    won, lost = _take(unit, solved)
    _record(unit, won, facts)
    again = [each.order.order_id for each in lost]
    _settle(unit, won, again)
    return again


def learn_traits(unit: Unit, facts: Facts, batch: Sequence[Sourced]) -> None:
    """Fill in what policies look at and the order itself does not say: its channel's name, and its margin if asked."""
    margins = read_margins(unit, [order.order_id for order in batch]) if needs_margins(facts.policies) else {}
    for order in batch:
        channel = facts.connections.get(order.connection_id)
        order.traits = replace(
            order.traits,
            connection=channel.name if channel else "",
            margin=margins.get(order.order_id),
            parts=order.partial_allowed,
        )


def _solve(
    order: Sourced, builder: Builder, facts: Facts, shelf: Shelf, held: Held | None, substitutes: Substitutes
) -> _Solved:
    started = time.perf_counter_ns()
    if held:
        held.put_back(shelf, order.connection_id)
    chosen = choose(facts.policies, order.traits)
    found = plan_order(order, builder, shelf, chosen)
    if found.plan.short and chosen.substitutes and substitutes.swap(order, found.plan.short, shelf, facts.nodes):
        builder.weigh(order)
        found = plan_order(order, builder, shelf, chosen)
    plan = found.plan
    legs = builder.take(found.built, plan)
    # The rest of the batch sees what this order is about to take.
    if held and not plan.assignments:
        held.put_back(shelf, order.connection_id, -1)
        held = None
    needs = shelf.needs((each.item_id, each.node_id, each.quantity) for each in plan.assignments)
    shelf.take(order.connection_id, needs)
    duration_us = (time.perf_counter_ns() - started) // 1000
    return _Solved(order, found.problem, plan, uuid7(), duration_us, legs, needs, shelf.kits, held)


def _take(unit: Unit, solved: Sequence[_Solved]) -> tuple[list[_Solved], list[_Solved]]:
    """Lock what the plans want, in key order; grant in arrival order, per order all or nothing."""
    shelf = lock_to_take(unit, {key for one in solved for key in (*one.needs, *(one.held.units if one.held else ()))})
    taken: dict[Key, Decimal] = {}
    freed: dict[Key, Decimal] = {}
    lots: dict[tuple[UUID, UUID, str], Decimal] = {}
    won, lost = [], []
    for one in solved:
        held = one.held or Held()
        held.put_back(shelf, one.order.connection_id)
        if shelf.missing(one.order.connection_id, one.needs):
            held.put_back(shelf, one.order.connection_id, -1)
            lost.append(one)
            continue
        one.lots = shelf.take(one.order.connection_id, one.needs)
        for key, units in one.needs.items():
            taken[key] = taken.get(key, NONE) + units
        for key, units in held.units.items():
            freed[key] = freed.get(key, NONE) + units
        for place, units in held.lots.items():
            lots[place] = lots.get(place, NONE) - units
        for key, picked in one.lots.items():
            for lot, units in picked:
                lots[*key, lot] = lots.get((*key, lot), NONE) + units
        won.append(one)
    move_stock(unit, {key: (NONE, -freed.get(key, NONE), taken.get(key, NONE)) for key in taken.keys() | freed.keys()})
    note_converted(unit, {one.order.order_id: one.held for one in won if one.held})
    move_lots(unit, {place: (NONE, units) for place, units in lots.items()})
    mark_listings(unit, {item for item, _ in (*taken, *freed)})
    return won, lost


def _record(unit: Unit, won: Sequence[_Solved], facts: Facts) -> None:
    """Write allocations, ledger, fulfillment orders, decisions and outgoing work of the orders that got stock."""
    reservations, movements = [], []
    works: list[release.Work] = []
    destinations = {one.order.order_id: one.order.destination for one in won}
    for one in won:
        mark_substituted(unit, one.order.order_id, one.order.substituted)
        by_node: dict[UUID, list[Assignment]] = {}
        for each in one.plan.assignments:
            by_node.setdefault(each.node_id, []).append(each)
        for node_id, assignments in by_node.items():
            lots: dict[UUID, list[tuple[str, Decimal]]] = {}
            work = release.Work(
                uuid7(), one.order.order_id, one.order.number, node_id, one.decision_id, assignments, unit.now,
                one.legs[node_id], lots,
            )  # fmt: skip
            works.append(work)
            one.order.released = True
            for each in assignments:
                rows = list(_promises(one, each, work.id))
                reservations += rows
                if each.item_id not in one.kits and (each.item_id, node_id) in one.lots:
                    lots[each.line_id] = [(row[-1], row[7]) for row in rows]
        movements += [
            (item, node, "allocate", units, one.order.order_id, unit.cause, unit.actor)
            for (item, node), units in sorted(one.needs.items())
        ]
    copy_rows(
        unit,
        t.reservation,
        (
            "id", "order_id", "line_id", "fulfillment_id", "connection_id", "item_id", "node_id", "quantity", "state",
            "per_unit", "follows", "lot",
        ),
        reservations,
    )  # fmt: skip
    copy_rows(
        unit,
        t.stock_movement,
        ("item_id", "node_id", "kind", "allocated", "order_id", "cause", "actor"),
        movements,
    )
    record_decisions(unit, [one.decided() for one in won], list(facts.nodes.values()))
    release.release(unit, facts, works)
    promise_orders(
        unit,
        facts,
        works,
        {work.order_id: destinations[work.order_id] for work in works},
        {one.order.order_id for one in won if not one.plan.short},
    )


def _promises(one: _Solved, each: Assignment, work_id: UUID) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that promise the units of an assignment: one, or one for each component of a kit and each lot."""
    order = one.order
    parts = one.kits.get(each.item_id) or {each.item_id: Decimal(1)}
    for index, (item, per_unit) in enumerate(sorted(parts.items())):
        units = each.quantity * per_unit
        picked = one.lots.get((item, each.node_id))
        dealt: Sequence[tuple[str | None, Decimal]] = ((None, units),) if picked is None else deal(picked, units)
        for lot, part in dealt:
            yield (
                uuid7(), order.order_id, each.line_id, work_id, order.connection_id, item, each.node_id, part,
                "allocated", per_unit, index > 0, lot,
            )  # fmt: skip


SETTLE = """
UPDATE orders o SET state = d.state, decision_id = d.decision_id, sourcing_tries = o.sourcing_tries + 1,
       sourcing_at = d.sourcing_at, sourced_at = clock_timestamp(), updated_at = clock_timestamp(),
       version = o.version + 1
FROM unnest(%b::uuid[], %b::text[], %b::uuid[], %b::timestamptz[]) AS d(id, state, decision_id, sourcing_at)
WHERE o.tenant_id = %s AND o.id = d.id
"""
LATER = """
UPDATE orders SET sourcing_at = %s, sourcing_tries = sourcing_tries + 1 WHERE tenant_id = %s AND id = ANY(%s::uuid[])
"""


def _settle(unit: Unit, won: Sequence[_Solved], again: list[UUID]) -> None:
    shortages: list[Shortage] = []
    ids, states, decisions, looks = [], [], [], []
    for one in won:
        order, short = one.order, one.plan.short
        started = order.started or bool(one.plan.assignments)
        ids.append(order.order_id)
        states.append("in_progress" if started else "accepted")
        decisions.append(one.decision_id)
        looks.append(unit.now + BACKORDER_LOOK if short else None)
        lines: Mapping[UUID, UUID] = {demand.line_id: demand.item_id for demand in order.demands}
        shortages.extend(Shortage(order.order_id, lines[line], units) for line, units in short.items())
        if not short:
            shortages.append(Shortage(order.order_id, None, NONE))
        if one.plan.assignments:
            unit.event(
                "order.allocated",
                "order",
                order.order_id,
                {"cost": one.plan.cost, "nodes": len({each.node_id for each in one.plan.assignments})},
                order_id=order.order_id,
            )
    if ids:
        unit.conn.exec_driver_sql(SETTLE, (ids, states, decisions, looks, unit.tenant))
    report_shortages(unit, shortages, known_clear={one.order.order_id for one in won if one.order.tries == 0})
    if again:
        unit.conn.exec_driver_sql(LATER, (unit.now + RACE_LOOK, unit.tenant, again))
        unit.wake(ORDERS)
    refresh_phases(unit, [*ids, *again])
