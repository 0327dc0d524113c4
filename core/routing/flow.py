"""Minimum-cost maximum flow in whole numbers, for what greedy filling cannot decide: shared stock and node capacity."""

from __future__ import annotations

from collections import deque


class Network:
    """A small directed network; arcs are added, then `run` sends as much as possible at the least cost.

    Successive shortest paths, each found by the queue form of Bellman and Ford, so that negative costs are allowed
    (Ahuja, Magnanti, Orlin, Network Flows, 1993, sections 5.4 and 9.7). Equal input gives equal flow.
    """

    def __init__(self, nodes: int) -> None:
        """Make a network of so many nodes and no arcs."""
        self._arcs: list[list[int]] = [[] for _ in range(nodes)]
        self._head: list[int] = []
        self._room: list[int] = []
        self._cost: list[int] = []

    def add(self, tail: int, head: int, room: int, cost: int) -> int:
        """Add an arc that takes up to `room` units at `cost` each, and return its number for `flow`."""
        number = len(self._head)
        self._head += (head, tail)
        self._room += (room, 0)
        self._cost += (cost, -cost)
        self._arcs[tail].append(number)
        self._arcs[head].append(number + 1)
        return number

    def flow(self, arc: int) -> int:
        """Return the units that an arc carries."""
        return self._room[arc + 1]

    def run(self, source: int, sink: int) -> tuple[int, int]:
        """Send the most units from source to sink at the least cost; return (units, cost)."""
        units = cost = 0
        while (found := self._path(source, sink)) is not None:
            path, length = found
            room = min(self._room[arc] for arc in path)
            for arc in path:
                self._room[arc] -= room
                self._room[arc ^ 1] += room
            units += room
            cost += room * length
        return units, cost

    def _path(self, source: int, sink: int) -> tuple[list[int], int] | None:
        head, room, cost = self._head, self._room, self._cost
        far: list[int | None] = [None] * len(self._arcs)
        by: list[int] = [-1] * len(self._arcs)
        far[source] = 0
        queue, queued = deque([source]), {source}
        while queue:
            node = queue.popleft()
            queued.discard(node)
            base = far[node]
            assert base is not None
            for arc in self._arcs[node]:
                if room[arc] > 0:
                    length, there = base + cost[arc], head[arc]
                    known = far[there]
                    if known is None or length < known:
                        far[there], by[there] = length, arc
                        if there not in queued:
                            queue.append(there)
                            queued.add(there)
        length_of_all = far[sink]
        if length_of_all is None:
            return None
        path, node = [], sink
        while node != source:
            path.append(by[node])
            node = head[by[node] ^ 1]
        return path, length_of_all
