"""Recorded decisions made again: facts as they were known then, but another policy, or a node off or with less room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Engine, Row, text

from core.domain.calendars import HORIZON_DAYS
from core.domain.ids import moment_of
from core.domain.packing import Corrupt
from core.domain.policies import Traits, traits_of
from core.routing.optimizer import solve
from core.routing.problem import Assignment, Problem
from core.routing.reckoning import Reckoning, reckon
from core.routing.record import assignments_of
from core.services.carrying import Carried, ends_of
from core.services.punctuality import Outlooks, all_kept, read_punctuality, settled_promises
from core.services.redeciding import Bases, pieces, problem_behind, rows_of
from core.services.replayed import AtNode, Block, Figures, Replayed
from core.services.sharing import shared_out
from core.services.whatif import Scenario, late_rather_than_never
from core.store.unit import DEFAULT_TENANT

SOURCING = "sourcing"
# Decisions next to each other share stock and hour: intervals are drawn from blocks of them, at least so many.
BLOCKS = 200
WAIT = text("SET LOCAL idle_in_transaction_session_timeout = 0")
FIRST = text("""
SELECT DISTINCT ON (order_id) id FROM decision
WHERE tenant_id = :t AND kind = 'sourcing' AND order_id = ANY(:ids) ORDER BY order_id, id
""")
Told = Callable[[int, int], None]
"""Is told after each piece how many of how many are done."""


def decide_again(
    conn: Connection,
    scenario: Scenario,
    since: datetime | None,
    *,
    engine: Engine | None = None,
    processes: int = 1,
    limit: int | None = None,
    carry: bool = True,
    tell: Told | None = None,
    tenant: int = DEFAULT_TENANT,
) -> Replayed:
    """Return what recorded sourcing decisions would have come to.

    Args:
        conn: a session to read with.
        scenario: what is taken to be otherwise.
        since: decisions made then or later; all when None.
        engine: of the same database, where several processes may read.
        processes: how many at most; a walk in order, which carried stock and a node with less room need, is one's.
        limit: only the newest so many decisions; all when None.
        carry: whether what another choice took is missing for later decisions; else each is made alone.
        tell: is told how far a walk by this process is.
        tenant: whose decisions.
    """
    wanted = pieces(conn, since, limit, BLOCKS, tenant)
    if engine is None or scenario.capacity or carry:
        return replay(conn, wanted, scenario, carry, tenant, tell)
    # This session only waits meanwhile, for longer than sessions in a transaction usually may.
    conn.execute(WAIT)
    found = Replayed()
    for share in shared_out(engine, replay, wanted, scenario, carry, tenant, processes=processes):
        found.add(share)
    return found


def replay(
    conn: Connection,
    wanted: Sequence[tuple[UUID, UUID]],
    scenario: Scenario,
    carry: bool = False,
    tenant: int = DEFAULT_TENANT,
    tell: Told | None = None,
) -> Replayed:
    """Return what the decisions of some pieces would have come to."""
    if not wanted:
        return Replayed(carried=carry)
    walk = _Walk(conn, scenario, carry, moment_of(wanted[0][0]), tenant)
    for done, piece in enumerate(wanted, 1):
        walk.piece(list(rows_of(conn, piece, tenant)))
        if tell is not None:
            tell(done, len(wanted))
    return walk.ended()


class _Walk:
    """A walk over decisions in the order they were made.

    Args:
        conn: a session to read with.
        scenario: what is taken to be otherwise.
        carry: whether stock is carried on.
        first: when the first decision was made.
        tenant: whose decisions.
    """

    def __init__(self, conn: Connection, scenario: Scenario, carry: bool, first: datetime, tenant: int) -> None:
        self._conn, self._scenario, self._tenant = conn, scenario, tenant
        self._found, self._bases = Replayed(carried=carry), Bases(conn, tenant)
        self._outlooks = Outlooks(read_punctuality(conn, first, tenant))
        self._carried = Carried() if carry else None
        self._used: dict[date, dict[str, int]] = {}
        self._firsts: set[UUID] = set()

    def piece(self, rows: Sequence[Row[Any]]) -> None:
        """Decide the decisions of a piece again; they make a block."""
        rows = [row for row in rows if row.kind == SOURCING]
        orders = [row.order_id for row in rows if row.order_id is not None]
        # An order counts once, as it was when it came: that is what "filled at once" is about.  One that waits is
        # decided again each time stock comes, and would count as often.
        self._firsts = set(self._conn.execute(FIRST, {"t": self._tenant, "ids": orders}).scalars())
        told = settled_promises(self._conn, orders, self._tenant)
        ends = ends_of(self._conn, orders, self._tenant) if self._carried is not None else {}
        block = Block()
        for row in rows:
            self._found.first = self._found.first or row.at
            try:
                problem, inputs = _problem(row, self._bases)
            except Corrupt:
                self._found.unread += 1
                continue
            self._decision(block, row, problem, traits_of(inputs["order"]), told.get(row.order_id), ends)
        self._found.blocks.append(block)

    def ended(self) -> Replayed:
        """Return what was found."""
        self._found.parcels = self._outlooks.known
        if self._carried is not None:
            self._found.touched, self._found.unmet = self._carried.touched, self._carried.unmet
        return self._found

    def _is_first(self, row: Row[Any]) -> bool:
        return row.order_id is None or row.id in self._firsts

    def _decision(
        self,
        block: Block,
        row: Row[Any],
        problem: Problem,
        traits: Traits,
        told: bool | None,
        ends: Mapping[UUID, datetime],
    ) -> None:
        before = assignments_of(problem, orjson.loads(row.choice))
        if self._carried is not None:
            self._carried.until(row.at)
        if not self._scenario.concerns(traits):
            self._found.left += 1
            self._found.others += self._is_first(row)
            if self._carried is not None:
                self._carried.keep(problem, before)
            return
        self._found.decisions += 1
        today = row.at.date()
        used = self._used.setdefault(today, {})
        changed = self._scenario.put_upon(problem, traits, used)
        if self._carried is not None:
            changed = self._carried.seen(row.order_id, changed)
        plan = solve(changed, explained=False) if changed.demands else None
        if plan is not None and plan.short and self._scenario.capacity:
            # As sourcing does it: what a full day leaves short is decided without that limit, for a later day.
            rooms = [code for code in self._scenario.capacity if self._day_at(code, today) is not None]
            changed = late_rather_than_never(changed, rooms)
            plan = solve(changed, explained=False)
        after = plan.assignments if plan is not None else ()
        if self._carried is not None:
            self._carried.note(row.order_id, ends.get(row.order_id), before, after)
        self._count(block, row, (problem, before), (changed, after), traits.connection, told)

    def _day_at(self, code: str, today: date) -> date | None:
        """Return the first day from `today` on which a node has room; None when it has none within 60 days."""
        days = (today + timedelta(days=ahead) for ahead in range(HORIZON_DAYS))
        return next((day for day in days if not self._scenario.is_full(code, self._used.get(day, {}))), None)

    def _count(
        self,
        block: Block,
        row: Row[Any],
        was: tuple[Problem, Sequence[Assignment]],
        would: tuple[Problem, Sequence[Assignment]],
        channel: str,
        told: bool | None,
    ) -> None:
        """Add a decision as it was and as it would be to its nodes and, where it is its order's first, to the sums."""
        problem, before = was
        old, new = reckon(problem, before), reckon(*would)
        today, codes = row.at.date(), {node.id: node.code for node in problem.nodes}
        days = {node: self._day_at(codes[node], today) or today for node in new.units}
        waits = max(((day - today).days for day in days.values()), default=0)
        kept = {
            "before": self._outlooks.of(problem, before, row.at),
            "after": self._outlooks.of(problem, would[1], row.at),
        }
        said, then = all_kept(kept["before"], old.units), all_kept(kept["after"], new.units)
        if waits:
            then = None  # how likely it keeps its promise a day later nobody has learned
        both, alike = said is not None and then is not None, _given(old) == _given(new)
        seen = told is not None and said is not None
        green = alike and old.carbon_g is not None and new.carbon_g is not None
        figures = Figures(
            orders=1, compared=alike, cost_before=old.cost * alike, cost_after=new.cost * alike,
            split_before=len(old.units) > 1, split_after=len(new.units) > 1,
            short_before=_given(old) < _wanted(problem), short_after=_given(new) < _wanted(would[0]),
            kept_before=(said or 0.0) * both, kept_after=(then or 0.0) * both, known=both,
            learned=both and all(learned for each in kept.values() for _, learned in each.values()),
            weighed=green, carbon_before=(old.carbon_g or 0) * green, carbon_after=(new.carbon_g or 0) * green,
            told=seen, told_kept=seen and bool(told), told_said=(said or 0.0) * seen, moved=old.units != new.units,
            later=waits > 0, later_days=waits,
        )  # fmt: skip
        if self._is_first(row):
            block.total.add(figures)
            block.channels.setdefault(channel, Figures()).add(figures)
        for when, plan in (("before", old), ("after", new)):
            for node, units in plan.units.items():
                chance = kept[when].get(node)
                day = today if when == "before" else days[node]
                here = block.nodes.setdefault((codes[node], day.isoformat()), AtNode())
                here.ship(when, units, None if chance is None else chance[0])
        for node, day in days.items():
            works = self._used.setdefault(day, {})
            works[codes[node]] = works.get(codes[node], 0) + 1


def _problem(row: Row[Any], bases: Bases) -> tuple[Problem, Mapping[str, Any]]:
    if row.basis is None:
        raise Corrupt("it was made before decisions could be made again")
    return problem_behind(row, bases)


def _given(plan: Reckoning) -> Decimal:
    return sum(plan.units.values(), Decimal(0))


def _wanted(problem: Problem) -> Decimal:
    return sum((demand.quantity for demand in problem.demands), Decimal(0))
