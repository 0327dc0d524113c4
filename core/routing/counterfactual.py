"""What would have changed a choice: one input moved until another plan is best, found by deciding again.

Every answer is proven by two decisions: with the input at `after` the choice is another, with the input at `still`, one
step before, it is the one that was made. Between them no value lies. That no smaller move would do is known where the
input moves in one direction only, as costs, stock and weights do: a plan's cost is linear in each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from core.routing.building import quantity
from core.routing.costs import TIER
from core.routing.optimizer import assigned
from core.routing.problem import SCALE, NodeFacts, Plan, Problem, Service, StockTier

Choice = tuple[tuple[int, str, str | None, Decimal], ...]
"""(line by its place, node code, service, units) of a plan, sorted."""
MOST_NODES = 4
"""Nodes beside the chosen ones whose costs are moved, those that would cost least more first."""
MOST_POSITIONS = 8
MOST_WEIGHT = 1_000
"""Percent up to which a weight is raised."""
WORK, LEAST_TRIES, MOST_TRIES = 30_000, 40, 300
"""Decisions made for one answer: so much work over lines times ways, within these bounds."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One input, and where the choice turns.

    `kind` is `handling` (of a unit at `node`), `shipment` (of one from `node`), `rate` (of a shipment by `service` from
    `node`), all in 1/10,000 of the currency; `stock` (units of `item` at `node`); `weight` (of the cost term `term`, in
    percent); or `open` (whether `node` may be used: 0 or 1, with the reason why not in `term`). `size` is the move
    compared with what it is about, so that moves of different kinds have an order. `choice` is what is chosen then.
    """

    kind: str
    before: Decimal
    still: Decimal
    after: Decimal
    size: float
    choice: Choice
    node: str = ""
    service: str | None = None
    item: UUID | None = None
    term: str = ""


@dataclass(frozen=True, slots=True)
class _Move:
    """An input that may move: `put` gives the problem with it at a value, in whole steps; `guess` is a likely turn."""

    kind: str
    put: Callable[[int], Problem]
    before: int
    limit: int
    guess: int
    scale: int
    weight: float
    about: Mapping[str, Any]


class _Spent(Exception):
    """All decisions that may be made for one answer are made."""


def put(problem: Problem, turn: Turn, value: Decimal) -> Problem:
    """Return a problem with the input of a turn at a value: `after` makes another choice, `still` the same."""
    node = next((each for each in problem.nodes if each.code == turn.node), None)
    if turn.kind == "weight":
        return _weighed(problem, turn.term, int(value))
    assert node is not None
    if turn.kind == "stock":
        assert turn.item is not None
        return _stocked(problem, (turn.item, node.id), value - turn.before)
    if turn.kind == "open":
        return _opened(problem, node) if value else problem
    if turn.kind == "rate":
        return _rated(problem, node, turn.service, int(value))
    return _costing(problem, node, turn.kind, int(value))


def turns(problem: Problem, plan: Plan) -> list[Turn]:
    """Return what would have changed a choice, each input for itself, the smallest move first.

    Args:
        problem: as it was decided.
        plan: what `solve` makes of it.
    """
    made, ways, digits = _choice(problem)
    left = max(LEAST_TRIES, min(MOST_TRIES, WORK // max(1, len(problem.demands) * ways)))
    found: list[Turn] = []

    def flips(changed: Problem) -> Choice | None:
        nonlocal left
        if left == 0:
            raise _Spent
        left -= 1
        choice = _choice(changed)[0]
        return None if choice == made else choice

    for move in _moves(problem, plan, digits):
        try:
            turn = _turn(move, flips)
        except _Spent:
            break
        if turn is not None:
            found.append(turn)
    return sorted(found, key=lambda each: (each.size, each.kind, each.node, each.service or "", each.term))


def _choice(problem: Problem) -> tuple[Choice, int, int]:
    """Return what is chosen, how many ways there were, and how many digits the quantities need."""
    built, _, found = assigned(problem)
    chosen = []
    for (line, option), units in found.assignments.items():
        way = built.ways[option]
        service = None if way.service is None else way.service.code
        chosen.append((line, way.node.code, service, quantity(units, built.digits)))
    return (
        tuple(sorted(chosen, key=lambda each: (each[0], each[1], each[2] or "", each[3]))),
        len(built.ways),
        built.digits,
    )


def _turn(move: _Move, flips: Callable[[Problem], Choice | None]) -> Turn | None:
    """Return where a choice turns between where an input is and its limit; None when it does not."""
    toward = 1 if move.limit > move.before else -1
    same, other, choice = move.before, move.limit, None
    for value in (move.guess, move.guess - toward):
        if not min(same, other) < value < max(same, other):
            continue
        tried = flips(move.put(value))
        if tried is None:
            same = value
            break
        other, choice = value, tried
    if choice is None:
        choice = flips(move.put(other))
        if choice is None:
            return None
    while abs(other - same) > 1:
        middle = (same + other) // 2
        tried = flips(move.put(middle))
        if tried is None:
            same = middle
        else:
            other, choice = middle, tried
    size = abs(other - move.before) * move.weight
    before, still, after = (Decimal(each) / move.scale for each in (move.before, same, other))
    return Turn(move.kind, before, still, after, size, choice, **move.about)


def _moves(problem: Problem, plan: Plan, digits: int) -> Iterator[_Move]:
    """Yield the inputs worth moving, those of the plans that cost least more first."""
    nodes = {node.code: node for node in problem.nodes}
    rows: list[dict[str, Any]] = [dict(each) for each in plan.candidates]
    chosen = {str(row["node"]): row for row in rows if row["chosen"]}
    # In a plan of no cost a move is compared with one unit of the currency.
    whole = max(plan.cost, SCALE)
    others = sorted(
        (row for row in rows if not row["chosen"] and "units" in row and Decimal(row["units"]) > 0),
        key=lambda row: (row.get("instead", 10**18), row["shipment"], str(row["node"]), str(row.get("service", ""))),
    )
    gaps = {row["node"]: row.get("instead", 2 * whole) - plan.cost for row in reversed(others)}
    for code in list(dict.fromkeys(str(row["node"]) for row in others if row["node"] not in chosen))[:MOST_NODES]:
        units = max(Decimal(next(row["units"] for row in others if row["node"] == code)), Decimal(1))
        yield from _cost_moves(problem, nodes[code], gaps[code], units, whole, up=False)
    for row in [each for each in others if "service" in each][:MOST_NODES]:
        node, service = nodes[row["node"]], row["service"]
        price = next(each.shipment for each in problem.services[node.id] if each.code == service)
        gap = row.get("instead", 2 * whole) - plan.cost
        if price > 0:
            yield _Move("rate", lambda value, n=node, s=service: _rated(problem, n, s, value),  # type: ignore[misc]
                        price, 0, price - gap - 1, 1, 1 / whole, {"node": node.code, "service": service})  # fmt: skip
    least = min(gaps.values(), default=2 * whole)
    for code in sorted(chosen):
        units = max(Decimal(chosen[code]["units"]), Decimal(1))
        yield from _cost_moves(problem, nodes[code], least, units, whole, up=True)
    yield from _stock_moves(problem, chosen, digits)
    names = sorted({name for row in rows for name in row.get("terms", ())} - {TIER})
    for name in names:
        now = problem.policy.weights.get(name, 100)
        for limit in (MOST_WEIGHT, 0):
            if limit != now:
                yield _Move("weight", lambda value, n=name: _weighed(problem, n, value),  # type: ignore[misc]
                            now, limit, limit, 1, 1 / max(now, 1), {"term": name})  # fmt: skip
    for node in sorted((each for each in problem.nodes if each.id in problem.excluded), key=lambda each: each.code):
        yield _Move("open", lambda value, n=node: _opened(problem, n) if value else problem,  # type: ignore[misc]
                    0, 1, 1, 1, 10.0, {"node": node.code, "term": problem.excluded[node.id]})  # fmt: skip


def _cost_moves(
    problem: Problem, node: NodeFacts, gap: int, units: Decimal, whole: int, *, up: bool
) -> Iterator[_Move]:
    """Yield the costs of a node: up for one that is chosen, down to nothing for one that is not."""
    sign = 1 if up else -1
    for kind, before, times in (("handling", node.unit_cost, units), ("shipment", node.shipment_cost, Decimal(1))):
        limit = before + 4 * max(gap, whole) if up else 0
        if limit != before:
            move = int(gap // times) + 1
            yield _Move(kind, lambda value, k=kind: _costing(problem, node, k, value),  # type: ignore[misc]
                        before, limit, before + sign * move, 1, float(times) / whole, {"node": node.code})  # fmt: skip


def _stock_moves(problem: Problem, chosen: Mapping[str, Any], digits: int) -> Iterator[_Move]:
    """Yield positions that hold less than is wanted of their item, at nodes that may be used; chosen ones first."""
    scale = 10**digits
    wanted: dict[UUID, Decimal] = {}
    for demand in problem.demands:
        wanted[demand.item_id] = wanted.get(demand.item_id, Decimal(0)) + demand.quantity
    total = float(sum(wanted.values())) or 1.0
    places = [
        (node, item)
        for node in sorted(problem.nodes, key=lambda each: (each.code not in chosen, each.code))
        if node.active and node.id not in problem.excluded
        for item in wanted
        if (item, node.id) not in problem.forbidden and _held(problem, (item, node.id)) < wanted[item]
    ]
    for node, item in places[:MOST_POSITIONS]:
        key = item, node.id
        held = _held(problem, key)
        before, limit = int(held * scale), int(wanted[item] * scale)
        # Positions below nothing hold nothing.
        yield _Move("stock", lambda value, k=key, h=held: _stocked(problem, k, Decimal(value) / scale - h),  # type: ignore[misc]
                    before, limit, limit, scale, 1 / scale / total, {"node": node.code, "item": item})  # fmt: skip


def _held(problem: Problem, key: tuple[UUID, UUID]) -> Decimal:
    if key in problem.ladders:
        return sum((tier.units for tier in problem.ladders[key]), Decimal(0))
    return max(problem.stock.get(key, Decimal(0)), Decimal(0))


def _stocked(problem: Problem, key: tuple[UUID, UUID], more: Decimal) -> Problem:
    """Return the problem with more units at a position; where it has tiers, in the one that costs nothing extra."""
    if key not in problem.ladders:
        return replace(problem, stock={**problem.stock, key: _held(problem, key) + more})
    tiers = list(problem.ladders[key])
    place = next((index for index, tier in enumerate(tiers) if tier.extra == 0), None)
    if place is None:
        tiers.append(StockTier(more, 0))
        tiers.sort(key=lambda each: each.extra)
    else:
        tiers[place] = replace(tiers[place], units=tiers[place].units + more)
    return replace(problem, ladders={**problem.ladders, key: tiers})


def _costing(problem: Problem, node: NodeFacts, kind: str, value: int) -> Problem:
    changed = replace(node, unit_cost=value) if kind == "handling" else replace(node, shipment_cost=value)
    return replace(problem, nodes=[changed if each.id == node.id else each for each in problem.nodes])


def _rated(problem: Problem, node: NodeFacts, code: str | None, value: int) -> Problem:
    offered: list[Service] = [
        replace(each, shipment=value) if each.code == code else each for each in problem.services[node.id]
    ]
    return replace(problem, services={**problem.services, node.id: offered})


def _weighed(problem: Problem, term: str, percent: int) -> Problem:
    return replace(problem, policy=replace(problem.policy, weights={**problem.policy.weights, term: percent}))


def _opened(problem: Problem, node: NodeFacts) -> Problem:
    return replace(problem, excluded={key: why for key, why in problem.excluded.items() if key != node.id})
