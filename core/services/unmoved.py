"""Work that sourcing anew would plan just as it is: it stays, and is not told of as moving."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from core.routing.problem import Plan
from core.services.affected import Affected
from core.services.leaving import code_of, leg_of
from core.services.offers import Leg
from core.services.routing_facts import Usage

NONE = Decimal(0)


def free_of(usage: Usage, works: Iterable[Affected]) -> Usage:
    """Return what is counted of the nodes' days without this work, as it is once the work is sourced anew."""
    found = usage.copy()
    for work in works:
        if work.ship_on is not None:
            found.add(work.node_id, code_of(work), work.ship_on, -1)
    return found


def same(works: Sequence[Affected], plan: Plan, legs: Mapping[UUID, Leg]) -> list[Affected]:
    """Return the work that a plan leaves at its node, with its units, by its service and on its days.

    Args:
        works: of one order.
        plan: what that order would get.
        legs: how the plan leaves, by node.
    """
    today: dict[UUID, dict[UUID, Decimal]] = {}
    for work in works:
        own = today.setdefault(work.node_id, {})
        for line, _, units, _ in work.lines:
            own[line] = own.get(line, NONE) + units
    then: dict[UUID, dict[UUID, Decimal]] = {}
    for each in plan.assignments:
        own = then.setdefault(each.node_id, {})
        own[each.line_id] = own.get(each.line_id, NONE) + each.quantity
    return [
        work
        for work in works
        if then.get(work.node_id) == today[work.node_id]
        and all(leg_of(each) == legs[work.node_id] for each in works if each.node_id == work.node_id)
    ]
