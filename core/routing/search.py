"""The exact search: most units, then least cost, with a bound that holds when the allowed work runs out."""

from __future__ import annotations

import heapq
from collections import Counter
from itertools import count

import numpy as np

from core.routing.compact import Compact
from core.routing.dual import Ascent, Dual, Part, ascend, narrow
from core.routing.filling import alone, fill
from core.routing.tables import Array, Ranking, Tables, all_sets, number_of_sets

FEW_SETS = 1500
"""Up to so many sets all are valued at once."""
ROUNDS_AT_ROOT, ROUNDS_BELOW = 120, 24
LISTED_CELLS = 300_000
"""Sets are listed and valued, instead of branching, while this is the size of the working array."""
FEWEST_LISTED = 40
"""So many sets are listed in any case."""


class Search:
    """One search: the best plan so far, its value, and the work left."""

    def __init__(self, problem: Compact, steps: int) -> None:
        """Begin with nothing shipped."""
        self.problem = problem
        self.left = steps
        self.visited = 0
        self.best, self.taken = fill(problem, ())
        self.chosen: tuple[int, ...] = ()
        self.bound = 0

    def offer(self, ways: tuple[int, ...]) -> None:
        """Value a set of ways exactly, and keep it when it is the best so far; ways that ship nothing are left out."""
        value, taken = fill(self.problem, ways)
        used = {way for _, way in taken}
        value -= sum(self.problem.ways[way].fixed for way in ways if way not in used)
        self.left -= 20 + 4 * len(self.problem.rows)
        if value < self.best:
            self.best, self.taken, self.chosen = value, taken, tuple(way for way in ways if way in used)

    def run(self) -> None:
        """Search until the best plan is proven, or the work is spent; `bound` then holds for every plan."""
        problem = self.problem
        if problem.most == 0 or not problem.ways:
            self.bound = self.best
            return
        if self._one_is_enough():
            return
        counts = tuple(Counter(way.node for way in problem.ways).values())
        tables = Tables(problem)
        ways = np.arange(len(problem.ways))
        limited = any(way.limit is not None for way in problem.ways)
        if not limited and number_of_sets(counts, problem.most) <= FEW_SETS:
            self._value_all(tables, ways, all_sets(counts, problem.most))
            self.bound = self.best
            return
        self._branch(tables, ways)

    def _one_is_enough(self) -> bool:
        """Return whether the best single way ships everything at no more than any two or more could cost."""
        problem = self.problem
        able = [(cost, index) for index, way in enumerate(problem.ways) if (cost := alone(problem, way)) is not None]
        if not able:
            return False
        self.offer((min(able)[1],))
        fixed = sorted([way.fixed for way in problem.ways])
        if problem.most > 1 and len(fixed) > 1:
            least = fixed[0] + fixed[1]
            for row, wanted in enumerate(problem.rows):
                costs = [way.cells[row][0][1] for way in problem.ways if way.cells[row]]
                least += wanted.demand * min(costs, default=0)
            if self.best > least:
                return False
        # One way with all units beats every other single way with all units; fewer units are never better.
        self.bound = self.best
        return True

    def _value_all(self, tables: Tables, ways: Array, sets: Array) -> None:
        """Value sets of ways, the most promising first, and keep the best."""
        if not len(sets):
            return
        values = Ranking(tables, ways).values(sets)
        self.left -= 60 + sets.shape[0] * len(ways) * tables.cost.shape[1] * tables.cost.shape[2] // 200
        self.visited += len(sets)
        if tables.exact:
            place = int(np.argmin(values))
            if values[place] < self.best:
                self.offer(tuple(ways[np.flatnonzero(sets[place])].tolist()))
            return
        for place in np.argsort(values, kind="stable").tolist():
            if values[place] >= self.best:
                break
            self.offer(tuple(ways[np.flatnonzero(sets[place])].tolist()))

    def _branch(self, tables: Tables, ways: Array) -> None:
        """Bound parts by `dual`, best bound first; small parts are listed, others divided at a node."""
        order = count()
        root = Part(ways, frozenset(), _first_prices(tables), 0)
        heap: list[tuple[int, int, Part]] = [(0, next(order), root)]
        while heap:
            bound, place, part = heapq.heappop(heap)
            if bound >= self.best:
                heap.clear()
                break
            if self.left <= 0:
                self.bound = bound
                return
            self.visited += 1
            for child in self._look_into(tables, part, root=place == 0):
                if child.bound < self.best:
                    heapq.heappush(heap, (child.bound, next(order), child))
        self.bound = self.best

    def _look_into(self, tables: Tables, part: Part, *, root: bool) -> list[Part]:
        """Bound a part; return the parts it is divided into, none when it is settled."""
        rounds = ROUNDS_AT_ROOT if root else ROUNDS_BELOW
        for attempt in range(3 if root else 1):
            dual = Dual(tables, part)
            found = ascend(dual, tables, part.prices, self.best, rounds)
            self.left -= rounds * (60 + dual.size // 500)
            for ways in list(found.sets)[-6:]:
                self.offer(ways)
            if root:
                self._improve(tables, dual, found)
            before = len(part.ways)
            part = narrow(dual, found, self.best, part)
            if part.bound >= self.best or len(part.ways) == 0 or len(part.opened) > tables.most:
                return []
            if attempt and len(part.ways) > 0.8 * before:
                break
        dual = Dual(tables, part)
        values = dual.values(part.prices)
        sets = self._list(tables, dual, values, part)
        if sets is not None:
            self._value_all(tables, part.ways, sets)
            return []
        return _divide(tables, dual, values, part)

    def _improve(self, tables: Tables, dual: Dual, found: Ascent) -> None:
        """Exchange, add or drop one way of the best plan at a time, among the most promising ways, while it helps."""
        near = dual.ways[np.argsort(found.values, kind="stable")[:24]]
        for _ in range(6):
            ways = np.array(sorted({*near.tolist(), *self.chosen}), dtype=np.intp)
            before = self.best
            self._value_all(tables, ways, _neighbors(tables, ways, self.chosen))
            if self.best == before:
                return

    def _list(self, tables: Tables, dual: Dual, values: Array, part: Part) -> Array | None:
        """Return all sets of a part that may be better than the best plan, None when they are too many."""
        per_set = len(part.ways) * tables.cost.shape[1] * tables.cost.shape[2]
        limit = max(LISTED_CELLS // per_set, FEWEST_LISTED)
        room = self.best - dual.constant(part.prices)
        found: list[list[int]] = []
        must = [np.flatnonzero(dual.node_of == node).tolist() for node in np.flatnonzero(dual.opened)]
        free = [int(way) for way in np.argsort(values, kind="stable") if not dual.opened[dual.node_of[way]]]
        cost = values.tolist()
        node = dual.node_of.tolist()
        tail = [cost[way] for way in free]
        heads = [0, *np.cumsum([min(each, 0) for each in tail]).tolist()] if tail else [0]
        looked = 0

        def extend(start: int, used: list[int], value: float, more: int) -> bool:
            nonlocal looked
            if value < room:
                found.append(used)
            for place in range(start, len(free) if more > 0 else start):
                looked += 1
                if len(found) > limit or looked > 20 * limit:
                    return False
                last = min(place + more, len(free))
                if value + min(heads[last] - heads[place], 0) + max(tail[place], 0) >= room:
                    break
                if node[free[place]] in {node[way] for way in used}:
                    continue
                if not extend(place + 1, [*used, free[place]], value + tail[place], more - 1):
                    return False
            return True

        def open_all(at: int, used: list[int], value: float) -> bool:
            if at == len(must):
                return extend(0, used, value, dual.most)
            return all(open_all(at + 1, [*used, way], value + cost[way]) for way in must[at])

        done = open_all(0, [], 0)
        self.left -= looked
        if not done:
            return None
        sets = np.zeros((len(found), len(part.ways)))
        for row, used in enumerate(found):
            sets[row, used] = 1
        return sets


def _first_prices(tables: Tables) -> Array:
    """Return what a unit costs where it is cheapest with its share of the shipment."""
    units = np.maximum(tables.room.sum(axis=2), 0)
    total = np.maximum(units.sum(axis=1), 1)
    share = (tables.fixed // total)[:, None]
    able = units > 0
    whole = np.where(able, tables.cost[:, :, 0] + share, tables.price)
    prices: Array = np.minimum(whole.min(axis=0), tables.price)
    return prices


def _neighbors(tables: Tables, ways: Array, chosen: tuple[int, ...]) -> Array:
    """Return the sets one exchange, addition or removal away from the chosen ways."""
    base = np.isin(ways, chosen).astype(float)
    inside: list[int] = np.flatnonzero(base).tolist()
    node = tables.node[ways].tolist()
    changes: list[tuple[list[int], list[int]]] = [([], [old]) for old in inside]
    for new in range(len(ways)):
        if base[new]:
            continue
        same = [old for old in inside if node[old] == node[new]]
        changes.extend(([new], [old]) for old in same or inside)
        if not same and len(inside) < tables.most:
            changes.append(([new], []))
    sets = np.tile(base, (len(changes), 1))
    for row, (come, go) in enumerate(changes):
        sets[row, come] = 1
        sets[row, go] = 0
    return sets


def _divide(tables: Tables, dual: Dual, values: Array, part: Part) -> list[Part]:
    """Return two parts: one where the most doubtful node must ship, one where it must not.

    When all nodes must ship, the ways of one are divided instead.
    """
    if dual.opened.all():
        node = int(np.argmax(np.bincount(dual.node_of)))
        places = np.flatnonzero(dual.node_of == node)
        half = places[: len(places) // 2]
        return [
            Part(np.delete(part.ways, some), part.opened, part.prices, part.bound)
            for some in (half, places[len(half) :])
        ]
    doubt = np.abs(dual.picks(values)[0])
    doubt = np.where(dual.opened, max(doubt.tolist()) + 1, doubt)
    node = int(np.argmin(doubt))
    name = int(dual.nodes[node])
    inside = Part(part.ways, part.opened | {name}, part.prices, part.bound)
    outside = Part(part.ways[dual.node_of != node], part.opened, part.prices, part.bound)
    return [each for each in (inside, outside) if len(each.opened) <= tables.most and len(each.ways)]
