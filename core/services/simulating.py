"""Recorded decisions made again: facts as they were known then, but another policy, or a node off or with less room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Engine, Row

from core.domain.packing import Corrupt
from core.domain.policies import Traits, traits_of
from core.routing.optimizer import solve
from core.routing.problem import Assignment, Problem
from core.routing.reckoning import Reckoning, reckon
from core.services.redeciding import Bases, pieces, problem_behind, rows_of
from core.services.sharing import shared_out
from core.services.whatif import Scenario
from core.store.unit import DEFAULT_TENANT

SOURCING = "sourcing"
# Decisions next to each other share stock and hour: intervals are drawn from blocks of them, at least so many.
BLOCKS = 200


@dataclass(slots=True)
class Figures:
    """Sums over orders, before and after.

    Costs are in 1/10,000 of the currency and only of the orders that get as many units as before (`compared`): who
    ships less is not cheaper for it. `kept` is a sum of probabilities over the orders where both are `known`.
    """

    orders: int = 0
    compared: int = 0
    cost_before: int = 0
    cost_after: int = 0
    split_before: int = 0
    split_after: int = 0
    short_before: int = 0
    short_after: int = 0
    kept_before: float = 0.0
    kept_after: float = 0.0
    known: int = 0
    moved: int = 0

    def add(self, other: Figures) -> None:
        """Add what was found elsewhere."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class AtNode:
    """Shipments and units of one node, before and after."""

    shipments_before: int = 0
    shipments_after: int = 0
    units_before: Decimal = Decimal(0)
    units_after: Decimal = Decimal(0)


@dataclass(slots=True)
class Replayed:
    """What came of deciding again.

    Attributes:
        blocks: one for each piece of neighboring decisions.
        nodes: by node code and day.
        channels: by connection name.
        others: decisions of orders the tried policy is not for.
        unread: decisions whose inputs are not there or damaged.
        first: when the first decision that was looked at was made; None when there is none.
    """

    blocks: list[Figures] = field(default_factory=list)
    nodes: dict[tuple[str, str], AtNode] = field(default_factory=dict)
    channels: dict[str, Figures] = field(default_factory=dict)
    others: int = 0
    unread: int = 0
    first: datetime | None = None

    @property
    def looked_at(self) -> int:
        """How many decisions were read."""
        return sum(block.orders for block in self.blocks) + self.others + self.unread

    def add(self, other: Replayed) -> None:
        """Add what another share found."""
        self.blocks += other.blocks
        self.others += other.others
        self.unread += other.unread
        self.first = min((each for each in (self.first, other.first) if each is not None), default=None)
        for key, found in other.nodes.items():
            here = self.nodes.setdefault(key, AtNode())
            here.shipments_before += found.shipments_before
            here.shipments_after += found.shipments_after
            here.units_before += found.units_before
            here.units_after += found.units_after
        for name, figures in other.channels.items():
            self.channels.setdefault(name, Figures()).add(figures)


def decide_again(
    conn: Connection,
    scenario: Scenario,
    since: datetime | None,
    *,
    engine: Engine | None = None,
    processes: int = 1,
    limit: int | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Replayed:
    """Return what recorded sourcing decisions would have come to.

    Args:
        conn: a session to read with.
        scenario: what is taken to be otherwise.
        since: decisions made then or later; all when None.
        engine: of the same database, where several processes may read.
        processes: how many at most; a node with less room needs one, because its day fills up in order.
        limit: only the newest so many decisions; all when None.
        tenant: whose decisions.
    """
    wanted = pieces(conn, since, limit, BLOCKS, tenant)
    if engine is None or scenario.capacity:
        return replay(conn, wanted, scenario, tenant)
    found = Replayed()
    for share in shared_out(engine, replay, wanted, scenario, tenant, processes=processes):
        found.add(share)
    return found


def replay(
    conn: Connection, wanted: Sequence[tuple[UUID, UUID]], scenario: Scenario, tenant: int = DEFAULT_TENANT
) -> Replayed:
    """Return what the decisions of some pieces would have come to."""
    found, bases = Replayed(), Bases(conn, tenant)
    used: dict[str, dict[str, int]] = {}
    for piece in wanted:
        block = Figures()
        for row in rows_of(conn, piece, tenant):
            if row.kind != SOURCING:
                continue
            found.first = found.first or row.at
            try:
                problem, inputs = _problem(row, bases)
            except Corrupt:
                found.unread += 1
                continue
            traits = traits_of(inputs["order"])
            if scenario.tried is not None and scenario.policy_for(traits) is not scenario.tried:
                found.others += 1
                continue
            day = row.at.date().isoformat()
            before = assignments_of(problem, orjson.loads(row.choice))
            _count(found, block, problem, traits, before, scenario, used.setdefault(day, {}), day)
        found.blocks.append(block)
    return found


def _problem(row: Row[Any], bases: Bases) -> tuple[Problem, Mapping[str, Any]]:
    if row.basis is None:
        raise Corrupt("it was made before decisions could be made again")
    return problem_behind(row, bases)


def assignments_of(problem: Problem, choice: Mapping[str, Any]) -> list[Assignment]:
    """Return the units a stored choice gave to nodes."""
    node = {each.code: each.id for each in problem.nodes}
    found = []
    for line, code, units, *service in choice["assignments"]:
        demand = problem.demands[line]
        found.append(
            Assignment(demand.line_id, demand.item_id, node[code], Decimal(units), service[0] if service else None)
        )
    return found


def _count(
    found: Replayed,
    block: Figures,
    problem: Problem,
    traits: Traits,
    before: Sequence[Assignment],
    scenario: Scenario,
    used: dict[str, int],
    day: str,
) -> None:
    """Decide one problem again and add both plans to the sums."""
    changed = scenario.put_upon(problem, traits, used)
    after = solve(changed).assignments
    old, new = reckon(problem, before), reckon(changed, after)
    wanted = sum((demand.quantity for demand in problem.demands), Decimal(0))
    both = old.on_time is not None and new.on_time is not None
    alike = _given(old) == _given(new)
    figures = Figures(
        1, alike, old.cost * alike, new.cost * alike, len(old.units) > 1, len(new.units) > 1,
        _given(old) < wanted, _given(new) < wanted,
        (old.on_time or 0.0) if both else 0.0, (new.on_time or 0.0) if both else 0.0, both, old.units != new.units,
    )  # fmt: skip
    block.add(figures)
    found.channels.setdefault(traits.connection, Figures()).add(figures)
    for node in problem.nodes:
        had, has = old.units.get(node.id), new.units.get(node.id)
        if had is None and has is None:
            continue
        here = found.nodes.setdefault((node.code, day), AtNode())
        if had is not None:
            here.shipments_before += 1
            here.units_before += had
        if has is not None:
            here.shipments_after += 1
            here.units_after += has
            used[node.code] = used.get(node.code, 0) + 1


def _given(plan: Reckoning) -> Decimal:
    return sum(plan.units.values(), Decimal(0))
