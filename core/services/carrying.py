"""Stock carried on through a simulation: what another choice took elsewhere is not there for the orders that follow.

A recorded decision knows the stock history had left. The walk keeps, by item and node, how many units the simulation
has taken beyond history, and later decisions see the recorded stock less that. An order's units are even again when the
order ended: they came back with a cancellation, or their place was filled up after they had left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from heapq import heappop, heappush
from uuid import UUID

from sqlalchemy import Connection, text

from core.domain.shelf import Key
from core.routing.problem import Assignment, Problem, StockTier
from core.store.unit import DEFAULT_TENANT

NONE = Decimal(0)
ENDED = text(
    "SELECT id, coalesce(canceled_at, completed_at) AS at FROM orders"
    " WHERE tenant_id = :t AND id = ANY(:ids) AND coalesce(canceled_at, completed_at) IS NOT NULL"
)


@dataclass(slots=True)
class _Line:
    """One order line: what is wanted of it, and which units were given to it, last given last."""

    wanted: Decimal
    before: list[tuple[Key, Decimal]] = field(default_factory=list)
    after: list[tuple[Key, Decimal]] = field(default_factory=list)


@dataclass(slots=True)
class Carried:
    """What the simulation has taken beyond history so far.

    Attributes:
        touched: decisions that saw other stock than history did.
        unmet: decisions whose recorded facts do not hold with it: more was taken than they had, or units are left at a
            node they know nothing of.
    """

    touched: int = 0
    unmet: int = 0
    _beyond: dict[UUID, dict[UUID, Decimal]] = field(default_factory=dict)
    _lines: dict[UUID, dict[UUID, _Line]] = field(default_factory=dict)
    _ends: list[tuple[datetime, UUID]] = field(default_factory=list)

    def until(self, moment: datetime) -> None:
        """Make even what the orders had that ended by a moment; moments never go back."""
        while self._ends and self._ends[0][0] <= moment:
            for line in self._lines.pop(heappop(self._ends)[1], {}).values():
                self._give_back(line.before, -_units(line.before))
                self._give_back(line.after, _units(line.after))

    def seen(self, order_id: UUID, problem: Problem) -> Problem:
        """Return a recorded problem as the simulation sees it: units its order has not got yet, stock that is left."""
        lines, demands = self._lines.setdefault(order_id, {}), []
        for demand in problem.demands:
            line = lines.get(demand.line_id)
            if line is None:
                lines[demand.line_id] = _Line(demand.quantity)
                demands.append(demand)
                continue
            had = _units(line.before)
            line.wanted = max(line.wanted, demand.quantity)  # the buyer may have asked for more
            back = had + demand.quantity - line.wanted
            if back > 0:  # history had units of it back: so has the simulation
                self._give_back(line.before, -back)
                self._give_back(line.after, back)
            else:  # some of it was canceled
                line.wanted += back
            if (left := line.wanted - _units(line.after)) > 0:
                demands.append(replace(demand, quantity=left))
        if demands != list(problem.demands):
            problem = replace(problem, demands=demands)
        return self._with_stock(problem)

    def note(
        self, order_id: UUID, ended: datetime | None, before: Sequence[Assignment], after: Sequence[Assignment]
    ) -> None:
        """Note what history and the simulation gave an order whose problem was just `seen`."""
        lines = self._lines[order_id]
        for sign, given in ((-1, before), (1, after)):
            for each in given:
                line = lines[each.line_id]
                (line.after if sign > 0 else line.before).append(((each.item_id, each.node_id), each.quantity))
                self._add((each.item_id, each.node_id), sign * each.quantity)
        if ended is not None:
            heappush(self._ends, (ended, order_id))

    def keep(self, problem: Problem, before: Sequence[Assignment]) -> None:
        """Look whether the choice of an order that is not decided again still finds its units."""
        wanted: dict[Key, Decimal] = {}
        for each in before:
            key = each.item_id, each.node_id
            wanted[key] = wanted.get(key, NONE) + each.quantity
        self.unmet += any(
            (beyond := self._beyond.get(item, {}).get(node, NONE)) > 0
            and problem.stock.get((item, node), NONE) - beyond < units
            for (item, node), units in wanted.items()
        )

    def _with_stock(self, problem: Problem) -> Problem:
        changed = {
            (item, node): units
            for item in dict.fromkeys(demand.item_id for demand in problem.demands)
            for node, units in self._beyond.get(item, {}).items()
        }
        if not changed:
            return problem
        stock, ladders, unmet = dict(problem.stock), dict(problem.ladders), False
        known = {node for _, node in problem.stock} if problem.services else {node.id for node in problem.nodes}
        for (item, node), units in changed.items():
            if node not in known:
                unmet = unmet or units < 0  # what it would have shipped by is not recorded
                continue
            left = stock.get((item, node), NONE) - units
            unmet = unmet or left < 0
            stock[item, node] = max(left, NONE)
            if (item, node) in ladders:
                ladders[item, node] = _rest(ladders[item, node], units)
        self.touched += 1
        self.unmet += unmet
        return replace(problem, stock=stock, ladders=ladders)

    def _give_back(self, given: list[tuple[Key, Decimal]], units: Decimal) -> None:
        """Take so many units, last given first, from what was given; a negative number stands for history's."""
        sign, left = (1, units) if units > 0 else (-1, -units)
        while given and left > 0:
            key, last = given.pop()
            back = min(last, left)
            if back < last:
                given.append((key, last - back))
            left -= back
            self._add(key, -sign * back)

    def _add(self, key: Key, units: Decimal) -> None:
        nodes = self._beyond.setdefault(key[0], {})
        nodes[key[1]] = nodes.get(key[1], NONE) + units
        if not nodes[key[1]]:
            del nodes[key[1]]


def ends_of(conn: Connection, orders: Sequence[UUID], tenant: int = DEFAULT_TENANT) -> Mapping[UUID, datetime]:
    """Return when each order ended; those that have not are left out."""
    return {row.id: row.at for row in conn.execute(ENDED, {"t": tenant, "ids": list(orders)})}


def _units(given: Sequence[tuple[Key, Decimal]]) -> Decimal:
    return sum((units for _, units in given), NONE)


def _rest(ladder: Sequence[StockTier], units: Decimal) -> list[StockTier]:
    """Return a ladder less some units, those taken first gone first; what comes back is fresh."""
    if units < 0:
        fresh = StockTier(-units, 0)
        return sorted([*ladder, fresh], key=lambda tier: tier.extra)
    found = []
    for tier in ladder:
        gone = min(tier.units, units)
        units -= gone
        if gone < tier.units:
            found.append(replace(tier, units=tier.units - gone))
    return found
