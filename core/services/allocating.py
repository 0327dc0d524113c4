"""Allocating: the stock of plans taken under locks, per order all or nothing, and all that is written with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from core.domain.ids import uuid7
from core.domain.lots import Picked, deal
from core.domain.shelf import Key, Kits
from core.domain.vocabulary import MovementKind
from core.routing.problem import Assignment, Plan, Problem
from core.services import release
from core.services.bundles import bundles_among
from core.services.converting import Held, note_converted
from core.services.facts import Facts
from core.services.offers import Leg
from core.services.promises import promise_orders
from core.services.recording import Decided, record_decisions
from core.services.shortfalls import settle
from core.services.substituting import mark_substituted
from core.store import schema as t
from core.store.bulk import copy_rows
from core.store.locks import mark_listings
from core.store.moves import LotMove, move_lots, move_stock
from core.store.read.supply import awaited_supply
from core.store.taking import lock_to_take
from core.store.unit import Unit

if TYPE_CHECKING:
    from core.services.sourcing import Sourced

NONE = Decimal(0)


@dataclass(slots=True)
class Solved:
    """A plan that waits for its stock."""

    order: Sourced
    problem: Problem
    plan: Plan
    decision_id: UUID
    duration_us: int
    legs: Mapping[UUID, Leg]
    # What the plan takes off the shelf, kits as the sum of their components; and the kits.
    needs: dict[Key, Decimal]
    taken_kits: dict[Key, Decimal]
    kits: Kits
    # What a checkout held for it and it takes over now.
    held: Held | None
    # Until when the work of each node waits for a wave; a node that is missing is told at once.
    waits: Mapping[UUID, datetime] = field(default_factory=dict)
    # Lots picked under lock, where an item has lots.
    lots: dict[Key, Picked] = field(default_factory=dict)
    # Where it was promised units of a supply that has not come, with when that is expected.
    awaited: Mapping[Key, datetime | None] = field(default_factory=dict)
    kind: str = "sourcing"
    # What else belongs to the decision.
    also: Mapping[str, Any] = field(default_factory=dict)
    # What stays held for an order that lacks units.
    kept: Held | None = None

    @property
    def whole(self) -> bool:
        """Return whether nothing of its order is missing; a wave only knows a part of an order."""
        return self.kind == "sourcing" and not self.plan.short

    def awaits(self, node: UUID) -> str | None:
        """Return what supply a node's part waits for, in words; an order that ships whole waits with all its parts."""
        places = [key for key in self.awaited if key[1] == node or not self.problem.partial_allowed]
        if not places:
            return None
        days = [at for key in places if (at := self.awaited[key]) is not None]
        return f"waits for supply expected on {max(days):%Y-%m-%d}" if days else "waits for supply"

    def decided(self) -> Decided:
        """Return what the decision store keeps."""
        order = self.order
        return Decided(
            self.decision_id, self.kind, order.order_id, self.problem, self.plan, self.duration_us, order.traits,
            self.also,
        )  # fmt: skip


def take(unit: Unit, solved: Sequence[Solved]) -> tuple[list[Solved], list[Solved]]:
    """Lock what the plans want, in key order; grant in arrival order, per order all or nothing."""
    kits = {kit: one.kits[kit] for one in solved for kit, _ in one.taken_kits}
    keys = {key for one in solved for key in (*one.needs, *(one.held.units if one.held else ()))}
    shelf = lock_to_take(unit, keys, kits)
    taken: dict[Key, Decimal] = {}
    freed: dict[Key, Decimal] = {}
    lots: list[LotMove] = []
    won, lost = [], []
    for one in solved:
        held = one.held or Held()
        held.put_back(shelf, one.order.connection_id)
        shelf.leaves = {node: leg.ship_on for node, leg in one.legs.items() if leg.ship_on is not None}
        if shelf.missing(one.order.connection_id, one.needs, one.taken_kits):
            held.put_back(shelf, one.order.connection_id, -1)
            lost.append(one)
            continue
        one.lots = shelf.take(one.order.connection_id, one.needs, one.taken_kits)
        for key, units in one.needs.items():
            taken[key] = taken.get(key, NONE) + units
        for key, units in held.units.items():
            freed[key] = freed.get(key, NONE) + units
        why = one.order.order_id, unit.cause
        for place, units in held.lots.items():
            lots.append(LotMove(*place, str(MovementKind.CONVERT), NONE, -units, *why))
        for key, picked in one.lots.items():
            lots += [LotMove(*key, lot, str(MovementKind.ALLOCATE), NONE, units, *why) for lot, units in picked]
        won.append(one)
    deltas = {key: (NONE, -freed.get(key, NONE), taken.get(key, NONE)) for key in taken.keys() | freed.keys()}
    lacking = move_stock(unit, deltas)
    note_converted(unit, {one.order.order_id: one.held for one in won if one.held})
    move_lots(unit, lots)
    settle(unit, lacking)
    mark_listings(unit, {item for item, _ in (*taken, *freed)})
    in_turn = all(one.order.in_turn for one in won)
    awaited = awaited_supply(unit.conn, taken.keys(), in_turn=in_turn, tenant=unit.tenant)
    for one in won if awaited else ():
        one.awaited = {key: awaited[key] for key in one.needs.keys() & awaited.keys()}
    return won, lost


def record(unit: Unit, won: Sequence[Solved], facts: Facts) -> None:
    """Write allocations, ledger, fulfillment orders, decisions and outgoing work of the orders that got stock."""
    reservations, movements = [], []
    works: list[release.Work] = []
    bundles = bundles_among(
        unit, {each.item_id for one in won for each in one.plan.assignments if each.item_id in one.kits}
    )
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
                one.legs[node_id], lots, one.waits.get(node_id), one.awaits(node_id),
            )  # fmt: skip
            works.append(work)
            one.order.released = one.order.released or not work.waits
            for each in assignments:
                rows = list(_promises(one, each, work.id))
                reservations += rows
                if (each.item_id not in one.kits or each.item_id in bundles) and rows[0][11] is not None:
                    lots[each.line_id] = [(row[11], row[7]) for row in rows]
        movements += [
            (item, node, "allocate", units, one.order.order_id, unit.cause, unit.actor)
            for (item, node), units in sorted(one.needs.items())
        ]
    copy_rows(
        unit,
        t.reservation,
        (
            "id", "order_id", "line_id", "fulfillment_id", "connection_id", "item_id", "node_id", "quantity", "state",
            "per_unit", "follows", "lot", "kit_id",
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
        [work for work in works if not work.awaits],
        {work.order_id: destinations[work.order_id] for work in works if not work.awaits},
        {one.order.order_id for one in won if one.whole and not one.awaited},
    )


def _promises(one: Solved, each: Assignment, work_id: UUID) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that promise the units of an assignment: one, or one for each component of a kit and each lot."""
    order = one.order
    kit = each.item_id if each.item_id in one.kits else None
    parts = one.kits.get(each.item_id) or {each.item_id: Decimal(1)}
    for index, (item, per_unit) in enumerate(sorted(parts.items())):
        units = each.quantity * per_unit
        picked = one.lots.get((item, each.node_id))
        dealt: Sequence[tuple[str | None, Decimal]] = ((None, units),) if picked is None else deal(picked, units)
        for lot, part in dealt:
            yield (
                uuid7(), order.order_id, each.line_id, work_id, order.connection_id, item, each.node_id, part,
                "allocated", per_unit, index > 0, lot, kit,
            )  # fmt: skip
