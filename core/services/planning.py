"""Planning on a shelf: a plan may take no more of a component than there is, however many lines and kits want it.

The optimizer knows lines and nodes and no kits. It gets each kit's own availability as if nothing else were wanted;
when its plan takes more of a component than the shelf has, what each item may take there is cut to what is left after
the lines before it, and the order is solved again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from core.domain.shelf import Key, Shelf
from core.routing.optimizer import solve
from core.routing.problem import Assignment, Plan, Problem, StockTier
from core.services.inforce import InForce
from core.services.problems import Builder, Built

if TYPE_CHECKING:
    from core.services.sourcing import Sourced

ZERO = Decimal(0)
# Cutting ends by itself, since stock only shrinks; after so many rounds what does not fit is cut to nothing.
ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, the problem as the optimizer saw it last, and what the problem was built with."""

    plan: Plan
    problem: Problem
    built: Built


def plan_order(order: Sourced, builder: Builder, shelf: Shelf, chosen: InForce) -> Planned:
    """Return what is to be done for an order under a policy; wishes and limits of the day give way to shortage.

    What is there covers it before what is still to come does, at whatever node. An order whose supply has come stays
    with it. Lots that expire before the day they would leave are left out; the shelf is left knowing these days.
    """
    shelf.leaves = {}
    for left in reversed(range(ROUNDS)):
        found = _plan_once(order, builder, shelf, chosen)
        if not shelf.perishes:
            break
        before, shelf.leaves = shelf.leaves, builder.days(found.built, found.plan)
        wanted = triples(found.plan.assignments)
        if not shelf.missing(order.connection_id, shelf.needs(wanted), shelf.kits_in(wanted)):
            break
        # Lots that expire before they would leave are left out, and what is then best may leave later still.
        shelf.leaves = {**before, **(shelf.leaves if left > 1 else dict.fromkeys(shelf.leaves, date.max))}
    return found


def _plan_once(order: Sourced, builder: Builder, shelf: Shelf, chosen: InForce) -> Planned:
    """Return the plan as the shelf is."""
    built = builder.build(order, chosen)
    if shelf.beyond.keys() & built.problem.stock.keys() and not order.in_turn:
        found = _planned(order, builder, shelf, chosen, built, there=True)
        if not found.plan.short:
            return found
    return _planned(order, builder, shelf, chosen, built, there=False)


def _planned(order: Sourced, builder: Builder, shelf: Shelf, chosen: InForce, built: Built, *, there: bool) -> Planned:
    """Return the plan by what is there, or by all that may be promised."""
    plan, problem = plan_on_shelf(shelf, order.connection_id, _only_there(shelf, built.problem, there))
    if plan.short and built.limited:
        # Late, or by another service, is better than not at all.
        built = builder.build(order, chosen, strict=False)
        plan, problem = plan_on_shelf(shelf, order.connection_id, _only_there(shelf, built.problem, there))
    return Planned(plan, problem, built)


def _only_there(shelf: Shelf, problem: Problem, there: bool) -> Problem:
    """Return a problem without units that are still to come, when only what is there is asked for."""
    if not there:
        return problem
    stock = dict(problem.stock)
    for key in shelf.beyond.keys() & stock.keys():
        stock[key] = min(stock[key], max(shelf.free[key] - shelf.beyond[key], ZERO))
    return replace(problem, stock=stock, ladders=cut_ladders(problem, stock))


def plan_on_shelf(shelf: Shelf, connection: UUID, problem: Problem) -> tuple[Plan, Problem]:
    """Return the plan for one order within what the shelf lets its connection take, and the problem it answers.

    Args:
        shelf: what is free, with its rules and kits.
        connection: the order's.
        problem: with `stock` as `Shelf.offered` gave it.
    """
    seen, stock = problem, dict(problem.stock)
    for left in reversed(range(ROUNDS + 1)):
        plan = solve(seen)
        wanted = triples(plan.assignments)
        lacking = shelf.missing(connection, shelf.needs(wanted), shelf.kits_in(wanted))
        if not lacking:
            return plan, seen
        granted = _granted(shelf, connection, plan.assignments)
        for key, (asked, granted_now) in granted.items():
            # Parts of kits may round where whole kits do not: what lacks is cut in any case.
            got = min(granted_now, asked - lacking.get(key, ZERO)) if key[0] in shelf.kits else granted_now
            if got < asked:
                stock[key] = got if left > 1 else ZERO
        seen = replace(problem, stock=dict(stock), ladders=cut_ladders(problem, stock))
    raise AssertionError("a plan of nothing lacks nothing")


def cut_ladders(problem: Problem, stock: Mapping[Key, Decimal]) -> Mapping[Key, Sequence[StockTier]]:
    """Return the ladders with no more units than the stock has left, the cheapest first."""
    found: dict[Key, Sequence[StockTier]] = {}
    for key, ladder in problem.ladders.items():
        left, kept = stock.get(key, ZERO), []
        for tier in ladder:
            units = min(tier.units, left)
            if units > 0:
                kept.append(replace(tier, units=units))
                left -= units
        found[key] = kept
    return found


def triples(assignments: Sequence[Assignment]) -> list[tuple[UUID, UUID, Decimal]]:
    """Return (item, node, units) of assignments."""
    return [(each.item_id, each.node_id, each.quantity) for each in assignments]


def _granted(
    shelf: Shelf, connection: UUID, assignments: Sequence[Assignment]
) -> Mapping[Key, tuple[Decimal, Decimal]]:
    """Return (wanted, granted) per (item, node) when the lines of a plan take from the shelf one after the other."""
    trial = shelf.copy()
    found: dict[Key, tuple[Decimal, Decimal]] = {}
    for each in assignments:
        room = min(trial.room(connection, each.item_id, each.node_id), trial.total(connection, each.item_id))
        got = max(min(each.quantity, room), ZERO)
        taken = [(each.item_id, each.node_id, got)]
        trial.take(connection, trial.needs(taken), trial.kits_in(taken))
        wanted, before = found.get((each.item_id, each.node_id), (ZERO, ZERO))
        found[each.item_id, each.node_id] = wanted + each.quantity, before + got
    return found
