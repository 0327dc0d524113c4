"""Planning on a shelf: a plan may take no more of a component than there is, however many lines and kits want it.

The optimizer knows lines and nodes and no kits. It gets each kit's own availability as if nothing else were wanted;
when its plan takes more of a component than the shelf has, what each item may take there is cut to what is left after
the lines before it, and the order is solved again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from core.domain.shelf import Key, Shelf
from core.routing.optimizer import solve
from core.routing.problem import Assignment, Plan, Problem

ZERO = Decimal(0)
# Cutting ends by itself, since stock only shrinks; after so many rounds what does not fit is cut to nothing.
ROUNDS = 5


def plan_on_shelf(shelf: Shelf, connection: UUID, problem: Problem) -> tuple[Plan, Mapping[Key, Decimal]]:
    """Return the optimizer's plan for one order within what the shelf lets its connection take, and the stock it saw.

    Args:
        shelf: what is free, with its rules and kits.
        connection: the order's.
        problem: with `stock` as `Shelf.offered` gave it.
    """
    stock = dict(problem.stock)
    for left in reversed(range(ROUNDS + 1)):
        plan = solve(replace(problem, stock=stock))
        lacking = shelf.missing(connection, shelf.needs(_triples(plan.assignments)))
        if not lacking:
            return plan, stock
        granted = _granted(shelf, connection, plan.assignments)
        for key, (wanted, got) in granted.items():
            if got < wanted:
                stock[key] = got if left > 1 else ZERO
    raise AssertionError("a plan of nothing lacks nothing")


def _triples(assignments: Sequence[Assignment]) -> list[tuple[UUID, UUID, Decimal]]:
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
        trial.take(connection, trial.needs([(each.item_id, each.node_id, got)]))
        wanted, before = found.get((each.item_id, each.node_id), (ZERO, ZERO))
        found[each.item_id, each.node_id] = wanted + each.quantity, before + got
    return found
