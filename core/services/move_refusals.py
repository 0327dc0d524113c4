"""Why a node cannot take work that a person gives it: its capacity, the way to the buyer, or its stock."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from core.domain.calendars import HORIZON_DAYS
from core.errors import Conflict
from core.routing.problem import Plan, Problem
from core.services.backorders import CHOICES
from core.services.facts import Facts
from core.services.problems import NO_DAY, NO_ROOM

if TYPE_CHECKING:
    from core.services.sourcing import Sourced

NONE = Decimal(0)
KEPT = "Nothing was changed."


def refusal(facts: Facts, sourced: Sourced, node_id: UUID) -> Conflict:
    """Return the error that says why a node got nothing of work that only it was to have.

    Args:
        facts: nodes and what routing needs.
        sourced: the order as it was just sourced.
        node_id: the node that was to have the work.
    """
    node = facts.nodes[node_id].code
    reason = None
    if sourced.problem is not None and sourced.plan is not None and _is_there(sourced.problem, node_id):
        reason = _reason(sourced.problem, sourced.plan, node_id, node)
    if reason is None:
        return Conflict(
            f"{node} has not enough stock for all of this work; nothing was changed.",
            fix="Choose another node, or bring stock there first.",
            code="MOVE-STOCK-409",
        )
    if (found := _capacity(facts, node_id, node, reason)) is not None:
        said, capacity, used = found
        return Conflict(
            said,
            why=f"The units are there, but there is no day on which they may leave. {KEPT}",
            fix=f"Raise its capacity (`crossdock nodes capacity {node} NUMBER`), or choose another node.",
            code="MOVE-CAPACITY-409",
            capacity=capacity,
            used=used,
        )
    return Conflict(
        f"{node} cannot send this work to its buyer: {reason}.",
        why=f"The units are there, but they cannot leave. {KEPT}",
        fix="Mend what it names (a rate, a service, the node), or choose another node.",
        code="MOVE-WAY-409",
    )


def _is_there(problem: Problem, node_id: UUID) -> bool:
    """Return whether a node may promise all units that were asked for."""
    wanted: dict[UUID, Decimal] = {}
    for each in problem.demands:
        wanted[each.item_id] = wanted.get(each.item_id, NONE) + each.quantity
    return all(problem.stock.get((item, node_id), NONE) >= units for item, units in wanted.items())


def _reason(problem: Problem, plan: Plan, node_id: UUID, node: str) -> str | None:
    """Return what kept a node and each of its services out."""
    if node_id in problem.excluded:
        return problem.excluded[node_id]
    rows = [each for each in plan.candidates if each["node"] == node and each["reason"] not in CHOICES]
    said = {f"{each['service']} {each['reason']}" if each.get("service") else str(each["reason"]) for each in rows}
    return "; ".join(sorted(said)[:3]) or None


def _capacity(facts: Facts, node_id: UUID, node: str, reason: str) -> tuple[str, int, int] | None:
    """Return what is said of the capacity of a node, the capacity and its use, where that is the reason."""
    capacity = facts.routing.nodes[node_id].capacity
    if capacity is None or reason not in (NO_ROOM, NO_DAY):
        return None
    a_day = f"its capacity is {capacity} fulfillment order{'s' * (capacity != 1)} a day"
    used = facts.routing.usage.by_node.get(node_id, {})
    full = sorted(day for day, works in used.items() if works >= capacity)
    first = used[full[0]] if full else 0
    if capacity == 0:
        still = f", and {first} leave on {full[0]} all the same" if first else ""
        return f"{node} takes no work: {a_day}{still}.", capacity, first
    if not full:
        return None
    return (
        f"{node} has no room for this work within {HORIZON_DAYS} days: {a_day}, and each day is used up or shut"
        f" ({first} of {capacity} on {full[0]}).",
        capacity,
        first,
    )
