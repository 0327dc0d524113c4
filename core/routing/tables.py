"""The compact problem as arrays, and the values of many sets of ways at once."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations, product
from typing import Any

import numpy as np
import numpy.typing as npt

from core.routing.compact import Compact, Ladder

Array = npt.NDArray[Any]
"""Whole numbers: float64 while every value is below 2^52 and so exact, Python integers (object) beyond."""
EXACT = 2**52
NO_LIMIT = 2**62
CELLS = 200_000
"""Numbers in the working array that sets are valued in; more sets are valued in parts."""


class Tables:
    """Arrays of a compact problem; rows that share stock are one row, which makes values of sets lower bounds.

    That row wants all units of the item, each at the least cost of any of its rows, where each row's own least cost
    over all ways has been taken out before and is added as a constant: exact while costs are a sum of a part by way and
    a part by row.

    Args (of the instance):
        cost, room: (ways, rows, tiers), cost per unit and units of each rung, 0 and 0 where there is none.
        price: by row, of a unit that is not shipped.
        base: constant part of every value.
        limit: (ways), most units of a way, `NO_LIMIT` where it cannot matter; sets are valued as if there was none.
        exact: whether values of sets are exact and not only lower bounds.
    """

    def __init__(self, problem: Compact) -> None:
        """Lay out the arrays."""
        self.kind: type = float if problem.size < EXACT else object
        cells, demands, prices, base = _relaxed(problem)
        tiers = max((len(cell) for row in cells for cell in row), default=1) or 1
        shape = len(problem.ways), len(cells), tiers
        costs = [[[0] * tiers for _ in cells] for _ in problem.ways]
        rooms = [[[0] * tiers for _ in cells] for _ in problem.ways]
        for row, by_way in enumerate(cells):
            for way, cell in enumerate(by_way):
                for tier, (units, cost) in enumerate(cell):
                    costs[way][row][tier], rooms[way][row][tier] = cost, units
        self.cost = np.array(costs, dtype=self.kind).reshape(shape)
        self.room = np.array(rooms, dtype=self.kind).reshape(shape)
        self.fixed = np.array([way.fixed for way in problem.ways], dtype=self.kind)
        self.demand = np.array(demands, dtype=self.kind)
        self.price = np.array(prices, dtype=self.kind)
        self.node = np.array([way.node for way in problem.ways], dtype=np.intp)
        self.base = base
        self.most = problem.most
        self.limit = np.array([NO_LIMIT if way.limit is None else way.limit for way in problem.ways])
        self.exact = not problem.shared and all(way.limit is None for way in problem.ways)


def _relaxed(problem: Compact) -> tuple[list[list[Ladder]], list[int], list[int], int]:
    """Return ladders by row and way, demands and prices by row, and the constant."""
    grouped = {row for rows in problem.shared for row in rows}
    cells = [[way.cells[row] for way in problem.ways] for row in range(len(problem.rows)) if row not in grouped]
    demands = [row.demand for index, row in enumerate(problem.rows) if index not in grouped]
    prices = [problem.price] * len(cells)
    base = 0
    for group, rows in enumerate(problem.shared):
        units = {
            row: [way.cells[row][0][1] - way.stock[group][0].extra if way.cells[row] else None for way in problem.ways]
            for row in rows
        }
        least = {row: min((each for each in units[row] if each is not None), default=0) for row in rows}
        wanted = sum(problem.rows[row].demand for row in rows)
        price = problem.price - max(least.values())
        base += sum(least[row] * problem.rows[row].demand for row in rows)
        merged: list[Ladder] = []
        reach: dict[int, int] = {}
        for index, way in enumerate(problem.ways):
            able = [(unit - least[row], row) for row in rows if (unit := units[row][index]) is not None]
            rungs, left = [], sum(problem.rows[row].demand for _, row in able)
            for tier in way.stock[group] if able else ():
                some = min(tier.units, left)
                left -= some
                if some:
                    rungs.append((some, min(able)[0] + tier.extra))
            merged.append(tuple(rungs))
            reach[way.node] = max(reach.get(way.node, 0), sum(some for some, _ in rungs))
        demand = min(wanted, sum(reach.values()))
        base += (wanted - demand) * price
        cells.append(merged)
        demands.append(demand)
        prices.append(price)
    return cells, demands, prices, base


class Ranking:
    """The rungs of some ways in ascending cost by row, so that any sets of these ways are filled in one pass."""

    def __init__(self, tables: Tables, ways: Array) -> None:
        """Rank the rungs of `ways`."""
        count, rows, tiers = len(ways), len(tables.demand), tables.cost.shape[2]
        cost = tables.cost[ways].transpose(1, 0, 2).reshape(rows, count * tiers)
        room = tables.room[ways].transpose(1, 0, 2).reshape(rows, count * tiers)
        order = np.argsort(cost, axis=1, kind="stable")
        self._way = order // tiers
        cost = np.take_along_axis(cost, order, axis=1)
        self._room = np.take_along_axis(room, order, axis=1)
        # Summed by parts: what is filled up to a rung, times the step of cost to the next, and at the end to the price.
        self._step = cost - np.concatenate([cost[:, 1:], tables.price[:, None]], axis=1)
        self._demand = tables.demand[:, None]
        self._fixed = tables.fixed[ways]
        self._base = tables.base + (tables.price * tables.demand).sum()

    def values(self, sets: Array) -> Array:
        """Return the value of each set: fixed costs of all its ways, unit costs, and the price of what is unshipped.

        Args:
            sets: (sets, ways) of ones and zeros, at most one way of a node in a set.
        """
        if self._fixed.dtype == object:
            sets = sets.astype(np.int64).astype(object)  # so that nothing becomes a float on the way
        part = max(CELLS // max(self._step.size, 1), 1)
        if len(sets) <= part:
            return self._values(sets)
        return np.concatenate([self._values(sets[at : at + part]) for at in range(0, len(sets), part)])

    def _values(self, sets: Array) -> Array:
        filled = (sets[:, self._way] * self._room).cumsum(axis=2)
        np.minimum(filled, self._demand, out=filled)
        filled *= self._step
        values: Array = sets @ self._fixed + filled.sum(axis=(1, 2)) + self._base
        return values


@lru_cache(maxsize=64)
def all_sets(counts: tuple[int, ...], most: int) -> Array:
    """Return every set of up to `most` nodes with one way of each, small sets first, as rows of ones and zeros.

    Args:
        counts: how many ways each node has; the ways are numbered through.
        most: nodes in the largest set.
    """
    first = [sum(counts[:node]) for node in range(len(counts))]
    rows = []
    for size in range(most + 1):
        for nodes in combinations(range(len(counts)), size):
            for ways in product(*[range(first[node], first[node] + counts[node]) for node in nodes]):
                row = np.zeros(sum(counts))
                row[list(ways)] = 1
                rows.append(row)
    return np.array(rows).reshape(len(rows), sum(counts))


def number_of_sets(counts: tuple[int, ...], most: int) -> int:
    """Return how many sets `all_sets` would give."""
    ways = [1] + [0] * most
    for count in counts:
        for size in range(most, 0, -1):
            ways[size] += ways[size - 1] * count
    return sum(ways)
