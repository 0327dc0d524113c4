"""Lagrangian bounds: every row's demand is priced instead of demanded, so that nodes decide each on its own.

With a price l_r for a unit of row r, no set of up to k nodes has a value below

    base + sum_r l_r demand_r + sum of the k least values min(0, v_n),
    v_n = min over ways w of n of  fixed_w + sum_r sum_t min(0, cost_wrt - l_r) room_wrt

where a node of limited capacity takes only the units that gain most.
(A. M. Geoffrion, Lagrangean relaxation for integer programming, 1974; the bound of facility location by D. Erlenkotter,
1978, in its capacitated form). Prices are whole numbers, so that the bound is exact in whole numbers and holds whatever
prices the ascent tried.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.routing.tables import NO_LIMIT, Array, Tables

PATIENCE = 6
"""Rounds without a better bound after which the steps become smaller."""


@dataclass(slots=True)
class Part:
    """A part of the search tree: the ways still in question, in order of node, and the nodes that must ship.

    `prices` are where the ascent starts and then the best found; `bound` holds for every plan of the part.
    """

    ways: Array
    opened: frozenset[int]
    prices: Array
    bound: int


class Dual:
    """The arrays of one part, and its bound as a function of the prices."""

    def __init__(self, tables: Tables, part: Part) -> None:
        """Select the arrays of the part's ways."""
        ways = part.ways
        self.ways = ways
        tiers = tables.cost.shape[2]
        self._rows = len(tables.demand)
        self._cost = tables.cost[ways].reshape(len(ways), self._rows * tiers)
        self._room = tables.room[ways].reshape(len(ways), self._rows * tiers)
        self._spread = np.arange(self._rows).repeat(tiers)
        self._fixed = tables.fixed[ways]
        self._limit = tables.limit[ways]
        self._limited = np.flatnonzero(self._limit < NO_LIMIT)
        self.nodes, self.starts, self.node_of = np.unique(tables.node[ways], return_index=True, return_inverse=True)
        self._tables = tables
        self.opened = np.isin(self.nodes, list(part.opened))
        self.most = tables.most - len(part.opened)
        self.size = self._cost.size

    def values(self, prices: Array) -> Array:
        """Return the value of each way at these prices."""
        gain = self._cost - prices[self._spread]
        np.minimum(gain, 0, out=gain)
        gain *= self._room
        values: Array = gain.sum(axis=1) + self._fixed
        if len(self._limited):
            taken = self._taken(self._limited, prices)
            gain = (self._cost[self._limited] - prices[self._spread]) * taken
            values[self._limited] = gain.sum(axis=1) + self._fixed[self._limited]
        return values

    def _taken(self, places: Array, prices: Array) -> Array:
        """Return the units ways take of each rung at these prices: those that gain, within the limit the best first."""
        cost, room = self._cost[places], self._room[places]
        taken: Array = np.where(cost < prices[self._spread], room, 0)
        for row in np.flatnonzero(self._limit[places] < NO_LIMIT).tolist():
            order = np.argsort(cost[row] - prices[self._spread], kind="stable")
            upto = np.minimum(taken[row][order].cumsum(), self._limit[places[row]])
            taken[row][order] = np.diff(upto, prepend=0)
        return taken

    def picks(self, values: Array) -> tuple[Array, Array]:
        """Return the value of each node and which nodes the bound uses: the opened and the best of the others."""
        by_node = np.minimum.reduceat(values, self.starts)
        used = self.opened | (by_node < 0)
        free = np.flatnonzero(used & ~self.opened)
        if len(free) > self.most:
            order = np.argsort(by_node[free], kind="stable")
            used[free[order[self.most :]]] = False
        return by_node, used

    def constant(self, prices: Array) -> int:
        """Return the part of the bound that does not depend on the nodes."""
        return int(self._tables.base + (prices * self._tables.demand).sum())

    def missing(self, prices: Array, chosen: Array) -> Array:
        """Return demand less what the chosen ways ship at these prices, by row: the slope of the bound."""
        shipped = self._taken(chosen, prices).sum(axis=0)
        slope: Array = self._tables.demand - shipped.reshape(self._rows, -1).sum(axis=1)
        return slope

    def chosen(self, values: Array, by_node: Array, used: Array) -> Array:
        """Return the place of the way that gives each used node its value, the first of equals."""
        places = np.flatnonzero((values == by_node[self.node_of]) & used[self.node_of])
        _, first = np.unique(self.node_of[places], return_index=True)
        return places[first]


@dataclass(slots=True)
class Ascent:
    """The best bound found, the prices and values of ways it belongs to, and sets of ways worth valuing."""

    bound: int
    prices: Array
    values: Array
    by_node: Array
    used: Array
    sets: dict[tuple[int, ...], None]


def ascend(dual: Dual, tables: Tables, prices: Array, best: int, rounds: int) -> Ascent:
    """Raise the bound by steps along its slope (B. T. Polyak, 1969) until it reaches `best` or the rounds are over."""
    found: Ascent | None = None
    sets: dict[tuple[int, ...], None] = {}
    pace, since = 1.0, 0
    direction = [0.0] * len(tables.demand)
    for _ in range(rounds):
        values = dual.values(prices)
        by_node, used = dual.picks(values)
        bound = dual.constant(prices) + int(by_node[used].sum())
        chosen = dual.chosen(values, by_node, used)
        if found is None or bound > found.bound:
            found, since = Ascent(bound, prices, values, by_node, used, sets), 0
            sets[tuple(dual.ways[chosen].tolist())] = None
            if bound >= best:
                break
        else:
            since += 1
            if since >= PATIENCE:
                pace, since = pace / 2, 0
                prices = found.prices
        slope = dual.missing(prices, chosen).tolist()
        # Sums of a few floats in a fixed order, so that every machine takes the same step.
        direction = [float(one) + 0.4 * before for one, before in zip(slope, direction, strict=True)]
        length = sum(each * each for each in direction)
        if length == 0:
            break
        step = pace * (best - bound) / length
        moved = [
            min(int(price + step * each + 0.5), int(limit))
            for price, each, limit in zip(prices.tolist(), direction, tables.price.tolist(), strict=True)
        ]
        prices = np.array(moved, dtype=tables.kind)
    assert found is not None
    return found


def narrow(dual: Dual, found: Ascent, best: int, part: Part) -> Part:
    """Return the part without ways that cannot be in a plan below `best`, and with nodes that must be in it opened."""
    bound, by_node, used = found.bound, found.by_node, found.used
    free_used = used & ~dual.opened
    full = int(free_used.sum()) >= dual.most
    worst = max(by_node[free_used].tolist(), default=0) if full else 0
    replaced = np.where(used, by_node, worst)[dual.node_of]
    keep = found.values - replaced + bound < best
    if dual.most <= 0:
        keep &= dual.opened[dual.node_of]
    rest = by_node[~used].tolist()
    instead = min(min(rest, default=0), 0) if full else 0
    must = free_used & (bound - by_node + instead >= best)
    opened = part.opened | frozenset(dual.nodes[must].tolist())
    return Part(dual.ways[keep], opened, found.prices, max(part.bound, bound))
