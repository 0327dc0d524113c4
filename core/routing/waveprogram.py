"""A pool of orders as one mixed-integer program for HiGHS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from core.routing.pooling import Pool, PoolOrder, Units, cost_of_pool
from core.routing.program import INFINITE, Model, whole_bound

SHARE = 1e-4
"""The search ends when its plans are within this part of the bound: more is not worth the wait before a cut-off."""


@dataclass(frozen=True, slots=True)
class Improved:
    """Plans by order, in the pool's whole numbers, with cost before and after; fields as of `Wave`."""

    plans: Sequence[Units]
    before: int
    after: int
    bound: int
    optimal: bool
    finished: bool


@dataclass(frozen=True, slots=True)
class _Columns:
    """Columns of the program: (order, way) in use, (order, line, way) shipped, (item, node, tier) drawn."""

    use: dict[tuple[int, int], int]
    ship: dict[tuple[int, int, int], int]
    draw: dict[tuple[UUID, UUID, int], int]


def improve(pool: Pool, *, seconds: float, nodes: int) -> Improved:
    """Search for cheaper plans, starting with today's.

    Raises:
        ArithmeticError: what HiGHS found cannot be made whole numbers, so one of us is wrong.
    """
    import highspy

    today = [order.today for order in pool.orders]
    before = cost_of_pool(pool, today)
    scale = 10**pool.digits
    model, columns = _model(pool, scale)
    highs = model.load(nodes=nodes, seconds=seconds, gap=0.5 / scale, share=SHARE)
    start = highspy.HighsSolution()
    start.col_value = _start(pool, columns, len(model.cost), scale)
    highs.setSolution(start)
    highs.run()
    info = highs.getInfo()
    status = highs.modelStatusToString(highs.getModelStatus())
    bound = min(max(whole_bound(info.mip_dual_bound, scale), _never_below(pool)), before)
    finished = status != "Time limit reached"
    if info.primal_solution_status != 2:
        return Improved(today, before, before, bound, before <= bound, finished)
    used = highs.getSolution().col_value
    plans = _whole(pool, model, columns, [used[column] > 0.5 for column in columns.use.values()], scale)
    after = cost_of_pool(pool, plans)
    if after >= before:
        plans, after = today, before
    return Improved(plans, before, after, min(bound, after), after <= bound, finished)


def _never_below(pool: Pool) -> int:
    """Return what no plans cost less than: zero, but for what taking aging stock may be worth."""
    least = min((tier.extra for ladder in pool.stock.values() for tier in ladder), default=0)
    return sum(units for order in pool.orders for units in order.today.values()) * min(least, 0)


def _model(pool: Pool, scale: int) -> tuple[Model, _Columns]:
    """Return the program: each line ships as many units as today, within the stock and the capacity of all."""
    model = Model()
    columns = _Columns({}, {}, {})
    drawn: dict[tuple[UUID, UUID], list[int]] = {}
    at_node: dict[UUID, list[int]] = {}
    slots: dict[str, list[int]] = {}
    for number, order in enumerate(pool.orders):
        _add_order(model, columns, pool, number, order, drawn, at_node, slots, scale)
    for place, shipped in drawn.items():
        terms = dict.fromkeys(shipped, 1.0)
        for tier, rung in enumerate(pool.stock[place]):
            column = columns.draw[*place, tier] = model.column(rung.extra, rung.units / scale)
            terms[column] = -1.0
        model.row(0, 0, terms)
    for node, shipped in at_node.items():
        if node in pool.capacity:
            model.row(-INFINITE, pool.capacity[node] / scale, dict.fromkeys(shipped, 1.0))
    for slot, uses in slots.items():
        if slot in pool.limits:
            model.row(-INFINITE, pool.limits[slot], dict.fromkeys(uses, 1.0))
    return model, columns


def _add_order(
    model: Model,
    columns: _Columns,
    pool: Pool,
    number: int,
    order: PoolOrder,
    drawn: dict[tuple[UUID, UUID], list[int]],
    at_node: dict[UUID, list[int]],
    slots: dict[str, list[int]],
    scale: int,
) -> None:
    wanted: dict[int, int] = {}
    for (line, _), units in order.today.items():
        wanted[line] = wanted.get(line, 0) + units
    used_today = {way for _, way in order.today}
    by_node: dict[UUID, list[int]] = {}
    by_line: dict[int, list[int]] = {}
    for index, way in enumerate(order.ways):
        if way.only_today and index not in used_today:
            continue
        node = way.way.node.id
        use = columns.use[number, index] = model.column(way.fixed, 1, whole=True)
        by_node.setdefault(node, []).append(use)
        for slot in way.slots:
            slots.setdefault(slot, []).append(use)
        for line, units in wanted.items():
            place = order.items[line], node
            most = min(units, sum(tier.units for tier in pool.stock.get(place, ())))
            if way.unit[line] < 0 or most <= 0:
                continue
            ship = columns.ship[number, line, index] = model.column(way.unit[line], most / scale)
            model.row(-INFINITE, 0, {ship: 1.0, use: -most / scale})
            by_line.setdefault(line, []).append(ship)
            drawn.setdefault(place, []).append(ship)
            at_node.setdefault(node, []).append(ship)
    for line, units in wanted.items():
        model.row(units / scale, units / scale, dict.fromkeys(by_line[line], 1.0))
    for uses in by_node.values():
        model.row(-INFINITE, 1, dict.fromkeys(uses, 1.0))
    model.row(-INFINITE, order.most_nodes, {use: 1.0 for uses in by_node.values() for use in uses})


def _start(pool: Pool, columns: _Columns, count: int, scale: int) -> list[float]:
    """Return today's plans as values of the columns."""
    values = [0.0] * count
    drawn: dict[tuple[UUID, UUID], int] = {}
    for number, order in enumerate(pool.orders):
        for (line, way), units in order.today.items():
            values[columns.use[number, way]] = 1.0
            values[columns.ship[number, line, way]] = units / scale
            place = order.items[line], order.ways[way].way.node.id
            drawn[place] = drawn.get(place, 0) + units
    for (item, node), units in drawn.items():
        left = units
        for tier, rung in enumerate(pool.stock[item, node]):
            some = min(rung.units, left)
            values[columns.draw[item, node, tier]] = some / scale
            left -= some
    return values


def _whole(pool: Pool, model: Model, columns: _Columns, used: Sequence[bool], scale: int) -> list[Units]:
    """Return the cheapest plans by the ways in use, in whole numbers.

    With the ways fixed what is left is a flow with whole-number limits, and a vertex of it is whole; the simplex method
    ends in one.
    """
    for column, on in zip(columns.use.values(), used, strict=True):
        model.lower[column] = model.upper[column] = float(on)
    model.whole = [False] * len(model.whole)
    highs = model.load()
    highs.setOptionValue("solver", "simplex")
    highs.run()
    values = np.array(highs.getSolution().col_value) * scale
    plans: list[dict[tuple[int, int], int]] = [{} for _ in pool.orders]
    for (number, line, way), column in columns.ship.items():
        units = round(values[column])
        if abs(units - values[column]) > 0.01 * max(scale / 1000, 1):
            raise ArithmeticError(f"order {number} of the wave ships {values[column]} of line {line}: no whole number")
        if units:
            plans[number][line, way] = units
    for number, order in enumerate(pool.orders):
        for line in {line for line, _ in order.today}:
            today = sum(units for (of, _), units in order.today.items() if of == line)
            now = sum(units for (of, _), units in plans[number].items() if of == line)
            if today != now:
                raise ArithmeticError(f"order {number} of the wave ships {now} of line {line} instead of {today}")
    return list(plans)
